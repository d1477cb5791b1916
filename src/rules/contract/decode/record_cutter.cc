#include "rules/contract/decode/record_cutter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "ground/base/text.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {
namespace {
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// `why` is the same for equal faults; the place and details go into the hint.
Status Unreadable(std::string_view why, std::string found) {
  return Status(Code::kInvalidInput, fmt::format("object cannot be read: {}", why))
      .WithError("WH1310")
      .WithHint(std::move(found));
}
Status Unreadable(std::string_view why, std::size_t offset) {
  return Unreadable(why, fmt::format("at byte offset {}", offset));
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Counts records and refuses more than an object may have.
class Emitter {
 public:
  explicit Emitter(const RecordVisitor& visit) : visit_(visit) {}
  Status Emit(const RecordScan::Record& record) {
    if (++count_ > kRecordsMax) {
      return Status(Code::kInvalidInput,
                    fmt::format("object has more than {} records", WithThousands(kRecordsMax)))
          .WithError("WH1311")
          .WithHint("split the file");
    }
    return visit_(record.span, record.text);
  }

 private:
  const RecordVisitor& visit_;
  std::int64_t count_ = 0;
};

// Moves the window to the first character that is not blank; false if there is none.
Result<bool> SkipBlanks(Window& window) {
  while (true) {
    const std::string_view bytes = window.view();
    const auto text = std::find_if_not(bytes.begin(), bytes.end(), IsBlank);
    window.Consume(static_cast<std::size_t>(text - bytes.begin()));
    if (text != bytes.end()) return true;
    if (window.ended()) return false;
    WEIRHOUSE_TRY_STATUS(window.More());
  }
}

// The length of the line at the beginning of the view, without its line end.
Result<std::size_t> LineLength(const Window& window, RecordScan& scan) {
  while (true) {
    const std::string_view bytes = window.view();
    if (const auto found = bytes.find('\n', scan.at); found != std::string_view::npos) return found;
    if (window.ended()) return bytes.size();
    scan.at = bytes.size();
    WEIRHOUSE_TRY_STATUS(scan.More());
  }
}

Status CutLines(Window& window, Emitter& emitter) {
  RecordScan scan(window, RecordEnd::kCarriageReturn);
  while (true) {
    WEIRHOUSE_TRY(const bool any, SkipBlanks(window));
    if (!any) return Status();
    WEIRHOUSE_TRY(const std::size_t end, LineLength(window, scan));
    WEIRHOUSE_TRY_STATUS(emitter.Emit(scan.End(end)));
    scan.Next(std::min(end + 1, window.view().size()));
  }
}

// The first character that ends a run of plain array content.
bool IsJsonStructure(char c) {
  return c == '"' || c == '[' || c == ']' || c == '{' || c == '}' || c == ',';
}

// Cuts what follows the opening bracket of an array.
class ArrayCutter {
 public:
  ArrayCutter(Window& window, Emitter& emitter)
      : window_(window), emitter_(emitter), scan_(window, RecordEnd::kBlanks) {}

  Status Run() {
    WEIRHOUSE_TRY_STATUS(SkipBlanks(window_).status());
    while (true) {
      if (PassContent(window_.view())) {
        const char c = window_.view()[scan_.at];
        if (c == ',') {
          WEIRHOUSE_TRY_STATUS(Element());
          scan_.Next(scan_.at + 1);
          WEIRHOUSE_TRY_STATUS(SkipBlanks(window_).status());
          continue;
        }
        return Close(c);
      }
      if (window_.ended()) {
        return in_text_ ? Unreadable("a text is never closed", text_offset_)
                        : Unreadable("the array is never closed", Offset(scan_.at));
      }
      WEIRHOUSE_TRY_STATUS(scan_.More());
    }
  }

 private:
  std::size_t Offset(std::size_t at) const {
    return static_cast<std::size_t>(window_.offset()) + at;
  }

  // Advances to the end of the element; false if the view ends before.
  bool PassContent(std::string_view bytes) {
    std::size_t at = scan_.at;
    bool found = false;
    while (at < bytes.size() && !found) {
      const char c = bytes[at];
      if (in_text_) {
        in_text_ = escaped_ || c != '"';
        escaped_ = !escaped_ && c == '\\';
      } else if (c == '"') {
        in_text_ = true;
        text_offset_ = Offset(at);
      } else if (IsJsonStructure(c)) {
        if (c == '[' || c == '{') ++depth_;
        if (c == ']' || c == '}') --depth_;
        found = depth_ == 0 || (c == ',' && depth_ == 1);
      }
      if (!found) ++at;
    }
    scan_.at = at;
    return found;
  }

  // Emits the element before the current position.
  Status Element() {
    const RecordScan::Record record = scan_.End(scan_.at);
    if (record.span.length == 0)
      return Unreadable("an element of the array is empty", Offset(scan_.at));
    empty_so_far_ = false;
    return emitter_.Emit(record);
  }

  Status Close(char c) {
    if (c != ']') return Unreadable("the array is closed by a brace", Offset(scan_.at));
    const bool nothing = empty_so_far_ && scan_.at == 0 && !scan_.passed();
    if (!nothing) WEIRHOUSE_TRY_STATUS(Element());
    scan_.Next(scan_.at + 1);
    WEIRHOUSE_TRY(const bool more, SkipBlanks(window_));
    return more ? Unreadable("text follows the array", Offset(0)) : Status();
  }

  Window& window_;
  Emitter& emitter_;
  RecordScan scan_;
  std::size_t depth_ = 1;
  bool in_text_ = false;
  bool escaped_ = false;         // by a backslash, in a text
  std::size_t text_offset_ = 0;  // of its opening quote
  bool empty_so_far_ = true;
};

Status CutDocument(Window& window, Emitter& emitter) {
  WEIRHOUSE_TRY(const bool any, SkipBlanks(window));
  if (!any) return Unreadable("it is empty", static_cast<std::size_t>(window.offset()));
  if (window.view()[0] == '[') {
    window.Consume(1);
    return ArrayCutter(window, emitter).Run();
  }
  if (window.view()[0] != '{') {
    return Unreadable("it is neither a JSON array nor an object",
                      static_cast<std::size_t>(window.offset()));
  }
  RecordScan scan(window, RecordEnd::kBlanks);
  while (!window.ended()) {
    scan.at = window.view().size();
    WEIRHOUSE_TRY_STATUS(scan.More());
  }
  return emitter.Emit(scan.End(window.view().size()));
}

// Finds the ends of CSV records: line ends outside quotes.
class CsvCutter {
 public:
  CsvCutter(Window& window, char delimiter)
      : window_(window), delimiter_(delimiter), scan_(window, RecordEnd::kCarriageReturn) {}

  // The record at the beginning of the view; the last one need not have a line end. Nothing if the
  // object ends here.
  Result<std::optional<RecordScan::Record>> Next() {
    scan_.Next(next_);
    next_ = 0;
    at_field_start_ = true;
    place_ = Place::kPlain;
    while (true) {
      const std::string_view bytes = window_.view();
      if (PassFields(bytes)) {
        next_ = scan_.at + 1;
        return std::optional(scan_.End(scan_.at));
      }
      if (window_.ended()) {
        next_ = bytes.size();
        const RecordScan::Record last = scan_.End(next_, /*trimmed=*/false);
        if (last.span.length == 0) return std::optional<RecordScan::Record>();
        return std::optional(last);
      }
      WEIRHOUSE_TRY_STATUS(scan_.More());
    }
  }

 private:
  enum class Place : std::uint8_t {
    kPlain,
    kQuoted,
    kQuote
  };  // kQuote: after a quote inside quotes

  // Advances to the line end that ends the record; false if the view ends before.
  bool PassFields(std::string_view bytes) {
    std::size_t& at = scan_.at;
    if (place_ != Place::kQuoted) {
      // Most records have no quote: then only a line end matters.
      const std::size_t line_end = std::min(bytes.find('\n', at), bytes.size());
      if (bytes.substr(at, line_end - at).find('"') == std::string_view::npos) {
        if (line_end > at) {
          at_field_start_ = bytes[line_end - 1] == delimiter_;
          place_ = Place::kPlain;
        }
        at = line_end;
        return line_end < bytes.size();
      }
    }
    for (; at < bytes.size(); ++at) {
      if (place_ == Place::kQuoted) {
        // All bytes are data except a quote that is not doubled.
        at = std::min(bytes.find('"', at), bytes.size());
        if (at == bytes.size()) return false;
        place_ = Place::kQuote;
        continue;
      }
      const char c = bytes[at];
      if (c == '"' && (place_ == Place::kQuote || at_field_start_)) {
        place_ = Place::kQuoted;
        at_field_start_ = false;
        continue;
      }
      place_ = Place::kPlain;
      if (c == '\n') return true;
      at_field_start_ = c == delimiter_;
    }
    return false;
  }

  Window& window_;
  const char delimiter_;
  RecordScan scan_;
  std::size_t next_ = 0;  // where the following record begins in the view
  bool at_field_start_ = true;
  Place place_ = Place::kPlain;
};

Status CutCsv(Window& window, char delimiter, const RecordVisitor& header, Emitter& emitter) {
  CsvCutter cutter(window, delimiter);
  WEIRHOUSE_TRY(std::optional<RecordScan::Record> record, cutter.Next());
  if (!record)
    return Unreadable("it has no CSV header row", static_cast<std::size_t>(window.offset()));
  if (record->span.length > kRecordBytesMax) {
    return Unreadable(
        fmt::format("its header is larger than {} bytes", WithThousands(kRecordBytesMax)),
        static_cast<std::size_t>(record->span.offset));
  }
  WEIRHOUSE_TRY(const std::vector<std::string> columns, ParseCsvHeader(record->text, delimiter));
  WEIRHOUSE_TRY_STATUS(header(record->span, record->text));
  while (true) {
    WEIRHOUSE_TRY(record, cutter.Next());
    if (!record) return Status();
    if (record->span.length == 0 && columns.size() > 1) continue;
    WEIRHOUSE_TRY_STATUS(emitter.Emit(*record));
  }
}
}  // namespace

Status ForEachRecord(Window& window, const SourceFormat& format, const RecordVisitor& header,
                     const RecordVisitor& visit) {
  while (window.view().size() < kByteOrderMark.size() && !window.ended())
    WEIRHOUSE_TRY_STATUS(window.More());
  if (window.view().starts_with(kByteOrderMark)) window.Consume(kByteOrderMark.size());
  Emitter emitter(visit);
  switch (format.format) {
    case RecordFormat::kJsonLines:
      return CutLines(window, emitter);
    case RecordFormat::kJson:
      return CutDocument(window, emitter);
    case RecordFormat::kCsv:
      return CutCsv(window, format.delimiter, header, emitter);
    case RecordFormat::kParquet:  // is not cut but read (parquet_object.h)
      break;
  }
  return Status(Code::kInternal, "unknown record format");
}

Status ForEachRecord(std::string_view bytes, const SourceFormat& format,
                     const std::function<Status(RecordSpan)>& header,
                     const std::function<Status(RecordSpan)>& visit) {
  Window window(bytes);
  return ForEachRecord(
      window, format, [&](RecordSpan span, std::string_view) { return header(span); },
      [&](RecordSpan span, std::string_view) { return visit(span); });
}

bool SplitCsvRecord(std::string_view record, char delimiter, std::vector<CsvSlice>* fields) {
  fields->clear();
  std::size_t at = 0;
  while (true) {
    if (fields->size() == static_cast<std::size_t>(kCsvColumnsMax)) return false;
    CsvSlice slice;
    if (at < record.size() && record[at] == '"') {
      slice.quoted = true;
      std::size_t end = at + 1;
      for (; end < record.size(); ++end) {
        if (record[end] != '"') continue;
        if (end + 1 >= record.size() || record[end + 1] != '"') break;
        slice.doubled = true;
        ++end;
      }
      slice.malformed = end >= record.size();  // never closed
      slice.text = record.substr(at + 1, std::min(end, record.size()) - at - 1);
      at = std::min(end + 1, record.size());
      if (at < record.size() && record[at] != delimiter) {
        slice.malformed = true;  // text after the closing quote
        at = std::min(record.find(delimiter, at), record.size());
      }
    } else {
      const std::size_t begin = at;
      for (; at < record.size() && record[at] != delimiter; ++at) {
        slice.malformed |= record[at] == '"' || record[at] == '\r';
      }
      slice.text = record.substr(begin, at - begin);
    }
    fields->push_back(slice);
    if (at >= record.size()) return true;
    ++at;  // the delimiter; what follows it is a field even if empty
  }
}

bool SplitPlainCsvRecord(std::string_view record, char delimiter, std::vector<CsvSlice>* fields) {
  fields->clear();
  const char* const begin = record.data();
  const char* field = begin;
  std::size_t at = 0;
  const auto end_field = [&](const char* end) {
    fields->emplace_back().text = {field, static_cast<std::size_t>(end - field)};
    field = end + 1;
  };
#if defined(__SSE2__)
  constexpr std::size_t kLane = 16;
  const __m128i delimiters = _mm_set1_epi8(delimiter);
  const __m128i quotes = _mm_set1_epi8('"');
  const __m128i returns = _mm_set1_epi8('\r');
  const __m128i zeros = _mm_setzero_si128();
  for (; at + kLane <= record.size(); at += kLane) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    const __m128i special =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, returns)),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, zeros), bytes));  // the first bit of a byte
    if (_mm_movemask_epi8(special) != 0) return false;
    auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, delimiters)));
    for (; found != 0; found &= found - 1) end_field(begin + at + __builtin_ctz(found));
  }
#endif
  for (; at < record.size(); ++at) {
    const char c = begin[at];
    if (c == '"' || c == '\r' || c == '\0' || (c & 0x80) != 0) return false;
    if (c == delimiter) end_field(begin + at);
  }
  end_field(begin + at);
  return fields->size() <= static_cast<std::size_t>(kCsvColumnsMax);
}

std::string_view CsvText(const CsvSlice& slice, std::string* scratch) {
  if (!slice.doubled) return slice.text;
  scratch->clear();
  for (std::size_t i = 0; i < slice.text.size(); ++i) {
    scratch->push_back(slice.text[i]);
    if (slice.text[i] == '"') ++i;
  }
  return *scratch;
}

Result<std::vector<std::string>> ParseCsvHeader(std::string_view record, char delimiter) {
  std::vector<CsvSlice> slices;
  if (!SplitCsvRecord(record, delimiter, &slices)) {
    return Unreadable(
        fmt::format("its header has more than {} columns", WithThousands(kCsvColumnsMax)), 0);
  }
  if (!IsValidUtf8(record) || record.find('\0') != std::string_view::npos) {
    return Unreadable("its header is not UTF-8 text", 0);
  }
  std::vector<std::string> names;
  std::set<std::string> seen;
  std::string scratch;
  const std::string header = fmt::format("header {}", ShownText(record));
  for (const CsvSlice& slice : slices) {
    const std::string name(CsvText(slice, &scratch));
    if (slice.malformed) return Unreadable("its header is not valid CSV", header);
    if (name.empty()) {
      return Unreadable("a column of its header has no name",
                        fmt::format("column {} of {}", names.size() + 1, header));
    }
    if (!seen.insert(name).second) {
      return Unreadable("its header names a column twice",
                        fmt::format("\"{}\" in {}", EscapeControl(name), header));
    }
    names.push_back(name);
  }
  return names;
}
}  // namespace weirhouse::contract

#include "rules/contract/decode/record_cutter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "ground/base/text.h"
#include "rules/contract/program.h"

namespace weirhouse::contract {
namespace {
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// `why` is the same for equal faults; where and what exactly is the hint's.
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
  Emitter(Window& window, const RecordVisitor& visit) : window_(window), visit_(visit) {}
  // `begin` and `end` count in the view.
  Status Emit(std::size_t begin, std::size_t end) {
    if (++count_ > kRecordsMax) {
      return Status(Code::kInvalidInput,
                    fmt::format("object has more than {} records", WithThousands(kRecordsMax)))
          .WithError("WH1311")
          .WithHint("split the file");
    }
    return visit_({window_.offset() + static_cast<std::int64_t>(begin),
                   static_cast<std::int64_t>(end - begin)},
                  window_.view().substr(begin, end - begin));
  }

 private:
  Window& window_;
  const RecordVisitor& visit_;
  std::int64_t count_ = 0;
};

// How long the line is that the view begins with, without its line end.
Result<std::size_t> LineLength(Window& window) {
  std::size_t looked_at = 0;
  while (true) {
    const std::string_view bytes = window.view();
    if (const auto found = bytes.find('\n', looked_at); found != std::string_view::npos)
      return found;
    if (window.ended()) return bytes.size();
    looked_at = bytes.size();
    WEIRHOUSE_TRY_STATUS(window.More());
  }
}

Status CutLines(Window& window, Emitter& emitter) {
  while (true) {
    WEIRHOUSE_TRY(const std::size_t line_end, LineLength(window));
    const std::string_view bytes = window.view();
    if (bytes.empty()) return Status();
    std::size_t begin = 0;
    std::size_t end = line_end;
    if (end > begin && bytes[end - 1] == '\r') --end;
    while (begin < end && IsBlank(bytes[begin])) ++begin;
    if (begin < end) WEIRHOUSE_TRY_STATUS(emitter.Emit(begin, end));
    window.Consume(std::min(line_end + 1, bytes.size()));
  }
}

// The first character that ends a run of plain array content.
bool IsJsonStructure(char c) {
  return c == '"' || c == '[' || c == ']' || c == '{' || c == '}' || c == ',';
}

// The end of the string that opens at `at`, one past its closing quote, or npos.
std::size_t EndOfString(std::string_view bytes, std::size_t at) {
  for (++at; at < bytes.size(); ++at) {
    if (bytes[at] == '\\') {
      ++at;
    } else if (bytes[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Cuts what follows the opening bracket of an array.
class ArrayCutter {
 public:
  ArrayCutter(Window& window, Emitter& emitter) : window_(window), emitter_(emitter) {}

  Status Run() {
    std::string_view bytes = window_.view();
    while (true) {
      while (at_ < bytes.size() && !IsJsonStructure(bytes[at_])) ++at_;
      if (at_ == bytes.size()) {
        if (window_.ended()) return Unreadable("the array is never closed", Offset(at_));
        WEIRHOUSE_TRY_STATUS(window_.More());
        bytes = window_.view();
        continue;
      }
      const char c = bytes[at_];
      if (c == '[' || c == '{') ++depth_;
      if ((c == ']' || c == '}') && --depth_ == 0) return Close(c);
      if (c == '"') {
        WEIRHOUSE_TRY_STATUS(SkipString());
      } else if (c == ',' && depth_ == 1) {
        WEIRHOUSE_TRY_STATUS(Element());
      } else {
        ++at_;
      }
      bytes = window_.view();
    }
  }

 private:
  std::size_t Offset(std::size_t at) const {
    return static_cast<std::size_t>(window_.offset()) + at;
  }

  Status SkipString() {
    while (true) {
      const std::size_t end = EndOfString(window_.view(), at_);
      if (end != std::string_view::npos) {
        at_ = end;
        return Status();
      }
      if (window_.ended()) return Unreadable("a text is never closed", Offset(at_));
      WEIRHOUSE_TRY_STATUS(window_.More());
    }
  }

  // What stands before at_; the window goes on behind it.
  Status Element() {
    const std::string_view bytes = window_.view();
    std::size_t begin = 0;
    std::size_t end = at_;
    while (begin < end && IsBlank(bytes[begin])) ++begin;
    while (end > begin && IsBlank(bytes[end - 1])) --end;
    if (begin == end) return Unreadable("an element of the array is empty", Offset(begin));
    empty_so_far_ = false;
    WEIRHOUSE_TRY_STATUS(emitter_.Emit(begin, end));
    window_.Consume(at_ + 1);
    at_ = 0;
    return Status();
  }

  Status Close(char c) {
    if (c != ']') return Unreadable("the array is closed by a brace", Offset(at_));
    const std::string_view before = window_.view().substr(0, at_);
    if (empty_so_far_ && std::all_of(before.begin(), before.end(), IsBlank)) {
      window_.Consume(at_ + 1);
    } else {
      WEIRHOUSE_TRY_STATUS(Element());
    }
    while (true) {
      const std::string_view rest = window_.view();
      const auto text = std::find_if_not(rest.begin(), rest.end(), IsBlank);
      if (text != rest.end()) {
        return Unreadable("text follows the array",
                          Offset(static_cast<std::size_t>(text - rest.begin())));
      }
      if (window_.ended()) return Status();
      window_.Consume(rest.size());
      WEIRHOUSE_TRY_STATUS(window_.More());
    }
  }

  Window& window_;
  Emitter& emitter_;
  std::size_t at_ = 0;  // in the view
  std::size_t depth_ = 1;
  bool empty_so_far_ = true;
};

Status CutDocument(Window& window, Emitter& emitter) {
  while (true) {
    const std::string_view bytes = window.view();
    const auto text = std::find_if_not(bytes.begin(), bytes.end(), IsBlank);
    window.Consume(static_cast<std::size_t>(text - bytes.begin()));
    if (text != bytes.end()) break;
    if (window.ended()) return Unreadable("it is empty", static_cast<std::size_t>(window.offset()));
    WEIRHOUSE_TRY_STATUS(window.More());
  }
  if (window.view()[0] == '[') {
    window.Consume(1);
    return ArrayCutter(window, emitter).Run();
  }
  if (window.view()[0] != '{') {
    return Unreadable("it is neither a JSON array nor an object",
                      static_cast<std::size_t>(window.offset()));
  }
  while (!window.ended()) WEIRHOUSE_TRY_STATUS(window.More());
  std::size_t end = window.view().size();
  while (IsBlank(window.view()[end - 1])) --end;
  return emitter.Emit(0, end);
}

// One past the last byte of the CSV record that `bytes` begin with, its line end excluded; `next`
// is where the following record begins. Nothing if `bytes` end within it.
std::optional<std::size_t> EndOfCsvRecord(std::string_view bytes, char delimiter,
                                          std::size_t* next) {
  std::size_t at = 0;
  bool at_field_start = true;
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (c == '"' && at_field_start) {
      // Inside quotes everything is data but a quote that is not doubled.
      for (++at; at < bytes.size(); ++at) {
        const void* quote = std::memchr(bytes.data() + at, '"', bytes.size() - at);
        if (quote == nullptr) {
          at = bytes.size();
          break;
        }
        at = static_cast<std::size_t>(static_cast<const char*>(quote) - bytes.data());
        if (at + 1 < bytes.size() && bytes[at + 1] == '"') {
          ++at;
          continue;
        }
        ++at;
        break;
      }
      at_field_start = false;
      continue;
    }
    if (c == '\n') {
      *next = at + 1;
      return at > 0 && bytes[at - 1] == '\r' ? at - 1 : at;
    }
    at_field_start = c == delimiter;
    ++at;
  }
  return std::nullopt;
}

// The CSV record that the view begins with; the object's last one need not have a line end.
Result<std::size_t> CsvRecord(Window& window, char delimiter, std::size_t* next) {
  while (true) {
    if (const auto end = EndOfCsvRecord(window.view(), delimiter, next)) return *end;
    if (window.ended()) {
      *next = window.view().size();
      return window.view().size();
    }
    WEIRHOUSE_TRY_STATUS(window.More());
  }
}

Status CutCsv(Window& window, char delimiter, const RecordVisitor& header, Emitter& emitter) {
  std::size_t next = 0;
  WEIRHOUSE_TRY(std::size_t end, CsvRecord(window, delimiter, &next));
  if (window.view().empty()) {
    return Unreadable("it has no CSV header row", static_cast<std::size_t>(window.offset()));
  }
  const std::string_view header_text = window.view().substr(0, end);
  WEIRHOUSE_TRY(const std::vector<std::string> columns, ParseCsvHeader(header_text, delimiter));
  WEIRHOUSE_TRY_STATUS(header({window.offset(), static_cast<std::int64_t>(end)}, header_text));
  while (true) {
    window.Consume(next);
    WEIRHOUSE_TRY(end, CsvRecord(window, delimiter, &next));
    if (window.view().empty()) return Status();
    if (end == 0 && columns.size() > 1) continue;
    WEIRHOUSE_TRY_STATUS(emitter.Emit(0, end));
  }
}
}  // namespace

Status ForEachRecord(Window& window, const SourceFormat& format, const RecordVisitor& header,
                     const RecordVisitor& visit) {
  while (window.view().size() < kByteOrderMark.size() && !window.ended())
    WEIRHOUSE_TRY_STATUS(window.More());
  if (window.view().starts_with(kByteOrderMark)) window.Consume(kByteOrderMark.size());
  Emitter emitter(window, visit);
  switch (format.format) {
    case RecordFormat::kJsonLines:
      return CutLines(window, emitter);
    case RecordFormat::kJson:
      return CutDocument(window, emitter);
    case RecordFormat::kCsv:
      return CutCsv(window, format.delimiter, header, emitter);
  }
  return Status(Code::kInternal, "unknown record format");
}

Status ForEachRecord(std::string_view bytes, const SourceFormat& format,
                     const std::function<Status(RecordSpan)>& header,
                     const std::function<Status(RecordSpan)>& visit) {
  if (static_cast<std::int64_t>(bytes.size()) > kObjectBytesMax) return TooLarge();
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

#include "contract/record_cutter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text.h"
#include "contract/program.h"

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
  explicit Emitter(const std::function<Status(RecordSpan)>& visit) : visit_(visit) {}
  Status Emit(std::size_t begin, std::size_t end) {
    if (++count_ > kRecordsMax) {
      return Status(Code::kInvalidInput,
                    fmt::format("object has more than {} records", WithThousands(kRecordsMax)))
          .WithError("WH1311")
          .WithHint("split the file");
    }
    return visit_({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end - begin)});
  }

 private:
  const std::function<Status(RecordSpan)>& visit_;
  std::int64_t count_ = 0;
};

Status CutLines(std::string_view bytes, std::size_t at, Emitter& emitter) {
  while (at < bytes.size()) {
    const void* newline = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    const std::size_t line_end =
        newline == nullptr
            ? bytes.size()
            : static_cast<std::size_t>(static_cast<const char*>(newline) - bytes.data());
    std::size_t begin = at;
    std::size_t end = line_end;
    if (end > begin && bytes[end - 1] == '\r') --end;
    while (begin < end && IsBlank(bytes[begin])) ++begin;
    if (begin < end) WEIRHOUSE_TRY_STATUS(emitter.Emit(begin, end));
    at = line_end + 1;
  }
  return Status();
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

// `at` is one past the opening bracket.
Status CutArray(std::string_view bytes, std::size_t at, Emitter& emitter) {
  std::size_t begin = at;
  std::size_t depth = 1;
  bool empty_so_far = true;
  const auto emit = [&](std::size_t end) -> Status {
    while (begin < end && IsBlank(bytes[begin])) ++begin;
    while (end > begin && IsBlank(bytes[end - 1])) --end;
    if (begin == end) return Unreadable("an element of the array is empty", begin);
    empty_so_far = false;
    return emitter.Emit(begin, end);
  };
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (!IsJsonStructure(c)) {
      ++at;
      continue;
    }
    if (c == '"') {
      const std::size_t end = EndOfString(bytes, at);
      if (end == std::string_view::npos) return Unreadable("a text is never closed", at);
      at = end;
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if (c == ',' && depth == 1) {
      WEIRHOUSE_TRY_STATUS(emit(at));
      begin = at + 1;
    }
    if ((c == ']' || c == '}') && --depth == 0) {
      if (c != ']') return Unreadable("the array is closed by a brace", at);
      const bool only_blank = std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(at), IsBlank);
      if (!(empty_so_far && only_blank)) WEIRHOUSE_TRY_STATUS(emit(at));
      for (++at; at < bytes.size(); ++at) {
        if (!IsBlank(bytes[at])) return Unreadable("text follows the array", at);
      }
      return Status();
    }
    ++at;
  }
  return Unreadable("the array is never closed", bytes.size());
}

Status CutDocument(std::string_view bytes, std::size_t at, Emitter& emitter) {
  while (at < bytes.size() && IsBlank(bytes[at])) ++at;
  if (at == bytes.size()) return Unreadable("it is empty", at);
  if (bytes[at] == '[') return CutArray(bytes, at + 1, emitter);
  if (bytes[at] != '{') return Unreadable("it is neither a JSON array nor an object", at);
  std::size_t end = bytes.size();
  while (IsBlank(bytes[end - 1])) --end;
  return emitter.Emit(at, end);
}

// One past the last byte of the CSV record that begins at `at`, its line end excluded; `next` is
// where the following record begins.
std::size_t EndOfCsvRecord(std::string_view bytes, std::size_t at, char delimiter,
                           std::size_t* next) {
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
  *next = bytes.size();
  return bytes.size();
}

Status CutCsv(std::string_view bytes, std::size_t at, char delimiter,
              const std::function<Status(RecordSpan)>& header, Emitter& emitter) {
  if (at >= bytes.size()) return Unreadable("it has no CSV header row", at);
  std::size_t next = 0;
  std::size_t end = EndOfCsvRecord(bytes, at, delimiter, &next);
  end = std::max(end, at);
  const std::string_view header_text = bytes.substr(at, end - at);
  WEIRHOUSE_TRY(const std::vector<std::string> columns, ParseCsvHeader(header_text, delimiter));
  WEIRHOUSE_TRY_STATUS(
      header({static_cast<std::int64_t>(at), static_cast<std::int64_t>(header_text.size())}));
  for (at = next; at < bytes.size(); at = next) {
    end = std::max(EndOfCsvRecord(bytes, at, delimiter, &next), at);
    if (end == at && columns.size() > 1) continue;
    WEIRHOUSE_TRY_STATUS(emitter.Emit(at, end));
  }
  return Status();
}
}  // namespace

Status ForEachRecord(std::string_view bytes, const SourceFormat& format,
                     const std::function<Status(RecordSpan)>& header,
                     const std::function<Status(RecordSpan)>& visit) {
  if (static_cast<std::int64_t>(bytes.size()) > kObjectBytesMax) {
    return Status(Code::kInvalidInput, "object is larger than 1 GiB")
        .WithError("WH1311")
        .WithHint("split the file");
  }
  const std::size_t begin = bytes.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  Emitter emitter(visit);
  switch (format.format) {
    case RecordFormat::kJsonLines:
      return CutLines(bytes, begin, emitter);
    case RecordFormat::kJson:
      return CutDocument(bytes, begin, emitter);
    case RecordFormat::kCsv:
      return CutCsv(bytes, begin, format.delimiter, header, emitter);
  }
  return Status(Code::kInternal, "unknown record format");
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

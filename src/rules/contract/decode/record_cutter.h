// Cuts the bytes of an object into records, without judging them. Counting and decoding both go
// through here, so that they cannot disagree on what a record is.
//
//   JSON lines  every line that is not blank; "\r\n" and a byte-order mark at the start are fine.
//   JSON        the elements of one array, or one object. Elements are found by brackets and
//               quotes alone, so a broken element does not take its neighbours along.
//   CSV         the rows after the header (RFC 4180, any delimiter); a quoted field may hold line
//   ends. A blank
//               line is a record only where the header has one column.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/long_record.h"
#include "rules/contract/decode/window.h"

namespace weirhouse::contract {

inline constexpr std::int64_t kRecordsMax = 50'000'000;  // of one object

// One record: where it lies, and its bytes, which are valid during the call; of one that is larger
// than kRecordBytesMax the first of them.
using RecordVisitor = std::function<Status(RecordSpan, std::string_view)>;

// Calls `visit` for each record in order; stops at the first failure of `visit`. For CSV the header
// comes first, through `header`. A failure of the object itself (WH1310, WH1311) may come after
// records were visited: the caller then drops what it has. Memory: kRecordBytesMax, twice.
Status ForEachRecord(Window& window, const SourceFormat& format, const RecordVisitor& header,
                     const RecordVisitor& visit);
// The same of bytes in memory.
Status ForEachRecord(std::string_view bytes, const SourceFormat& format,
                     const std::function<Status(RecordSpan)>& header,
                     const std::function<Status(RecordSpan)>& visit);

// One field of a CSV record, as a slice of the object.
struct CsvSlice {
  std::string_view text;  // between the quotes if quoted
  bool quoted = false;
  bool doubled = false;    // holds "" that stand for one quote
  bool malformed = false;  // breaks RFC 4180: text beside quotes, a bare quote or carriage return
};
// Splits one record. `fields` is replaced. False if the record has more than kCsvColumnsMax fields.
bool SplitCsvRecord(std::string_view record, char delimiter, std::vector<CsvSlice>* fields);
// The value of a slice, quotes undoubled (into `scratch` if needed).
std::string_view CsvText(const CsvSlice& slice, std::string* scratch);
// The column names; kInvalidInput WH1310 where there is no usable header.
Result<std::vector<std::string>> ParseCsvHeader(std::string_view record, char delimiter);
}  // namespace weirhouse::contract

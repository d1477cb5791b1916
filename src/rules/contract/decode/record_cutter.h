// Cuts the bytes of an object into records, without judging them. Counting and decoding both use
// this code, so that they cannot disagree on what a record is.
//
//   JSON lines  every line that is not blank; "\r\n" and a byte-order mark at the start are fine.
//   JSON        the elements of one array, or one object. Elements are found by brackets and
//               quotes alone, so a broken element does not affect its neighbours.
//   CSV         the rows after the header (RFC 4180, any delimiter); a quoted field may hold line
//               ends. A blank line is a record only if the header has one column.
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

// A record's place and its bytes, which are valid during the call; for a record larger than
// kRecordBytesMax only the first of them.
using RecordVisitor = std::function<Status(RecordSpan, std::string_view)>;

// Calls `visit` for each record in order; stops at the first failure of `visit`. For CSV the header
// comes first, through `header`. The object itself may fail (WH1310, WH1311) after records were
// visited: the caller then drops its results. Memory: twice kRecordBytesMax.
Status ForEachRecord(Window& window, const SourceFormat& format, const RecordVisitor& header,
                     const RecordVisitor& visit);
// The same for bytes in memory.
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
// The same for a record of ASCII without quotes, carriage returns and NUL, 16 bytes at once. False
// for any other, which SplitCsvRecord and IsValidUtf8 judge; then `fields` holds nothing of use.
bool SplitPlainCsvRecord(std::string_view record, char delimiter, std::vector<CsvSlice>* fields);
// The value of a slice, quotes undoubled (into `scratch` if needed).
std::string_view CsvText(const CsvSlice& slice, std::string* scratch);
// The column names; kInvalidInput WH1310 if there is no usable header.
Result<std::vector<std::string>> ParseCsvHeader(std::string_view record, char delimiter);
}  // namespace weirhouse::contract

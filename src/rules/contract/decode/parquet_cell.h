// Cells of Parquet files: as JSON, and as values of a contract's fields.
//
// A cell has the value that its JSON has in a JSON lines file, so that one contract gives the same
// verdict on both. Only two things differ, because Parquet says more: a time is a time and not a
// text, and a 32-bit float is the number that it is, not the shortest text for it.
#pragma once

#include <cstdint>
#include <string>

#include "rules/contract/program.h"

namespace arrow {
class Array;
class DataType;
}  // namespace arrow

namespace weirhouse::contract {

// Appends a cell as JSON: decimals with all their digits, times as RFC 3339, bytes that are not UTF-8
// as {"hex":"ff00"}, NaN and the infinities as texts. Deterministic. Nesting beyond kJsonDepthMax is
// "…".
void AppendCellJson(const arrow::Array& column, std::int64_t row, std::string* out);
// The same for people and for parsing: texts without quotes.
std::string CellText(const arrow::Array& column, std::int64_t row);

// How cells of one column become values of one field. Chosen once for each column.
enum class CellReading : std::uint8_t {
  kText,  // UTF-8 or bytes that may be
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kReal,          // a float of any width
  kWholeReal,     // one that must be whole
  kWholeDecimal,  // a decimal that must be whole
  kBool,
  kDate32,
  kTime,      // a timestamp in any unit
  kDecimal,   // of the field's own scale, in 128 bits
  kByText,    // by CellText, as the same text in a CSV file: rare pairs of types
  kNeverFits  // no value of this type is one of the field's
};
CellReading ReadingOf(const FieldRules& field, const arrow::DataType& type);

// Reads a cell that is not null into `slot`, but does not judge it. `scratch` keeps what the slot
// points to, if the column does not. Texts are not checked to be UTF-8.
Parsed ReadCell(const FieldRules& field, CellReading reading, const arrow::Array& column,
                std::int64_t row, std::string* scratch, Slot* slot);
}  // namespace weirhouse::contract

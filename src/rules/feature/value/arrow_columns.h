// Reads and builds Arrow columns of the five value types.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/value/value.h"

namespace arrow {
class Array;
class ChunkedArray;
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// The column called `name`, or WH4015 naming it and `what`.
Result<std::shared_ptr<arrow::ChunkedArray>> RequireColumn(const arrow::Table& table,
                                                           const std::string& name,
                                                           std::string_view what);

struct IntColumn {
  std::vector<std::int64_t> values;  // 0 where NULL
  std::vector<std::uint8_t> valid;
};
// Integers of any width, booleans, and times in microseconds UTC. Refuses times without zone;
// converts other units if that is exact (else WH4015 naming `what`).
Result<IntColumn> ReadIntegers(const arrow::ChunkedArray& column, std::string_view what);

// The values of one column as `type`: bits as in ValueColumn; bytes for strings and decimals. A
// number may come from a column of decimals, each rounded once.
struct RawColumn {
  std::vector<std::uint64_t> bits;
  std::vector<std::string_view> texts;  // into the column
  std::vector<std::uint8_t> valid;
};
Result<RawColumn> ReadColumn(const arrow::ChunkedArray& column, ValueType type,
                             std::string_view what);
// Binary or string cells; NULL reads as empty.
Result<std::vector<std::string_view>> ReadBytes(const arrow::ChunkedArray& column,
                                                std::string_view what);
// One cell as a value.
Result<Value> ReadCell(const arrow::ChunkedArray& column, std::int64_t row);

// Rows of `table` at `order`, in that order.
Result<std::shared_ptr<arrow::Table>> TakeRows(const arrow::Table& table,
                                               const std::vector<std::int64_t>& order);

// An array of `type` from bits (or texts) and validity bytes; `scale`: of decimals.
std::shared_ptr<arrow::Array> BuildArray(ValueType type, const std::vector<std::uint64_t>& bits,
                                         const std::vector<std::string>& texts,
                                         const std::vector<std::uint8_t>& valid, int scale = 0);
// A one-row array of `value`, which must be NULL or of `type`.
Result<std::shared_ptr<arrow::Array>> ArrayOf(ValueType type, const Value& value);
}  // namespace weirhouse::feature

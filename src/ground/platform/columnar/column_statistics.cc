#include "ground/platform/columnar/column_statistics.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "ground/platform/columnar/single_value.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::platform {
namespace {
// A cell of the column.
struct Cell {
  const arrow::Array* array = nullptr;
  std::int64_t index = 0;
};
struct Extremes {
  std::optional<Cell> lowest;
  std::optional<Cell> highest;
  std::int64_t nan_count = 0;
};

template <typename ArrayType>
Extremes FindExtremes(const arrow::ChunkedArray& column) {
  using Value = decltype(ValueAt(std::declval<const ArrayType&>(), 0));
  Extremes extremes;
  Value lowest{};
  Value highest{};
  for (const auto& chunk : column.chunks()) {
    const auto& array = static_cast<const ArrayType&>(*chunk);
    const bool has_nulls = array.null_count() > 0;
    for (std::int64_t i = 0; i < array.length(); ++i) {
      if (has_nulls && array.IsNull(i)) continue;
      const Value value = ValueAt(array, i);
      if constexpr (std::is_floating_point_v<Value>) {
        if (std::isnan(value)) {
          ++extremes.nan_count;
          continue;
        }
      }
      if (!extremes.lowest || value < lowest) {
        lowest = value;
        extremes.lowest = Cell{chunk.get(), i};
      }
      if (!extremes.highest || highest < value) {
        highest = value;
        extremes.highest = Cell{chunk.get(), i};
      }
    }
  }
  return extremes;
}

std::optional<Extremes> FindExtremesOfType(const arrow::ChunkedArray& column) {
  std::optional<Extremes> found;
  VisitArrayClass(*column.type(), [&]<typename Array>(ArrayClass<Array>)
                    requires StoredArray<Array>
                  { found = FindExtremes<Array>(column); });
  return found;
}

// -0.0 and +0.0 compare equal, so a bound of zero must cover both.
template <typename Float>
std::string ZeroWithSign(std::string bytes, bool negative) {
  Float value{};
  std::memcpy(&value, bytes.data(), sizeof(value));
  if (value != Float{0}) return bytes;
  value = negative ? -Float{0} : Float{0};
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::optional<std::string> LowerBound(const arrow::DataType& type, const Cell& cell) {
  auto bytes = EncodeCell(*cell.array, cell.index);
  if (!bytes) return bytes;
  switch (type.id()) {
    case arrow::Type::FLOAT:
      return ZeroWithSign<float>(*std::move(bytes), true);
    case arrow::Type::DOUBLE:
      return ZeroWithSign<double>(*std::move(bytes), true);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return CutTextLower(*bytes);
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
      return CutBytesLower(*bytes);
    default:
      return bytes;
  }
}

std::optional<std::string> UpperBound(const arrow::DataType& type, const Cell& cell) {
  auto bytes = EncodeCell(*cell.array, cell.index);
  if (!bytes) return bytes;
  switch (type.id()) {
    case arrow::Type::FLOAT:
      return ZeroWithSign<float>(*std::move(bytes), false);
    case arrow::Type::DOUBLE:
      return ZeroWithSign<double>(*std::move(bytes), false);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return CutTextUpper(*bytes);
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
      return CutBytesUpper(*bytes);
    default:
      return bytes;
  }
}
}  // namespace

ColumnStatistics ScanColumn(const arrow::ChunkedArray& column) {
  ColumnStatistics statistics;
  statistics.value_count = column.length();
  statistics.null_count = column.null_count();
  const auto type = column.type();
  const auto extremes = FindExtremesOfType(column);
  if (!extremes) return statistics;
  if (type->id() == arrow::Type::FLOAT || type->id() == arrow::Type::DOUBLE) {
    statistics.nan_count = extremes->nan_count;
  }
  if (extremes->lowest) statistics.lower_bound = LowerBound(*type, *extremes->lowest);
  if (extremes->highest) statistics.upper_bound = UpperBound(*type, *extremes->highest);
  return statistics;
}
}  // namespace weirhouse::platform

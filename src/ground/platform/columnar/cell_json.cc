#include "ground/platform/columnar/cell_json.h"

#include <arrow/api.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ground/base/digest.h"
#include "ground/base/time.h"

namespace weirhouse::platform {
using nlohmann::json;

json NumberToJson(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return number;
}

json CellToJson(const arrow::ChunkedArray& column, std::int64_t row) {
  const auto scalar = column.GetScalar(row);
  if (!scalar.ok() || !(*scalar)->is_valid) return nullptr;
  switch ((*scalar)->type->id()) {
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanScalar&>(**scalar).value;
    case arrow::Type::INT32:
      return static_cast<const arrow::Int32Scalar&>(**scalar).value;
    case arrow::Type::INT64:
      return static_cast<const arrow::Int64Scalar&>(**scalar).value;
    case arrow::Type::FLOAT:
      return NumberToJson(static_cast<const arrow::FloatScalar&>(**scalar).value);
    case arrow::Type::DOUBLE:
      return NumberToJson(static_cast<const arrow::DoubleScalar&>(**scalar).value);
    case arrow::Type::TIMESTAMP:
      return FormatTime(static_cast<const arrow::TimestampScalar&>(**scalar).value);
    case arrow::Type::BINARY:
      return ToHex(static_cast<const arrow::BinaryScalar&>(**scalar).view());
    default:
      return (*scalar)->ToString();
  }
}
}  // namespace weirhouse::platform

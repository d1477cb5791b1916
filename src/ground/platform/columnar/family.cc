#include "ground/platform/columnar/family.h"

#include <arrow/type.h>

namespace weirhouse::platform {
std::optional<Family> FamilyOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
      return Family::kInteger;
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return Family::kReal;
    case arrow::Type::DECIMAL128:
      return Family::kDecimal;
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return Family::kText;
    case arrow::Type::BOOL:
      return Family::kBoolean;
    case arrow::Type::DATE32:
      return Family::kDate;
    case arrow::Type::TIMESTAMP:
      return Family::kTimestamp;
    default:
      return std::nullopt;
  }
}

std::int64_t MicrosPerUnit(const arrow::TimestampType& type) {
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return 1'000'000;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1;
    case arrow::TimeUnit::NANO:
      break;
  }
  return 0;
}
}  // namespace weirhouse::platform

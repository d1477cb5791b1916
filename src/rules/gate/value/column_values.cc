#include "rules/gate/value/column_values.h"

#include <fmt/format.h>

namespace weirhouse::gate {
Result<Family> FamilyOf(const arrow::DataType& type) {
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
      // Times finer than a microsecond would lose digits here.
      if (static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::NANO) break;
      return Family::kTimestamp;
    default:
      break;
  }
  return internal::UnknownType(type);
}

std::string_view FamilyName(Family family) {
  switch (family) {
    case Family::kInteger:
      return "integer";
    case Family::kReal:
      return "number";
    case Family::kDecimal:
      return "decimal";
    case Family::kText:
      return "text";
    case Family::kBoolean:
      return "boolean";
    case Family::kDate:
      return "date";
    case Family::kTimestamp:
      return "timestamp";
  }
  return "unknown";
}

Status internal::UnknownType(const arrow::DataType& type) {
  return Status(Code::kInvalidInput, fmt::format("checks do not know the type {}", type.ToString()))
      .WithError("WH3005");
}

Result<std::shared_ptr<arrow::ChunkedArray>> ColumnOf(const arrow::Table& rows,
                                                      const std::string& name) {
  std::shared_ptr<arrow::ChunkedArray> column = rows.GetColumnByName(name);
  if (column == nullptr) {
    return Status(Code::kInvalidInput, fmt::format("unknown column \"{}\"", name))
        .WithError("WH3004");
  }
  return column;
}
}  // namespace weirhouse::gate

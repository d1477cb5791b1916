#include "rules/gate/value/column_values.h"

#include <fmt/format.h>

#include <optional>

namespace weirhouse::gate {
Result<Family> FamilyOf(const arrow::DataType& type) {
  const std::optional<Family> family = platform::FamilyOf(type);
  const bool too_fine =
      family == Family::kTimestamp &&
      platform::MicrosPerUnit(static_cast<const arrow::TimestampType&>(type)) == 0;
  if (family && !too_fine) return *family;
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

#include "rules/gate/value/column_values.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

namespace weirhouse::gate {
Result<Family> FamilyOf(const arrow::DataType& stored) {
  const arrow::DataType& type = ValueType(stored);
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

const arrow::DataType& ValueType(const arrow::DataType& type) {
  if (type.id() != arrow::Type::DICTIONARY) return type;
  return *static_cast<const arrow::DictionaryType&>(type).value_type();
}

void VisitDictionaryCounts(const arrow::Array& chunk,
                           const std::function<void(std::string_view, std::int64_t)>& each) {
  const auto& array = static_cast<const arrow::DictionaryArray&>(chunk);
  WithTexts(array, [&](const auto& texts) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(texts.length()));
    VisitIndices(
        array, [](std::int64_t) {},
        [&](std::int64_t, std::int64_t index) { ++counts[static_cast<std::size_t>(index)]; });
    for (std::int64_t i = 0; i < texts.length(); ++i) {
      const std::int64_t count = counts[static_cast<std::size_t>(i)];
      if (count > 0) each(std::string_view(texts.GetView(i)), count);
    }
  });
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

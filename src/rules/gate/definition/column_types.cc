#include "rules/gate/definition/column_types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

namespace weirhouse::gate {
namespace {
Result<Family> FamilyOfColumn(const arrow::Schema& schema, const std::string& column) {
  return FamilyOf(*schema.GetFieldByName(column)->type());
}
}  // namespace

Status NeedKnownTypes(const arrow::Schema& schema, const std::vector<std::string>& columns) {
  for (const std::string& column : columns) {
    WEIRHOUSE_TRY_STATUS(FamilyOfColumn(schema, column).status());
  }
  return Status();
}

Status NeedFamily(const Check& check, const arrow::Schema& schema, const std::string& column,
                  std::initializer_list<Family> wanted, std::string_view words) {
  WEIRHOUSE_TRY(const Family family, FamilyOfColumn(schema, column));
  if (std::find(wanted.begin(), wanted.end(), family) != wanted.end()) return Status();
  return Status(Code::kInvalidInput, fmt::format("{} is for {}, and \"{}\" is of type {}",
                                                 check.kind, words, column, FamilyName(family)))
      .WithError("WH3005");
}

Status NeedNumbers(const Check& check, const arrow::Schema& schema, const std::string& column) {
  return NeedFamily(check, schema, column, {Family::kInteger, Family::kReal, Family::kDecimal},
                    "numbers");
}

bool AnyIs(const Check& check, const arrow::Schema& schema, Family wanted) {
  return std::any_of(check.columns.begin(), check.columns.end(), [&](const ColumnUse& use) {
    const auto family = FamilyOfColumn(schema, use.name);
    return family.ok() && *family == wanted;
  });
}

Status RefuseIdleKey(const Check& check, std::string_view key, std::string_view why) {
  if (!check.parameters.is_object() || !check.parameters.contains(key)) return Status();
  return Status(Code::kInvalidInput,
                fmt::format("{}.{} has no effect here: {}", check.kind, key, why))
      .WithError("WH3003");
}

Status RefuseIdleNan(const Check& check, const arrow::Schema& schema) {
  if (AnyIs(check, schema, Family::kReal)) return Status();
  return RefuseIdleKey(check, "allow_nan", "a column of this type never holds NaN");
}
}  // namespace weirhouse::gate

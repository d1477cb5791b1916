#include "rules/gate/evaluation/statistic_rule.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <utility>

#include "ground/base/text.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
Status ColumnRule::Gather(const Check&, const arrow::Table& rows, std::int64_t,
                          ColumnState& state) const {
  WEIRHOUSE_TRY(const auto column, ColumnOf(rows, column_));
  return state.Update(*column);
}

Status NeedNumbers(const ColumnState& column, const Check& check, const std::string& name) {
  const Family family = column.family().value_or(Family::kReal);
  if (IsNumber(family)) return Status();
  return Status(Code::kInvalidInput, fmt::format("{} is for numbers, and \"{}\" is of type {}",
                                                 check.kind, name, FamilyName(family)))
      .WithError("WH3005");
}

bool Preliminary(const Check& check, const ColumnProfile& profile, bool allow_nan,
                 std::int64_t needed, Finding& finding) {
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  if (profile.nan > 0 && !allow_nan) {
    finding.state = State::kFailed;
    finding.observed = "NaN";
    finding.bad = profile.nan;
    finding.reason = fmt::format("{} {} values are NaN", check.name, WithThousands(profile.nan));
  } else if (profile.numbers_count() < needed) {
    const nlohmann::json bound = finding.bound;
    finding = TooFewFinding(check, profile.numbers_count(), needed,
                            fmt::format("{} too few values ({}, needs {})", check.name,
                                        profile.numbers_count(), needed));
    finding.bound = bound;
  } else {
    return false;
  }
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  return true;
}

Finding BoundFinding(const Check& check, const NumberBounds& bounds, const StatisticValue& value,
                     Finding finding) {
  finding.observed = value.AsJson();
  if (!Holds(bounds, value)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} {} ({})", check.name, value.AsText(), LimitText(bounds));
  return finding;
}
}  // namespace weirhouse::gate

// Checks on a number that stands for a column of numbers: statistics and quantiles.
#pragma once

#include <cstdint>
#include <string>

#include "ground/base/status.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/evaluation/statistic.h"
#include "rules/gate/history/column_state.h"

namespace weirhouse::gate {

// Gathers one column.
class ColumnRule : public StateRuleOf<ColumnState> {
 protected:
  Status Gather(const Check& check, const arrow::Table& rows, std::int64_t first_row,
                ColumnState& state) const final;
  std::string column_;
};

// WH3005 unless what was gathered are numbers.
Status NeedNumbers(const ColumnState& column, const Check& check, const std::string& name);
// What all statistics share: NaN fails unless it is allowed, fewer than `needed` values are too
// few. True if the finding is already made. Fills in the population.
bool Preliminary(const Check& check, const ColumnProfile& profile, bool allow_nan,
                 std::int64_t needed, Finding& finding);
// The finding of a value within bounds or out of them.
Finding BoundFinding(const Check& check, const NumberBounds& bounds, const StatisticValue& value,
                     Finding finding);
}  // namespace weirhouse::gate

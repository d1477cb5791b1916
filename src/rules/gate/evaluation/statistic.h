// The statistics of one column of a batch, as exact as its type allows.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "ground/base/exact/exact_ratio.h"
#include "ground/base/exact/exact_sum.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/history/column_state.h"
#include "rules/gate/history/drift.h"
#include "rules/gate/history/profile.h"

namespace weirhouse::gate {

enum class Statistic : std::uint8_t { kMean, kStddev, kSum, kMin, kMax, kMedian };

// One statistic. Of integers and decimals it is an exact ratio, compared with bounds as they are
// written; of floating-point numbers, and for `stddev`, it is rounded once to a double and compared
// with bounds as doubles.
struct StatisticValue {
  double rounded = 0;
  std::optional<ExactRatio> exact;
  // The whole number or decimal that it is: "9,007,199,254,740,993", or empty.
  std::string digits;
  nlohmann::json AsJson() const;
  std::string AsText() const;
};
bool Holds(const NumberBounds& bounds, const StatisticValue& value);

// The statistics of what was gathered of one column, which holds numbers. The state must outlive it.
class ColumnStatistics {
 public:
  explicit ColumnStatistics(const ColumnState& state)
      : state_(state), scale_(PowerOfTen(state.moments().scale)) {}

  // nullopt: too few values. The median needs what quantiles need.
  std::optional<StatisticValue> Value(Statistic statistic) const;
  // The state keeps ranks (ColumnState::Keeps::kRanks).
  std::optional<StatisticValue> Quantile(Ratio q, QuantileMethod method) const;

 private:
  bool real() const { return state_.family() == Family::kReal; }
  StatisticValue Whole(const ExactSum::Wide& value) const;
  StatisticValue Exact(ExactRatio value) const;

  const ColumnState& state_;
  ExactSum scale_;  // of decimals: 10^scale
};

// A statistic from a profile, as history knows it: one double. nullopt: there is none.
std::optional<double> ValueOf(Statistic statistic, const ColumnProfile& profile);
}  // namespace weirhouse::gate

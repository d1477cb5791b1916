// The statistics of one column of a batch, as exact as its type allows.
// Includes Arrow, so only for .cc files.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rules/gate/definition/definition.h"
#include "rules/gate/history/profile.h"
#include "rules/gate/value/column_values.h"
#include "rules/gate/value/exact_sum.h"

namespace weirhouse::gate {

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

class ColumnStatistics {
 public:
  // `ranks`: quantiles will be asked for. The column must hold numbers.
  static Result<ColumnStatistics> Of(const arrow::ChunkedArray& column, bool ranks);

  const ColumnProfile& profile() const { return profile_; }
  // nullopt: too few values.
  std::optional<StatisticValue> Value(Statistic statistic);
  std::optional<StatisticValue> Quantile(Ratio q, QuantileMethod method);

 private:
  void Add(ExactSum::Wide value, bool ranks);
  StatisticValue Whole(const ExactSum::Wide& value) const;
  StatisticValue Exact(ExactRatio value) const;

  Family family_ = Family::kReal;
  ColumnProfile profile_;
  ExactSum scale_;  // of decimals: 10^scale
  // Of integers, or decimals times 10^scale.
  std::int64_t count_ = 0;
  ExactSum::Wide least_ = 0;
  ExactSum::Wide greatest_ = 0;
  ExactSum::Wide total_ = 0;
  std::vector<ExactSum::Wide> wholes_;  // all of them, where quantiles are asked for
};

// A statistic from a profile, as history knows it: one double. nullopt: there is none.
std::optional<double> ValueOf(Statistic statistic, const ColumnProfile& profile);
}  // namespace weirhouse::gate

#include "rules/gate/judge/statistic.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "ground/base/text.h"
#include "rules/gate/history/drift.h"
#include "rules/gate/judge/evaluation.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
using Wide = ExactSum::Wide;
__extension__ typedef unsigned __int128 WideCount;

constexpr Ratio kMedianShare{1, 2};

Wide WideOf(const arrow::Decimal128& value) {
  return static_cast<Wide>(
      (static_cast<WideCount>(static_cast<std::uint64_t>(value.high_bits())) << 64) |
      value.low_bits());
}

ExactSum SumOf(Wide value) {
  ExactSum sum;
  sum.Add(value);
  return sum;
}

// The decimal digits of value · 10^−scale.
std::string DigitsOf(Wide value, int scale) {
  return arrow::Decimal128(static_cast<std::int64_t>(value >> 64),
                           static_cast<std::uint64_t>(static_cast<WideCount>(value)))
      .ToString(scale);
}

ExactRatio BoundOf(double value, const std::string& text) {
  ExactRatio bound;
  return ParseExact(text, bound) ? bound : ExactRatio::Of(value);
}

// The values at two neighbouring ranks.
struct Neighbours {
  Wide low;
  Wide high;
};
Neighbours AtRank(std::vector<Wide>& values, std::int64_t rank) {
  const auto at = values.begin() + rank;
  std::nth_element(values.begin(), at, values.end());
  const auto next = std::min_element(at + 1, values.end());
  return {*at, next == values.end() ? *at : *next};
}
}  // namespace

nlohmann::json StatisticValue::AsJson() const {
  constexpr double kExactIntegers = 0x1p53;
  if (digits.empty() || (std::fabs(rounded) < kExactIntegers && digits.find('.') != digits.npos)) {
    return JsonNumber(rounded);
  }
  std::int64_t whole = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size()) return whole;
  return digits;
}

std::string StatisticValue::AsText() const {
  const nlohmann::json json = AsJson();
  constexpr double kThousandsUpTo = 1e15;  // NumberText writes them out up to here
  if (json.is_number_integer() && std::fabs(rounded) >= kThousandsUpTo) {
    return WithThousands(json.get<std::int64_t>());
  }
  return json.is_string() && !digits.empty() ? digits : NumberText(rounded);
}

bool Holds(const NumberBounds& bounds, const StatisticValue& value) {
  if (!value.exact) return Holds(bounds, value.rounded);
  if (bounds.min) {
    const int order = Compare(*value.exact, BoundOf(*bounds.min, bounds.min_text));
    if (order < 0 || (order == 0 && bounds.min_exclusive)) return false;
  }
  if (bounds.max) {
    const int order = Compare(*value.exact, BoundOf(*bounds.max, bounds.max_text));
    if (order > 0 || (order == 0 && bounds.max_exclusive)) return false;
  }
  return true;
}

Result<ColumnStatistics> ColumnStatistics::Of(const arrow::ChunkedArray& column, bool ranks) {
  ColumnStatistics statistics;
  WEIRHOUSE_TRY(statistics.family_, FamilyOf(*column.type()));
  const bool real = statistics.family_ == Family::kReal;
  WEIRHOUSE_TRY(statistics.profile_,
                ProfileColumn(column, real && ranks ? CountValues::kExact : CountValues::kNone));
  statistics.scale_ = PowerOfTen(statistics.profile_.scale);
  if (real) return statistics;
  WEIRHOUSE_TRY_STATUS(VisitColumn(
      column, [](std::int64_t) {},
      [&](std::int64_t, const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::int64_t>) {
          statistics.Add(value, ranks);
        } else if constexpr (std::is_same_v<Value, arrow::Decimal128>) {
          statistics.Add(WideOf(value), ranks);
        }
      }));
  return statistics;
}

void ColumnStatistics::Add(Wide value, bool ranks) {
  least_ = count_ == 0 ? value : std::min(least_, value);
  greatest_ = count_ == 0 ? value : std::max(greatest_, value);
  // Goes round, and comes back.
  total_ = static_cast<Wide>(static_cast<WideCount>(total_) + static_cast<WideCount>(value));
  ++count_;
  if (ranks) wholes_.push_back(value);
}

StatisticValue ColumnStatistics::Whole(const Wide& value) const {
  StatisticValue found;
  found.exact = ExactRatio{SumOf(value), scale_};
  found.rounded = found.exact->Round();
  found.digits = DigitsOf(value, profile_.scale);
  return found;
}

StatisticValue ColumnStatistics::Exact(ExactRatio value) const {
  StatisticValue found;
  found.rounded = value.Round();
  found.exact = std::move(value);
  return found;
}

std::optional<StatisticValue> ColumnStatistics::Value(Statistic statistic) {
  if (family_ == Family::kReal || statistic == Statistic::kStddev) {
    const std::optional<double> value = ValueOf(statistic, profile_);
    if (!value) return std::nullopt;
    return StatisticValue{*value, std::nullopt, ""};
  }
  if (count_ == 0) return std::nullopt;
  switch (statistic) {
    case Statistic::kMin:
      return Whole(least_);
    case Statistic::kMax:
      return Whole(greatest_);
    case Statistic::kMean:
      return Exact(
          {profile_.sum, Product(scale_, SumOf(static_cast<Wide>(profile_.numbers_count())))});
    case Statistic::kSum: {
      // All but sums of the greatest decimals are whole numbers of 128 bits.
      StatisticValue sum = Exact({profile_.sum, scale_});
      constexpr double kWideMax = 0x1p126;
      if (std::fabs(profile_.sum.Round()) < kWideMax) sum.digits = DigitsOf(total_, profile_.scale);
      return sum;
    }
    default:
      return Quantile(kMedianShare, QuantileMethod::kLinear);
  }
}

std::optional<StatisticValue> ColumnStatistics::Quantile(Ratio q, QuantileMethod method) {
  if (family_ == Family::kReal) {
    if (profile_.numbers.empty()) return std::nullopt;
    return StatisticValue{QuantileOf(profile_.numbers, q, method), std::nullopt, ""};
  }
  if (wholes_.empty()) return std::nullopt;
  const Rank rank = RankOf(static_cast<std::int64_t>(wholes_.size()), q);
  const Neighbours at = AtRank(wholes_, rank.low);
  const Ratio share = ShareAbove(rank, method);
  if (share.numerator == 0) return Whole(at.low);
  if (share.numerator == share.denominator) return Whole(at.high);
  // low · (1 − share) + high · share
  ExactRatio value;
  value.over.AddProduct(SumOf(at.low), SumOf(share.denominator - share.numerator), 1);
  value.over.AddProduct(SumOf(at.high), SumOf(share.numerator), 1);
  value.under = Product(scale_, SumOf(share.denominator));
  return Exact(std::move(value));
}

std::optional<double> ValueOf(Statistic statistic, const ColumnProfile& profile) {
  switch (statistic) {
    case Statistic::kMean:
      return profile.Mean();
    case Statistic::kStddev:
      return profile.Stddev();
    case Statistic::kSum:
      if (profile.numbers_count() < 1) return std::nullopt;
      return profile.Sum();
    case Statistic::kMin:
      return profile.min;
    case Statistic::kMax:
      return profile.max;
    case Statistic::kMedian:
      if (profile.numbers.empty()) return std::nullopt;
      return QuantileOf(profile.numbers, kMedianShare, QuantileMethod::kLinear);
  }
  return std::nullopt;
}
}  // namespace weirhouse::gate

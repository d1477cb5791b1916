#include "rules/gate/evaluation/statistic.h"

#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "ground/base/text.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/history/drift.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
using Wide = ExactSum::Wide;
__extension__ typedef unsigned __int128 WideCount;

constexpr Ratio kMedianShare{1, 2};

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

StatisticValue ColumnStatistics::Whole(const Wide& value) const {
  StatisticValue found;
  found.exact = ExactRatio{SumOf(value), scale_};
  found.rounded = found.exact->Round();
  found.digits = DigitsOf(value, state_.moments().scale);
  return found;
}

StatisticValue ColumnStatistics::Exact(ExactRatio value) const {
  StatisticValue found;
  found.rounded = value.Round();
  found.exact = std::move(value);
  return found;
}

std::optional<StatisticValue> ColumnStatistics::Value(Statistic statistic) const {
  const ColumnProfile& moments = state_.moments();
  const ColumnState::Wholes& wholes = state_.wholes();
  if (real() || statistic == Statistic::kStddev) {
    if (statistic == Statistic::kMedian && real())
      return Quantile(kMedianShare, QuantileMethod::kLinear);
    const std::optional<double> value = ValueOf(statistic, moments);
    if (!value) return std::nullopt;
    return StatisticValue{*value, std::nullopt, ""};
  }
  if (wholes.count == 0) return std::nullopt;
  switch (statistic) {
    case Statistic::kMin:
      return Whole(wholes.least);
    case Statistic::kMax:
      return Whole(wholes.greatest);
    case Statistic::kMean:
      return Exact(
          {moments.sum, Product(scale_, SumOf(static_cast<Wide>(moments.numbers_count())))});
    case Statistic::kSum: {
      // All but sums of the greatest decimals are whole numbers of 128 bits.
      StatisticValue sum = Exact({moments.sum, scale_});
      constexpr double kWideMax = 0x1p126;
      if (std::fabs(moments.sum.Round()) < kWideMax)
        sum.digits = DigitsOf(wholes.total, moments.scale);
      return sum;
    }
    default:
      return Quantile(kMedianShare, QuantileMethod::kLinear);
  }
}

std::optional<StatisticValue> ColumnStatistics::Quantile(Ratio q, QuantileMethod method) const {
  if (real()) {
    const std::int64_t count = state_.moments().numbers_count();
    if (count < 1) return std::nullopt;
    const Rank rank = RankOf(count, q);
    const auto [low, high] = state_.RealsAt(rank.low);
    return StatisticValue{Between(low, high, ShareAbove(rank, method)), std::nullopt, ""};
  }
  if (state_.wholes().count == 0) return std::nullopt;
  const Rank rank = RankOf(state_.wholes().count, q);
  const auto [low, high] = state_.WholesAt(rank.low);
  const Ratio share = ShareAbove(rank, method);
  if (share.numerator == 0) return Whole(low);
  if (share.numerator == share.denominator) return Whole(high);
  // low · (1 − share) + high · share
  ExactRatio value;
  value.over.AddProduct(SumOf(low), SumOf(share.denominator - share.numerator), 1);
  value.over.AddProduct(SumOf(high), SumOf(share.numerator), 1);
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

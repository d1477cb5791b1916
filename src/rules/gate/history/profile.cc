#include "rules/gate/history/profile.h"

#include <arrow/api.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "rules/gate/definition/definition.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
// Adds one value to the moments, or to the integers waiting for one exact addition.
class Moments {
 public:
  explicit Moments(ColumnProfile& profile) : profile_(profile) {}
  void Add(std::int64_t value) {
    const auto wide = static_cast<Wide>(value);
    Wide sum = 0;
    Wide squares = 0;
    if (__builtin_add_overflow(sum_, wide, &sum) ||
        __builtin_add_overflow(squares_, wide * wide, &squares)) {
      Flush();
      sum = wide;
      squares = wide * wide;
    }
    sum_ = sum;
    squares_ = squares;
  }
  void Add(double value) {
    profile_.sum.Add(value);
    profile_.sum_of_squares.AddSquare(value);
  }
  void Add(const arrow::Decimal128& value) {
    // The unscaled integer.
    ExactSum whole;
    whole.Add(static_cast<Wide>(
        (static_cast<UnsignedWide>(static_cast<std::uint64_t>(value.high_bits())) << 64) |
        value.low_bits()));
    profile_.sum.Add(whole);
    profile_.sum_of_squares.AddProduct(whole, whole, 1);
  }
  void Flush() {
    profile_.sum.Add(sum_);
    profile_.sum_of_squares.Add(squares_);
    sum_ = 0;
    squares_ = 0;
  }

 private:
  using Wide = ExactSum::Wide;
  __extension__ typedef unsigned __int128 UnsignedWide;
  ColumnProfile& profile_;
  Wide sum_ = 0;
  Wide squares_ = 0;
};

// Correctly rounded, so that equal decimals of any scale are equal doubles.
double NearestDouble(const arrow::Decimal128& value, int scale, const ExactSum& power_of_ten) {
  constexpr int kExactPowers = 22;  // 10^22 is the last power of ten that is a double
  const std::int64_t high = value.high_bits();
  const auto low = static_cast<std::int64_t>(value.low_bits());
  const bool narrow = (high == 0 && low >= 0) || (high == -1 && low < 0);
  if (narrow && low > -(std::int64_t{1} << 53) && low < (std::int64_t{1} << 53) && scale >= 0 &&
      scale <= kExactPowers) {
    return static_cast<double>(low) / std::pow(10.0, scale);
  }
  ExactRatio ratio;
  ratio.over.Add(static_cast<ExactSum::Wide>(value.low_bits()));
  ExactSum upper;
  upper.Add(high);
  ratio.over.AddProduct(upper, ExactRatio::Of(0x1p64).over, 1);
  ratio.under = power_of_ten;
  return ratio.Round();
}

template <typename Key>
std::vector<std::pair<Key, std::int64_t>> Sorted(
    const std::unordered_map<Key, std::int64_t>& counts) {
  std::vector<std::pair<Key, std::int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// Strata of equal rank, each kept as its middle value, between tails kept whole: see kSamplePoints.
NumberCounts Sample(const NumberCounts& all) {
  NumberCounts sample(all.begin(), all.begin() + kSampleTail);
  const NumberCounts exact(all.begin() + kSampleTail, all.end() - kSampleTail);
  std::int64_t total = 0;
  for (const auto& [value, count] : exact) total += count;
  std::size_t at = 0;
  std::int64_t before = 0;  // values below exact[at]
  for (std::int64_t i = 0; i < kSamplePoints; ++i) {
    const std::int64_t begin = total * i / kSamplePoints;
    const std::int64_t end = total * (i + 1) / kSamplePoints;
    if (end == begin) continue;
    const std::int64_t middle = begin + (end - begin) / 2;
    while (before + exact[at].second <= middle) before += exact[at++].second;
    if (!sample.empty() && sample.back().first == exact[at].first) {
      sample.back().second += end - begin;
    } else {
      sample.emplace_back(exact[at].first, end - begin);
    }
  }
  sample.insert(sample.end(), all.end() - kSampleTail, all.end());
  return sample;
}

void KeepMostFrequent(TextCounts counts, ColumnProfile& profile) {
  std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (std::size_t i = kDistinctValuesMax; i < counts.size(); ++i) {
    profile.other_texts += counts[i].second;
  }
  profile.sampled = true;
  counts.resize(kDistinctValuesMax);
  std::sort(counts.begin(), counts.end());
  profile.texts = std::move(counts);
}

// Sums equal neighbours of two sorted lists.
template <typename Counts>
Counts MergeCounts(const Counts& a, const Counts& b) {
  Counts merged;
  merged.reserve(a.size() + b.size());
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() && j != b.end()) {
    if (i->first < j->first) {
      merged.push_back(*i++);
    } else if (j->first < i->first) {
      merged.push_back(*j++);
    } else {
      merged.emplace_back(i->first, i->second + j->second);
      ++i;
      ++j;
    }
  }
  merged.insert(merged.end(), i, a.end());
  merged.insert(merged.end(), j, b.end());
  return merged;
}
}  // namespace

namespace {
ExactSum Whole(std::int64_t value) {
  ExactSum sum;
  sum.Add(value);
  return sum;
}

// Of `count` finite numbers.
double DeviationOf(const ColumnProfile& profile, std::int64_t count) {
  // n · Σx² − (Σx)² over n · (n − 1) · 10^2scale, exact until it is rounded: no cancellation.
  ExactRatio variance;
  variance.over.AddProduct(Whole(count), profile.sum_of_squares, 1);
  variance.over.AddProduct(profile.sum, profile.sum, -1);
  variance.under = Product(Product(Whole(count), Whole(count - 1)), PowerOfTen(2 * profile.scale));
  return variance.RoundedRoot();
}
}  // namespace

double ColumnProfile::Sum() const { return ExactRatio{sum, PowerOfTen(scale)}.Round(); }

std::optional<double> ColumnProfile::Mean() const {
  if (numbers_count() < 1) return std::nullopt;
  return ExactRatio{sum, Product(Whole(numbers_count()), PowerOfTen(scale))}.Round();
}

std::optional<double> ColumnProfile::Stddev() const {
  if (numbers_count() < 2) return std::nullopt;
  if (!sum.finite()) return std::nan("");
  return DeviationOf(*this, numbers_count());
}

std::int64_t ColumnProfile::InfiniteCount() const {
  std::int64_t count = 0;
  if (numbers.empty()) return count;
  if (std::isinf(numbers.front().first)) count += numbers.front().second;
  if (numbers.size() > 1 && std::isinf(numbers.back().first)) count += numbers.back().second;
  return count;
}

std::optional<double> ColumnProfile::FiniteStddev() const {
  const std::int64_t count = numbers_count() - InfiniteCount();
  if (count < 2) return std::nullopt;
  ColumnProfile finite;
  finite.scale = scale;
  const ExactSum* const sums[] = {&sum, &sum_of_squares};
  ExactSum* const kept[] = {&finite.sum, &finite.sum_of_squares};
  for (int i = 0; i < 2; ++i) kept[i]->AddFinite(*sums[i]);
  return DeviationOf(finite, count);
}

Result<ColumnProfile> ProfileColumn(const arrow::ChunkedArray& column, CountValues count) {
  const bool with_values = count != CountValues::kNone;
  WEIRHOUSE_TRY(const Family family, FamilyOf(*column.type()));
  ColumnProfile profile;
  profile.rows = column.length();
  const bool is_text = family == Family::kText || family == Family::kBoolean;
  profile.type = is_text ? ColumnProfile::Type::kText : ColumnProfile::Type::kNumber;
  if (family == Family::kDecimal) {
    profile.scale = static_cast<const arrow::Decimal128Type&>(*column.type()).scale();
  }
  std::unordered_map<double, std::int64_t> numbers;
  std::unordered_map<std::string, std::int64_t> texts;
  Moments moments(profile);
  const ExactSum ten = PowerOfTen(profile.scale);
  auto count_number = [&](double value) {
    if (!profile.min || value < *profile.min) profile.min = value;
    if (!profile.max || value > *profile.max) profile.max = value;
    if (with_values) ++numbers[value == 0 ? 0.0 : value];
  };
  WEIRHOUSE_TRY_STATUS(VisitColumn(
      column, [&](std::int64_t) { ++profile.nulls; },
      [&](std::int64_t, const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          if (with_values) ++texts[value ? "true" : "false"];
        } else if constexpr (std::is_same_v<Value, std::string_view>) {
          if (with_values) ++texts[std::string(value)];
        } else if constexpr (std::is_same_v<Value, double>) {
          if (std::isnan(value)) {
            ++profile.nan;
            return;
          }
          moments.Add(value);
          count_number(value);
        } else if constexpr (std::is_same_v<Value, std::int64_t>) {
          moments.Add(value);
          count_number(static_cast<double>(value));
        } else {
          moments.Add(value);
          count_number(NearestDouble(value, profile.scale, ten));
        }
      }));
  moments.Flush();
  profile.numbers = Sorted(numbers);
  const bool capped = count == CountValues::kCapped;
  if (capped && profile.numbers.size() > kDistinctValuesMax) {
    profile.numbers = Sample(profile.numbers);
    profile.sampled = true;
  }
  profile.texts = Sorted(texts);
  if (capped && profile.texts.size() > kDistinctValuesMax) {
    KeepMostFrequent(std::move(profile.texts), profile);
  }
  return profile;
}

Result<BatchProfile> ProfileBatch(const arrow::Table& rows, const GateDefinition& definition) {
  BatchProfile profile;
  profile.rows = rows.num_rows();
  for (const Check& check : definition.checks) {
    const std::string* name = HistoryColumn(check);
    if (name == nullptr || profile.columns.contains(*name)) continue;
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, *name));
    WEIRHOUSE_TRY(profile.columns[*name], ProfileColumn(*column, CountValues::kCapped));
  }
  return profile;
}

namespace {
// A decimal column may have had another scale; sums are of unscaled integers.
void AddScaled(const ColumnProfile& profile, ColumnProfile& merged) {
  const int by = merged.scale - profile.scale;
  if (by == 0 || !profile.sum.finite()) {
    merged.sum.Add(profile.sum);
    merged.sum_of_squares.Add(profile.sum_of_squares);
    return;
  }
  merged.sum.AddProduct(profile.sum, PowerOfTen(by), 1);
  merged.sum_of_squares.AddProduct(profile.sum_of_squares, PowerOfTen(2 * by), 1);
}
}  // namespace

ColumnProfile Merge(const ColumnProfile& a, const ColumnProfile& b) {
  const ColumnProfile* both[] = {&a, &b};
  return MergeAll(both);
}

ColumnProfile MergeAll(std::span<const ColumnProfile* const> profiles) {
  ColumnProfile merged;
  std::vector<NumberCounts> numbers;
  std::vector<TextCounts> texts;
  for (const ColumnProfile* profile : profiles) {
    merged.scale = std::max(merged.scale, profile->scale);
  }
  for (const ColumnProfile* profile : profiles) {
    merged.type = profile->type;
    merged.rows += profile->rows;
    merged.nulls += profile->nulls;
    merged.nan += profile->nan;
    merged.other_texts += profile->other_texts;
    merged.sampled = merged.sampled || profile->sampled;
    if (profile->min && (!merged.min || *profile->min < *merged.min)) merged.min = profile->min;
    if (profile->max && (!merged.max || *profile->max > *merged.max)) merged.max = profile->max;
    AddScaled(*profile, merged);
    numbers.push_back(profile->numbers);
    texts.push_back(profile->texts);
  }
  // In pairs, then pairs of pairs: equal values meet early.
  auto fold = [](auto& lists) {
    for (std::size_t step = 1; step < lists.size(); step *= 2) {
      for (std::size_t i = 0; i + step < lists.size(); i += 2 * step) {
        lists[i] = MergeCounts(lists[i], lists[i + step]);
      }
    }
  };
  fold(numbers);
  fold(texts);
  if (!numbers.empty()) merged.numbers = std::move(numbers.front());
  if (!texts.empty()) merged.texts = std::move(texts.front());
  return merged;
}
}  // namespace weirhouse::gate

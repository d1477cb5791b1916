#include "rules/gate/history/profile.h"

#include <arrow/api.h>

#include <algorithm>
#include <cmath>

#include "rules/gate/history/column_state.h"

namespace weirhouse::gate {
namespace {
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
  ColumnState state(with_values ? ColumnState::Keeps::kCounts : ColumnState::Keeps::kMoments);
  WEIRHOUSE_TRY_STATUS(state.Update(column));
  return state.Profile(count);
}

namespace {
// A decimal column may have had another scale; sums are of unscaled integers.
void AddScaled(const ColumnProfile& profile, ColumnProfile& merged) {
  const int by = merged.scale - profile.scale;
  if (by == 0 || !profile.sum.finite()) {
    merged.sum.Merge(profile.sum);
    merged.sum_of_squares.Merge(profile.sum_of_squares);
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

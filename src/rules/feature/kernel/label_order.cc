#include "rules/feature/kernel/label_order.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
bool IsInteger(std::span<const TypedName> entity) {
  return entity.size() == 1 &&
         (entity[0].type == ValueType::kInt64 || entity[0].type == ValueType::kTimestamp ||
          entity[0].type == ValueType::kBool);
}

// Finds keys in a sorted list. Keys that ascend, as in a sorted piece, cost little more than a
// comparison each: the search begins where the last one ended.
template <typename Key, typename Sought>
class AscendingSearch {
 public:
  explicit AscendingSearch(const std::vector<Key>& keys) : keys_(keys) {}

  std::uint32_t Find(const Sought& sought) {
    std::size_t low = place_;
    if (low > 0 && !(keys_[low - 1] < sought)) low = 0;  // it lies before the last one
    std::size_t high = low;
    for (std::size_t step = 1; high < keys_.size() && keys_[high] < sought; step *= 2) {
      low = high + 1;
      high += step;
    }
    high = std::min(high, keys_.size());
    const auto found = std::lower_bound(keys_.begin() + static_cast<std::ptrdiff_t>(low),
                                        keys_.begin() + static_cast<std::ptrdiff_t>(high), sought);
    place_ = static_cast<std::size_t>(found - keys_.begin());
    if (place_ == keys_.size() || sought < keys_[place_]) return kNoEntity;
    return static_cast<std::uint32_t>(place_);
  }

 private:
  const std::vector<Key>& keys_;
  std::size_t place_ = 0;
};

Result<RawColumn> ReadPart(const TypedName& part, const arrow::Table& rows) {
  WEIRHOUSE_TRY(const auto column, RequireColumn(rows, part.name, "the rows"));
  return ReadColumn(*column, part.type, fmt::format("entity \"{}\"", part.name));
}

// The distinct keys of labels, ascending, and the number of each label's. `keys`: of the labels that
// have one, which are `rows`.
template <typename Sought, typename Key>
std::vector<std::uint32_t> NumberKeys(const std::vector<std::pair<Sought, std::uint32_t>>& sorted,
                                      std::size_t labels, std::vector<Key>* keys) {
  std::vector<std::uint32_t> numbers(labels, kNoEntity);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || sorted[i].first != sorted[i - 1].first) keys->emplace_back(sorted[i].first);
    numbers[sorted[i].second] = static_cast<std::uint32_t>(keys->size() - 1);
  }
  return numbers;
}
}  // namespace

Result<LabelOrder> LabelOrder::Sort(std::span<const TypedName> entity, const arrow::Table& spine,
                                    std::span<const Label> labels) {
  WEIRHOUSE_CHECK(labels.size() < kNoEntity);
  LabelOrder order;
  order.entity_.assign(entity.begin(), entity.end());
  order.integers_ = IsInteger(entity);
  std::vector<std::uint32_t> numbers;
  if (order.integers_) {
    WEIRHOUSE_TRY(const RawColumn raw, ReadPart(entity[0], spine));
    std::vector<std::pair<std::int64_t, std::uint32_t>> keys;
    keys.reserve(labels.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (raw.valid[i] != 0)
        keys.emplace_back(static_cast<std::int64_t>(raw.bits[i]), static_cast<std::uint32_t>(i));
    }
    std::sort(keys.begin(), keys.end());
    numbers = NumberKeys(keys, labels.size(), &order.integer_keys_);
  } else {
    const bool one_text = entity.size() == 1 && entity[0].type == ValueType::kString;
    std::vector<std::pair<std::string_view, std::uint32_t>> keys;
    RawColumn raw;
    std::vector<std::optional<std::string>> encoded;
    if (one_text) {
      WEIRHOUSE_TRY(raw, ReadPart(entity[0], spine));
    } else {
      WEIRHOUSE_TRY(encoded, EncodeEntities(entity, spine));
    }
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const bool valid = one_text ? raw.valid[i] != 0 : encoded[i].has_value();
      if (valid) keys.emplace_back(one_text ? raw.texts[i] : *encoded[i], i);
    }
    std::sort(keys.begin(), keys.end());
    numbers = NumberKeys(keys, labels.size(), &order.byte_keys_);
  }
  order.Group(std::move(numbers), labels);
  return order;
}

// Counts the labels of each entity, then sorts each entity's by time.
void LabelOrder::Group(std::vector<std::uint32_t> numbers, std::span<const Label> labels) {
  const std::size_t entities = integers_ ? integer_keys_.size() : byte_keys_.size();
  starts_.assign(entities + 1, 0);
  for (const std::uint32_t number : numbers) {
    if (number != kNoEntity) ++starts_[number + 1];
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  std::vector<std::pair<std::int64_t, std::uint32_t>> sorted(starts_.back());
  std::vector<std::size_t> next(starts_.begin(), starts_.end() - 1);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == kNoEntity) continue;
    sorted[next[numbers[i]]++] = {labels[i].at, static_cast<std::uint32_t>(i)};
  }
  at_.reserve(sorted.size());
  known_.reserve(sorted.size());
  row_.reserve(sorted.size());
  for (std::size_t e = 0; e < entities; ++e) {
    std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(starts_[e]),
              sorted.begin() + static_cast<std::ptrdiff_t>(starts_[e + 1]));
  }
  for (const auto& [at, row] : sorted) {
    at_.push_back(at);
    known_.push_back(labels[row].known);
    row_.push_back(row);
  }
  if (at_.empty()) return;
  const auto [first, last] = std::minmax_element(at_.begin(), at_.end());
  first_at_ = *first;
  last_at_ = *last;
}

Result<std::vector<std::uint32_t>> LabelOrder::NumbersOf(const arrow::Table& piece) const {
  const auto count = static_cast<std::size_t>(piece.num_rows());
  std::vector<std::uint32_t> numbers(count, kNoEntity);
  if (integers_ && entity_[0].type != ValueType::kBool) {
    WEIRHOUSE_TRY(const auto column, RequireColumn(piece, entity_[0].name, "the feature table"));
    WEIRHOUSE_TRY(const IntegerView keys, IntegerView::Of(*column, entity_[0].name));
    AscendingSearch<std::int64_t, std::int64_t> search(integer_keys_);
    const std::int64_t* values = keys.data();
    std::uint32_t number = kNoEntity;
    for (std::size_t i = 0; i < count; ++i) {
      if (i == 0 || values[i] != values[i - 1]) number = search.Find(values[i]);
      numbers[i] = keys.IsValid(i) ? number : kNoEntity;
    }
    return numbers;
  }
  if (integers_) {
    WEIRHOUSE_TRY(const RawColumn raw, ReadPart(entity_[0], piece));
    AscendingSearch<std::int64_t, std::int64_t> search(integer_keys_);
    for (std::size_t i = 0; i < count; ++i) {
      if (raw.valid[i] != 0) numbers[i] = search.Find(static_cast<std::int64_t>(raw.bits[i]));
    }
    return numbers;
  }
  AscendingSearch<std::string, std::string_view> search(byte_keys_);
  std::string_view last;
  std::uint32_t number = kNoEntity;
  bool any = false;
  const auto take = [&](std::size_t i, std::string_view key) {
    if (!any || key != last) number = search.Find(key);
    any = true;
    last = key;
    numbers[i] = number;
  };
  if (entity_.size() == 1 && entity_[0].type == ValueType::kString) {
    WEIRHOUSE_TRY(const RawColumn raw, ReadPart(entity_[0], piece));
    for (std::size_t i = 0; i < count; ++i) {
      if (raw.valid[i] != 0) take(i, raw.texts[i]);
    }
    return numbers;
  }
  WEIRHOUSE_TRY(const auto encoded, EncodeEntities(entity_, piece));
  for (std::size_t i = 0; i < count; ++i) {
    if (encoded[i]) take(i, *encoded[i]);
  }
  return numbers;
}

bool LabelOrder::MayHold(const FeaturePieces& pieces, std::size_t piece) const {
  if (size() == 0) return false;
  if (!integers_ || entity_[0].type == ValueType::kBool) return true;
  const auto bounds = pieces.BoundsOf(piece, entity_[0].name);
  if (!bounds) return true;
  const auto first = std::lower_bound(integer_keys_.begin(), integer_keys_.end(), bounds->minimum);
  return first != integer_keys_.end() && *first <= bounds->maximum;
}

std::vector<std::string> LabelOrder::entity_columns() const {
  std::vector<std::string> columns;
  for (const TypedName& part : entity_) columns.push_back(part.name);
  return columns;
}
}  // namespace weirhouse::feature

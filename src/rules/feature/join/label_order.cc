#include "rules/feature/join/label_order.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "rules/feature/join/radix_sort.h"
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

}  // namespace

Result<LabelOrder> LabelOrder::Sort(std::span<const TypedName> entity, const arrow::Table& spine,
                                    std::span<const Label> labels) {
  WEIRHOUSE_CHECK(labels.size() < kNoEntity);
  LabelOrder order;
  order.entity_.assign(entity.begin(), entity.end());
  order.integers_ = IsInteger(entity);
  std::vector<std::uint32_t> numbers(labels.size(), kNoEntity);
  if (order.integers_) {
    WEIRHOUSE_TRY_STATUS(order.NumberIntegers(spine, &numbers));
  } else {
    WEIRHOUSE_TRY_STATUS(order.NumberBytes(spine, &numbers));
  }
  order.Group(numbers, labels);
  return order;
}

namespace {
// The distinct of `keys` and their numbers, of keys that lie close together: by counting.
void NumberByPlace(const std::vector<KeyedRow>& keys, std::uint64_t least, std::size_t places,
                   std::vector<std::int64_t>* distinct, std::vector<std::uint32_t>* numbers) {
  std::vector<std::uint32_t> number_of(places, kNoEntity);
  for (const KeyedRow& key : keys) number_of[key.key - least] = 0;
  for (std::size_t place = 0; place < places; ++place) {
    if (number_of[place] == kNoEntity) continue;
    number_of[place] = static_cast<std::uint32_t>(distinct->size());
    distinct->push_back(ValueOfKey(least + place));
  }
  for (const KeyedRow& key : keys) (*numbers)[key.row] = number_of[key.key - least];
}
}  // namespace

Status LabelOrder::NumberIntegers(const arrow::Table& spine, std::vector<std::uint32_t>* numbers) {
  WEIRHOUSE_TRY(const RawColumn raw, ReadPart(entity_[0], spine));
  std::vector<KeyedRow> keys;
  keys.reserve(numbers->size());
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t greatest = 0;
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    if (raw.valid[i] == 0) continue;
    const std::uint64_t key = OrderedKey(static_cast<std::int64_t>(raw.bits[i]));
    keys.push_back({key, static_cast<std::uint32_t>(i)});
    least = std::min(least, key);
    greatest = std::max(greatest, key);
  }
  if (!keys.empty() && greatest - least < 4 * keys.size()) {
    NumberByPlace(keys, least, greatest - least + 1, &integer_keys_, numbers);
    return Status();
  }
  SortByKey(&keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i == 0 || keys[i].key != keys[i - 1].key) integer_keys_.push_back(ValueOfKey(keys[i].key));
    (*numbers)[keys[i].row] = static_cast<std::uint32_t>(integer_keys_.size() - 1);
  }
  return Status();
}

// Distinct keys are found by hash and then sorted: labels repeat their entities.
Status LabelOrder::NumberBytes(const arrow::Table& spine, std::vector<std::uint32_t>* numbers) {
  const bool one_text = entity_.size() == 1 && entity_[0].type == ValueType::kString;
  RawColumn raw;
  std::vector<std::optional<std::string>> encoded;
  if (one_text) {
    WEIRHOUSE_TRY(raw, ReadPart(entity_[0], spine));
  } else {
    WEIRHOUSE_TRY(encoded, EncodeEntities(entity_, spine));
  }
  std::unordered_map<std::string_view, std::uint32_t> distinct;
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    if (one_text ? raw.valid[i] == 0 : !encoded[i]) continue;
    const std::string_view key = one_text ? raw.texts[i] : std::string_view(*encoded[i]);
    const auto next = static_cast<std::uint32_t>(distinct.size());
    (*numbers)[i] = distinct.try_emplace(key, next).first->second;
  }
  std::vector<std::pair<std::string_view, std::uint32_t>> sorted(distinct.begin(), distinct.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::uint32_t> place(sorted.size());
  byte_keys_.reserve(sorted.size());
  for (std::uint32_t i = 0; i < sorted.size(); ++i) {
    byte_keys_.emplace_back(sorted[i].first);
    place[sorted[i].second] = i;
  }
  for (std::uint32_t& number : *numbers) {
    if (number != kNoEntity) number = place[number];
  }
  return Status();
}

// Sorts by time, and then counts the labels of each entity into their places.
void LabelOrder::Group(const std::vector<std::uint32_t>& numbers, std::span<const Label> labels) {
  const std::size_t entities = integers_ ? integer_keys_.size() : byte_keys_.size();
  starts_.assign(entities + 1, 0);
  std::vector<KeyedRow> times;
  times.reserve(labels.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == kNoEntity) continue;
    ++starts_[numbers[i] + 1];
    times.push_back({OrderedKey(labels[i].at), static_cast<std::uint32_t>(i)});
  }
  if (times.empty()) return;
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  SortByKey(&times);
  first_at_ = labels[times.front().row].at;
  last_at_ = labels[times.back().row].at;
  std::vector<std::size_t> next(starts_.begin(), starts_.end() - 1);
  at_.resize(times.size());
  known_.resize(times.size());
  row_.resize(times.size());
  for (const KeyedRow& time : times) {
    const std::size_t place = next[numbers[time.row]]++;
    at_[place] = ValueOfKey(time.key);
    known_[place] = labels[time.row].known;
    row_[place] = time.row;
  }
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

#include "rules/feature/window/window_state.h"

#include <bit>
#include <iterator>
#include <limits>

#include "rules/feature/kernel/answer.h"

namespace weirhouse::feature {
namespace {
// Of ordered values that only come, the map keeps the smallest and the greatest.
constexpr std::size_t kEnds = 2;
}  // namespace

template <typename Map, typename Key>
void WindowState::ChangeCount(Map* counts, const Key& key, int by) const {
  if (growing_) {
    if (counts->size() < kEnds) {
      counts->try_emplace(key, 1);
      return;
    }
    const auto last = std::prev(counts->end());
    if (counts->begin()->first <= key && key <= last->first) return;
    counts->erase(key < counts->begin()->first ? counts->begin() : last);
    counts->try_emplace(key, 1);
    return;
  }
  const auto place = counts->try_emplace(key, 0).first;
  place->second += by;
  if (place->second == 0) counts->erase(place);
}

void WindowState::Change(const FeatureRows& rows, std::size_t expression, std::size_t row, int by) {
  if (kind_ == Slot::Kind::kRows) {
    count_ += by;
    return;
  }
  const ValueColumn& column = rows.values[expression];
  if (column.valid[row] == 0) return;
  count_ += by;
  if (kind_ == Slot::Kind::kIntegers) {
    integers_ += static_cast<WideInt>(static_cast<std::int64_t>(column.bits[row])) * by;
  } else if (kind_ == Slot::Kind::kNumbers) {
    const double value = std::bit_cast<double>(column.bits[row]);
    by > 0 ? numbers_.Add(value) : numbers_.Remove(value);
  } else if (kind_ == Slot::Kind::kDecimals) {
    scale_ = column.scale;
    decimals_.Add(DecimalDigits(column.texts[row]), by);
  } else if (kind_ == Slot::Kind::kOrdered) {
    ChangeOrdered(column, row, by);
  }
}

void WindowState::ChangeOrdered(const ValueColumn& column, std::size_t row, int by) {
  if (column.type == ValueType::kString) {
    const std::string_view text = column.texts[row];
    // The map keeps the first view, which lives as long as all others.
    ChangeCount(&texts_, text, by);
  } else if (column.type == ValueType::kDecimal) {
    scale_ = column.scale;
    ChangeCount(&wide_, DecimalDigits(column.texts[row]), by);
  } else {
    const std::uint64_t bits = column.bits[row];
    ChangeCount(
        &ordered_,
        column.type == ValueType::kDouble ? SortableNumber(bits) : static_cast<std::int64_t>(bits),
        by);
  }
}

bool WindowState::FinishOrdered(const PlannedOutput& output, Cell* cell) const {
  const bool smallest = output.aggregate == Aggregate::kMin;
  if (output.type == ValueType::kString) {
    cell->text = smallest ? texts_.begin()->first : texts_.rbegin()->first;
    return true;
  }
  if (!wide_.empty()) {
    const WideInt digits = smallest ? wide_.begin()->first : wide_.rbegin()->first;
    cell->bits = std::bit_cast<std::uint64_t>(RoundedDecimal(digits, scale_));
    return true;
  }
  const std::int64_t key = smallest ? ordered_.begin()->first : ordered_.rbegin()->first;
  cell->bits = output.type == ValueType::kDouble
                   ? static_cast<std::uint64_t>(SortableNumber(static_cast<std::uint64_t>(key)))
                   : static_cast<std::uint64_t>(key);
  return true;
}

Result<bool> WindowState::FinishSum(const PlannedOutput& output, Cell* cell) const {
  if (kind_ == Slot::Kind::kDecimals) {
    const bool mean = output.aggregate == Aggregate::kMean;
    cell->bits = std::bit_cast<std::uint64_t>(decimals_.Mean(mean ? count_ : 1, scale_));
    return true;
  }
  if (output.aggregate == Aggregate::kMean) {
    const double mean =
        kind_ == Slot::Kind::kIntegers ? RoundedQuotient(integers_, count_) : numbers_.Mean(count_);
    cell->bits = std::bit_cast<std::uint64_t>(mean);
    return true;
  }
  if (kind_ == Slot::Kind::kNumbers) {
    cell->bits = std::bit_cast<std::uint64_t>(numbers_.Round());
    return true;
  }
  if (integers_ > std::numeric_limits<std::int64_t>::max() ||
      integers_ < std::numeric_limits<std::int64_t>::min()) {
    return SumTooLarge(output.column.qualified);
  }
  cell->bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(integers_));
  return true;
}

Result<bool> WindowState::Finish(const PlannedOutput& output, Cell* cell) const {
  if (output.aggregate == Aggregate::kCount) {
    cell->bits = static_cast<std::uint64_t>(count_);
    return true;
  }
  if (count_ == 0) return false;
  if (kind_ == Slot::Kind::kOrdered) return FinishOrdered(output, cell);
  return FinishSum(output, cell);
}
}  // namespace weirhouse::feature

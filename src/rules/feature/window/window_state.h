// What one window keeps for one slot: rows are added and removed, then the result is computed.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <string_view>

#include "ground/base/exact/exact_sum.h"
#include "ground/base/status.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {

// A double's bits as an integer of the same order: -inf < … < +inf < NaN, and one zero. Its own
// inverse.
inline std::int64_t SortableNumber(std::uint64_t bits) {
  if (bits == std::uint64_t{1} << 63) bits = 0;
  const auto value = static_cast<std::int64_t>(bits);
  return value ^ ((value >> 63) & std::numeric_limits<std::int64_t>::max());
}

class WindowState {
 public:
  // kGrowing: rows are added only, so that of ordered values the two ends are enough.
  enum class Use : std::uint8_t { kSliding, kGrowing };
  explicit WindowState(Slot::Kind kind, Use use = Use::kSliding)
      : kind_(kind), growing_(use == Use::kGrowing) {}

  void Add(const FeatureRows& rows, std::size_t expression, std::size_t row) {
    Change(rows, expression, row, 1);
  }
  void Remove(const FeatureRows& rows, std::size_t expression, std::size_t row) {
    Change(rows, expression, row, -1);
  }
  // Sets status, bits and text of `cell`, whose type is set. False: there is no value (NULL).
  Result<bool> Finish(const PlannedOutput& output, Cell* cell) const;

 private:
  void Change(const FeatureRows& rows, std::size_t expression, std::size_t row, int by);
  template <typename Map, typename Key>
  void ChangeCount(Map* counts, const Key& key, int by) const;
  void ChangeOrdered(const ValueColumn& column, std::size_t row, int by);
  bool FinishOrdered(const PlannedOutput& output, Cell* cell) const;
  Result<bool> FinishSum(const PlannedOutput& output, Cell* cell) const;

  Slot::Kind kind_;
  bool growing_;
  std::int64_t count_ = 0;  // rows; for an expression those that are not NULL
  WideInt integers_ = 0;
  ExactSum numbers_;
  DecimalSum decimals_;
  int scale_ = 0;                                   // of decimals, taken from the rows
  std::map<std::int64_t, std::int64_t> ordered_;    // sortable form -> how many
  std::map<WideInt, std::int64_t> wide_;            // decimals
  std::map<std::string_view, std::int64_t> texts_;  // views into the rows
};

}  // namespace weirhouse::feature

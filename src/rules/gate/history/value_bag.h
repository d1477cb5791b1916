// A multiset of numbers: what quantiles, profiles and distributions need of a column, exact and
// without a price for each row in hashing or allocation.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace weirhouse::gate {

// A number as a word: words order as numbers do. Doubles: −0 is 0, NaN has none.
constexpr std::uint64_t WordOf(std::int64_t value) {
  return static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63);
}
constexpr std::int64_t IntegerOf(std::uint64_t word) {
  return static_cast<std::int64_t>(word ^ (std::uint64_t{1} << 63));
}
constexpr std::uint64_t WordOf(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);  // −0 + 0 is 0
  const auto sign = static_cast<std::uint64_t>(static_cast<std::int64_t>(bits) >> 63);
  return bits ^ (sign | (std::uint64_t{1} << 63));
}
constexpr double RealOf(std::uint64_t word) {
  const std::uint64_t flip = (word >> 63) != 0 ? std::uint64_t{1} << 63 : ~std::uint64_t{0};
  return std::bit_cast<double>(word ^ flip);
}

// Sorts ascending, by radix: eight bits at a time, those on which the words agree left out. Memory:
// as much again.
void SortWords(std::vector<std::uint64_t>& words);

// Threads: one writer; reading sorts, so that a bag is not read by two threads at once. Memory: 16
// bytes for each distinct value while values repeat, 8 for each value of others; as much again while
// the latter are sorted.
class ValueBag {
 public:
  void Add(std::span<const std::uint64_t> words);
  void Add(std::uint64_t word, std::int64_t count);
  void Merge(const ValueBag& other);

  bool empty() const { return size_ == 0; }
  std::int64_t size() const { return size_; }
  // The value at `rank` of all, sorted; 0 ≤ rank < size. Cost: two passes over what is kept, which
  // is not sorted for it.
  std::uint64_t AtRank(std::int64_t rank) const;
  // How many distinct values there are. Cost: a sort of those that do not repeat, once.
  std::size_t distinct() const;
  // Calls each(word, count) for the distinct values, ascending. The same cost.
  template <typename Each>
  void ForEach(const Each& each) const;

 private:
  using Counted = std::vector<std::pair<std::uint64_t, std::int64_t>>;
  // Values wait in blocks, so that growing copies none of them.
  static constexpr std::size_t kBlockWords = std::size_t{1} << 16;

  std::vector<std::uint64_t>& OpenBlock();
  void Count();
  void Settle() const;
  std::int64_t waiting() const;

  std::int64_t size_ = 0;
  Counted counted_;      // ascending
  bool spread_ = false;  // values hardly repeat: they wait until somebody reads
  std::int64_t count_again_at_ = 0;
  mutable std::vector<std::vector<std::uint64_t>> blocks_;
  mutable std::vector<std::uint64_t> sorted_;  // those of the blocks, once somebody read
};

template <typename Each>
void ValueBag::ForEach(const Each& each) const {
  Settle();
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < counted_.size() || j < sorted_.size()) {
    const bool from_counted =
        j == sorted_.size() || (i < counted_.size() && counted_[i].first <= sorted_[j]);
    const std::uint64_t word = from_counted ? counted_[i].first : sorted_[j];
    std::int64_t count = 0;
    if (from_counted) count += counted_[i++].second;
    for (; j < sorted_.size() && sorted_[j] == word; ++j) ++count;
    each(word, count);
  }
}
}  // namespace weirhouse::gate

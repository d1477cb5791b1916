// The smallest or greatest of any run of values, in constant time each.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

namespace weirhouse::feature {

// Blocks of values with the extremes of their beginnings and ends, and a table of the extremes of 1,
// 2, 4 … blocks (the sparse table of Bender and Farach-Colton). Build: linear. Of: at most one
// block's values, or four look-ups. Keeps its memory from one Build to the next: three times that
// of the values. Threads: one builds; any read.
template <typename T, bool kGreatest>
class RangeExtreme {
 public:
  static T Better(T a, T b) {
    if constexpr (kGreatest) return a < b ? b : a;
    return b < a ? b : a;
  }

  // Copies the values.
  void Build(const std::vector<T>& values) {
    values_.assign(values.begin(), values.end());
    const std::size_t count = values_.size();
    from_begin_.resize(count);
    to_end_.resize(count);
    const std::size_t blocks = (count + kBlock - 1) / kBlock;
    levels_.resize(std::max<std::size_t>(1, static_cast<std::size_t>(std::bit_width(blocks))));
    levels_[0].resize(blocks);
    for (std::size_t block = 0; block < blocks; ++block) BuildBlock(block);
    for (std::size_t level = 1; level < levels_.size(); ++level) {
      const std::vector<T>& half = levels_[level - 1];
      const std::size_t step = std::size_t{1} << (level - 1);
      levels_[level].resize(half.size() - step);
      for (std::size_t i = 0; i + step < half.size(); ++i) {
        levels_[level][i] = Better(half[i], half[i + step]);
      }
    }
  }

  // Of the values from `begin` to before `end`, of which there must be one.
  T Of(std::size_t begin, std::size_t end) const {
    const std::size_t first = begin / kBlock;
    const std::size_t last = (end - 1) / kBlock;
    if (first == last) {
      T best = values_[begin];
      for (std::size_t i = begin + 1; i < end; ++i) best = Better(best, values_[i]);
      return best;
    }
    T best = Better(to_end_[begin], from_begin_[end - 1]);
    if (last - first < 2) return best;
    const std::size_t between = last - first - 1;
    const auto level = static_cast<std::size_t>(std::bit_width(between)) - 1;
    best = Better(best, levels_[level][first + 1]);
    return Better(best, levels_[level][last - (std::size_t{1} << level)]);
  }

 private:
  static constexpr std::size_t kBlock = 16;

  void BuildBlock(std::size_t block) {
    const std::size_t begin = block * kBlock;
    const std::size_t end = std::min(begin + kBlock, values_.size());
    from_begin_[begin] = values_[begin];
    for (std::size_t i = begin + 1; i < end; ++i) {
      from_begin_[i] = Better(from_begin_[i - 1], values_[i]);
    }
    to_end_[end - 1] = values_[end - 1];
    for (std::size_t i = end - 1; i-- > begin;) to_end_[i] = Better(to_end_[i + 1], values_[i]);
    levels_[0][block] = from_begin_[end - 1];
  }

  std::vector<T> values_;
  std::vector<T> from_begin_;  // of a value's block, up to and with it
  std::vector<T> to_end_;      // from it on
  std::vector<std::vector<T>> levels_;
};
}  // namespace weirhouse::feature

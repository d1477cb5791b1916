#include "rules/gate/history/value_bag.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace weirhouse::gate {
namespace {
// Where values do not repeat they are looked at again once there are so many, and eight times as many.
constexpr std::int64_t kCountAgainAt = std::int64_t{16} << 20;
constexpr std::size_t kFewWords = 256;
constexpr int kDigitBits = 8;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
constexpr int kPasses = 64 / kDigitBits;
}  // namespace

void SortWords(std::vector<std::uint64_t>& words) {
  if (words.size() < kFewWords) {
    std::sort(words.begin(), words.end());
    return;
  }
  std::array<std::array<std::uint32_t, kDigits>, kPasses> counts{};
  if (words.size() > UINT32_MAX) {
    std::sort(words.begin(), words.end());
    return;
  }
  bool ascending = true;
  std::uint64_t last = 0;
  for (const std::uint64_t word : words) {
    for (int pass = 0; pass < kPasses; ++pass)
      ++counts[static_cast<std::size_t>(pass)][(word >> (kDigitBits * pass)) & (kDigits - 1)];
    ascending = ascending && last <= word;
    last = word;
  }
  if (ascending) return;
  std::vector<std::uint64_t> other(words.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    auto& count = counts[static_cast<std::size_t>(pass)];
    const int shift = kDigitBits * pass;
    if (count[(words.front() >> shift) & (kDigits - 1)] == words.size()) continue;
    std::uint32_t begin = 0;
    for (std::uint32_t& place : count) begin += std::exchange(place, begin);
    for (const std::uint64_t word : words) other[count[(word >> shift) & (kDigits - 1)]++] = word;
    words.swap(other);
  }
}

std::vector<std::uint64_t>& ValueBag::OpenBlock() {
  if (blocks_.empty() || blocks_.back().size() >= kBlockWords) {
    blocks_.emplace_back();
    if (blocks_.size() > 1) blocks_.back().reserve(kBlockWords);
  }
  return blocks_.back();
}

std::int64_t ValueBag::waiting() const {
  return blocks_.empty() ? 0
                         : static_cast<std::int64_t>((blocks_.size() - 1) * kBlockWords +
                                                     blocks_.back().size());
}

void ValueBag::Add(std::span<const std::uint64_t> words) {
  if (words.empty()) return;
  if (!sorted_.empty()) {  // somebody read in between
    const std::vector<std::uint64_t> before = std::exchange(sorted_, {});
    size_ -= static_cast<std::int64_t>(before.size());
    Add(before);
  }
  size_ += static_cast<std::int64_t>(words.size());
  while (!words.empty()) {
    std::vector<std::uint64_t>& block = OpenBlock();
    const std::size_t part = std::min(words.size(), kBlockWords - block.size());
    block.insert(block.end(), words.begin(), words.begin() + static_cast<std::ptrdiff_t>(part));
    words = words.subspan(part);
    if (block.size() < kBlockWords) continue;
    if (!spread_ || waiting() >= count_again_at_) Count();
  }
}

void ValueBag::Add(std::uint64_t word, std::int64_t count) {
  if (count < 1) return;
  size_ += count;
  if (counted_.empty() || counted_.back().first < word) {
    counted_.emplace_back(word, count);
    return;
  }
  const auto at =
      std::lower_bound(counted_.begin(), counted_.end(), word,
                       [](const auto& pair, std::uint64_t key) { return pair.first < key; });
  if (at != counted_.end() && at->first == word) {
    at->second += count;
  } else {
    counted_.insert(at, {word, count});
  }
}

// Sorts what waits; if it repeats, keeps counts of it.
void ValueBag::Count() {
  std::vector<std::uint64_t> words;
  if (blocks_.size() == 1) {
    words.swap(blocks_.front());
  } else {
    words.reserve(static_cast<std::size_t>(waiting()));
    for (auto& block : blocks_) {
      words.insert(words.end(), block.begin(), block.end());
      std::vector<std::uint64_t>().swap(block);
    }
  }
  blocks_.clear();
  SortWords(words);
  std::size_t distinct = 1;
  for (std::size_t i = 1; i < words.size(); ++i) distinct += words[i] != words[i - 1] ? 1 : 0;
  if (distinct > words.size() / 2) {
    spread_ = true;
    count_again_at_ = std::max(kCountAgainAt, 8 * static_cast<std::int64_t>(words.size()));
    for (std::size_t begin = 0; begin < words.size(); begin += kBlockWords) {
      const std::size_t end = std::min(words.size(), begin + kBlockWords);
      blocks_.emplace_back(words.begin() + static_cast<std::ptrdiff_t>(begin),
                           words.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return;
  }
  spread_ = false;
  Counted merged;
  merged.reserve(counted_.size() + distinct);
  auto before = counted_.begin();
  for (std::size_t i = 0; i < words.size();) {
    const std::uint64_t word = words[i];
    std::int64_t count = 0;
    for (; i < words.size() && words[i] == word; ++i) ++count;
    while (before != counted_.end() && before->first < word) merged.push_back(*before++);
    if (before != counted_.end() && before->first == word) count += (before++)->second;
    merged.emplace_back(word, count);
  }
  merged.insert(merged.end(), before, counted_.end());
  counted_.swap(merged);
}

void ValueBag::Merge(const ValueBag& other) {
  Counted merged;
  merged.reserve(counted_.size() + other.counted_.size());
  auto i = counted_.begin();
  auto j = other.counted_.begin();
  while (i != counted_.end() || j != other.counted_.end()) {
    if (j == other.counted_.end() || (i != counted_.end() && i->first < j->first)) {
      merged.push_back(*i++);
    } else if (i == counted_.end() || j->first < i->first) {
      merged.push_back(*j++);
    } else {
      merged.emplace_back(i->first, i->second + j->second);
      ++i;
      ++j;
    }
  }
  counted_.swap(merged);
  for (const auto& [word, count] : other.counted_) size_ += count;
  Add(other.sorted_);
  for (const auto& block : other.blocks_) Add(block);
}

void ValueBag::Settle() const {
  if (blocks_.empty()) return;
  sorted_.reserve(sorted_.size() + static_cast<std::size_t>(waiting()));
  for (auto& block : blocks_) {
    sorted_.insert(sorted_.end(), block.begin(), block.end());
    std::vector<std::uint64_t>().swap(block);
  }
  blocks_.clear();
  SortWords(sorted_);
}

std::size_t ValueBag::distinct() const {
  std::size_t count = 0;
  ForEach([&](std::uint64_t, std::int64_t) { ++count; });
  return count;
}

std::uint64_t ValueBag::AtRank(std::int64_t rank) const {
  // By the leading bits, then among those that share them.
  constexpr int kLeadingBits = 16;
  constexpr int kShift = 64 - kLeadingBits;
  std::vector<std::int64_t> bins(std::size_t{1} << kLeadingBits);
  for (const auto& [word, count] : counted_) bins[word >> kShift] += count;
  const auto each_waiting = [&](const auto& use) {
    for (const std::uint64_t word : sorted_) use(word);
    for (const auto& block : blocks_) {
      for (const std::uint64_t word : block) use(word);
    }
  };
  each_waiting([&](std::uint64_t word) { ++bins[word >> kShift]; });
  std::uint64_t bin = 0;
  while (bins[bin] <= rank) rank -= bins[bin++];
  Counted here;
  for (const auto& pair : counted_) {
    if (pair.first >> kShift == bin) here.push_back(pair);
  }
  std::vector<std::uint64_t> loose;
  each_waiting([&](std::uint64_t word) {
    if (word >> kShift == bin) loose.push_back(word);
  });
  if (here.empty()) {
    const auto at = loose.begin() + rank;
    std::nth_element(loose.begin(), at, loose.end());
    return *at;
  }
  for (const std::uint64_t word : loose) here.emplace_back(word, 1);
  std::sort(here.begin(), here.end());
  std::size_t i = 0;
  while (here[i].second <= rank) rank -= here[i++].second;
  return here[i].first;
}
}  // namespace weirhouse::gate

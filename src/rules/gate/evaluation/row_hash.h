// Tuples of columns as words of 64 bits, and sets of such words: what unique, distinct and references
// compare in place of the tuples. Includes Arrow, so only for .cc files.
#pragma once

#include <arrow/api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::gate {

// One word for each row: equal tuples (as EncodeKeys has them) have equal words.
struct RowWords {
  std::vector<std::uint64_t> words;
  std::vector<bool> has_null;  // empty: no row has one
};
// Whether different tuples of such columns have different words too: one column of a fixed width up
// to eight bytes, nulls aside.
bool AreWordsExact(const arrow::Schema& schema, const std::vector<std::string>& columns);
// Cost: some 2 ns a value, texts by their length.
Result<RowWords> WordsOfRows(const arrow::Table& rows, const std::vector<std::string>& columns);

// Mixes a word so that all its bits depend on all; one to one (the finalizer of MurmurHash3).
constexpr std::uint64_t Mixed(std::uint64_t word) {
  word ^= word >> 33;
  word *= 0xff51afd7ed558ccdULL;
  word ^= word >> 33;
  word *= 0xc4ceb9fe1a85ec53ULL;
  word ^= word >> 33;
  return word;
}

// A set of mixed words. Memory: 16 to 32 bytes a word.
class WordSet {
 public:
  explicit WordSet(std::size_t expected);
  // False if it was there.
  bool Insert(std::uint64_t word);
  bool Has(std::uint64_t word) const;
  std::size_t size() const { return size_; }

 private:
  void Grow();
  std::vector<std::uint64_t> slots_;  // 0: free
  std::size_t size_ = 0;
  bool zero_ = false;
};

// Finds the words that occur more than once among many. Memory: 8 bytes a word.
class RepeatFinder {
 public:
  explicit RepeatFinder(std::int64_t expected);
  void Add(std::uint64_t word) { parts_[parts_.size() == 1 ? 0 : word >> 56].push_back(word); }
  // Puts the words that repeat into `repeated` and returns how many different ones there are. Must
  // be the last call: it lets go of the words.
  std::int64_t Finish(WordSet& repeated);

 private:
  std::vector<std::vector<std::uint64_t>> parts_;  // by the leading bits
};
}  // namespace weirhouse::gate

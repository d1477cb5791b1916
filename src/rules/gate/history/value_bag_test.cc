#include "rules/gate/history/value_bag.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "rules/gate/history/moment_adder.h"

namespace weirhouse::gate {
namespace {
void ExpectSame(const ValueBag& bag, std::vector<std::uint64_t> words) {
  std::sort(words.begin(), words.end());
  ASSERT_EQ(bag.size(), static_cast<std::int64_t>(words.size()));
  for (const std::size_t rank : {std::size_t{0}, words.size() / 3, words.size() - 1}) {
    if (words.empty()) continue;
    EXPECT_EQ(bag.AtRank(static_cast<std::int64_t>(rank)), words[rank]);
  }
  std::map<std::uint64_t, std::int64_t> counts;
  for (const std::uint64_t word : words) ++counts[word];
  EXPECT_EQ(bag.distinct(), counts.size());
  auto expected = counts.begin();
  bag.ForEach([&](std::uint64_t word, std::int64_t count) {
    ASSERT_NE(expected, counts.end());
    EXPECT_EQ(word, expected->first);
    EXPECT_EQ(count, expected->second);
    ++expected;
  });
  EXPECT_EQ(expected, counts.end());
}

TEST(ValueBag, HoldsWhatASortedListHolds) {
  std::mt19937_64 random(7);
  for (const std::uint64_t distinct : {1ULL, 9ULL, 70'000ULL, ~0ULL}) {
    for (const std::size_t size : {0U, 5U, 3'000U, 65'536U, 150'001U}) {
      std::vector<std::uint64_t> words(size);
      for (std::uint64_t& word : words) word = random() % distinct;
      ValueBag whole;
      whole.Add(words);
      ExpectSame(whole, words);
      // Read in between, in parts, merged, and counted ones beside others.
      ValueBag first;
      ValueBag second;
      const std::span<const std::uint64_t> all(words);
      first.Add(all.first(size / 2));
      if (size > 1) first.AtRank(0);
      EXPECT_EQ(first.distinct() > 0, size / 2 > 0);
      first.Add(all.subspan(size / 2, size / 4));
      second.Add(all.subspan(size / 2 + size / 4));
      second.Merge(first);
      ExpectSame(second, words);
      second.Add(42, 3);
      words.insert(words.end(), 3, 42);
      ExpectSame(second, words);
    }
  }
}

TEST(ValueBag, WordsOrderAsNumbersDo) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> reals = {-inf, -1e300, -1.5, -5e-324, 0.0, 5e-324, 0.1, 1e300, inf};
  for (std::size_t i = 0; i + 1 < reals.size(); ++i)
    EXPECT_LT(WordOf(reals[i]), WordOf(reals[i + 1]));
  for (const double real : reals) EXPECT_EQ(RealOf(WordOf(real)), real);
  EXPECT_EQ(WordOf(-0.0), WordOf(0.0));
  EXPECT_FALSE(std::signbit(RealOf(WordOf(-0.0))));
  const std::vector<std::int64_t> wholes = {INT64_MIN, -7, -1, 0, 1, INT64_MAX};
  for (std::size_t i = 0; i + 1 < wholes.size(); ++i)
    EXPECT_LT(WordOf(wholes[i]), WordOf(wholes[i + 1]));
  for (const std::int64_t whole : wholes) EXPECT_EQ(IntegerOf(WordOf(whole)), whole);
}

TEST(Moments, OfABlockAreThoseOfItsNumbersOneByOne) {
  std::mt19937_64 random(3);
  const double inf = std::numeric_limits<double>::infinity();
  const double odd[] = {-0.0, 0.0, 1e300, -1.7e308, 5e-324, -2.2e-308, 0.1, inf, -inf};
  for (const std::size_t size : {0U, 3U, 511U, 512U, 9'000U}) {
    for (const bool with_odd : {false, true}) {
      std::vector<double> reals(size);
      for (double& real : reals) {
        real = std::ldexp(static_cast<double>(random() % 1'000'003) - 500'000.5,
                          static_cast<int>(random() % 90) - 45);
        if (with_odd && random() % 7 == 0) real = odd[random() % std::size(odd)];
      }
      ExactSum sum, squares, expected_sum, expected_squares;
      AddMoments(reals, sum, squares);
      for (const double real : reals) {
        expected_sum.Add(real);
        expected_squares.AddSquare(real);
      }
      EXPECT_EQ(sum.Serialize(), expected_sum.Serialize());
      EXPECT_EQ(squares.Serialize(), expected_squares.Serialize());
    }
    for (const int bits : {3, 24, 25, 26, 55, 56, 57, 63}) {
      std::vector<std::int64_t> wholes(size);
      for (std::int64_t& whole : wholes) {
        whole = static_cast<std::int64_t>(random()) >> (63 - bits);
        if (bits == 63 && random() % 9 == 0) whole = random() % 2 == 0 ? INT64_MIN : INT64_MAX;
      }
      ExactSum sum, squares, expected_sum, expected_squares;
      const ExactSum::Wide total = AddMoments(wholes, sum, squares);
      ExactSum::Wide expected = 0;
      for (const std::int64_t whole : wholes) {
        expected_sum.Add(whole);
        expected_squares.AddSquare(whole);
        expected += whole;
      }
      EXPECT_TRUE(total == expected);
      EXPECT_EQ(sum.Serialize(), expected_sum.Serialize());
      EXPECT_EQ(squares.Serialize(), expected_squares.Serialize());
    }
  }
}
}  // namespace
}  // namespace weirhouse::gate

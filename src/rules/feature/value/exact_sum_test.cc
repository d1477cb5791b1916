#include "ground/base/exact/exact_sum.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "ground/base/exact/limbs.h"
#include "ground/base/random.h"
#include "rules/feature/oracle/naive.h"
#include "rules/feature/value/decimal_sum.h"
#include "rules/feature/value/fixed_point.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::uint64_t Bits(double x) { return std::bit_cast<std::uint64_t>(x); }

// Any finite double, all exponents alike.
double AnyDouble(Random& random) {
  for (;;) {
    const auto value = std::bit_cast<double>(random.Next());
    if (std::isfinite(value)) return value;
  }
}

double NextValue(Random& random, std::uint64_t kind) {
  switch (kind % 4) {
    case 0:
      return AnyDouble(random);
    case 1:
      return random.Unit() - 0.5;
    case 2:
      return std::ldexp(random.Unit() - 0.5, static_cast<int>(random.Below(120)) - 60);
    default:
      return static_cast<double>(random.Below(2000)) / 10 - 100;
  }
}

double SumOf(const std::vector<double>& values) {
  ExactSum sum;
  for (const double value : values) sum.Add(value);
  return sum.Round();
}

TEST(ExactSum, EqualsTheSumOfRationalsRoundedOnce) {
  SeededRandom random(1);
  for (int round = 0; round < 3000; ++round) {
    ExactSum sum;
    std::vector<double> values;
    const std::uint64_t count = 1 + random.Below(20);
    for (std::uint64_t i = 0; i < count; ++i) {
      values.push_back(NextValue(random, static_cast<std::uint64_t>(round)));
      sum.Add(values.back());
    }
    const std::int64_t divisor = 1 + static_cast<std::int64_t>(random.Below(1000));
    EXPECT_EQ(Bits(sum.Round()), Bits(NaiveMean(values, 1))) << "round " << round;
    EXPECT_EQ(Bits(sum.Mean(divisor)), Bits(NaiveMean(values, divisor))) << "round " << round;
  }
}

TEST(ExactSum, CancelsWithoutALoss) {
  EXPECT_EQ(SumOf({1e100, 1.0, -1e100}), 1.0);
  EXPECT_EQ(SumOf({1e16, 1.0, 1e-16, -1e16}), 1.0000000000000002 - 2.220446049250313e-16 + 1e-16);
  EXPECT_EQ(SumOf({5e-324, 5e-324}), 1e-323);
  EXPECT_EQ(Bits(SumOf({-0.0})), Bits(0.0));
  EXPECT_EQ(Bits(SumOf({1.5, -1.5})), Bits(0.0));
}

TEST(ExactSum, ShowsNoOverflowOnTheWay) {
  const double most = std::numeric_limits<double>::max();
  EXPECT_EQ(SumOf({most, most, -most, -most, 3.0}), 3.0);
  EXPECT_EQ(SumOf({most, most}), kInfinity);
  ExactSum sum;
  sum.Add(most);
  sum.Add(most);
  EXPECT_EQ(sum.Mean(2), most);
}

TEST(ExactSum, RoundsTiesToEven) {
  const double ulp = std::ldexp(1.0, -52);
  EXPECT_EQ(SumOf({1.0, ulp / 2}), 1.0);
  EXPECT_EQ(SumOf({1.0 + ulp, ulp / 2}), 1.0 + 2 * ulp);
  EXPECT_EQ(SumOf({1.0, ulp / 2, 1e-300}), 1.0 + ulp);
}

TEST(ExactSum, ForgetsWhatIsRemoved) {
  SeededRandom random(2);
  for (int round = 0; round < 500; ++round) {
    ExactSum slid;
    std::vector<double> values;
    for (int i = 0; i < 40; ++i) {
      values.push_back(NextValue(random, random.Next()));
      slid.Add(values.back());
      if (i >= 7) slid.Remove(values[static_cast<std::size_t>(i - 7)]);
    }
    EXPECT_EQ(Bits(slid.Round()), Bits(SumOf({values.end() - 7, values.end()})));
  }
  ExactSum special;
  special.Add(kInfinity);
  special.Add(1.0);
  special.Remove(kInfinity);
  EXPECT_EQ(special.Round(), 1.0);
}

TEST(ExactSum, GivesEqualBitsInAnyOrderAndAnySplit) {
  SeededRandom random(4);
  std::vector<double> values;
  for (int i = 0; i < 300; ++i) values.push_back(AnyDouble(random) * 1e-3);
  const std::uint64_t expected = Bits(SumOf(values));
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[random.Below(i)]);
    const std::size_t cut = random.Below(values.size());
    ExactSum left;
    ExactSum right;
    for (std::size_t i = 0; i < values.size(); ++i) (i < cut ? left : right).Add(values[i]);
    left.Merge(right);
    EXPECT_EQ(Bits(left.Round()), expected);
  }
}

TEST(ExactSum, CountsNanAndInfinitiesAside) {
  EXPECT_TRUE(std::isnan(SumOf({1.0, std::numeric_limits<double>::quiet_NaN()})));
  EXPECT_TRUE(std::isnan(SumOf({kInfinity, -kInfinity})));
  EXPECT_EQ(SumOf({kInfinity, 1.0}), kInfinity);
  EXPECT_EQ(SumOf({-kInfinity, 1e308, 1e308}), -kInfinity);
}

TEST(RoundedQuotient, RoundsOnceHoweverLargeTheSum) {
  EXPECT_EQ(RoundedQuotient(1, 3), 1.0 / 3.0);
  EXPECT_EQ(RoundedQuotient(-10, 4), -2.5);
  const WideInt large = (WideInt{1} << 100) + 1;
  EXPECT_EQ(RoundedQuotient(large, 1), std::ldexp(1.0, 100));
  EXPECT_EQ(RoundedQuotient(-large, 1), -std::ldexp(1.0, 100));
  // 2^53 + 1 lies half way; a remainder tips it.
  EXPECT_EQ(RoundedQuotient((WideInt{1} << 53) + 1, 1), 9007199254740992.0);
  EXPECT_EQ(RoundedQuotient(((WideInt{1} << 53) + 1) * 3 + 1, 3), 9007199254740994.0);
}

TEST(RoundedQuotient, EqualsTheQuotientOfRationalsRoundedOnce) {
  SeededRandom random(9);
  for (int i = 0; i < 30'000; ++i) {
    // Both halves are doubles, whose exact sum the naive mean divides.
    const auto high = static_cast<std::int64_t>(random.Next() >> (11 + random.Below(53)));
    const auto low = static_cast<std::int64_t>(random.Next() >> (11 + random.Below(53)));
    auto count = 1 + static_cast<std::int64_t>(random.Next() >> (1 + random.Below(63)));
    if (i % 4 == 0) count = std::int64_t{1} << random.Below(62);  // exact, and ties
    const int shift = 40 + static_cast<int>(random.Below(30));
    const WideInt sum = (static_cast<WideInt>(high) << shift) + low;
    const std::vector<double> parts{std::ldexp(static_cast<double>(high), shift),
                                    static_cast<double>(low)};
    EXPECT_EQ(Bits(RoundedQuotient(sum, count)), Bits(NaiveMean(parts, count)));
    EXPECT_EQ(Bits(RoundedQuotient(-sum, count)), Bits(0.0 - NaiveMean(parts, count)));
    EXPECT_EQ(Bits(RoundedWide(sum)), Bits(NaiveMean(parts, 1)));
  }
}

TEST(FixedPoint, EqualsTheExactSumWhereItFits) {
  SeededRandom random(10);
  int fitted = 0;
  for (int round = 0; round < 5000; ++round) {
    const std::size_t count = 1 + random.Below(30);
    const int spread = 1 + static_cast<int>(random.Below(90));
    const int exponent = static_cast<int>(random.Below(2000)) - 1000;
    std::vector<double> values;
    FixedPoint fixed;
    for (std::size_t i = 0; i < count; ++i) {
      double value =
          std::ldexp(random.Unit() - 0.5,
                     exponent + static_cast<int>(random.Below(static_cast<std::uint64_t>(spread))));
      if (random.Below(9) == 0) value = -0.0;
      if (i > 0 && random.Below(9) == 0) value = -values[i - 1];
      values.push_back(value);
      fixed.Widen(Bits(value));
    }
    if (!fixed.Fits(count)) continue;
    ++fitted;
    WideInt sum = 0;
    for (const double value : values) sum += fixed.Of(Bits(value));
    const auto divisor = static_cast<std::int64_t>(1 + (random.Next() >> (1 + random.Below(63))));
    EXPECT_EQ(Bits(fixed.Round(sum)), Bits(NaiveMean(values, 1)));
    EXPECT_EQ(Bits(fixed.Mean(sum, divisor)), Bits(NaiveMean(values, divisor)));
  }
  EXPECT_GT(fitted, 1500);
  EXPECT_LT(fitted, 5000);
}

TEST(FixedPoint, IsNotForValuesThatAreNotFiniteOrAtTheEndsOfTheRange) {
  for (const double value : {kInfinity, -kInfinity, std::nan(""), 5e-324, 1e-300, 1e300}) {
    FixedPoint fixed;
    fixed.Widen(Bits(1.0));
    EXPECT_TRUE(fixed.Fits(1000));
    fixed.Widen(Bits(value));
    EXPECT_FALSE(fixed.Fits(1)) << value;
  }
}

// The decimal digits / 10^scale as text: what strtod rounds once.
std::string DecimalTextOf(WideInt digits, int scale) {
  const bool negative = digits < 0;
  std::string text;
  for (WideInt rest = negative ? -digits : digits; rest != 0; rest /= 10)
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  return (negative ? "-" : "") + (text.empty() ? "0" : text) + "e-" + std::to_string(scale);
}

TEST(DecimalSum, RoundsADecimalOnce) {
  SeededRandom random(8);
  for (int i = 0; i < 20'000; ++i) {
    WideInt digits = static_cast<WideInt>(random.Below(std::uint64_t{1} << 62));
    if (i % 2 == 0) digits = digits * static_cast<WideInt>(random.Below(1'000'000'000'000)) + i;
    digits >>= random.Below(60);
    if (i % 3 == 0) digits = -digits;
    const int scale = static_cast<int>(random.Below(39));
    EXPECT_EQ(Bits(RoundedDecimal(digits, scale)),
              Bits(std::strtod(DecimalTextOf(digits, scale).c_str(), nullptr) + 0.0))
        << DecimalTextOf(digits, scale);
  }
}

TEST(DecimalSum, IsOfWhatWasWritten) {
  DecimalSum sum;
  for (const std::int64_t digits : {1'000, 2'000, 26'750}) sum.Add(digits, 1);
  EXPECT_EQ(sum.Round(4), 2.975) << "0.1 + 0.2 + 2.675 as doubles is 2.9749999999999996";
  EXPECT_EQ(sum.Mean(3, 4), 2.975 / 3);
  sum.Add(26'750, -1);
  EXPECT_EQ(sum.Round(4), 0.3);
  sum.Add(3'000, -1);
  EXPECT_EQ(Bits(sum.Round(4)), Bits(0.0));
}

TEST(DecimalSum, HoldsMoreThanOneDecimalCan) {
  WideInt greatest = 1;
  for (int i = 0; i < 38; ++i) greatest *= 10;
  greatest -= 1;
  DecimalSum sum;
  for (int i = 0; i < 1000; ++i) sum.Add(-greatest, 1);
  EXPECT_EQ(sum.Round(0), -1e41);
  EXPECT_EQ(sum.Mean(1000, 38), -1.0);
  for (int i = 0; i < 999; ++i) sum.Add(greatest, 1);
  EXPECT_EQ(sum.Round(19), -1e19);
}
}  // namespace
}  // namespace weirhouse::feature

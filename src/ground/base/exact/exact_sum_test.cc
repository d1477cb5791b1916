#include "ground/base/exact/exact_sum.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "ground/base/exact/exact_ratio.h"
#include "ground/base/random.h"
#include "testing/testing.h"

namespace weirhouse {
namespace {
// Shewchuk's sum of partials, as Python's math.fsum has it: another way to the same rounding.
// Values must not overflow on the way.
double SumOfPartials(const std::vector<double>& values) {
  std::vector<double> partials;
  for (double x : values) {
    std::size_t kept = 0;
    for (double y : partials) {
      if (std::fabs(x) < std::fabs(y)) std::swap(x, y);
      const double high = x + y;
      const double low = y - (high - x);
      if (low != 0) partials[kept++] = low;
      x = high;
    }
    partials.resize(kept);
    partials.push_back(x);
  }
  double high = 0;
  double low = 0;
  std::size_t n = partials.size();
  while (n > 0 && low == 0) {
    const double x = high;
    const double y = partials[--n];
    high = x + y;
    low = y - (high - x);
  }
  // Half way between two doubles: the bits below decide.
  if (n > 0 && ((low < 0 && partials[n - 1] < 0) || (low > 0 && partials[n - 1] > 0))) {
    const double twice = low * 2;
    const double x = high + twice;
    if (twice == x - high) high = x;
  }
  return high;
}

double DrawValue(Random& random, int kind) {
  for (;;) {
    const auto any = std::bit_cast<double>(random.Next());
    switch (kind % 5) {
      case 0:  // any exponent, below where a sum would overflow
        if (std::isfinite(any) && std::fabs(any) < 0x1p1000) return any;
        break;
      case 1:  // near the least double
        return std::ldexp(static_cast<double>(random.Below(9)) - 4, -1074);
      case 2:
        return std::ldexp(random.Unit() - 0.5, static_cast<int>(random.Below(200)) - 100);
      case 3:  // half way cases
        return std::ldexp(random.Below(2) == 0 ? 1.0 : -1.0, -static_cast<int>(random.Below(60)));
      default:
        return static_cast<double>(random.Below(4000)) / 10 - 200;
    }
  }
}

std::vector<double> DrawValues(Random& random, int kind) {
  std::vector<double> values(1 + random.Below(40));
  for (double& value : values) value = DrawValue(random, kind);
  return values;
}

TEST(ExactSum, DoesNotRound) {
  ExactSum sum;
  for (const double value : {1e16, 1.0, -1e16, 1e-30}) sum.Add(value);
  EXPECT_EQ(sum.Round(), 1.0);
  sum.Add(-1.0);
  EXPECT_EQ(sum.Round(), 1e-30);
}

TEST(ExactSum, RoundsHalfToEvenOnce) {
  ExactSum down;
  down.Add(1.0);
  down.Add(0x1p-53);
  EXPECT_EQ(down.Round(), 1.0);
  down.Add(0x1p-100);
  EXPECT_EQ(down.Round(), 1.0 + 0x1p-52);
}

TEST(ExactSum, IsTheSameInAnyOrder) {
  std::vector<double> values;
  for (int i = 0; i < 500; ++i)
    values.push_back(std::ldexp((i * 7919 % 1000) - 499.3, i % 90 - 45));
  ExactSum forward;
  ExactSum backward;
  ExactSum parts;
  for (std::size_t i = 0; i < values.size(); ++i) {
    forward.AddSquare(values[i]);
    backward.AddSquare(values[values.size() - 1 - i]);
  }
  EXPECT_EQ(forward.Parts(), backward.Parts());
  EXPECT_EQ(ExactSum::FromParts(forward.Parts()), forward);
}

TEST(ExactSum, TakesIntegersBeyondTheDoublesWhole) {
  ExactSum sum;
  for (const std::int64_t value : {INT64_MAX, INT64_MIN, std::int64_t{1}, std::int64_t{41}}) {
    sum.Add(value);
  }
  EXPECT_EQ(sum.Round(), 41);
  ExactSum squares;
  squares.AddSquare((std::int64_t{1} << 53) + 1);
  squares.Add(-0x1p106);
  squares.Add(-0x1p54);
  EXPECT_EQ(squares.Round(), 1);
}

TEST(ExactSum, DoesNotOverflowOnTheWay) {
  for (const auto& order :
       {std::vector<double>{1e308, 1e308, -1e308}, std::vector<double>{1e308, -1e308, 1e308}}) {
    ExactSum sum;
    for (const double value : order) sum.Add(value);
    EXPECT_EQ(sum.Round(), 1e308);
  }
  ExactSum twice;
  twice.Add(1.7e308);
  twice.Add(1.7e308);
  EXPECT_EQ(twice.Round(), HUGE_VAL);
  EXPECT_FALSE(twice.FitsDoubles());
  EXPECT_EQ((ExactRatio{twice, ExactRatio::Of(2.0).over}).Round(), 1.7e308);
  ExactSum read;
  EXPECT_TRUE(read.AddHex(twice.Hex()));
  EXPECT_EQ(read, twice);
  EXPECT_FALSE(read.AddHex("zz"));
}

TEST(ExactSum, RootsReachBothEndsOfTheDoubles) {
  for (const double value : {1.5e-160, 3.0, 1.2e200}) {
    ExactSum square;
    square.AddSquare(value);
    EXPECT_EQ((ExactRatio{square, ExactRatio::Of(1.0).over}).RoundedRoot(), value);
  }
}

TEST(ExactRatio, ReadsDecimalsAsTheyAreWritten) {
  ExactRatio tenth;
  ASSERT_TRUE(ParseExact("0.1", tenth));
  EXPECT_EQ(Compare(tenth, ExactRatio::Of(0.1)), -1);  // the double is a little more
  ExactRatio great;
  ASSERT_TRUE(ParseExact("9007199254740993", great));
  EXPECT_EQ(Compare(great, ExactRatio::Of(9007199254740992.0)), 1);
  ExactRatio power;
  ASSERT_TRUE(ParseExact("-1.5e3", power));
  EXPECT_EQ(Compare(power, ExactRatio::Of(-1500.0)), 0);
  for (const char* wrong : {"", "x", "1.2.3", "1e", "1e9999", "0x10", "-"}) {
    EXPECT_FALSE(ParseExact(wrong, power)) << wrong;
  }
}

TEST(ExactSum, RemembersInfinity) {
  ExactSum sum;
  sum.Add(HUGE_VAL);
  sum.Add(1.0);
  EXPECT_EQ(sum.Round(), HUGE_VAL);
  sum.Add(-HUGE_VAL);
  EXPECT_TRUE(std::isnan(sum.Round()));
  EXPECT_FALSE(sum.finite());
}

TEST(ExactSum, EqualsTheSumOfPartials) {
  SeededRandom random(11);
  for (int round = 0; round < 20'000; ++round) {
    const std::vector<double> values = DrawValues(random, round);
    ExactSum sum;
    for (const double value : values) sum.Add(value);
    EXPECT_EQ(sum.Round(), SumOfPartials(values)) << "round " << round;
  }
}

TEST(ExactSum, IsReadBackAsItWasWritten) {
  SeededRandom random(12);
  for (int round = 0; round < 2'000; ++round) {
    ExactSum sum;
    for (const double value : DrawValues(random, round)) {
      round % 2 == 0 ? sum.Add(value) : sum.AddSquare(value);
    }
    if (round % 7 == 0) sum.Add(HUGE_VAL);
    if (round % 11 == 0) sum.Add(std::nan(""));
    const std::string text = sum.Serialize();
    ASSERT_OK_AND(ExactSum read, ExactSum::Parse(text));
    EXPECT_EQ(read.Serialize(), text);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read.Round()),
              std::bit_cast<std::uint64_t>(sum.Round()));
    if (round % 7 == 0) {  // what was read can still forget
      read.Remove(HUGE_VAL);
      EXPECT_EQ(read.finite(), round % 11 != 0);
    }
  }
  EXPECT_EQ(ExactSum().Serialize(), "0 0 0 0p0");
}

TEST(ExactSum, IsTheSameBytesHoweverItCameAbout) {
  SeededRandom random(13);
  for (int round = 0; round < 500; ++round) {
    const std::vector<double> values = DrawValues(random, round);
    ExactSum whole;
    ExactSum parts[3];
    ExactSum slid;
    for (const double value : values) {
      whole.AddSquare(value);
      whole.Add(value);
      ExactSum& part = parts[random.Below(3)];
      part.Add(value);
      part.AddSquare(value);
      slid.Add(DrawValue(random, round + 1));
      slid.Clear();
    }
    ExactSum merged;
    for (const ExactSum* part : {&parts[2], &parts[0], &parts[1]}) merged.Merge(*part);
    merged.Add(7.25);
    merged.Remove(7.25);
    EXPECT_EQ(merged.Serialize(), whole.Serialize());
    EXPECT_EQ(slid.Serialize(), ExactSum().Serialize());
  }
}

TEST(ExactSum, RefusesBytesThatItDidNotWrite) {
  for (const char* text :
       {"", "0 0 0", "0 0 0 ", "0 0 0 1", "0 0 0 01p0", "0 0 0 1p1", "0 0 0 10p-4", "x 0 0 0p0",
        "0 0 0 -0p0", "0 0 0 0p0 ", "+0 0 0 0p0", "0 0 0 1p999999"}) {
    const auto read = ExactSum::Parse(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.status().code(), Code::kCorruption) << text;
  }
}
}  // namespace
}  // namespace weirhouse

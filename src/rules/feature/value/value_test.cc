#include "rules/feature/value/value.h"

#include <bit>
#include <limits>

#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
std::vector<Value> Sample() {
  return {Value(),
          Value(true),
          Value(std::int64_t{-7}),
          Value(0.1),
          Value(-0.0),
          Value(std::string("a\0b", 3)),
          Value(Timestamp{1'388'434'500'000'000})};
}

TEST(VectorBits, ReadsBackWhatItWrote) {
  ASSERT_OK_AND(const std::vector<Value> back, ParseVectorBits(VectorBits(Sample())));
  ASSERT_EQ(back.size(), Sample().size());
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_TRUE(SameBits(back[i], Sample()[i])) << i;
}

TEST(VectorBits, TellsApartWhatDecimalsDoNot) {
  const std::vector<Value> a = {Value(0.1 + 0.2)};
  const std::vector<Value> b = {Value(0.3)};
  EXPECT_NE(VectorBits(a), VectorBits(b));
  EXPECT_NE(VectorDigest(a), VectorDigest(b));
  EXPECT_EQ(VectorBits(a), "033fd3333333333334");
}

TEST(VectorBits, RefusesOtherText) {
  for (const char* text : {"0", "zz", "03", "0400000005", "07", "02ff"}) {
    EXPECT_FALSE(ParseVectorBits(text).ok()) << text;
  }
}

TEST(SameBits, SeparatesZerosAndJoinsNans) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(SameBits(Value(0.0), Value(-0.0)));
  EXPECT_TRUE(SameBits(Value(nan), Value(nan)));
  EXPECT_FALSE(SameBits(Value(std::int64_t{1}), Value(1.0)));
  EXPECT_FALSE(SameBits(Value(), Value(false)));
}
}  // namespace
}  // namespace weirhouse::feature

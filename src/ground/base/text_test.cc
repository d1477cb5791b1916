#include "ground/base/text.h"

#include <limits>

#include "testing/testing.h"

namespace weirhouse {
namespace {
using ::testing::ElementsAre;

TEST(Text, SplitsJoinsAndTrims) {
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  const std::vector<std::string> parts = {"", "b", "c"};
  EXPECT_EQ(Join(parts, ", "), ", b, c");
  EXPECT_EQ(Trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
}

TEST(Text, KnowsUtf8FromWhatOnlyLooksLikeIt) {
  for (const char* good : {"", "plain", "é", "日本", "\xf0\x9f\x9b\xab", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << EscapeControl(good);
  }
  for (const char* wrong :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "a\xe6\x97", "\xc3("}) {
    EXPECT_FALSE(IsValidUtf8(wrong)) << ::testing::PrintToString(wrong);
  }
}

TEST(Text, SuggestsTheNearestNameOnly) {
  const std::vector<std::string> known = {"arr_delay", "dep_delay", "carrier", "id"};
  EXPECT_EQ(DidYouMean("arr_dleay", known), "did you mean \"arr_delay\"?");
  EXPECT_EQ(DidYouMean("cariers", known), "did you mean \"carrier\"?");
  EXPECT_EQ(DidYouMean("weather", known), "");
  EXPECT_EQ(DidYouMean("xy", known), "");
  EXPECT_EQ(DidYouMean("ARR_DELAY", known), "did you mean \"arr_delay\"?");
  EXPECT_EQ(DidYouMean("carr", known), "did you mean \"carrier\"?") << "the only one that goes on";
  EXPECT_EQ(DidYouMean("carrier_of_the_flight", known), "did you mean \"carrier\"?");
  const std::vector<std::string> longer = {"arrival_delay_minutes", "arrival_delay_hours"};
  EXPECT_EQ(DidYouMean("arr_delay_minutes", longer), "did you mean \"arrival_delay_minutes\"?");
  EXPECT_EQ(DidYouMean("arrival_", longer), "") << "several go on so";
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("", "abcdefgh"), 4) << "capped at the limit and one";
}

TEST(Text, GroupsThousands) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(693'559), "693,559");
  EXPECT_EQ(WithThousands(-1'000), "-1,000");
  EXPECT_EQ(WithThousands(-123), "-123");
  EXPECT_EQ(WithThousands(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Text, LetsNoDataDriveATerminal) {
  EXPECT_EQ(EscapeControl("a\x1b[2Jb\n"), "a\\x1b[2Jb\\x0a");
  EXPECT_EQ(EscapeControl("\xc2\x9b"
                          "2J"),
            "\\u009b2J");
  EXPECT_EQ(EscapeControl("x\xe2\x80\xaey\xe2\x81\xa6"), "x\\u202ey\\u2066");
  EXPECT_EQ(EscapeControl("naïve — 日本 \xc2\xa0"), "naïve — 日本 \xc2\xa0");
  EXPECT_EQ(EscapeControl("\xc2"), "\\xc2") << "half a character, which no reader of UTF-8 takes";
  EXPECT_EQ(EscapeControl("a\xad: \xed\xa0\x80é"), "a\\xad: \\xed\\xa0\\x80é");
}

TEST(Text, QuotesForSql) {
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteLiteral("o'clock"), "'o''clock'");
}
}  // namespace
}  // namespace weirhouse

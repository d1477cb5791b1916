#include "ground/base/time.h"

#include <limits>

#include "testing/testing.h"

namespace weirhouse {
namespace {
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

TEST(Time, ReadsWhatRfc3339Allows) {
  struct Case {
    const char* text;
    std::int64_t us;
  };
  for (const Case& c :
       {Case{"1970-01-01T00:00:00Z", 0}, Case{"1970-01-01 00:00:01z", kSecond},
        Case{"1970-01-01T02:00:00+02:00", 0}, Case{"1970-01-01T00:00Z", 0},
        Case{"1969-12-31T19:00:00-0500", 0}, Case{"1970-01-01T00:00:00.25Z", 250'000},
        Case{"1970-01-01 00:00:00+00", 0}, Case{"1969-12-31T19:00:00-05", 0},
        Case{"1970-01-01T00:00:00.123456000Z", 123'456}, Case{"1969-12-31T23:59:59.999999Z", -1},
        Case{"2000-02-29T00:00:00Z", 11'016 * kDay}}) {
    const auto parsed = ParseTimeMicros(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(*parsed, c.us) << c.text;
  }
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "2013",
                           "2013-02-29T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2013-13-01T00:00:00Z",
                           "2013-00-10T00:00:00Z",
                           "2013-01-01T24:00:00Z",
                           "2013-01-01T00:60:00Z",
                           "2013-01-01T00:00:60Z",
                           "2013-01-01T00:00:00.Z",
                           "2013-01-01T00:00:00.1234567Z",
                           "2013-01-01T00:00:00+2",
                           "2013-01-01T00:00:00+24",
                           "2013-01-01T00:00:00+",
                           "2013-01-01T00:00:00+24:00",
                           "2013-01-01T00:00:00Zx",
                           "2013-01-01x00:00:00Z",
                           "2013/01/01T00:00:00Z",
                           "+013-01-01T00:00:00Z",
                           "2013-01-01T",
                           "2013-01-01T00:00:00 UTC"}) {
    EXPECT_FALSE(ParseTimeMicros(text).ok()) << text;
  }
}

TEST(Time, RefusesAnOffsetThatLeadsOutOfTheYearsThatCanBeWritten) {
  for (const char* text :
       {"0001-01-01T00:00:00+02:00", "0001-01-01T00:00:59.999999+00:01", "0001-01-01 00:30:00+01",
        "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:00-0001", "9999-12-31T01:00:00-23:00"}) {
    const auto parsed = ParseTimeMicros(text);
    ASSERT_FALSE(parsed.ok()) << text << " is " << FormatTime(*parsed);
    EXPECT_THAT(parsed.status().message(),
                ::testing::HasSubstr("its offset leads outside the years 0001 to 9999"));
  }
  // Up to the ends, and by an offset that leads back in.
  for (const char* text :
       {"0001-01-01T00:00:00Z", "0001-01-01T02:00:00+02:00", "9999-12-31T23:59:59.999999Z",
        "9999-12-31T22:59:59-01:00", "0001-01-01T00:00:00-14:00", "9999-12-31T23:59:59+14:00"}) {
    const auto parsed = ParseTimeMicros(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(ParseTimeMicros(FormatTime(*parsed)).value(), *parsed) << text;
  }
}

TEST(Time, TakesATimeWithoutZoneOnlyWhenToldItIsUtc) {
  EXPECT_FALSE(ParseTimeMicros("1970-01-02").ok());
  EXPECT_FALSE(ParseTimeMicros("1970-01-02T00:00:00").ok());
  EXPECT_EQ(ParseTimeMicros("1970-01-02", true).value(), kDay);
  EXPECT_EQ(ParseTimeMicros("1970-01-02T00:00", true).value(), kDay);
}

TEST(Time, PrintsAsShortAsExactAndReadsItBack) {
  EXPECT_EQ(FormatTime(std::int64_t{0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(std::int64_t{-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTime(std::int64_t{250'000}), "1970-01-01T00:00:00.25Z");
  EXPECT_EQ(FormatDate(-1), "1969-12-31");
  for (std::int64_t us = -60'000'000 * kSecond; us < 4'000'000'000 * kSecond;
       us += 7'654'321'234'567) {
    ASSERT_EQ(ParseTimeMicros(FormatTime(us)).value(), us);
  }
}

TEST(Time, PrintsEvenTheEndsOfTheRange) {
  EXPECT_EQ(FormatTime(std::numeric_limits<std::int64_t>::max()), "294247-01-10T04:00:54.775807Z");
  EXPECT_EQ(FormatTime(std::numeric_limits<std::int64_t>::min()), "-290308-12-21T19:59:05.224192Z");
}

TEST(Time, TurnsDaysIntoDatesAndBack) {
  for (std::int64_t day = -800'000; day < 800'000; day += 13) {
    const Civil civil = CivilFromDays(day);
    ASSERT_EQ(DaysFromCivil(civil.year, civil.month, civil.day), day);
  }
  EXPECT_EQ(DaysFromCivil(2013, 1, 1), 15'706);
}

TEST(Duration, ReadsAndPrintsTheFormsPeopleUse) {
  for (const char* text : {"250ms", "90s", "30m", "1h", "24h", "7d", "2d", "14d", "3us"}) {
    const auto us = ParseDurationMicros(text);
    ASSERT_TRUE(us.ok()) << text;
    EXPECT_EQ(FormatDuration(*us), text);
  }
  EXPECT_EQ(ParseDurationMicros("2w").value(), 14 * kDay);
  EXPECT_EQ(FormatDuration(0), "0us");
}

TEST(Duration, RefusesTheRest) {
  for (const char* text : {"", "h", "1", "-1h", "1.5h", "1 h", "1y", "1h30m", "99999999999999d"}) {
    EXPECT_FALSE(ParseDurationMicros(text).ok()) << text;
  }
}
}  // namespace
}  // namespace weirhouse

#include "work/events/delivery_rule.h"

#include <gtest/gtest.h>

namespace weirhouse::work {
namespace {
TEST(WaitAfter, GrowsFromASecondToTenMinutes) {
  EXPECT_EQ(WaitAfter(1, 0), std::chrono::seconds(1));
  for (int tries = 1; tries < 1000; ++tries) {
    EXPECT_GE(WaitAfter(tries + 1, 0), WaitAfter(tries, 0));
    EXPECT_LE(WaitAfter(tries, 0.999), kLongestWaitWithJitter);
  }
  EXPECT_EQ(WaitAfter(1000, 0), kLongestWait);
}

TEST(WaitAfter, IsNoLongerThanHalfOfWhatHasPassed) {
  // Whoever comes back after a minute or an hour does not wait long for what he missed.
  std::chrono::microseconds passed{0};
  for (int tries = 1; WaitAfter(tries, 0) < kLongestWait; ++tries) {
    if (passed > std::chrono::seconds(10)) {
      EXPECT_LT(WaitAfter(tries, 0.999), passed / 2);
    }
    passed += WaitAfter(tries, 0);
  }
}

TEST(WaitAfter, JitterLengthensByAQuarterAtMost) {
  for (const int tries : {1, 5, 20, 100}) {
    EXPECT_GT(WaitAfter(tries, 0.5), WaitAfter(tries, 0));
    EXPECT_LE(WaitAfter(tries, 1), WaitAfter(tries, 0) * 5 / 4);
  }
}

TEST(TriesMax, LastForADay) {
  std::chrono::microseconds waited{0};
  for (int tries = 1; tries < TriesMax(); ++tries) waited += WaitAfter(tries, 0);
  EXPECT_GE(waited, std::chrono::hours(24));
  EXPECT_LT(waited, std::chrono::hours(25));
}
}  // namespace
}  // namespace weirhouse::work

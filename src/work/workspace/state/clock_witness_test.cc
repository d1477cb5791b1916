#include "work/workspace/state/clock_witness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kDayUs = 24 * kHourUs;

ClockSight At(std::int64_t up_us, std::int64_t wall_us) { return {"boot", up_us, wall_us, 0, 0}; }

TEST(ClockWitness, SeesNoJumpWhereBothClocksWentOn) {
  const ClockSight seen = After(At(kHourUs, 100 * kDayUs), At(25 * kHourUs, 101 * kDayUs));
  EXPECT_FALSE(AgeInDoubt(seen, std::chrono::hours(24)).has_value());
  // A server of time set it right by some seconds.
  const ClockSight right = After(At(kHourUs, 100 * kDayUs), At(kHourUs, 100 * kDayUs + 30'000'000));
  EXPECT_FALSE(AgeInDoubt(right, std::chrono::hours(24)).has_value());
}

TEST(ClockWitness, DoubtsAgesAfterAJumpUntilTheAgeHasPassed) {
  for (const std::int64_t jump : {300 * kDayUs, -400 * kDayUs}) {
    ClockSight seen = After(At(kHourUs, 1000 * kDayUs), At(2 * kHourUs, 1000 * kDayUs + jump));
    const auto doubt = AgeInDoubt(seen, std::chrono::hours(24));
    ASSERT_TRUE(doubt.has_value());
    EXPECT_THAT(*doubt,
                ::testing::HasSubstr(jump > 0 ? "forward by 299 days" : "back by 400 days"));
    EXPECT_FALSE(AgeInDoubt(seen, std::chrono::seconds(0)).has_value());
    // Both go on: after the age it is sound again.
    seen = After(seen, At(13 * kHourUs, seen.wall_us + 11 * kHourUs));
    EXPECT_TRUE(AgeInDoubt(seen, std::chrono::hours(24)).has_value());
    EXPECT_FALSE(AgeInDoubt(seen, std::chrono::hours(11)).has_value());
    seen = After(seen, At(26 * kHourUs, seen.wall_us + 13 * kHourUs));
    EXPECT_FALSE(AgeInDoubt(seen, std::chrono::hours(24)).has_value());
  }
}

TEST(ClockWitness, SaysNothingAfterAStartOfTheMachine) {
  ClockSight other = At(60'000'000, 5000 * kDayUs);
  other.boot = "another";
  EXPECT_FALSE(
      AgeInDoubt(After(At(kHourUs, 1000 * kDayUs), other), std::chrono::hours(24)).has_value());
}

TEST(ClockWitness, RemembersWhatWritersSaw) {
  const testing::ScratchFolder scratch;
  const std::string folder = scratch / "state";
  ASSERT_OK(platform::LocalStore().MakeFolder(folder));
  ManualClock clock(SystemClock().Now());
  EXPECT_EQ(LookAtClock(platform::LocalStore(), folder, clock).jump_us, 0);
  WatchClock(platform::LocalStore(), folder, clock);
  clock.Advance(std::chrono::hours(24 * 365));
  EXPECT_EQ(LookAtClock(platform::LocalStore(), folder, clock).jump_us, 0);
  clock.Jump(std::chrono::hours(24 * 365));
  // Who only looks leaves nothing behind.
  EXPECT_NE(LookAtClock(platform::LocalStore(), folder, clock).jump_us, 0);
  EXPECT_NE(WatchClock(platform::LocalStore(), folder, clock).jump_us, 0);
  const auto doubt =
      AgeInDoubt(WatchClock(platform::LocalStore(), folder, clock), std::chrono::hours(1));
  EXPECT_TRUE(doubt.has_value());
  ASSERT_OK(platform::LocalStore().Replace(folder + "/clock", "{ no"));
  EXPECT_EQ(WatchClock(platform::LocalStore(), folder, clock).jump_us, 0);
}
}  // namespace
}  // namespace weirhouse::work

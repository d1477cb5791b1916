#include "ground/base/status.h"

#include <unistd.h>

#include <cstdlib>

#include "ground/base/failpoint.h"
#include "ground/base/id.h"
#include "ground/base/random.h"
#include "testing/testing.h"

namespace weirhouse {
namespace {
TEST(Reason, IsAskedOfAStatusAndGivesItTheCodeOfItsPage) {
  constexpr Reason kMoved{"WH7002"};
  constexpr Reason kOther{"WH7003"};
  const Status status = Status(Code::kConflict, "moved").WithError(kMoved);
  EXPECT_EQ(status.error_code(), "WH7002");
  EXPECT_TRUE(status.Is(kMoved));
  EXPECT_FALSE(status.Is(kOther));
  EXPECT_FALSE(Status().Is(kMoved));
  // A status with a new message keeps its reason.
  EXPECT_TRUE(Status(Code::kConflict, "again").WithError(status.error_code()).Is(kMoved));
}

TEST(Status, CarriesWhatPeopleNeedThroughContexts) {
  const Status status = Status(Code::kInvalidInput, "value above maximum")
                            .WithError("WH1204")
                            .WithHint("raise the maximum")
                            .WithContext("record 7");
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.message(), "record 7: value above maximum");
  EXPECT_EQ(status.error_code(), "WH1204");
  EXPECT_EQ(status.hint(), "raise the maximum");
}

TEST(Status, CopiesAreNotChangedByWhatIsBuiltFromThem) {
  const Status first(Code::kNotFound, "no such run");
  const Status second = Status(first).WithContext("r7").WithHint("list the runs");
  EXPECT_EQ(first.message(), "no such run");
  EXPECT_EQ(first.hint(), "");
  EXPECT_EQ(second.message(), "r7: no such run");
}

TEST(Status, MapsEachCodeToItsExitCode) {
  const std::pair<Code, int> expected[] = {
      {Code::kOk, 0},         {Code::kInvalidInput, 2},     {Code::kGateFailed, 3},
      {Code::kConflict, 5},   {Code::kContractRefused, 4},  {Code::kNotFound, 6},
      {Code::kInternal, 1},   {Code::kPermissionDenied, 7}, {Code::kUnavailable, 8},
      {Code::kCorruption, 11}};
  for (const auto& [code, exit_code] : expected) EXPECT_EQ(ExitCode(code), exit_code);
}

TEST(Result, HoldsAValueOrTheReason) {
  const auto half = [](int value) -> Result<int> {
    if (value % 2 != 0) return Status(Code::kInvalidInput, "odd");
    return value / 2;
  };
  const auto quarter = [&](int value) -> Result<int> {
    WEIRHOUSE_TRY(const int first, half(value));
    return half(first);
  };
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).status().message(), "odd");
  EXPECT_EQ(Result<int>(Status()).status().code(), Code::kInternal);
}

TEST(Check, EndsTheProcessAndSaysWhere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // other tests have started threads
  EXPECT_DEATH(WEIRHOUSE_CHECK(1 + 1 == 3), "1 \\+ 1 == 3");
}

TEST(Id, IsReadFromWhatItPrintsAndNothingElse) {
  EXPECT_EQ(ToString(RunId(1104)), "r1104");
  EXPECT_EQ(ParseRunId("r1104").value(), RunId(1104));
  EXPECT_EQ(ParseObjectId("o7").value(), ObjectId(7));
  for (const char* text : {"", "r", "1104", "o7", "r0", "r-1", "r1x", "r99999999999999999999"}) {
    EXPECT_FALSE(ParseRunId(text).ok()) << text;
  }
}

TEST(Random, IsReplayedByItsSeed) {
  SeededRandom one(7);
  SeededRandom same(7);
  SeededRandom other(8);
  EXPECT_EQ(one.Uuid4(), same.Uuid4());
  EXPECT_NE(one.Next(), other.Next());
  for (int i = 0; i < 1000; ++i) {
    const double unit = one.Unit();
    ASSERT_TRUE(unit >= 0 && unit < 1);
    ASSERT_GT(one.PositiveId(), 0);
  }
}

TEST(Random, MakesUuidsOfTheirVersionAndSortedByTime) {
  SeededRandom random(7);
  EXPECT_THAT(random.Uuid4(),
              ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                      "[0-9a-f]{12}"));
  const std::string early = random.Uuid7(ProcessTimeOfMicros(1'700'000'000'000'000));
  const std::string late = random.Uuid7(ProcessTimeOfMicros(1'700'000'000'001'000));
  EXPECT_EQ(early[14], '7');
  EXPECT_LT(early, late);
}

#ifdef WEIRHOUSE_FAILPOINTS
TEST(Failpoint, EndsTheProcessAtTheHitThatWasAsked) {
  const auto reach = [](const char* armed, int times) {
    setenv("WEIRHOUSE_FAILPOINT", armed, 1);
    for (int i = 0; i < times; ++i) {
      WEIRHOUSE_FAILPOINT("test.other");
      WEIRHOUSE_FAILPOINT("test.place");
    }
    _exit(0);
  };
  EXPECT_EXIT(reach("test.place", 1), ::testing::ExitedWithCode(137), "");
  EXPECT_EXIT(reach("test.place:3", 2), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(reach("test.place:3", 3), ::testing::ExitedWithCode(137), "");
  EXPECT_EXIT(reach("test", 3), ::testing::ExitedWithCode(0), "");
}

TEST(Planted, AnswersForWholeNamesOnly) {
  const auto planted = [](const char* bugs, const char* bug) {
    setenv("WEIRHOUSE_PLANT", bugs, 1);
    _exit(Planted(bug) ? 1 : 0);
  };
  EXPECT_EXIT(planted("early_ack,lost_fsync", "lost_fsync"), ::testing::ExitedWithCode(1), "");
  EXPECT_EXIT(planted("early_ack,lost_fsync", "fsync"), ::testing::ExitedWithCode(0), "");
}
#endif
}  // namespace
}  // namespace weirhouse

#include "rules/gate/history/history.h"

#include <arrow/api.h>

#include <cmath>

#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using ::testing::ElementsAre;
using WindowState = WindowRuns::State;

class HistoryTest : public GateTest {
 protected:
  // The days of the runs in a window before the batch of `day`.
  std::vector<std::string> DaysIn(const char* window, std::int64_t day) {
    std::vector<std::string> days;
    for (const PublishedBatch* run : Runs(window, day, 1).runs) days.push_back(run->batch);
    return days;
  }
  WindowRuns Runs(const char* window, std::int64_t day, int needed) {
    return RunsInWindow(ParseWindow(window).value(), history_, DayEnd(day), needed,
                        [](const PublishedBatch&) { return true; });
  }
  void PublishDays(std::initializer_list<std::int64_t> days) {
    for (const std::int64_t day : days) history_.push_back(Published(day, 10));
  }
  std::vector<PublishedBatch> history_;
};

TEST_F(HistoryTest, ASpanIncludesItsOldestEndAndNotTheBatchItself) {
  PublishDays({71, 72, 73, 99, 100, 101});
  // Day 72 ends exactly 28 days before day 100 ends.
  EXPECT_THAT(DaysIn("28d", 100), ElementsAre("day72", "day73", "day99"));
}

TEST_F(HistoryTest, SameWeekdayIsSevenFourteenTwentyOneAndTwentyEightDaysBefore) {
  PublishDays({65, 72, 73, 79, 86, 92, 93, 94, 100});
  EXPECT_THAT(DaysIn("same_weekday_4w", 100), ElementsAre("day72", "day79", "day86", "day93"));
}

TEST_F(HistoryTest, SameHourLooksAtEachDay) {
  for (std::int64_t hour = 0; hour < 24 * 5; ++hour) {
    PublishedBatch run = Published(0, 10);
    run.batch = fmt::format("h{}", hour);
    run.batch_end = EventTimeOfMicros((hour + 1) * 3'600'000'000);
    history_.push_back(run);
  }
  std::vector<std::string> found;
  const WindowRuns runs = RunsInWindow(ParseWindow("3d_same_hour").value(), history_,
                                       EventTimeOfMicros((24 * 4 + 7 + 1) * 3'600'000'000LL), 1,
                                       [](const PublishedBatch&) { return true; });
  for (const PublishedBatch* run : runs.runs) found.push_back(run->batch);
  EXPECT_THAT(found, ElementsAre("h31", "h55", "h79"));
}

TEST_F(HistoryTest, OfSeveralRunsOnOneDayTheNearestInTimeCounts) {
  PublishDays({93});
  PublishedBatch noon = Published(93, 10);
  noon.batch = "noon";
  noon.batch_end = EventTimeOfMicros(Micros(DayEnd(93)) - kTestDayUs / 2);
  history_.push_back(noon);
  EXPECT_THAT(DaysIn("same_weekday_1w", 100), ElementsAre("day93"));
}

TEST_F(HistoryTest, WarmsUntilTheWindowHasFirstBeenFull) {
  EXPECT_EQ(Runs("28d", 0, 3).state, WindowState::kWarming);
  PublishDays({0, 1});
  EXPECT_EQ(Runs("28d", 2, 3).state, WindowState::kWarming);
  PublishDays({2});
  EXPECT_EQ(Runs("28d", 3, 3).state, WindowState::kReady);
  // After a pause of two months the window is empty: that is no warm-up any more.
  EXPECT_EQ(Runs("28d", 63, 3).state, WindowState::kMissing);
  PublishDays({63});
  EXPECT_EQ(Runs("28d", 64, 3).state, WindowState::kMissing);
}

TEST_F(HistoryTest, RunsTooFarApartNeverFillAWindow) {
  PublishDays({0, 40, 80});
  EXPECT_EQ(Runs("28d", 81, 2).state, WindowState::kWarming);
}

TEST_F(HistoryTest, ARunThatRestartsTheWarmUpMakesWhatFollowsWarm) {
  PublishDays({0, 1, 2, 63});
  EXPECT_EQ(Runs("28d", 64, 3).state, WindowState::kMissing);
  history_.back().restarts_warmup = true;
  EXPECT_EQ(Runs("28d", 63, 3).state, WindowState::kMissing);
  EXPECT_EQ(Runs("28d", 64, 3).state, WindowState::kWarming);
  PublishDays({64, 65});
  EXPECT_EQ(Runs("28d", 66, 3).state, WindowState::kReady);
  EXPECT_EQ(Runs("28d", 120, 3).state, WindowState::kMissing);
}

TEST_F(HistoryTest, ARestartIsHeardWhateverItsProfileHolds) {
  PublishDays({0, 1, 2, 63});
  history_.back().restarts_warmup = true;
  const WindowRuns runs =
      RunsInWindow(ParseWindow("28d").value(), history_, DayEnd(64), 3,
                   [](const PublishedBatch& run) { return !run.restarts_warmup; });
  EXPECT_EQ(runs.state, WindowState::kWarming);
}

TEST_F(HistoryTest, AWeekdayThatMissedOneDayWarmsAfterOneRestart) {
  for (std::int64_t day = 0; day < 105; ++day) {
    if (day != 35) history_.push_back(Published(day, 10));
    if (day == 42) history_.back().restarts_warmup = true;
  }
  EXPECT_EQ(Runs("same_weekday_4w", 42, 4).state, WindowState::kMissing);
  for (const std::int64_t day : {49, 56, 63}) {
    EXPECT_EQ(Runs("same_weekday_4w", day, 4).state, WindowState::kWarming) << day;
  }
  EXPECT_EQ(Runs("same_weekday_4w", 70, 4).state, WindowState::kReady);
  EXPECT_EQ(Runs("same_weekday_4w", 50, 4).state, WindowState::kReady);
}

TEST_F(HistoryTest, AWeekdayThatNeverCameWarmsByItself) {
  for (std::int64_t day = 0; day < 60; ++day) {
    if (day % 7 != 3) history_.push_back(Published(day, 10));
  }
  EXPECT_EQ(Runs("same_weekday_4w", 59, 4).state, WindowState::kWarming);
}

TEST_F(HistoryTest, AWeekdayWindowWithAHoleIsMissingOnceItWasFull) {
  PublishDays({2, 9, 16, 23});
  EXPECT_EQ(Runs("same_weekday_4w", 29, 4).state, WindowState::kWarming);
  EXPECT_EQ(Runs("same_weekday_4w", 30, 4).state, WindowState::kReady);
  EXPECT_EQ(Runs("same_weekday_4w", 37, 4).state, WindowState::kMissing);
}

TEST_F(HistoryTest, OrderOfTheHistoryDoesNotShow) {
  PublishDays({99, 73, 72, 86});
  EXPECT_THAT(DaysIn("28d", 100), ElementsAre("day72", "day73", "day86", "day99"));
}

TEST_F(HistoryTest, RowCountChangeIsAgainstTheMedian) {
  SetNumbers(std::vector<std::string>(80, "1"));
  const std::string check = "row_count_change: { vs: same_weekday_4w, within: 60%, warmup: 4 }";
  EXPECT_EQ(StateOf(check), State::kWarming);
  for (const auto& [day, rows] : {std::pair{72, 10}, {79, 100}, {86, 300}, {93, 900}}) {
    input_.history.push_back(Published(day, rows));
  }
  // Median of 10, 100, 300, 900 is 200; 60 % of it is 120.
  EXPECT_EQ(StateOf(check), State::kPassed);
  SetNumbers(std::vector<std::string>(79, "1"));
  EXPECT_EQ(StateOf(check), State::kFailed);
  EXPECT_EQ(JudgeOne(check).reason, "rows −60 %");
  SetNumbers(std::vector<std::string>(320, "1"));
  EXPECT_EQ(StateOf(check), State::kPassed);
  SetNumbers(std::vector<std::string>(321, "1"));
  EXPECT_EQ(StateOf(check), State::kFailed);
}

TEST_F(HistoryTest, RowCountChangeFromNothingFailsUnlessThereIsNothing) {
  input_.history.push_back(Published(93, 0));
  SetNumbers({"1"});
  EXPECT_EQ(StateOf("row_count_change: { vs: same_weekday_1w, within: 60% }"), State::kFailed);
  SetNumbers({});
  EXPECT_EQ(StateOf("row_count_change: { vs: same_weekday_1w, within: 60% }"), State::kPassed);
}

TEST_F(HistoryTest, WithoutAWarmUpNoBaselineIsNotEvaluated) {
  SetNumbers({"1"});
  input_.history = {Published(10, 5, {1, 2}), Published(11, 5, {1, 2})};
  EXPECT_EQ(StateOf("mean: { column: n, within: 3 sigma of 28d }"), State::kNotEvaluated);
  EXPECT_FALSE(Judge("  - mean: { column: n, within: 3 sigma of 28d }\n").publishes());
}

TEST_F(HistoryTest, AWarningNeverHaltsForWantOfHistoryAndRestartsTheWarmUp) {
  SetNumbers({"1"});
  input_.history = {Published(10, 5, {1, 2}), Published(11, 5, {1, 2})};
  const GateReport report =
      Judge("  - mean: { column: n, within: 3 sigma of 28d, severity: warn }\n");
  EXPECT_EQ(report.checks[0].state, State::kWarned);
  EXPECT_EQ(report.checks[0].reason, "not evaluated: mean(n) has 0 of 2 runs in 28d");
  EXPECT_TRUE(report.publishes());
  const auto metric = MakeProfileMetric(report, true);
  ASSERT_OK_AND(const auto history, ReadHistory(std::span(&metric, 1)));
  EXPECT_TRUE(history[0].restarts_warmup);
  EXPECT_FALSE(Judge("  - row_count: { min: 1 }\n").lacked_history);
}

TEST_F(HistoryTest, ARunWhoseStatisticIsInfiniteIsNoHistory) {
  arrow::DoubleBuilder builder;
  ASSERT_TRUE(builder.AppendValues(std::vector<double>{1, HUGE_VAL}).ok());
  PublishedBatch infinite = Published(97, 2, {1});
  auto profile = std::make_shared<BatchProfile>();
  profile->rows = 2;
  profile->columns["n"] =
      ProfileColumn(arrow::ChunkedArray(builder.Finish().ValueOrDie()), CountValues::kCapped)
          .value();
  infinite.profile = profile;
  input_.history = {infinite, Published(98, 2, {5, 5}), Published(99, 1, {7})};
  SetNumbers({"6"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 2 sigma of 28d }"), State::kPassed);
}

TEST_F(HistoryTest, SigmasAtTheirBoundHold) {
  input_.history = {Published(97, 1, {10}), Published(98, 1, {20}), Published(99, 1, {30})};
  SetNumbers({"40"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 2 sigma of 28d }"), State::kPassed);
  SetNumbers({"40", "40", "41"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 2 sigma of 28d }"), State::kFailed);
}

TEST_F(HistoryTest, MeanWithinSigmasIsOverOneValuePerRun) {
  // Means 10, 12, 14: mean 12, deviation 2.
  input_.history = {Published(97, 3, {9, 10, 11}), Published(98, 2, {12, 12}),
                    Published(99, 1, {14})};
  const std::string check = "mean: { column: n, within: 2 sigma of 28d, warmup: 3 }";
  SetNumbers({"16"});
  EXPECT_EQ(StateOf(check), State::kPassed);
  SetNumbers({"8", "null"});
  EXPECT_EQ(StateOf(check), State::kPassed);
  SetNumbers({"17"});
  const CheckResult off = JudgeOne(check);
  EXPECT_EQ(off.state, State::kFailed);
  EXPECT_EQ(off.reason, "mean(n) 17 is 2.5 sigma off (limit 2)");
  EXPECT_EQ(off.detail["mean"], 12.0);
  EXPECT_EQ(off.detail["sd"], 2.0);
}

TEST_F(HistoryTest, AHistoryThatNeverVariedAllowsOnlyItself) {
  input_.history = {Published(98, 2, {5, 5}), Published(99, 1, {5})};
  SetNumbers({"5"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 8 sigma of 28d }"), State::kPassed);
  SetNumbers({"6"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 8 sigma of 28d }"), State::kFailed);
}

TEST_F(HistoryTest, RunsWithoutAProfileOfTheColumnAreNoHistoryForIt) {
  input_.history = {Published(97, 5), Published(98, 5), Published(99, 2, {5, 6})};
  SetNumbers({"5"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 8 sigma of 28d, warmup: 2 }"), State::kWarming);
}

TEST_F(HistoryTest, AProfileThatWasNotLoadedIsAnError) {
  input_.history = {{"day99", DayEnd(99), nullptr}};
  SetNumbers({"5"});
  EXPECT_EQ(StateOf("row_count_change: { vs: 28d, within: 60% }"), State::kError);
}

TEST_F(HistoryTest, HistoryChecksCanBeTurnedOff) {
  input_.history_checks = false;
  SetNumbers({"5"});
  EXPECT_EQ(StateOf("mean: { column: n, within: 8 sigma of 28d }"), State::kSkipped);
  EXPECT_EQ(StateOf("row_count_change: { vs: 28d, within: 60% }"), State::kSkipped);
  EXPECT_EQ(StateOf("distribution: { column: n, test: psi, baseline: 28d, max: 1 }"),
            State::kSkipped);
  EXPECT_EQ(StateOf("mean: { column: n, max: 4 }"), State::kFailed);
  EXPECT_EQ(Judge("  - row_count_change: { vs: 28d, within: 60% }\n").state, State::kPassed);
}

class DriftCheckTest : public HistoryTest {
 protected:
  void SetUp() override {
    HistoryTest::SetUp();
    for (std::int64_t day = 90; day < 100; ++day) {
      std::vector<std::int64_t> numbers;
      for (std::int64_t i = 0; i < 100; ++i) numbers.push_back(i);
      input_.history.push_back(Published(day, 100, numbers));
    }
  }
  void SetShifted(int by, int rows = 100) {
    std::vector<std::string> values;
    for (int i = 0; i < rows; ++i) values.push_back(std::to_string(i % 100 + by));
    SetNumbers(values);
  }
};

TEST_F(DriftCheckTest, BelowMinRowsTooFewDecides) {
  SetShifted(0, 99);
  const std::string check =
      "distribution: { column: n, test: psi, baseline: 28d, max: 1, min_rows: 100";
  EXPECT_EQ(StateOf(check + " }"), State::kFailed);
  EXPECT_EQ(StateOf(check + ", too_few: skip }"), State::kSkipped);
  EXPECT_EQ(JudgeOne(check + ", too_few: skip }").reason, "too few rows (99, needs 100)");
  SetShifted(0, 100);
  EXPECT_EQ(StateOf(check + " }"), State::kPassed);
  EXPECT_EQ(StateOf("distribution: { column: n, test: psi, baseline: 28d, max: 1, min_rows: 1001, "
                    "too_few: skip }"),
            State::kSkipped);
}

TEST_F(DriftCheckTest, ABaselineBelowMinRowsIsWantOfHistory) {
  input_.history = {Published(99, 50, std::vector<std::int64_t>(50, 1))};
  SetShifted(0, 100);
  const std::string check =
      "distribution: { column: n, test: psi, baseline: 28d, max: 1, min_rows: 100";
  const CheckResult result = JudgeOne(check + " }");
  EXPECT_EQ(result.state, State::kNotEvaluated);
  EXPECT_EQ(result.reason, "not evaluated: psi(n) has 50 rows in its baseline, needs 100");
  EXPECT_EQ(StateOf(check + ", severity: warn }"), State::kWarned);
  EXPECT_EQ(StateOf(check + ", too_few: skip }"), State::kSkipped);
}

TEST_F(DriftCheckTest, AHeavyValueOfTheBaselineHidesNothing) {
  input_.history.clear();
  for (std::int64_t day = 93; day < 100; ++day) {
    std::vector<std::int64_t> numbers;
    for (int i = 0; i < 1000; ++i) numbers.push_back(i % 100 < 95 ? 0 : i % 100 - 94);
    input_.history.push_back(Published(day, 1000, numbers));
  }
  for (const char* test : {"psi", "kl", "js", "chi2"}) {
    const std::string check =
        fmt::format("distribution: {{ column: n, test: {}, baseline: 28d, max: 0.2 }}", test);
    std::vector<std::string> same;
    for (int i = 0; i < 1000; ++i) {
      same.push_back(std::to_string(i % 100 < 95 ? 0 : i % 100 - 94));
    }
    SetNumbers(same);
    EXPECT_EQ(StateOf(check), State::kPassed) << test;
    std::vector<std::string> moved;
    for (int i = 0; i < 1000; ++i) moved.push_back(std::to_string(1000 + i));
    SetNumbers(moved);
    EXPECT_EQ(StateOf(check), State::kFailed) << test;
    // The rare values alone move: from 1…5 to 5.
    std::vector<std::string> rare;
    for (int i = 0; i < 1000; ++i) rare.push_back(i % 100 < 95 ? "0" : "5");
    SetNumbers(rare);
    const double least = std::string(test) == "js" ? 0.005 : 0.05;
    EXPECT_GT(JudgeOne(check).observed.get<double>(), least) << test;
  }
}

TEST_F(DriftCheckTest, AConstantBaselineSeesWhatIsAboveAndBelow) {
  input_.history = {Published(99, 1000, std::vector<std::int64_t>(1000, 7))};
  for (const char* bins : {"", ", width: 10"}) {
    for (const char* value : {"6", "8", "700"}) {
      SetNumbers(std::vector<std::string>(1000, value));
      EXPECT_EQ(StateOf(fmt::format("distribution: {{ column: n, test: psi, baseline: 28d, "
                                    "max: 1{} }}",
                                    bins)),
                State::kFailed)
          << value << bins;
    }
    SetNumbers(std::vector<std::string>(1000, "7"));
    EXPECT_EQ(StateOf(fmt::format(
                  "distribution: {{ column: n, test: psi, baseline: 28d, max: 0{} }}", bins)),
              State::kPassed);
  }
}

TEST_F(DriftCheckTest, WhatWouldHideAMoveIsNotEvaluated) {
  std::vector<std::int64_t> skewed(990, 0);
  for (int i = 0; i < 10; ++i) skewed.push_back(100'000 + i);
  input_.history = {Published(99, 1000, skewed)};
  SetNumbers(std::vector<std::string>(1000, "5"));
  const CheckResult result =
      JudgeOne("distribution: { column: n, test: psi, baseline: 28d, max: 1, width: 10 }");
  EXPECT_EQ(result.state, State::kNotEvaluated);
  EXPECT_EQ(result.reason,
            "not evaluated: psi(n) would hide a move: 990 of 1,000 values of the baseline lie in "
            "one of the 10 bins of equal width");
  EXPECT_EQ(StateOf("distribution: { column: n, test: psi, baseline: 28d, max: 1 }"),
            State::kFailed);
}

TEST_F(DriftCheckTest, NanAndInfinitiesOfThePastBreakNothing) {
  arrow::DoubleBuilder builder;
  std::vector<double> past;
  for (int i = 0; i < 100; ++i) past.push_back(i);
  past[0] = std::nan("");
  past[1] = HUGE_VAL;
  past[2] = -HUGE_VAL;
  ASSERT_TRUE(builder.AppendValues(past).ok());
  auto profile = std::make_shared<BatchProfile>();
  profile->rows = 100;
  profile->columns["x"] =
      ProfileColumn(arrow::ChunkedArray(builder.Finish().ValueOrDie()), CountValues::kCapped)
          .value();
  input_.history = {{"day99", DayEnd(99), profile}};
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += (i == 0 ? "" : ",") + fmt::format(R"({{"x":{}}})", i);
  SetRows("[" + rows + "]");
  for (const auto& [test, bound] : std::initializer_list<std::pair<const char*, const char*>>{
           {"ks", "min_p: 0.01"},
           {"psi", "max: 0.5"},
           {"js", "max: 0.1"},
           {"chi2", "min_p: 0.01"},
           {"wasserstein", "max: 3"},
           {"wasserstein", "max: 1, scale: sd"}}) {
    EXPECT_EQ(StateOf(fmt::format(
                  "distribution: {{ column: x, test: {}, baseline: 28d, {}, min_rows: 50 }}", test,
                  bound)),
              State::kPassed)
        << test;
  }
}

TEST_F(DriftCheckTest, ARunOfAnotherTypeIsNoHistory) {
  auto profile = std::make_shared<BatchProfile>();
  profile->rows = 100;
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append("a").ok());
  profile->columns["n"] =
      ProfileColumn(arrow::ChunkedArray(builder.Finish().ValueOrDie()), CountValues::kCapped)
          .value();
  input_.history.push_back({"texts", DayEnd(98), profile});
  SetShifted(0, 100);
  EXPECT_EQ(StateOf("distribution: { column: n, test: psi, baseline: 28d, max: 1, min_rows: 100 }"),
            State::kPassed);
}

TEST_F(DriftCheckTest, EqualBatchesHaveNoDistanceThoughTheBaselineIsSampled) {
  std::vector<std::int64_t> numbers;
  std::vector<std::string> texts;
  for (int i = 0; i < 6'000; ++i) {
    numbers.push_back(i < 5'998 ? i : 1'000'000'000 + i);
    texts.push_back(std::to_string(numbers.back()));
  }
  input_.history = {Published(99, 6'000, numbers)};
  SetNumbers(texts);
  for (const char* test : {"wasserstein", "ks", "psi", "js", "kl"}) {
    const CheckResult result = JudgeOne(
        fmt::format("distribution: {{ column: n, test: {}, baseline: 28d, max: 0 }}", test));
    EXPECT_EQ(result.state, State::kPassed) << test << result.reason;
    EXPECT_EQ(result.detail["baseline_sampled"], true);
  }
  // A few values far out are seen all the same.
  texts[0] = "999999999999";
  SetNumbers(texts);
  EXPECT_GT(JudgeOne("distribution: { column: n, test: wasserstein, baseline: 28d, max: 0 }")
                .observed.get<double>(),
            1e8);
}

TEST_F(DriftCheckTest, EachTestStaysLowWithoutDriftAndFailsWithIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"psi", "max: 0.1"},       {"ks", "max: 0.1"},
      {"ks", "min_p: 0.01"},     {"js", "max: 0.05"},
      {"kl", "max: 0.1"},        {"js_distance", "max: 0.2"},
      {"chi2", "min_p: 0.01"},   {"chi2", "max: 20"},
      {"wasserstein", "max: 5"}, {"wasserstein", "max: 0.2, scale: sd"}};
  for (const auto& [test, bound] : cases) {
    const std::string check = fmt::format(
        "distribution: {{ column: n, test: {}, baseline: 28d, {}, min_rows: 100 }}", test, bound);
    SetShifted(0);
    EXPECT_EQ(StateOf(check), State::kPassed) << check << last_error_;
    SetShifted(60);
    EXPECT_EQ(StateOf(check), State::kFailed) << check << last_error_;
  }
}

TEST_F(DriftCheckTest, ASurgeOfNullsIsDriftUnlessNullsAreIgnored) {
  std::string rows;
  for (int i = 0; i < 200; ++i) {
    rows += (i == 0 ? "" : ",") + (i < 100 ? fmt::format(R"({{"n":{}}})", i) : std::string("{}"));
  }
  SetRows("[" + rows + "]");
  const std::string check =
      "distribution: { column: n, test: psi, baseline: 28d, max: 0.5, min_rows: 100";
  EXPECT_EQ(StateOf(check + " }"), State::kFailed);
  EXPECT_EQ(StateOf(check + ", nulls: ignore }"), State::kPassed);
}

TEST_F(DriftCheckTest, TheVerdictCanBeRecomputedFromWhatItKeeps) {
  SetShifted(30);
  const CheckResult result = JudgeOne(
      "distribution: { column: n, test: psi, baseline: 28d, max: 9, min_rows: 100, bins: [25, 75] "
      "}");
  EXPECT_EQ(result.detail["edges"], nlohmann::json({25, 75}));
  EXPECT_EQ(result.detail["baseline"], nlohmann::json({250, 500, 250, 0}));
  EXPECT_EQ(result.detail["current"], nlohmann::json({0, 45, 55, 0}));
}

TEST_F(DriftCheckTest, TextsUseTheMostFrequentOfTheBaselineAndListTheUnseen) {
  arrow::StringBuilder builder;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(builder.Append(i % 4 == 0 ? "a" : "b").ok());
  auto profile = std::make_shared<BatchProfile>();
  profile->rows = 100;
  profile->columns["s"] =
      ProfileColumn(arrow::ChunkedArray(builder.Finish().ValueOrDie()), CountValues::kCapped)
          .value();
  input_.history = {{"day99", DayEnd(99), profile}};
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    rows += (i == 0 ? "" : ",") + fmt::format(R"({{"s":"{}"}})", i % 4 == 0 ? "zz" : "b");
  }
  SetRows("[" + rows + "]");
  const CheckResult result =
      JudgeOne("distribution: { column: s, test: psi, baseline: 28d, max: 0.2, min_rows: 100 }");
  EXPECT_EQ(result.state, State::kFailed);
  EXPECT_EQ(result.detail["values"], nlohmann::json({"b", "a"}));
  EXPECT_EQ(result.detail["baseline"], nlohmann::json({75, 25, 0, 0}));
  EXPECT_EQ(result.detail["current"], nlohmann::json({75, 0, 25, 0}));
  EXPECT_EQ(result.detail["unseen"], nlohmann::json({"zz"}));
}
}  // namespace
}  // namespace weirhouse::gate

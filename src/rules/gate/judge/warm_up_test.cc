#include "rules/gate/judge/warm_up.h"

#include <random>

#include "rules/gate/history/history.h"
#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;

// A gate of one check, and what became of its batches: each has a commit, an end and a verdict.
class WarmUpTest : public GateTest {
 protected:
  void Begin(const std::string& window, int warmup) {
    gate_ = ParseGates(fmt::format("gate: g\ntable: processed.t\nchecks:\n  - row_count_change: {{ "
                                   "vs: {}, within: 50%, warmup: {} }}\n",
                                   window, warmup),
                       "gates/g.yaml")
                .value()
                .at(0);
    window_ = gate_.checks[0].history->window;
    warmup_ = warmup;
    history_.clear();
    seqs_.clear();
    verdicts_.clear();
  }

  State StateBy(std::span<const PublishedBatch> history, EventTime end) const {
    switch (RunsInWindow(window_, history, end, warmup_, [](const auto&) { return true; }).state) {
      case WindowRuns::State::kReady:
        return State::kPassed;
      case WindowRuns::State::kWarming:
        return State::kWarming;
      case WindowRuns::State::kMissing:
        return State::kNotEvaluated;
    }
    return State::kError;
  }

  std::vector<PublishedBatch> Since(EventTime from) const {
    std::vector<PublishedBatch> since;
    for (const PublishedBatch& batch : history_) {
      if (batch.batch_end >= from) since.push_back(batch);
    }
    return since;
  }

  // Judges the batch that ends at `end` by as little history as it takes, and publishes it.
  State Publish(EventTime end, bool restarts = false) {
    GateReport report;
    report.gate = "g";
    report.table = "processed.t";
    report.batch_end = end;
    CheckResult check;
    check.name = gate_.checks[0].name;
    const EventTime near = EventTimeOfMicros(Micros(end) - window_.span_us);
    check.state = StateBy(Since(near), end);
    report.checks = {check};
    const auto newest_first = std::vector(verdicts_.rbegin(), verdicts_.rend());
    const std::size_t wanted =
        std::min(newest_first.size(), static_cast<std::size_t>(VerdictsWanted(gate_)));
    const auto since = [&](CommitSeq seq) -> Result<std::optional<EventTime>> {
      EventTime earliest = EventTime::max();
      for (std::size_t i = 0; i < history_.size(); ++i) {
        if (seqs_[i] >= seq) earliest = std::min(earliest, history_[i].batch_end);
      }
      return std::optional(earliest);
    };
    const EventTime from =
        WarmUpReadsFrom(gate_, report, std::span(newest_first).first(wanted), since).value();
    const std::vector<PublishedBatch> read = Since(std::min(near, from));
    read_ = read.size();
    report.checks[0].state = StateBy(read, end);

    catalog::VerdictRecord verdict = MakeVerdictRecord(report, gate_);
    verdict.seq = CommitSeq(static_cast<std::int64_t>(history_.size()) + 1);
    verdicts_.push_back(verdict);
    PublishedBatch batch = Published(0, 10);
    batch.batch_end = end;
    batch.restarts_warmup = restarts;
    history_.push_back(std::move(batch));
    seqs_.push_back(verdict.seq);
    return report.checks[0].state;
  }

  GateDefinition gate_;
  Window window_;
  int warmup_ = 1;
  std::vector<PublishedBatch> history_;
  std::vector<CommitSeq> seqs_;
  std::vector<catalog::VerdictRecord> verdicts_;
  std::size_t read_ = 0;  // batches read for the last verdict
};

TEST_F(WarmUpTest, AWindowThatNeverFillsReadsNoMoreAfterAYear) {
  Begin("3d", 5);
  for (int day = 1; day <= 400; ++day) {
    EXPECT_EQ(Publish(DayEnd(day)), State::kWarming);
    EXPECT_LE(read_, 7U) << day;
  }
}

TEST_F(WarmUpTest, OfAWeekdayItTakesTheWeeksOfItsWindow) {
  Begin("same_weekday_4w", 4);
  // Every second week has one day alone, so that the window of the other days never fills.
  for (int day = 1; day <= 400; ++day) {
    const bool even_week = (day / 7) % 2 == 0;
    if (even_week && day % 7 != 3) continue;
    const State state = Publish(DayEnd(day));
    EXPECT_EQ(state, StateBy(std::span(history_).first(history_.size() - 1), DayEnd(day)));
    if (day <= 70) continue;
    EXPECT_LE(read_, 60U) << day;
  }
}

TEST_F(WarmUpTest, WhatIsReadTellsTheSameAsAllHistory) {
  std::mt19937 random(7);
  int warming = 0;
  int missing = 0;
  for (int world = 0; world < 300; ++world) {
    const char* const windows[] = {"2d", "9h", "same_weekday_2w", "3d_same_hour"};
    const int kind = world % 4;
    Begin(windows[kind], kind == 2 ? 2 : kind == 3 ? 3 : 2 + world % 3);
    std::int64_t now_us = 0;
    for (int i = 0; i < 60; ++i) {
      now_us += static_cast<std::int64_t>(random() % (kind == 2 ? 90 : 30)) * kHourUs;
      std::int64_t end_us = now_us;
      // Some come late, and some end together.
      if (random() % 6 == 0) end_us -= static_cast<std::int64_t>(random() % 200) * kHourUs;
      const EventTime end = EventTimeOfMicros(end_us);
      const std::vector<PublishedBatch> before = history_;
      const State state = Publish(end, random() % 12 == 0);
      ASSERT_EQ(state, StateBy(before, end)) << "world " << world << ", batch " << i;
      warming += state == State::kWarming ? 1 : 0;
      missing += state == State::kNotEvaluated ? 1 : 0;
    }
  }
  EXPECT_GT(warming, 500);
  EXPECT_GT(missing, 500);
}

TEST_F(WarmUpTest, VerdictsOfAnotherDefinitionOrOfOverridesSayNothing) {
  Begin("3d", 5);
  Publish(DayEnd(1));
  Publish(DayEnd(2));
  verdicts_[0].override_reason = "they were right";
  verdicts_[1].checks[0]["gate_digest"] = Sha256Of("another").ToHex();
  Publish(DayEnd(200));
  EXPECT_EQ(read_, 2U);  // all there is
}
}  // namespace
}  // namespace weirhouse::gate

#include "app/command/progress.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "testing/testing.h"

namespace weirhouse::command {
namespace {
using ::testing::HasSubstr;
using ::testing::Not;

class KeptStreams : public Streams {
 public:
  void Out(std::string_view text) override { out += text; }
  void Err(std::string_view text) override { err += text; }
  bool Cancelled() override { return cancelled; }
  std::string out;
  std::string err;
  bool cancelled = false;
};

class ProgressTest : public ::testing::Test {
 protected:
  Invocation invocation_;
  KeptStreams streams_;
  ManualClock clock_{ProcessTimeOfMicros(1'000'000)};
};

TEST_F(ProgressTest, SaysAPlainLineEveryFiveSecondsWhereNobodyLooks) {
  ProgressPrinter progress(invocation_, streams_, clock_);
  for (int done = 0; done < 12; ++done) {
    progress.Update("batches", done, 100);
    clock_.Advance(std::chrono::seconds(1));
  }
  progress.Finish();
  EXPECT_EQ(std::count(streams_.err.begin(), streams_.err.end(), '\n'), 2);
  EXPECT_THAT(streams_.err, HasSubstr("batches  5 of 100  5%  1.0/s  1 min 35 s left\n"));
  EXPECT_THAT(streams_.err, Not(HasSubstr("\x1b")));
  EXPECT_EQ(streams_.out, "");
}

TEST_F(ProgressTest, WritesOneLineOverAndOverOnATerminal) {
  invocation_.stderr_is_terminal = true;
  ProgressPrinter progress(invocation_, streams_, clock_);
  for (int done = 0; done <= 3; ++done) {
    progress.Update("batches", done, 3);
    clock_.Advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(std::count(streams_.err.begin(), streams_.err.end(), '\n'), 0);
  progress.Update("features", 0, 0);
  EXPECT_EQ(std::count(streams_.err.begin(), streams_.err.end(), '\n'), 1);
  EXPECT_THAT(streams_.err, HasSubstr("3 of 3  100%"));
}

TEST_F(ProgressTest, CutsALineThatWouldWrap) {
  invocation_.stderr_is_terminal = true;
  invocation_.columns = 20;
  ProgressPrinter progress(invocation_, streams_, clock_);
  progress.Update("a step with a name that is too long", 1, 2);
  EXPECT_LE(streams_.err.size(), 5u + 20u);
}

TEST_F(ProgressTest, SaysNothingWhenQuiet) {
  invocation_.quiet = true;
  {
    ProgressPrinter progress(invocation_, streams_, clock_);
    progress.Update("batches", 1, 2);
    clock_.Advance(std::chrono::seconds(10));
    progress.Update("batches", 2, 2);
    progress.Say("done");
  }
  EXPECT_EQ(streams_.err, "");
}

TEST_F(ProgressTest, StaysCancelled) {
  ProgressPrinter progress(invocation_, streams_, clock_);
  EXPECT_FALSE(progress.Cancelled());
  streams_.cancelled = true;
  EXPECT_TRUE(progress.Cancelled());
  streams_.cancelled = false;
  EXPECT_TRUE(progress.Cancelled());
}
}  // namespace
}  // namespace weirhouse::command

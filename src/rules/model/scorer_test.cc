#include "rules/model/scorer.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "testing/testing.h"
#include "testing/wait.h"

namespace weirhouse::model {
namespace {
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

// Behaves by the value of the first row: a number is doubled.
constexpr char kScore[] = R"(
import os, sys, time, pyarrow
def load(path):
    return open(f"{path}/factor").read()
def predict(model, table):
    x = table.column("x").to_pylist()
    if x and x[0] == -1: raise ValueError("x is negative")
    if x and x[0] == -2: os._exit(7)
    if x and x[0] == -3: print("waits", flush=True); time.sleep(60)
    if x and x[0] == -4: return pyarrow.table({"score": [1.0]})
    if x and x[0] == -5: return pyarrow.table({"other": x})
    if x and x[0] == -6: return "a text"
    if x and x[0] == -7: print("y" * 300000, flush=True)
    if x and x[0] == -8: model_bytes.append(b"x" * (300 << 20))
    if x and x[0] == -9: os.write(3, b"\xff" * 64)
    return pyarrow.table({"score": [float(model) * (v or 0) for v in x]})
model_bytes = []
)";

class ScorerTest : public ::testing::Test {
 protected:
  ScorerTest() {
    WriteFile(folder_ / "project/score.py", kScore);
    WriteFile(folder_ / "model/factor", "2");
    options_.model = "late#1";
    options_.python = testing::SourceFolder() + "/.deps/venv/bin/python";
    options_.project_folder = folder_ / "project";
    options_.script = "score.py";
    options_.artifacts_folder = folder_ / "model";
    options_.output = {"score"};
    options_.log_path = folder_ / "score.log";
    options_.backoff_first = milliseconds(20);
  }

  static std::shared_ptr<arrow::Table> Rows(const std::string& values) {
    std::string rows;
    std::string value;
    for (const char c : values + ",") {
      if (c != ',') {
        value += c;
        continue;
      }
      rows += (rows.empty() ? "" : ",") + ("{\"x\":" + value + "}");
      value.clear();
    }
    return weirhouse::testing::TableOf(arrow::schema({arrow::field("x", arrow::float64())}),
                                       "[" + rows + "]");
  }
  Status ErrorOf(Scorer& scorer, const std::string& values) {
    return scorer.Score(*Rows(values)).status();
  }

  ScratchFolder folder_;
  ScorerOptions options_;
};

TEST_F(ScorerTest, GivesOneRowOutForEachRowIn) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  EXPECT_EQ(scorer->health().state, ScorerHealth::State::kIdle);
  ASSERT_OK_AND(auto table, scorer->Score(*Rows("1,2.5,null")));
  EXPECT_EQ(weirhouse::testing::RowsAsJson(*table),
            "{\"score\":2.0}\n{\"score\":5.0}\n{\"score\":0.0}\n");
  ASSERT_OK(scorer->Score(*Rows("4")));
  const ScorerHealth health = scorer->health();
  EXPECT_EQ(health.state, ScorerHealth::State::kReady);
  EXPECT_EQ(health.starts, 1);
  EXPECT_EQ(health.answered, 2);
}

TEST_F(ScorerTest, TellsWhatPredictRaisedAndKeepsTheChild) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  const Status status = ErrorOf(*scorer, "-1");
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH5011");
  EXPECT_THAT(status.message(), HasSubstr("ValueError: x is negative"));
  EXPECT_THAT(status.message(), HasSubstr("score.py\", line 7"));
  ASSERT_OK(scorer->Score(*Rows("1")));
  EXPECT_EQ(scorer->health().starts, 1);
}

TEST_F(ScorerTest, RefusesAnswersOfAnotherShapeAndKeepsTheChild) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  EXPECT_THAT(ErrorOf(*scorer, "-4,1").ToString(), HasSubstr("1 rows for 2"));
  EXPECT_THAT(ErrorOf(*scorer, "-5").ToString(), HasSubstr("no column \"score\""));
  EXPECT_EQ(ErrorOf(*scorer, "-5").error_code(), "WH5015");
  EXPECT_THAT(ErrorOf(*scorer, "-6").ToString(), HasSubstr("not str"));
  EXPECT_EQ(scorer->health().starts, 1);
}

TEST_F(ScorerTest, StartsAChildAgainThatCrashed) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  const Status status = ErrorOf(*scorer, "-2");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH5013");
  EXPECT_THAT(status.message(), HasSubstr("exited with 7"));
  ASSERT_OK(scorer->Score(*Rows("1")));
  EXPECT_EQ(scorer->health().starts, 2);
}

TEST_F(ScorerTest, StartsAChildAgainThatWasKilledInAPause) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  ASSERT_OK(scorer->Warm());
  const int pid = scorer->health().pid;
  ASSERT_GT(pid, 0);
  kill(pid, SIGKILL);
  EXPECT_TRUE(weirhouse::testing::WaitUntil([&] { return scorer->health().pid == 0; }));
  EXPECT_EQ(scorer->health().state, ScorerHealth::State::kBackingOff);
  ASSERT_OK(scorer->Score(*Rows("1")));
  EXPECT_NE(scorer->health().pid, pid);
}

TEST_F(ScorerTest, KillsAChildThatGivesNoAnswerInTime) {
  options_.predict_timeout = milliseconds(1'000);
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  ASSERT_OK(scorer->Warm());
  const int pid = scorer->health().pid;
  const Status status = ErrorOf(*scorer, "-3");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH5012");
  EXPECT_FALSE(std::filesystem::exists(fmt::format("/proc/{}", pid)));
  ASSERT_OK(scorer->Score(*Rows("1")));
}

TEST_F(ScorerTest, IsNotConfusedByWhatTheScriptPrints) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  ASSERT_OK(scorer->Score(*Rows("-7")));
  ASSERT_OK(scorer->Score(*Rows("1")));
  EXPECT_EQ(scorer->health().starts, 1);
  scorer.reset();
  EXPECT_GT(ReadFile(options_.log_path).size(), 300'000u);
}

TEST_F(ScorerTest, StartsAChildAgainThatWritesToOurSocket) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  EXPECT_EQ(ErrorOf(*scorer, "-9").error_code(), "WH5013");
  ASSERT_OK(scorer->Score(*Rows("1")));
  EXPECT_EQ(scorer->health().starts, 2);
}

TEST_F(ScorerTest, StopsAChildAboveItsMemory) {
  options_.rss_bytes_max = 250 << 20;
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  ASSERT_OK(scorer->Score(*Rows("-8")));  // answered, then stopped
  EXPECT_TRUE(weirhouse::testing::WaitUntil([&] { return scorer->health().pid == 0; }));
  EXPECT_THAT(scorer->health().last_error, HasSubstr("WH5016"));
  ASSERT_OK(scorer->Score(*Rows("1")));
}

TEST_F(ScorerTest, SaysWhyAModelCannotBeLoaded) {
  std::filesystem::remove(folder_ / "model/factor");
  options_.backoff_first = milliseconds(60'000);
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  Status status = scorer->Warm();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH5010");
  EXPECT_THAT(status.message(), HasSubstr("FileNotFoundError"));
  status = ErrorOf(*scorer, "1");  // told again at once, without another start
  EXPECT_EQ(status.error_code(), "WH5010");
  EXPECT_EQ(scorer->health().starts, 1);
}

TEST_F(ScorerTest, TurnsRequestsAwayWhenTooManyWait) {
  options_.predict_timeout = milliseconds(1'000);
  options_.queue_max = 2;
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  ASSERT_OK(scorer->Warm());
  std::atomic<int> turned_away = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      if (ErrorOf(*scorer, "-3").error_code() == "WH5014") ++turned_away;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(turned_away, 5);
}

TEST_F(ScorerTest, AnswersManyCallersEachWithItsOwn) {
  ASSERT_OK_AND(auto scorer, Scorer::Create(options_));
  ASSERT_OK(scorer->Warm());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int i = 1; i <= 4; ++i) {
    callers.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) {
        const auto answer = scorer->Score(*Rows(std::to_string(i * 100 + k)));
        if (!answer.ok() || weirhouse::testing::RowsAsJson(**answer) !=
                                fmt::format("{{\"score\":{}.0}}\n", 2 * (i * 100 + k)))
          ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ScorerTest, EndsAtOnceWhileItWaits) {
  options_.predict_timeout = milliseconds(30'000);
  auto scorer = Scorer::Create(options_);
  ASSERT_OK(scorer);
  ASSERT_OK((*scorer)->Warm());
  Status status;
  std::thread caller([&] { status = ErrorOf(**scorer, "-3"); });
  EXPECT_TRUE(testing::WaitUntil([&] {
    return std::filesystem::exists(options_.log_path) &&
           ReadFile(options_.log_path).find("waits") != std::string::npos;
  }));
  const int pid = (*scorer)->health().pid;
  const auto begin = std::chrono::steady_clock::now();
  (*scorer).reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(2'000));
  caller.join();
  EXPECT_EQ(status.error_code(), "WH5013");
  EXPECT_FALSE(std::filesystem::exists(fmt::format("/proc/{}", pid)));
}

TEST_F(ScorerTest, NamesAScriptOrFolderThatIsNotThere) {
  options_.script = "nowhere.py";
  EXPECT_EQ(Scorer::Create(options_).status().code(), Code::kNotFound);
  options_.script = "score.py";
  options_.artifacts_folder = folder_ / "nothing";
  EXPECT_EQ(Scorer::Create(options_).status().error_code(), "WH5010");
}
}  // namespace
}  // namespace weirhouse::model

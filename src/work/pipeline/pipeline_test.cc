#include "work/pipeline/pipeline.h"

#include "ground/platform/db/sqlite.h"
#include "testing/projects/shop_fixture.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/rebuild/full_run.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
using PipelineTest = ShopTest;
using States = std::map<std::string, std::int64_t>;

TEST_F(PipelineTest, RefusesToRunWhatWasNotApplied) {
  const auto summary = RunPending(*workspace, NoProgress());
  ASSERT_FALSE(summary.ok());
  EXPECT_EQ(summary.status().error_code(), "WH2020");
}

TEST_F(PipelineTest, CountsEveryRecordInOneState) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z") +
                               Order("2", 20, "2024-01-01T11:00:00Z", "2024-01-01T11:00:00Z") +
                               Order("2", 20, "2024-01-01T11:00:00Z", "2024-01-01T11:00:00Z") +
                               "{\"id\":\n" +
                               Order("3", -5, "2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z"));
  Land(
      "2024-01-02.jsonl",
      Order("1", 11, "2024-01-01T10:00:00Z", "2024-01-02T09:00:00Z") +
          R"({"id":"9","shop":"zz","amount":1,"at":"2024-01-02T00:00:00Z","reported_at":"2024-01-02T00:00:00Z"})"
          "\n");
  ASSERT_OK_AND(const RunSummary summary, Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(summary.objects, 2);
  EXPECT_EQ(summary.records, 7);
  EXPECT_EQ(States(), (std::map<std::string, std::int64_t>{{"processed", 2},
                                                           {"duplicate", 1},
                                                           {"superseded", 1},
                                                           {"quarantined", 2},
                                                           {"filtered", 1}}));
  EXPECT_EQ(Rows("processed.order"), 2);
  EXPECT_EQ(Rows("processed.order_history"), 3);
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 3);
  EXPECT_EQ(Rows("quarantine.order"), 2);
}

TEST_F(PipelineTest, TheSameFileAgainChangesNoTable) {
  const std::string bytes = Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z");
  Land("2024-01-01.jsonl", bytes);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const auto before = workspace->catalog().FindTable("processed.order").value()->metadata_location;
  std::filesystem::remove(scratch / "landing/order/2024-01-01.jsonl");
  Land("2024-01-01.jsonl", bytes);
  ASSERT_OK_AND(const RunSummary again, RunPending(*workspace, NoProgress()));
  EXPECT_EQ(again.objects, 0);
  EXPECT_EQ(again.duplicate_objects, 1);
  EXPECT_EQ(workspace->catalog().FindTable("processed.order").value()->metadata_location, before);
}

TEST_F(PipelineTest, AFailedGateHaltsAndDiscardLetsTheNextDayOn) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  Land("2024-01-02.jsonl", Order("2", 9999, "2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z"));
  Land("2024-01-03.jsonl", Order("3", 30, "2024-01-03T10:00:00Z", "2024-01-03T10:00:00Z"));
  ASSERT_OK_AND(const RunSummary halted, RunPending(*workspace, NoProgress()));
  ASSERT_TRUE(halted.halted.has_value());
  EXPECT_THAT(halted.halted_message, ::testing::HasSubstr("gate order FAILED"));
  EXPECT_EQ(Rows("processed.order"), 1);
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 1);

  ASSERT_OK(DiscardGate(*workspace, *halted.halted, "wrong unit", "tester"));
  ASSERT_OK_AND(const RunSummary after, RunPending(*workspace, NoProgress()));
  EXPECT_FALSE(after.halted.has_value());
  EXPECT_EQ(Rows("processed.order"), 2);
  EXPECT_EQ(States(), (std::map<std::string, std::int64_t>{{"processed", 2}, {"excluded", 1}}));
}

TEST_F(PipelineTest, AHaltedBatchThatCannotBeReadIsNamed) {
  Land("2024-01-01.jsonl", Order("1", 9999, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK_AND(const RunSummary halted, Apply(*workspace, "", NoProgress()));
  ASSERT_TRUE(halted.halted.has_value());
  ASSERT_OK_AND(const auto catalog,
                platform::Sqlite::Open(scratch / ".weirhouse/catalog.db", /*read_only=*/false));
  ASSERT_OK(catalog->Run("UPDATE setting SET value = '{}' WHERE key LIKE 'halted/%'"));
  const Status status = DiscardGate(*workspace, *halted.halted, "wrong unit", "tester");
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_EQ(status.error_code(), "WH3022");
  EXPECT_THAT(status.message(),
              ::testing::StartsWith("run " + ToString(*halted.halted) +
                                    ": what the catalog keeps of a halted batch cannot be read: "));
  EXPECT_THAT(status.message(), ::testing::HasSubstr("batch"));
  EXPECT_THAT(status.hint(), ::testing::HasSubstr("`wh verify`"));
}

TEST_F(PipelineTest, OverridePublishesWhatWasStagedAndFeaturesFollow) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  Land("2024-01-02.jsonl", Order("1", 9999, "2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z"));
  ASSERT_OK_AND(const RunSummary halted, Apply(*workspace, "", NoProgress()));
  ASSERT_TRUE(halted.halted.has_value());
  ASSERT_OK(OverrideGate(*workspace, *halted.halted, "it is true", "tester"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 1);
  EXPECT_EQ(Rows("processed.order_history"), 2);
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 2);
  EXPECT_EQ(States(), (std::map<std::string, std::int64_t>{{"processed", 1}, {"superseded", 1}}));
  ASSERT_OK_AND(const auto verdicts, workspace->catalog().Verdicts({}));
  EXPECT_EQ(verdicts.front().override_reason, "it is true");
}

TEST_F(PipelineTest, AFullRunGivesTheSameContentAndCounts) {
  for (int day = 1; day <= 4; ++day) {
    std::string bytes;
    for (int i = 0; i < 20; ++i) {
      bytes += Order(std::to_string((day * 7 + i) % 30), day * 10 + i,
                     fmt::format("2024-01-0{}T10:00:00Z", day),
                     fmt::format("2024-01-0{}T{:02}:00:00Z", day, 10 + i % 3));
    }
    Land(fmt::format("2024-01-0{}.jsonl", day), bytes);
  }
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const Digest current = Content("processed.order");
  const Digest history = Content("processed.order_history");
  const Digest features = Content("feature.shop_sales_v1");
  const auto states = States();
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Content("processed.order"), current);
  EXPECT_EQ(Content("processed.order_history"), history);
  EXPECT_EQ(Content("feature.shop_sales_v1"), features);
  EXPECT_EQ(States(), states);
  Land("2024-01-05.jsonl", Order("1", 77, "2024-01-05T10:00:00Z", "2024-01-05T10:00:00Z"));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_NE(Content("processed.order"), current);
}

TEST_F(PipelineTest, AProjectHasOneFolderHoweverItIsSpelled) {
  for (const char* spelling : {"", "/", "/.", "/./", "//"}) {
    ASSERT_OK_AND(const auto project, LoadProject(scratch.path().string() + spelling, ""));
    EXPECT_EQ(project->root, scratch.path().string()) << spelling;
    ASSERT_OK_AND(const std::string found, FindProjectRoot(scratch.path().string() + spelling));
    EXPECT_EQ(found, scratch.path().string()) << spelling;
  }
}

TEST_F(PipelineTest, OnlyOneProcessWrites) {
  const auto second = Workspace::Open(workspace->shared_project(), Access::kWrite);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
}
}  // namespace
}  // namespace weirhouse::work

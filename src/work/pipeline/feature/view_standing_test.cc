#include "work/pipeline/feature/view_standing.h"

#include <filesystem>
#include <set>

#include "testing/projects/shop_fixture.h"
#include "work/ingest/raw_step.h"
#include "work/lineage/lineage.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/pipeline/rebuild/full_run.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct ViewStandingTest : ShopTest {
  std::string Day(int day) {
    std::string bytes;
    for (int i = 0; i < 10; ++i) {
      const std::string at = fmt::format("2024-01-{:02}T{:02}:00:00Z", day, 6 + i);
      bytes += Order(fmt::format("{}-{}", day, i), i, at, at);
    }
    return bytes;
  }
  void LandDay(int day) { Land(fmt::format("2024-01-{:02}.jsonl", day), Day(day)); }
  // As far as a process comes that ends after the processed commit.
  void LandDayWithoutFeatures(int day) {
    LandDay(day);
    ASSERT_OK_AND(const Waiting waiting, ListWaiting(*workspace));
    ASSERT_OK_AND(const auto state, PipelineState::Make(*workspace, NoProgress()));
    for (const WaitingBatch& batch : waiting.batches)
      ASSERT_OK(LandBatch(*workspace, batch, state->summary));
    ASSERT_OK_AND(const auto entry,
                  NextCommit(*workspace, kProcessedConsumer, catalog::Layer::kRaw));
    ASSERT_TRUE(entry.has_value());
    ASSERT_OK_AND(const bool published, ProcessBatch(*state, *entry));
    ASSERT_TRUE(published);
  }
  void AddView() {
    Write("features/more.yaml", ShopModelFile("features/more.yaml"));
    Reopen();
  }
  std::int64_t Offset() {
    return workspace->catalog().OffsetOf(std::string(kFeatureConsumer)).value().position;
  }
  // What the run that wrote `table` last read, as "kind key".
  std::set<std::string> ReadBy(const std::string& table) {
    std::set<std::string> read;
    const auto snapshots = workspace->catalog().Snapshots(table);
    EXPECT_OK(snapshots);
    const std::string run = ToString(snapshots->back().run);
    const auto edges = workspace->catalog().EdgesInto({catalog::NodeKind::kRun, run});
    EXPECT_OK(edges);
    for (const auto& edge : *edges) {
      if (edge.kind == catalog::EdgeKind::kRead)
        read.insert(fmt::format("{} {}", catalog::Name(edge.from.kind), edge.from.key));
    }
    return read;
  }
  std::string Newest(const std::string& table) {
    return fmt::format("snapshot {}@{}", table,
                       workspace->catalog().Snapshots(table).value().back().seq.value());
  }
  std::string LastProcessed() {
    CommitSeq last;
    while (const auto entry =
               workspace->catalog().NextCommit(catalog::Layer::kProcessed, last).value())
      last = entry->seq;
    return fmt::format("commit {}", last.value());
  }
  std::vector<std::string> Problems() {
    const auto report = lineage::Verify(workspace->catalog(), workspace->store(), /*deep=*/false,
                                        [](std::int64_t, std::int64_t) {});
    EXPECT_OK(report);
    return report.ok() ? report->problems : std::vector<std::string>{"not verified"};
  }
};

TEST_F(ViewStandingTest, ANewViewLeavesWhatWaitsToAllViews) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  LandDayWithoutFeatures(2);
  EXPECT_EQ(Rows("processed.order_history"), 20);
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 10) << "the second day waits";
  AddView();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 20);
  EXPECT_EQ(Rows("feature.shop_recent_v1"), 20);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(ViewStandingTest, ANewViewDoesNotMoveTheOffset) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  LandDayWithoutFeatures(2);
  const std::int64_t offset = Offset();
  AddView();
  ASSERT_OK_AND(const auto state, PipelineState::Make(*workspace, NoProgress()));
  ASSERT_OK(FillViewsBehind(*workspace, *state->session, NoProgress()));
  EXPECT_EQ(Offset(), offset);
  EXPECT_EQ(Rows("feature.shop_recent_v1"), 10) << "as of the offset, like the others";
}

TEST_F(ViewStandingTest, ANewViewThatMeetsAWaitingCommitFirstIsWhole) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  LandDayWithoutFeatures(2);
  AddView();
  ASSERT_OK_AND(const auto state, PipelineState::Make(*workspace, NoProgress()));
  ASSERT_OK_AND(const auto entry,
                NextCommit(*workspace, kFeatureConsumer, catalog::Layer::kProcessed));
  ASSERT_OK(FeaturizeBatches(*state, {&*entry, 1}));
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 20);
  EXPECT_EQ(Rows("feature.shop_recent_v1"), 20);
}

TEST_F(ViewStandingTest, AViewThatWasAwayIsMadeAnew) {
  LandDay(1);
  Write("features/more.yaml", ShopModelFile("features/more.yaml"));
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  std::filesystem::remove(scratch / "features/more.yaml");
  Reopen();
  LandDay(2);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(Rows("feature.shop_recent_v1"), 10) << "it is not of the project";
  EXPECT_THAT(Problems(), IsEmpty()) << "so nobody expects it to follow";
  AddView();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(Rows("feature.shop_recent_v1"), 20);
  LandDay(3);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("feature.shop_recent_v1"), 30);
}

TEST_F(ViewStandingTest, VerifyTellsOfAViewThatTheOffsetWentPast) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_THAT(Problems(), IsEmpty());
  LandDayWithoutFeatures(2);
  EXPECT_THAT(Problems(), IsEmpty()) << "a commit that waits is no fault";
  StepInputs step;
  step.kind = catalog::RunKind::kFeature;
  step.name = "moves the offset, and does nothing";
  ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
  Publication publication(*workspace, run, catalog::Layer::kFeature, "");
  const auto offset = workspace->catalog().OffsetOf(std::string(kFeatureConsumer)).value();
  ASSERT_OK_AND(const CommitSeq last, workspace->catalog().LastSeq());
  publication.request().offsets.push_back(
      {std::string(kFeatureConsumer), offset.position, last.value(), offset.generation});
  ASSERT_OK(publication.Commit());
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("feature.shop_sales_v1 is not at the feature")));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 20) << "made anew";
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(ViewStandingTest, AFullRunWithoutViewsIsOverWhenItIsDone) {
  std::filesystem::remove(scratch / "features/sales.yaml");
  Reopen();
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  ASSERT_OK_AND(const auto pending, catalog::setting::RebuildPending().In(workspace->catalog()));
  ASSERT_TRUE(pending.has_value());
  EXPECT_EQ(*pending, false) << "else every later run rebuilds everything";
}

TEST_F(ViewStandingTest, AFullRunTakesInWhatWaited) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  LandDayWithoutFeatures(2);
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Rows("feature.shop_sales_v1"), 20);
  const Digest content = Content("feature.shop_sales_v1");
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Content("feature.shop_sales_v1"), content);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(ViewStandingTest, AFullRunHasReadTheCommitsThatTheOffsetMovesPast) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  LandDayWithoutFeatures(2);
  const std::string waited = LastProcessed();
  LandDayWithoutFeatures(3);
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_THAT(ReadBy("feature.shop_sales_v1"),
              UnorderedElementsAre(waited, LastProcessed(), Newest("processed.order_history")));
  LandDay(4);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_THAT(ReadBy("feature.shop_sales_v1"), ElementsAre(LastProcessed()));
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_THAT(ReadBy("feature.shop_sales_v1"), ElementsAre(Newest("processed.order_history")))
      << "nothing waited";
}

TEST_F(ViewStandingTest, AViewThatIsMadeAnewHasReadItsSource) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  AddView();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_THAT(ReadBy("feature.shop_recent_v1"), ElementsAre(Newest("processed.order_history")));
}

TEST_F(ViewStandingTest, AFullRunHasReadTheLedgersOfWhatItRead) {
  LandDay(1);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const std::string ledger = Newest("raw.order");
  Write("processed/order.sql", ShopFile("processed/order.sql") + "WHERE r.amount <> 3\n");
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 9);
  EXPECT_THAT(ReadBy("processed.order"), ElementsAre(ledger));
}
}  // namespace
}  // namespace weirhouse::work

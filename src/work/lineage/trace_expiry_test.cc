// Traces of what was served, after the snapshots they stood on are gone.
#include <cstdlib>

#include "rules/feature/online/online_store.h"
#include "testing/projects/shop_fixture.h"
#include "work/lineage/tracing.h"
#include "work/serving/online_query.h"
#include "work/serving/predictions.h"
#include "work/training/modeling.h"
#include "work/upkeep/upkeep.h"

namespace weirhouse::work {
namespace {
using lineage::TraceNode;
using ::testing::HasSubstr;
using ::testing::Not;

struct TraceExpiryTest : ShopTest {
  static void SetUpTestSuite() {
    const std::string python = testing::SourceFolder() + "/.deps/venv/bin/python";
    setenv("WEIRHOUSE_PYTHON", python.c_str(), /*overwrite=*/1);
  }
  std::string prediction;

  void SetUp() override {
    ShopTest::SetUp();
    AddModels();
    LandDays(4);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    ASSERT_OK(BuildTrainingSet(*workspace, "big_v1", NoProgress()));
    ASSERT_OK(TrainModel(*workspace, "big", nullptr, NoProgress()));
    ASSERT_OK(DeployModel(*workspace, "big#1"));
    Bring("2024-01-05.jsonl", Order("n-1", 7, "2024-01-05T08:00:00Z", "2024-01-05T08:00:00Z"));
    PredictionService service(*workspace);
    ASSERT_OK_AND(
        const Prediction made,
        service.Predict("big", {{"shop", "a"}, {"at", "2024-01-05T09:00:00Z"}, {"amount", 80}},
                        EventTimeOfMicros(ParseTimeMicros("2024-01-05T09:00:00Z").value())));
    prediction = made.id;
  }
  void Bring(const std::string& name, const std::string& bytes) {
    Land(name, bytes);
    ASSERT_OK(RunPending(*workspace, NoProgress()));
  }
  TraceNode TraceOf(const std::string& what) {
    lineage::TraceOptions options;
    options.all_records = true;
    const auto trace = Trace(*workspace, what, options);
    EXPECT_OK(trace);
    return trace.ok() ? *trace : TraceNode();
  }
  void ExpireAll() {
    for (const char* table : {"processed.order", "processed.order_history", "feature.shop_sales_v1",
                              "feature.shop_recent_v1"}) {
      ASSERT_OK(CompactTable(*workspace, table, {.all = true}));
      ExpiryOptions options;
      options.keep = 1;
      ASSERT_OK(ExpireTable(*workspace, table, options));
    }
  }
};

TEST_F(TraceExpiryTest, RowsAreOfTheCommitsThatWroteThemAfterCompactionAndExpiry) {
  const std::string before = lineage::ToText(TraceOf(prediction));
  ExpireAll();
  const TraceNode after = TraceOf(prediction);
  EXPECT_TRUE(after.AllIntact());
  EXPECT_EQ(lineage::ToText(after), before);
}

TEST_F(TraceExpiryTest, ValuesOfRowsThatAreGoneAreExpiredAndDoNotDiffer) {
  // Known before the prediction's time, arrived after it: made anew, the views hold it.
  Bring("2024-01-06.jsonl", Order("late", 77, "2024-01-05T07:00:00Z", "2024-01-05T07:30:00Z"));
  Write("seeds/shops.csv", "shop,city\na,Bergen\nb,Rome\n");
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));  // makes table, history and views anew
  const TraceNode kept = TraceOf(prediction);
  EXPECT_TRUE(kept.AllIntact());
  EXPECT_THAT(lineage::ToText(kept), Not(HasSubstr("expired")));
  ExpireAll();
  const TraceNode trace = TraceOf(prediction);
  const std::string text = lineage::ToText(trace);
  EXPECT_TRUE(trace.AllIntact()) << text;
  EXPECT_THAT(text, HasSubstr("← rows of feature.shop_sales_v1@"));
  EXPECT_THAT(text, HasSubstr(", expired by r"));
  EXPECT_THAT(text, HasSubstr("keep 1) at 20"));
  EXPECT_THAT(text, HasSubstr("n_24h "));
}

TEST_F(TraceExpiryTest, AStoreThatStandsAtACommitWhoseRowsAreGoneSaysSo) {
  const CommitSeq seq =
      workspace->online().AppliedSeq(*workspace->project().FindPlan("shop_sales@1"));
  Bring("2024-01-06.jsonl", Order("late", 77, "2024-01-05T07:00:00Z", "2024-01-05T07:30:00Z"));
  Write("seeds/shops.csv", "shop,city\na,Bergen\nb,Rome\n");
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));  // makes table, history and views anew
  ExpireAll();
  // As a store that no run has brought up to date since, and that keeps nothing older.
  const feature::ViewPlan* plan = workspace->project().FindPlan("shop_sales@1");
  ASSERT_OK_AND(const auto rows, workspace->ReadTable(plan->view.table_name()));
  ASSERT_OK(workspace->online().Rebuild(*plan, rows, seq,
                                        ParseTimeMicros("2025-01-01T00:00:00Z").value(), 0));
  OnlineRequest request{{"shop_sales@1:*"}, {{"shop", "a"}}, std::nullopt};
  request.at = EventTimeOfMicros(ParseTimeMicros("2024-01-02T12:00:00Z").value());
  const Status past = OnlineFeatures(*workspace, request).status();
  EXPECT_EQ(past.code(), Code::kUnavailable);
  EXPECT_EQ(past.error_code(), "WH4025");
  EXPECT_EQ(past.message(),
            fmt::format("the online store is at commit {}, whose feature tables are no longer "
                        "kept: view \"shop_sales@1\"",
                        seq.value()));
  EXPECT_THAT(past.hint(), HasSubstr("`wh run` brings the online store up to date"));
}

TEST_F(TraceExpiryTest, TheTrainingSetsSnapshotsAreKept) {
  Write("seeds/shops.csv", "shop,city\na,Bergen\nb,Rome\n");
  Reopen();
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ExpireAll();
  EXPECT_THAT(lineage::ToText(TraceOf("big#1")), Not(HasSubstr("expired")));
  ASSERT_OK_AND(const Reproduction again,
                Reproduce(*workspace, "big#1", "", nullptr, NoProgress()));
  EXPECT_TRUE(again.same);
}

TEST_F(TraceExpiryTest, AStaleRowSaysWhatSupersededIt) {
  Bring("2024-01-06.jsonl", Order("n-1", 9, "2024-01-05T08:00:00Z", "2024-01-05T08:30:00Z"));
  for (const bool gone : {false, true}) {
    if (gone) ExpireAll();
    const std::string text = lineage::ToText(TraceOf(prediction));
    EXPECT_THAT(text, HasSubstr("id n-1, by r")) << gone;
    EXPECT_THAT(text, HasSubstr("superseded by record ")) << gone;
    EXPECT_THAT(lineage::ToText(TraceOf("processed.order:n-1")),
                HasSubstr("superseded by record "));
  }
}

TEST_F(TraceExpiryTest, ASnapshotSaysWhoExpiredIt) {
  ASSERT_OK_AND(const auto snapshots, workspace->catalog().Snapshots("processed.order"));
  const std::string first = fmt::format("processed.order@{}", snapshots.front().seq.value());
  EXPECT_THAT(lineage::ToText(TraceOf(first)), Not(HasSubstr("expired")));
  Bring("2024-01-06.jsonl", Order("n-2", 9, "2024-01-05T08:00:00Z", "2024-01-05T08:30:00Z"));
  ExpireAll();
  EXPECT_THAT(lineage::ToText(TraceOf(first)), HasSubstr("expired by r"));
}
}  // namespace
}  // namespace weirhouse::work

#include "work/serving/online.h"

#include <arrow/api.h>

#include "rules/feature/online/online_store.h"
#include "testing/plants.h"
#include "testing/projects/shop_fixture.h"
#include "work/serving/online_query.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Tests only read: they share one project.
struct OnlineTest : ::testing::Test {
  struct Shop : ShopTest {
    void TestBody() override {}
    void Open() {
      SetUp();
      AddModels();
      LandDays(5);
      ASSERT_OK(Apply(*workspace, "", NoProgress()));
    }
  };
  static inline std::unique_ptr<Shop> shop;
  static void SetUpTestSuite() {
    shop = std::make_unique<Shop>();
    shop->Open();
  }
  static void TearDownTestSuite() { shop.reset(); }
  weirhouse::testing::ScratchFolder& scratch = shop->scratch;
  std::unique_ptr<Workspace>& workspace = shop->workspace;

  Result<OnlineVector> Ask(std::vector<std::string> features, json fields,
                           const std::string& at = "2024-01-05T12:00:00Z") {
    OnlineRequest request{std::move(features), std::move(fields), std::nullopt};
    if (!at.empty()) request.at = EventTimeOfMicros(ParseTimeMicros(at).value());
    return OnlineFeatures(*workspace, request);
  }
  std::string Problem(std::vector<std::string> features, json fields) {
    const auto answer = Ask(std::move(features), std::move(fields));
    return answer.ok() ? "" : answer.status().error_code();
  }
};

TEST_F(OnlineTest, AnswersWithValuesStatusesBitsAndTheCommit) {
  ASSERT_OK_AND(const OnlineVector vector, Ask({"shop_sales@1:*"}, {{"shop", "a"}}));
  ASSERT_EQ(vector.features.size(), 2U);
  EXPECT_EQ(vector.features[0].name, "shop_sales.n_24h");
  EXPECT_EQ(vector.features[0].view, "shop_sales@1");
  EXPECT_EQ(vector.features[0].status, "present");
  EXPECT_EQ(vector.features[0].value, 10);
  EXPECT_EQ(vector.features[0].bits, "02000000000000000a");
  ASSERT_OK_AND(const auto features, workspace->LoadTable("feature.shop_sales_v1"));
  EXPECT_EQ(vector.seq, workspace->catalog()
                            .SeqOf(features->name, features->current_snapshot()->sequence_number)
                            .value());
  EXPECT_EQ(vector.row->num_rows(), 1);
  EXPECT_THAT(vector.row->ColumnNames(), ElementsAre("shop_sales.n_24h", "shop_sales.total_24h"));
  const json text = ToJson(vector);
  EXPECT_EQ(text["at"], "2024-01-05T12:00:00Z");
  EXPECT_EQ(text["features"][1]["name"], "shop_sales.total_24h");
}

TEST_F(OnlineTest, UnknownAndNullEntitiesAreNotFound) {
  for (const json& unknown : {json("zz"), json(nullptr)}) {
    ASSERT_OK_AND(const OnlineVector vector,
                  Ask({"shop_recent@1:last_24h", "shop_sales@1:n_24h"}, {{"shop", unknown}}));
    EXPECT_EQ(vector.features[0].status, "not_found");
    EXPECT_TRUE(vector.features[0].value.is_null());
    EXPECT_EQ(vector.features[0].bits, "00");
    EXPECT_EQ(vector.features[1].value, 0);
    EXPECT_EQ(vector.row->column(0)->null_count(), 1);
    EXPECT_TRUE(vector.row->column(0)->type()->Equals(arrow::int64()));
  }
}

TEST_F(OnlineTest, ViewsOfTheRequestAreComputedFromIt) {
  ASSERT_OK_AND(const OnlineVector vector,
                Ask({"order_request@1:*"}, {{"at", "2024-01-05T23:30:00Z"}, {"amount", 7.0}}));
  EXPECT_EQ(vector.features[0].value, 7);
  EXPECT_EQ(vector.features[1].value, 0);  // half past midnight in Oslo
  EXPECT_EQ(vector.seq.value(), 0);
}

TEST_F(OnlineTest, ATrainingSetsNameStandsForItsFeatures) {
  ASSERT_OK_AND(const OnlineVector vector,
                Ask({"big_v1"}, {{"shop", "b"}, {"at", "2024-01-05T12:00:00Z"}, {"amount", 1}}));
  EXPECT_THAT(vector.row->ColumnNames(),
              ElementsAre("shop_sales.n_24h", "shop_sales.total_24h", "shop_recent.mean_24h",
                          "shop_recent.last_24h", "order_request.amount", "order_request.hour"));
}

TEST_F(OnlineTest, WithoutATimeItIsTheProjectsNow) {
  ASSERT_OK_AND(const EventTime now, workspace->Now());
  ASSERT_OK_AND(const OnlineVector vector, Ask({"shop_sales:*"}, {{"shop", "a"}}, ""));
  EXPECT_EQ(vector.at, now);
}

TEST_F(OnlineTest, WrongRequestsAreRefusedWithTheirReason) {
  EXPECT_EQ(Problem({"shop_sale@1:*"}, {{"shop", "a"}}), "WH4009");
  EXPECT_EQ(Problem({"shop_sales@1:m_24h"}, {{"shop", "a"}}), "WH4009");
  EXPECT_EQ(Problem({"shop_sales@1:*", "shop_sales@1:n_24h"}, {{"shop", "a"}}), "WH4009");
  EXPECT_EQ(Problem({}, {{"shop", "a"}}), "WH4009");
  EXPECT_EQ(Problem({"shop_sales@1:*"}, {{"shop", "a"}, {"shap", "a"}}), "WH4016");
  EXPECT_EQ(Problem({"shop_sales@1:*"}, json::object()), "WH4017");
  EXPECT_EQ(Problem({"shop_sales@1:*"}, json::array()), "WH4017");
  EXPECT_EQ(Problem({"shop_sales@1:*"}, {{"shop", true}}), "WH4013");
  EXPECT_EQ(Problem({"order_request@1:*"}, {{"at", "yesterday"}, {"amount", 1}}), "WH4013");
  EXPECT_EQ(Problem({"order_request@1:*"}, {{"at", "2024-01-05T12:00:00"}, {"amount", 1}}),
            "WH4013");
  EXPECT_EQ(Problem({"order_request@1:*"}, {{"at", nullptr}, {"amount", 1.5}}), "WH4013");
  const auto answer = Ask({"shop_sales@1:*"}, {{"shap", "a"}});
  EXPECT_THAT(answer.status().hint(), HasSubstr("shop"));
}

TEST_F(OnlineTest, ValuesOfJsonKeepTheirTypesExactly) {
  EXPECT_EQ(std::get<std::string>(*feature::ValueOfJson(12, feature::ValueType::kString, "x")),
            "12");
  EXPECT_EQ(std::get<std::int64_t>(*feature::ValueOfJson(1e3, feature::ValueType::kInt64, "x")),
            1000);
  EXPECT_FALSE(feature::ValueOfJson(1e300, feature::ValueType::kInt64, "x").ok());
  EXPECT_FALSE(feature::ValueOfJson(18446744073709551615ULL, feature::ValueType::kInt64, "x").ok());
  EXPECT_FALSE(feature::ValueOfJson("1", feature::ValueType::kDouble, "x").ok());
  EXPECT_TRUE(IsNull(*feature::ValueOfJson(nullptr, feature::ValueType::kBool, "x")));
}

TEST_F(OnlineTest, OnlineAndOfflineDifferInNoBit) {
  ASSERT_OK_AND(const SkewReport report, MeasureSkew(*workspace, 2000, 7));
  EXPECT_EQ(report.pairs, 2 * 2000);  // of each view
  EXPECT_EQ(report.values, 2 * 4000);
  EXPECT_THAT(report.not_asked, IsEmpty());
  EXPECT_EQ(report.differing, 0);
  EXPECT_EQ(report.status_differing, 0);
  EXPECT_GT(report.naive_values, 100);
  ASSERT_OK_AND(const SkewReport again, MeasureSkew(*workspace, 2000, 7));
  EXPECT_EQ(again.values, report.values);
}

TEST_F(OnlineTest, ABugInTheOrderOfTiesIsCaught) {
  const weirhouse::testing::Planting planted("tie_order");
  ASSERT_OK_AND(const SkewReport report, MeasureSkew(*workspace, 1000, 7));
  EXPECT_GT(report.differing, 0);
  ASSERT_FALSE(report.first.empty());
  EXPECT_THAT(report.first[0], HasSubstr("shop_recent.last_24h of"));
}

TEST_F(OnlineTest, AReaderOfAProjectThatNeverRanIsTold) {
  weirhouse::testing::ScratchFolder empty;
  for (const char* path : {"weirhouse.yaml", "contracts/order.odcs.yaml", "processed/order.sql",
                           "features/sales.yaml", "seeds/shops.csv"}) {
    weirhouse::testing::WriteFile(empty / path, weirhouse::testing::ReadFile(scratch / path));
  }
  ASSERT_OK_AND(const auto project, LoadProject(empty.path().string(), ""));
  ASSERT_OK(InitializeState(*project));
  ASSERT_OK_AND(const auto reader, Workspace::Open(project, Access::kRead));
  OnlineRequest request{{"shop_sales@1:*"}, {{"shop", "a"}}, std::nullopt};
  EXPECT_EQ(OnlineFeatures(*reader, request).status().error_code(), "WH4024");
  request.at = EventTimeOfMicros(0);
  EXPECT_EQ(OnlineFeatures(*reader, request).status().error_code(), "WH4019");
  EXPECT_EQ(MeasureSkew(*reader, 10, 1).status().error_code(), "WH4019");
}

struct OnlinePastTest : ShopTest {
  void SetUp() override {
    ShopTest::SetUp();
    AddModels();
    LandDays(5);
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
  }
  json Ask(const std::string& at) {
    OnlineRequest request{{"shop_sales@1:*", "shop_recent@1:*"}, {{"shop", "a"}}, std::nullopt};
    request.at = EventTimeOfMicros(ParseTimeMicros(at).value());
    const auto vector = OnlineFeatures(*workspace, request);
    return vector.ok() ? ToJson(*vector) : json(vector.status().error_code());
  }
};

TEST_F(OnlinePastTest, WhatTheStoreNoLongerKeepsIsReadFromTheTables) {
  const json before = Ask("2024-01-02T12:00:00Z");
  ASSERT_TRUE(before.is_object()) << before;
  const std::int64_t later = ParseTimeMicros("2025-01-01T00:00:00Z").value();
  for (const char* id : {"shop_sales@1", "shop_recent@1"}) {
    const feature::ViewPlan* plan = workspace->project().FindPlan(id);
    const CommitSeq seq = workspace->online().AppliedSeq(*plan);
    ASSERT_OK_AND(const auto table, workspace->LoadTable(plan->view.table_name()));
    ASSERT_OK_AND(const auto scan, iceberg::Scan::Plan(workspace->store(), table, {}));
    ASSERT_OK_AND(const auto rows, scan.ReadAll());
    ASSERT_OK(workspace->online().Rebuild(*plan, rows, seq, later, 0));
    const std::vector<feature::Value> shop{feature::Value(std::string("a"))};
    const std::int64_t at = ParseTimeMicros("2024-01-02T12:00:00Z").value();
    EXPECT_EQ(workspace->online().Get(*plan, shop, at, at).status().error_code(), "WH4010");
  }
  EXPECT_EQ(Ask("2024-01-02T12:00:00Z"), before);
  // Nor is it compared as if it had been: the store answers of no time up to the project's now.
  ASSERT_OK_AND(const SkewReport report, MeasureSkew(*workspace, 20, 7));
  EXPECT_EQ(report.pairs, 0);
  EXPECT_THAT(report.not_asked,
              UnorderedElementsAre(HasSubstr("shop_sales@1: "), HasSubstr("shop_recent@1: ")));
}

TEST_F(OnlinePastTest, SkewAsksAtTheProjectsNowWhereTheStoreKeepsNoMore) {
  ASSERT_OK_AND(const EventTime now, workspace->Now());
  const feature::ViewPlan* plan = workspace->project().FindPlan("shop_sales@1");
  ASSERT_OK_AND(const auto table, workspace->LoadTable(plan->view.table_name()));
  ASSERT_OK_AND(const auto scan, iceberg::Scan::Plan(workspace->store(), table, {}));
  ASSERT_OK_AND(const auto rows, scan.ReadAll());
  const CommitSeq seq = workspace->online().AppliedSeq(*plan);
  ASSERT_OK(workspace->online().Rebuild(*plan, rows, seq, Micros(now), 0));
  ASSERT_OK_AND(const SkewReport report, MeasureSkewOf(*workspace, *plan, rows, rows, 20, 7));
  EXPECT_GE(report.pairs, 1);
  EXPECT_TRUE(report.same());
}

TEST_F(OnlinePastTest, AViewThatTheStoreDoesNotHoldIsUnavailable) {
  const feature::ViewPlan* plan = workspace->project().FindPlan("shop_sales@1");
  ASSERT_OK(workspace->online().Reset(*plan));
  EXPECT_EQ(Ask("2024-01-02T12:00:00Z"), "WH4019");
  ASSERT_OK_AND(const SkewReport report, MeasureSkew(*workspace, 20, 7));
  EXPECT_EQ(report.pairs, 20);
  EXPECT_THAT(report.not_asked, ElementsAre(HasSubstr("shop_sales@1: the online store does not")));
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_TRUE(Ask("2024-01-02T12:00:00Z").is_object());
}

TEST_F(OnlinePastTest, AFieldTypedAsTextIsOfTheViewsType) {
  OnlineRequest request{{"order_request@1:amount"}, json::object(), std::nullopt};
  request.texts = {{"at", "2024-01-05T23:30:00Z"}, {"amount", "7"}};
  ASSERT_OK_AND(const OnlineVector vector, OnlineFeatures(*workspace, request));
  EXPECT_EQ(vector.features[0].value, 7);
  request.texts["amount"] = "7.5";
  EXPECT_EQ(OnlineFeatures(*workspace, request).status().error_code(), "WH4013");
  request.texts.erase("amount");
  EXPECT_EQ(OnlineFeatures(*workspace, request).status().error_code(), "WH4017");
}
}  // namespace
}  // namespace weirhouse::work

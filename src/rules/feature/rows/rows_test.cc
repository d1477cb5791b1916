#include "rules/feature/rows/rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/base/time.h"
#include "ground/iceberg/type/schema.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/definition/example_views_test.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "rules/feature/value/arrow_columns.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
const auto kTime = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");

std::shared_ptr<arrow::Schema> ArrivalSchema() {
  return arrow::schema(
      {arrow::field("flight_id", arrow::utf8()), arrow::field("carrier", arrow::utf8()),
       arrow::field("tailnum", arrow::utf8()), arrow::field("arrived_at", kTime),
       arrow::field("arr_delay", arrow::int64()), arrow::field("reported_at", kTime),
       arrow::field("_record", arrow::int64()), arrow::field("_ingested_at", kTime)});
}

std::shared_ptr<arrow::Table> Arrivals() {
  return testing::TableOf(ArrivalSchema(), R"([
    {"flight_id":"f2","carrier":"UA","tailnum":null,"arrived_at":"2013-01-01T15:00:00Z","arr_delay":20,
     "reported_at":"2013-01-01T15:00:00Z","_record":2,"_ingested_at":"2013-01-02T00:00:00Z"},
    {"flight_id":"f1","carrier":"UA","tailnum":"N1","arrived_at":"2013-01-01T14:30:00Z","arr_delay":11,
     "reported_at":"2013-01-01T14:30:00Z","_record":1,"_ingested_at":"2013-01-02T00:00:00Z"},
    {"flight_id":"f1","carrier":"UA","tailnum":"N1","arrived_at":"2013-01-01T14:30:00Z","arr_delay":13,
     "reported_at":"2013-01-01T18:00:00Z","_record":3,"_ingested_at":"2013-01-03T00:00:00Z"},
    {"flight_id":"f3","carrier":"AA","tailnum":"N3","arrived_at":"2013-01-01T16:00:00Z","arr_delay":null,
     "reported_at":"2013-01-01T16:00:00Z","_record":4,"_ingested_at":"2013-01-03T00:00:00Z"}])");
}

class RowsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = platform::SqlEngine::Open({});
    ASSERT_OK(engine);
    engine_ = std::move(engine).value();
    auto session = engine_->Connect();
    ASSERT_OK(session);
    session_ = std::move(session).value();
    auto views = ParseFeatureViews(kExampleViews, "features/delay.yaml");
    ASSERT_OK(views);
    views_ = *views;
  }
  Status BindStatus(const std::string& expression) {
    FeatureView view = views_[0];
    view.features[1].of = expression;
    return BindView(view, *ArrivalSchema(), *session_).status();
  }

  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
  std::vector<FeatureView> views_;
};

TEST_F(RowsTest, BindsTheTypesOfTheExample) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  EXPECT_EQ(plan.value_types, (std::vector<ValueType>{ValueType::kInt64, ValueType::kInt64}));
  std::vector<std::string> types;
  for (const PlannedOutput& output : plan.outputs) types.emplace_back(TypeName(output.type));
  EXPECT_EQ(types, (std::vector<std::string>{"integer", "integer", "integer", "number", "number",
                                             "number", "number", "number", "number"}));
  ASSERT_OK_AND(const ViewPlan request, BindRequestView(views_[5], *session_));
  for (const PlannedOutput& output : request.outputs) EXPECT_EQ(output.type, ValueType::kInt64);
}

TEST_F(RowsTest, EvaluatesExpressionsOnceAndSorts) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  ASSERT_OK_AND(const auto rows, BuildFeatureRows(plan, Arrivals(), {"flight_id"}, *session_));
  ASSERT_EQ(rows->num_rows(), 4);
  std::vector<std::string> names;
  for (const auto& field : rows->schema()->fields()) names.push_back(field->name());
  EXPECT_EQ(names,
            (std::vector<std::string>{"carrier", "event_time", "known_time", "row_key",
                                      "row_digest", "op", "v1_mean", "v2_late_rate", "_record"}));
  ASSERT_OK_AND(const IntColumn records, ReadIntegers(*rows->GetColumnByName("_record"), "r"));
  EXPECT_EQ(records.values, (std::vector<std::int64_t>{4, 1, 3, 2}));
  ASSERT_OK_AND(const IntColumn late, ReadIntegers(*rows->GetColumnByName("v2_late_rate"), "r"));
  EXPECT_EQ(late.values, (std::vector<std::int64_t>{0, 0, 0, 1}));
  ASSERT_OK_AND(const IntColumn delay, ReadIntegers(*rows->GetColumnByName("v1_mean"), "r"));
  EXPECT_EQ(delay.valid, (std::vector<std::uint8_t>{0, 1, 1, 1}));
}

TEST_F(RowsTest, HasTheSchemaThatItsTableWants) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  ASSERT_OK_AND(const auto rows, BuildFeatureRows(plan, Arrivals(), {"flight_id"}, *session_));
  ASSERT_OK_AND(const iceberg::Schema schema,
                iceberg::Schema::FromArrow(*FeatureTableSchema(plan)));
  EXPECT_EQ(schema.fields.size(), static_cast<std::size_t>(rows->num_columns()) + 1);
  for (const auto& field : rows->schema()->fields()) {
    ASSERT_NE(schema.Find(field->name()), nullptr);
    ASSERT_OK_AND(const iceberg::Type type, iceberg::TypeOfArrow(*field->type()));
    EXPECT_EQ(schema.Find(field->name())->type, type) << field->name();
  }
  ASSERT_OK_AND(const ViewPlan stored, PlanStored(views_[0], *rows->schema()));
  EXPECT_EQ(stored.value_types, plan.value_types);
}

TEST_F(RowsTest, GivesEqualBytesWhateverTheOrderOfTheSource) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  ASSERT_OK_AND(const auto source, TakeRows(*Arrivals(), {3, 1, 0, 2}));
  ASSERT_OK_AND(const auto a, BuildFeatureRows(plan, Arrivals(), {"flight_id"}, *session_));
  ASSERT_OK_AND(const auto b, BuildFeatureRows(plan, source, {"flight_id"}, *session_));
  EXPECT_TRUE(a->Equals(*b));
}

TEST_F(RowsTest, TakesIngestionTimeOrADelayAsKnownTime) {
  FeatureView view = views_[0];
  view.known_time = {};
  ASSERT_OK_AND(const ViewPlan plan, BindView(view, *ArrivalSchema(), *session_));
  ASSERT_OK_AND(const auto rows, BuildFeatureRows(plan, Arrivals(), {"flight_id"}, *session_));
  ASSERT_OK_AND(const IntColumn known, ReadIntegers(*rows->GetColumnByName("known_time"), "k"));
  EXPECT_EQ(FormatTime(known.values[1]), "2013-01-02T00:00:00Z");
  view.known_time = {KnownTime::Kind::kDelay, "", 60'000'000};
  ASSERT_OK_AND(const ViewPlan delayed, BindView(view, *ArrivalSchema(), *session_));
  ASSERT_OK_AND(const auto later, BuildFeatureRows(delayed, Arrivals(), {"flight_id"}, *session_));
  ASSERT_OK_AND(const IntColumn then, ReadIntegers(*later->GetColumnByName("known_time"), "k"));
  EXPECT_EQ(FormatTime(then.values[1]), "2013-01-01T14:31:00Z");
}

TEST_F(RowsTest, WritesADeleteWithoutValuesUnderTheDigestOfItsKey) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  const auto source = Arrivals();
  const auto ops = BuildArray(ValueType::kInt64, {0, 1, 0, 0}, {}, {1, 1, 1, 1});
  auto with_ops = source->AddColumn(source->num_columns(), arrow::field("_op", arrow::int64()),
                                    std::make_shared<arrow::ChunkedArray>(ops));
  ASSERT_TRUE(with_ops.ok());
  ASSERT_OK_AND(const auto rows, BuildFeatureRows(plan, *with_ops, {"flight_id"}, *session_));
  ASSERT_OK_AND(const IntColumn op, ReadIntegers(*rows->GetColumnByName("op"), "op"));
  EXPECT_EQ(op.values, (std::vector<std::int64_t>{0, 1, 0, 0}));
  EXPECT_TRUE(rows->GetColumnByName("v1_mean")->chunk(0)->IsNull(1));
  ASSERT_OK_AND(const auto puts, BuildFeatureRows(plan, source, {"flight_id"}, *session_));
  ASSERT_OK_AND(const auto a, ReadBytes(*rows->GetColumnByName("row_digest"), "d"));
  ASSERT_OK_AND(const auto b, ReadBytes(*puts->GetColumnByName("row_digest"), "d"));
  EXPECT_NE(a[1], b[1]);
  EXPECT_EQ(a[2], b[2]);
}

TEST_F(RowsTest, MergesRunsInOrderWithTheCommitOfEachRow) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  ASSERT_OK_AND(const auto all, BuildFeatureRows(plan, Arrivals(), {"flight_id"}, *session_));
  ASSERT_OK_AND(const auto first,
                BuildFeatureRows(plan, Arrivals()->Slice(0, 2), {"flight_id"}, *session_));
  ASSERT_OK_AND(const auto second,
                BuildFeatureRows(plan, Arrivals()->Slice(2), {"flight_id"}, *session_));
  ASSERT_OK_AND(const auto merged,
                MergeRuns(plan, {{second, CommitSeq(9)}, {first, CommitSeq(8)}}));
  ASSERT_OK_AND(const IntColumn seqs, ReadIntegers(*merged->GetColumnByName("_commit_seq"), "s"));
  EXPECT_EQ(seqs.values, (std::vector<std::int64_t>{9, 8, 9, 8}));
  for (int i = 0; i < all->num_columns(); ++i) {
    EXPECT_TRUE(merged->column(i)->Equals(*all->column(i))) << all->field(i)->name();
  }
  // Merging again keeps what is told.
  ASSERT_OK_AND(const auto again, MergeRuns(plan, {{merged, CommitSeq(20)}}));
  EXPECT_TRUE(again->Equals(*merged));
}

TEST_F(RowsTest, RefusesARowWithoutEventTime) {
  ASSERT_OK_AND(const ViewPlan plan, BindView(views_[0], *ArrivalSchema(), *session_));
  const auto source = testing::TableOf(
      ArrivalSchema(),
      R"([{"flight_id":"f","carrier":"UA","reported_at":"2013-01-01T15:00:00Z"}])");
  const auto rows = BuildFeatureRows(plan, source, {"flight_id"}, *session_);
  EXPECT_EQ(rows.status().error_code(), "WH4015");
}

TEST_F(RowsTest, RefusesExpressionsThatDoNotDependOnOneRowAlone) {
  for (const char* sql :
       {"now()", "random()", "current_timestamp", "current_date", "uuid()", "arr_delay + random()",
        "sum(arr_delay)", "arr_delay - avg(arr_delay) over ()", "(select 1)", "nextval('s')",
        "case when today() > date '2013-01-01' then 1 end", "epoch(age(reported_at))",
        "hour(current_localtimestamp())", "hour(current_localtime())", "current_user",
        "case when ago(interval 1 day) < reported_at then 1 end"}) {
    EXPECT_EQ(BindStatus(sql).error_code(), "WH4007") << sql;
  }
  EXPECT_OK(BindStatus("epoch(age(reported_at, reported_at))"));
  EXPECT_OK(BindStatus("coalesce(arr_delay, 0) * 2.5"));
  EXPECT_OK(BindStatus("case when carrier in ('UA', 'AA') then 1 else 0 end"));
}

TEST_F(RowsTest, RefusesWhatIsNotOneExpression) {
  for (const char* sql : {"1) , (2", "arr_delay) from records where (true", "1; drop table x",
                          "arr_delay +", "arr_dely", "arr_delay -- comment\n + nothing"}) {
    EXPECT_EQ(BindStatus(sql).error_code(), "WH4006") << sql;
  }
  EXPECT_OK(BindStatus("arr_delay -- minutes"));
}

TEST_F(RowsTest, RefusesTypesThatFeaturesCannotHold) {
  EXPECT_EQ(BindStatus("[arr_delay]").error_code(), "WH4005");
  EXPECT_EQ(BindStatus("carrier").error_code(), "WH4005") << "the mean of a string";
}

TEST_F(RowsTest, NamesTheColumnThatTheSourceLacks) {
  FeatureView view = views_[0];
  view.event_time = "arived_at";
  const Status status = BindView(view, *ArrivalSchema(), *session_).status();
  EXPECT_EQ(status.error_code(), "WH4015");
  EXPECT_NE(status.hint().find("arrived_at"), std::string::npos);
  view.event_time = "carrier";
  EXPECT_EQ(BindView(view, *ArrivalSchema(), *session_).status().error_code(), "WH4015");
}
}  // namespace
}  // namespace weirhouse::feature

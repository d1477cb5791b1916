#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ground/base/random.h"
#include "ground/base/text.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/rows/rows.h"
#include "rules/feature/value/arrow_columns.h"
#include "rules/transform/counting_session.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
class GoodRowsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(engine_, platform::SqlEngine::Open({}));
    ASSERT_OK_AND(session_, engine_->Connect());
  }

  // One row for each of `values`: its number as id and record, the value as `a`, its size as `n`.
  static std::shared_ptr<arrow::Table> Rows(const std::vector<std::string>& values) {
    const auto schema =
        arrow::schema({arrow::field("id", arrow::utf8()), arrow::field("a", arrow::utf8()),
                       arrow::field("n", arrow::int64()), arrow::field("_record", arrow::int64()),
                       arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"))});
    std::string text = "[";
    for (std::size_t i = 0; i < values.size(); ++i) {
      text +=
          fmt::format(R"({}{{"id":"{}","a":"{}","n":{},"_record":{},"t":"2024-01-01T00:00:00Z"}})",
                      i == 0 ? "" : ",", i, values[i], values[i].size(), i);
    }
    return testing::TableOf(schema, text + "]");
  }
  // A view whose features are the maxima of `expressions`, one on each line.
  Result<ViewPlan> Bind(const std::vector<std::string>& expressions) {
    std::string yaml =
        "feature_view: v\nversion: 1\nentity: { id: string }\nsource: processed.o\n"
        "event_time: t\nknown_time: t\nwindows: [24h]\nfeatures:\n";
    for (std::size_t i = 0; i < expressions.size(); ++i)
      yaml += fmt::format("  f{}: {{ agg: last, of: \"{}\" }}\n", i, expressions[i]);
    WEIRHOUSE_TRY(std::vector<FeatureView> views, ParseFeatureViews(yaml, "features/v.yaml"));
    return BindView(views[0], *Rows({})->schema(), *session_);
  }
  Result<std::shared_ptr<arrow::Table>> Build(const ViewPlan& plan,
                                              const std::shared_ptr<arrow::Table>& rows) {
    left_out_.clear();
    transform::CountingSession counted(*session_);
    auto built = BuildGoodFeatureRows(plan, rows, {"id"}, counted, left_out_);
    queries_ = counted.queries;
    return built;
  }

  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
  std::vector<LeftOutRow> left_out_;
  int queries_ = 0;  // of the last Build
};

TEST_F(GoodRowsTest, NamesTheRowTheExpressionAndItsValues) {
  ASSERT_OK_AND(const ViewPlan plan, Bind({"n * 2", "1 + CAST(a AS INTEGER)"}));
  ASSERT_OK_AND(const auto rows, Build(plan, Rows({"1", "x", "3"})));
  EXPECT_EQ(rows->num_rows(), 2);
  ASSERT_EQ(left_out_.size(), 1u);
  EXPECT_EQ(left_out_[0].record, 1);
  EXPECT_EQ(left_out_[0].expression, "1 + CAST(a AS INTEGER)");
  EXPECT_EQ(left_out_[0].place.substr(0, 19), "features/v.yaml:10:") << left_out_[0].place;
  EXPECT_EQ(left_out_[0].found.substr(0, 9), "a = \"x\": ") << left_out_[0].found;
  EXPECT_NE(left_out_[0].found.find("onvert"), std::string::npos) << left_out_[0].found;
}

TEST_F(GoodRowsTest, ManyBadRowsAreFoundTogether) {
  ASSERT_OK_AND(const ViewPlan plan, Bind({"CAST(a AS INTEGER)", "length(a)"}));
  std::vector<std::string> values(3000, "x");
  values[17] = "17";
  ASSERT_OK_AND(const auto rows, Build(plan, Rows(values)));
  EXPECT_EQ(rows->num_rows(), 1);
  EXPECT_EQ(left_out_.size(), 2999u);
  EXPECT_LT(queries_, 130);
}

TEST_F(GoodRowsTest, ABadRowCostsOneRun) {
  ASSERT_OK_AND(const ViewPlan plan,
                Bind({"n", "CASE WHEN a LIKE 'y%' THEN CAST(a AS BIGINT) ELSE 0 END"}));
  std::vector<std::string> values;
  for (int i = 0; i < 5000; ++i) values.push_back((i % 100 == 7 ? "y" : "x") + std::to_string(i));
  ASSERT_OK_AND(const auto rows, Build(plan, Rows(values)));
  EXPECT_EQ(rows->num_rows(), 4950);
  EXPECT_EQ(left_out_.size(), 50u);
  EXPECT_LT(queries_, 50 + 30);
}

TEST_F(GoodRowsTest, NoRowIsLeftWhereNoneIsGood) {
  ASSERT_OK_AND(const ViewPlan plan, Bind({"CAST('x' || n AS INTEGER)"}));
  ASSERT_OK_AND(const auto rows, Build(plan, Rows({"1", "2"})));
  EXPECT_EQ(rows->num_rows(), 0);
  ASSERT_EQ(left_out_.size(), 2u);
  EXPECT_EQ(left_out_[1].expression, "CAST('x' || n AS INTEGER)");
}

TEST_F(GoodRowsTest, AConstantThatFailsIsAnErrorOfTheView) {
  const auto plan = Bind({"n + CAST('x' AS INTEGER)"});
  EXPECT_EQ(plan.status().error_code(), "WH4006");
  EXPECT_THAT(plan.status().message(), ::testing::HasSubstr("fails on every row"));
  EXPECT_OK(Bind({"CASE WHEN n > 100 THEN CAST('x' AS INTEGER) ELSE n END"}));
}

// What BuildFeatureRows makes of each row alone: absent where it fails.
TEST_F(GoodRowsTest, ARowIsLeftOutForWhatItHoldsWhateverStandsBesideIt) {
  const std::vector<std::string> expressions{
      "CAST(a AS INTEGER)",
      "CAST(a AS INTEGER) = 7",
      "CAST(n AS VARCHAR) = '3'",
      "CASE WHEN a LIKE 't%' THEN 0 ELSE CAST(a AS INTEGER) END",
      "CASE WHEN a LIKE 't%' OR CAST(a AS INTEGER) > 5 THEN n ELSE -n END",
      "CASE WHEN CAST(a AS INTEGER) > 5 AND n < 4 THEN n ELSE CAST(a AS INTEGER) END",
      "a NOT LIKE 't%' AND CAST(a AS INTEGER) > 5",
      "coalesce(nullif(a, 'x'), CAST(CAST(a AS INTEGER) AS VARCHAR))",
      "n * 4611686018427387904",
      "CAST(n * 100 AS TINYINT)",
      "greatest(n, CAST(a AS BIGINT) * CAST(a AS BIGINT))",
      "CASE WHEN n > 2 THEN CAST(a AS DATE) > DATE '2020-01-01' END",
      "10 // (n - 2)",
      "list_extract(list_transform([a], x -> CAST(x AS INTEGER)), 1)",
      "sqrt(n - 2)"};
  const std::vector<std::string> pool{"x",       "t",          "7",          "1",
                                      "text",    "9223372036", "2020-02-30", "2020-02-03",
                                      "4000000", "-1",         "xxxxxxx",    ""};
  SeededRandom random(20);
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<std::string> chosen;
    for (std::uint64_t i = 0; i <= random.Below(3); ++i)
      chosen.push_back(expressions[random.Below(expressions.size())]);
    const auto plan = Bind(chosen);
    ASSERT_OK(plan);
    std::vector<std::string> values;
    for (std::uint64_t i = 0; i < 1 + random.Below(trial % 10 == 0 ? 2500 : 40); ++i)
      values.push_back(pool[random.Below(trial % 3 == 0 ? 3 : pool.size())]);
    const auto rows = Rows(values);
    // The fate of each value, by itself.
    std::map<std::string, bool> good;
    for (const std::string& value : std::set<std::string>(values.begin(), values.end())) {
      const auto alone = BuildFeatureRows(*plan, Rows({value}), {"id"}, *session_);
      good[value] = alone.ok();
    }
    const auto built = Build(*plan, rows);
    ASSERT_TRUE(built.ok()) << built.status().message() << Join(chosen, " | ");
    std::set<std::int64_t> out;
    for (const LeftOutRow& left : left_out_) {
      EXPECT_TRUE(out.insert(left.record).second);
      EXPECT_TRUE(std::find(chosen.begin(), chosen.end(), left.expression) != chosen.end());
    }
    std::set<std::int64_t> expected;
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      good[values[i]] ? kept.push_back(row) : static_cast<void>(expected.insert(row));
    }
    ASSERT_EQ(out, expected) << Join(chosen, " | ");
    ASSERT_OK_AND(const auto wanted, TakeRows(*rows, kept));
    ASSERT_OK_AND(const auto model, BuildFeatureRows(*plan, wanted, {"id"}, *session_));
    EXPECT_TRUE((*built)->Equals(*model));
    // In another order the same bytes.
    std::vector<std::int64_t> order;
    for (std::int64_t i = rows->num_rows(); i > 0; --i) order.push_back(i - 1);
    ASSERT_OK_AND(const auto turned, TakeRows(*rows, order));
    const auto again = Build(*plan, turned);
    ASSERT_OK(again);
    EXPECT_TRUE((*again)->Equals(**built));
  }
}
TEST_F(GoodRowsTest, AColumnAloneIsWhatSqlMakesOfIt) {
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  const auto schema = arrow::schema(
      {arrow::field("id", arrow::utf8()), arrow::field("t", time),
       arrow::field("_record", arrow::int64()), arrow::field("x", arrow::float64()),
       arrow::field("i", arrow::int64()), arrow::field("s", arrow::utf8()),
       arrow::field("b", arrow::boolean()), arrow::field("e", time),
       arrow::field("d", arrow::float64()), arrow::field("true", arrow::int64()),
       arrow::field("Mixed", arrow::float64()), arrow::field("small", arrow::int32())});
  std::string text = "[";
  for (int row = 0; row < 60; ++row) {
    const auto value = [&](int of, const std::string& known) {
      return (row + of) % 5 == 0 ? std::string("null") : known;
    };
    text += fmt::format(
        R"({}{{"id":"k{}","t":"2024-01-{:02}T00:00:00Z","_record":{},"x":{},"i":{},"s":{},"b":{},)"
        R"("e":{},"d":{},"true":{},"Mixed":{},"small":{}}})",
        row == 0 ? "" : ",", row % 7, 1 + row % 28, row, value(0, row % 2 == 0 ? "-0.0" : "1e300"),
        value(1, std::to_string(row - 30)), value(2, row % 3 == 0 ? "\"\"" : "\"\u00fc\""),
        value(3, row % 2 == 0 ? "true" : "false"), value(4, "\"1969-12-31T23:59:59Z\""),
        value(5, fmt::format("{}.125", row)), value(6, std::to_string(row)), value(7, "0.5"),
        value(8, std::to_string(row)));
  }
  const auto plain = testing::TableOf(schema, text + "]");
  const auto digits =
      arrow::compute::Cast(plain->GetColumnByName("d"), arrow::decimal128(38, 3)).ValueOrDie();
  const int place = schema->GetFieldIndex("d");
  const auto whole =
      plain->SetColumn(place, arrow::field("d", arrow::decimal128(38, 3)), digits.chunked_array())
          .ValueOrDie();
  const auto rows = arrow::ConcatenateTables({whole->Slice(0, 17), whole->Slice(17)}).ValueOrDie();
  const auto bound = [&](const std::vector<std::string>& expressions) {
    std::string yaml =
        "feature_view: v\nversion: 1\nentity: { id: string }\nsource: processed.o\n"
        "event_time: t\nknown_time: t\nttl: 90d\nfeatures:\n";
    for (std::size_t i = 0; i < expressions.size(); ++i)
      yaml += fmt::format("  f{}: {{ agg: latest, of: '{}' }}\n", i, expressions[i]);
    const auto views = ParseFeatureViews(yaml, "features/v.yaml").value();
    return BindView(views[0], *whole->schema(), *session_).value();
  };
  // One in another case and one of another type are computed.
  const ViewPlan plan =
      bound({"x", "i", "s", "b", "e", "d", "\"true\"", "mixed", "small", "true", "x + 1"});
  std::vector<std::string> columns;
  for (const RowExpression& one : plan.expressions) columns.push_back(one.source_column);
  EXPECT_THAT(columns,
              ::testing::ElementsAre("x", "i", "s", "b", "e", "d", "true", "", "small", "", ""));
  ViewPlan computed = plan;
  for (RowExpression& one : computed.expressions) one.source_column.clear();
  ASSERT_OK_AND(const auto taken, Build(plan, rows));
  ASSERT_OK_AND(const auto made, Build(computed, rows));
  ASSERT_EQ(taken->num_rows(), rows->num_rows());
  EXPECT_TRUE(taken->Equals(*made)) << taken->ToString() << made->ToString();
  ASSERT_OK(Build(bound({"x", "i", "s", "b", "e"}), rows).status());
  EXPECT_EQ(queries_, 0);
}
}  // namespace
}  // namespace weirhouse::feature

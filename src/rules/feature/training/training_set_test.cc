#include "rules/feature/training/training_set.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "ground/base/time.h"
#include "ground/iceberg/table.h"
#include "rules/feature/definition/example_views_test.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/kernel/request.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "rules/feature/value/arrow_columns.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
const auto kTimeType = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");

const char* const kViews =
    "--- { feature_view: every, entity: { name: string }, source: processed.x_history, event_time: "
    "at, known_time: known, windows: [5us, 10us], ttl: 20us, features: { n: { agg: count }, m: { "
    "agg: mean, of: y }, hi: { agg: max, of: s }, now: { agg: latest, of: x } } }\n"
    "--- { feature_view: req, request: { amount: integer }, features: { twice: request.amount * 2 "
    "} }\n";

std::string Definition(const std::string& part = "") {
  return "{ training_set: s, spine: select 1, time: t, label: y, " + part +
         " features: ['every@1:*', 'req@1:*'], split: { by: time, train: 70%, valid: 15%, test: "
         "15% "
         "} }";
}

// Arrow holds NaN unequal to itself unless told otherwise.
bool SameTable(const arrow::Table& a, const arrow::Table& b) {
  if (a.num_columns() != b.num_columns()) return false;
  for (int i = 0; i < a.num_columns(); ++i) {
    const auto options = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
    if (!a.column(i)->Equals(*b.column(i), options)) return false;
  }
  return a.schema()->Equals(*b.schema());
}

class TrainingSetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto views = ParseFeatureViews(kViews, "x");
    ASSERT_OK(views);
    views_ = *views;
    auto engine = platform::SqlEngine::Open({});
    ASSERT_OK(engine);
    engine_ = std::move(engine).value();
    auto session = engine_->Connect();
    ASSERT_OK(session);
    session_ = std::move(session).value();
    auto plan = PlanView(views_[0], {ValueType::kDouble, ValueType::kString, ValueType::kInt64});
    ASSERT_OK(plan);
    plan_ = *plan;
    SeededRandom random(3);
    for (SampleRow& row : RandomRows(random, 300)) {
      std::rotate(row.values.begin(), row.values.begin() + 1, row.values.end());
      rows_.push_back(std::move(row));
    }
  }
  FeatureProvider Provider() const {
    return [this](const FeatureView&) -> Result<std::shared_ptr<arrow::Table>> {
      return SampleTable(plan_, rows_);
    };
  }
  static TrainingSetDefinition Parse(const std::string& yaml) {
    auto sets = ParseTrainingSets(yaml, "x");
    WEIRHOUSE_CHECK(sets.ok());
    return sets->front();
  }
  // Labels with duplicates, NULL keys and unknown keys.
  static std::shared_ptr<arrow::Table> Spine(std::size_t count) {
    SeededRandom random(8);
    std::vector<std::string> names;
    std::vector<std::uint8_t> known;
    std::vector<std::uint64_t> amounts;
    std::vector<std::uint64_t> times;
    for (std::size_t i = 0; i < count; ++i) {
      names.emplace_back(1, "abcz"[random.Below(4)]);
      known.push_back(random.Below(9) == 0 ? 0 : 1);
      amounts.push_back(random.Below(3));
      times.push_back(random.Below(40));
    }
    const std::vector<std::uint8_t> all(count, 1);
    return arrow::Table::Make(
        arrow::schema({arrow::field("name", arrow::utf8()), arrow::field("amount", arrow::int64()),
                       arrow::field("t", kTimeType), arrow::field("y", arrow::int64())}),
        {BuildArray(ValueType::kString, {}, names, known),
         BuildArray(ValueType::kInt64, amounts, {}, all),
         BuildArray(ValueType::kTimestamp, times, {}, all),
         BuildArray(ValueType::kInt64, amounts, {}, all)},
        static_cast<std::int64_t>(count));
  }
  Result<TrainingSetResult> Build(const std::string& yaml, std::shared_ptr<arrow::Table> spine,
                                  const TrainingSetOptions& options = {}) {
    return BuildTrainingSet(Parse(yaml), views_, std::move(spine), Provider(), session_.get(),
                            options);
  }

  std::vector<FeatureView> views_;
  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
  ViewPlan plan_;
  std::vector<SampleRow> rows_;
};

TEST_F(TrainingSetTest, GivesOneRowPerLabelWithColumnsInTheDefinitionsOrder) {
  ASSERT_OK_AND(const auto built, Build(Definition(), Spine(200)));
  EXPECT_EQ(built.rows->num_rows(), 200);
  EXPECT_EQ(built.rows->schema()->field_names(),
            (std::vector<std::string>{"name", "amount", "t", "y", "every.n_5us", "every.n_10us",
                                      "every.m_5us", "every.m_10us", "every.hi_5us",
                                      "every.hi_10us", "every.now", "req.twice", "split"}));
  EXPECT_EQ(built.feature_columns.size(), 8U);
  ASSERT_OK_AND(const IntColumn amount, ReadIntegers(*built.rows->GetColumnByName("amount"), "a"));
  ASSERT_OK_AND(const IntColumn twice,
                ReadIntegers(*built.rows->GetColumnByName("req.twice"), "a"));
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(twice.values[i], 2 * amount.values[i]);
}

TEST_F(TrainingSetTest, EqualsTheNaiveInterpreterInEveryRow) {
  for (const char* part : {"", "as_of: latest,"}) {
    ASSERT_OK_AND(const auto built, Build(Definition(part), Spine(400)));
    SeededRandom random(1);
    ASSERT_OK_AND(const NaiveReport report,
                  NaiveCheck(Parse(Definition(part)), views_, built, Provider(), 400, random));
    EXPECT_EQ(report.rows, 400);
    EXPECT_EQ(report.values, 400 * 7);
    EXPECT_EQ(report.differing, 0) << report.first[0];
  }
}

TEST_F(TrainingSetTest, IsTheSameFromPiecesOfTheTable) {
  const std::string yaml =
      "{ training_set: s, spine: select 1, time: t, label: y, features: ['every@1:now'] }";
  TrainingSetOptions options;
  options.pieces = [&](const FeatureView&) -> Result<std::shared_ptr<const FeaturePieces>> {
    return PiecesOf(SampleTable(plan_, rows_), 17);
  };
  ASSERT_OK_AND(const auto whole, Build(yaml, Spine(300)));
  ASSERT_OK_AND(const auto pieces, Build(yaml, Spine(300), options));
  EXPECT_TRUE(SameTable(*whole.rows, *pieces.rows));
  options.with_status = true;  // slides over the whole table
  ASSERT_OK_AND(const auto sliding, Build(yaml, Spine(300), options));
  EXPECT_TRUE(SameTable(*pieces.rows, **sliding.rows->RemoveColumn(5)));
  SeededRandom random(1);
  ASSERT_OK_AND(const NaiveReport report,
                NaiveCheck(Parse(yaml), views_, pieces, Provider(), 90, random, options.pieces));
  EXPECT_EQ(report.values, 90);
  EXPECT_EQ(report.differing, 0);
}

TEST_F(TrainingSetTest, IsSeenThroughByTheNaiveCheckWhenAValueIsWrong) {
  ASSERT_OK_AND(auto built, Build(Definition(), Spine(50)));
  const auto zeros = BuildArray(ValueType::kInt64, std::vector<std::uint64_t>(50, 77), {},
                                std::vector<std::uint8_t>(50, 1));
  auto wrong =
      built.rows->SetColumn(4, built.rows->field(4), std::make_shared<arrow::ChunkedArray>(zeros));
  ASSERT_TRUE(wrong.ok());
  built.rows = *wrong;
  SeededRandom random(1);
  ASSERT_OK_AND(const NaiveReport report,
                NaiveCheck(Parse(Definition()), views_, built, Provider(), 20, random));
  EXPECT_EQ(report.differing, 20);
}

TEST_F(TrainingSetTest, HasEqualBytesWhateverTheOrderOfTheSpineAndTheThreads) {
  const auto spine = Spine(300);
  ASSERT_OK_AND(const auto built, Build(Definition(), spine));
  std::vector<std::int64_t> order(300);
  for (std::size_t i = 0; i < 300; ++i) order[i] = static_cast<std::int64_t>(299 - i);
  ASSERT_OK_AND(const auto reversed, TakeRows(*spine, order));
  for (const int threads : {1, 2, 5}) {
    TrainingSetOptions options;
    options.threads = threads;
    std::reverse(rows_.begin(), rows_.end());
    ASSERT_OK_AND(const auto again, Build(Definition(), reversed, options));
    EXPECT_TRUE(SameTable(*again.rows, *built.rows)) << threads;
  }
}

// The spine's rows, at the times that are given.
std::shared_ptr<arrow::Table> AtTimes(const arrow::Table& spine,
                                      const std::vector<std::uint64_t>& times) {
  const std::vector<std::uint8_t> all(times.size(), 1);
  const auto column =
      std::make_shared<arrow::ChunkedArray>(BuildArray(ValueType::kTimestamp, times, {}, all));
  return spine.SetColumn(2, spine.field(2), column).ValueOrDie();
}

TEST_F(TrainingSetTest, CutsTheSplitByTimeAtTheExactShares) {
  std::vector<std::uint64_t> distinct(333);
  std::iota(distinct.rbegin(), distinct.rend(), 1);
  ASSERT_OK_AND(const auto built, Build(Definition(), AtTimes(*Spine(333), distinct)));
  std::map<std::string, std::int64_t> counts;
  ASSERT_OK_AND(const IntColumn times, ReadIntegers(*built.rows->GetColumnByName("t"), "t"));
  EXPECT_TRUE(std::is_sorted(times.values.begin(), times.values.end()));
  ASSERT_OK_AND(const auto splits, ReadBytes(*built.rows->GetColumnByName("split"), "s"));
  for (const std::string_view split : splits) ++counts[std::string(split)];
  EXPECT_EQ(counts["train"], 233);  // floor(333 * 0.70)
  EXPECT_EQ(counts["valid"], 50);   // floor(333 * 0.85) - 233
  EXPECT_EQ(counts["test"], 50);
  EXPECT_EQ(splits.front(), "train");
  EXPECT_EQ(splits.back(), "test");
}

TEST_F(TrainingSetTest, RowsOfOneTimeAreNeverCutApart) {
  for (const bool keep_input_order : {false, true}) {
    TrainingSetOptions options;
    options.keep_input_order = keep_input_order;
    ASSERT_OK_AND(const auto built, Build(Definition(), Spine(333), options));
    ASSERT_OK_AND(const IntColumn times, ReadIntegers(*built.rows->GetColumnByName("t"), "t"));
    ASSERT_OK_AND(const auto splits, ReadBytes(*built.rows->GetColumnByName("split"), "s"));
    std::map<std::int64_t, std::set<std::string>> parts;
    std::map<std::string, std::int64_t> counts;
    for (std::size_t i = 0; i < splits.size(); ++i) {
      parts[times.values[i]].insert(std::string(splits[i]));
      ++counts[std::string(splits[i])];
    }
    for (const auto& [time, names] : parts) EXPECT_EQ(names.size(), 1U) << time;
    EXPECT_GE(counts["train"], 233);  // and those of the last one's time
    EXPECT_LE(counts["train"], 233 + 333 / 20);
    EXPECT_GT(counts["valid"], 0);
    EXPECT_GT(counts["test"], 0);
  }
  // All at one time: all with the first.
  ASSERT_OK_AND(const auto built,
                Build(Definition(), AtTimes(*Spine(10), std::vector<std::uint64_t>(10, 5))));
  ASSERT_OK_AND(const auto splits, ReadBytes(*built.rows->GetColumnByName("split"), "s"));
  EXPECT_EQ(splits.back(), "train");
}

TEST_F(TrainingSetTest, KeepsInputOrderAndDuplicatesForAPointInTimeJoin) {
  const auto once = Spine(60);
  auto spine = arrow::ConcatenateTables({once, once});
  ASSERT_TRUE(spine.ok());
  ASSERT_OK_AND(const auto joined,
                PointInTime(Parse(Definition()), views_, *spine, Provider(), session_.get()));
  EXPECT_EQ(joined.rows->num_rows(), 120);
  EXPECT_EQ(joined.rows->GetColumnByName("split"), nullptr);
  EXPECT_TRUE(joined.rows->GetColumnByName("t")->Equals(*(*spine)->GetColumnByName("t")));
  const auto first = joined.rows->Slice(0, 60)->CombineChunks();
  const auto second = joined.rows->Slice(60)->CombineChunks();
  EXPECT_TRUE(SameTable(**first, **second));
}

TEST_F(TrainingSetTest, TellsStatusesOnlyWhenAsked) {
  TrainingSetOptions options;
  options.with_status = true;
  ASSERT_OK_AND(const auto built, Build(Definition(), Spine(100), options));
  const auto statuses = built.rows->GetColumnByName("every.now.status");
  ASSERT_NE(statuses, nullptr);
  ASSERT_OK_AND(const auto names, ReadBytes(*built.rows->GetColumnByName("name"), "n"));
  ASSERT_OK_AND(const auto texts, ReadBytes(*statuses, "s"));
  for (std::size_t i = 0; i < 100; ++i) {
    if (names[i].empty() || names[i] == "z") {
      EXPECT_EQ(texts[i], "not_found");
    }
  }
}

TEST_F(TrainingSetTest, NamesWhatTheSpineLacks) {
  const auto spine = Spine(5);
  const auto without = [&](int column) { return *spine->RemoveColumn(column); };
  EXPECT_EQ(Build(Definition(), without(0)).status().error_code(), "WH4008");
  EXPECT_EQ(Build(Definition(), without(2)).status().error_code(), "WH4008");
  EXPECT_EQ(Build(Definition(), without(3)).status().error_code(), "WH4008");
  EXPECT_EQ(Build(Definition("known: when,"), spine).status().error_code(), "WH4008");
  EXPECT_EQ(Build(Definition("known: amount,"), spine).status().error_code(), "WH4008");
  const auto no_time = testing::TableOf(spine->schema(), R"([{"name":"a","amount":1,"y":0}])");
  EXPECT_EQ(Build(Definition(), no_time).status().error_code(), "WH4008");
}

TEST_F(TrainingSetTest, RefusesASpineWhoseNamesAreTaken) {
  const auto named = [](const std::string& name) {
    const auto spine = Spine(5);
    return *spine->RenameColumns({"name", name, "t", "y"});
  };
  const auto told = [&](const std::string& name) {
    const Status status = Build(Definition(), named(name)).status();
    EXPECT_EQ(status.error_code(), "WH4008") << name;
    return status.message();
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(told("every.now"), HasSubstr("the name of a feature"));
  EXPECT_THAT(told("Every.Now"), HasSubstr("the name of a feature"));
  EXPECT_THAT(told("SPLIT"), HasSubstr("the name of the split"));
  EXPECT_THAT(told("Name"), HasSubstr("twice"));
}

TEST_F(TrainingSetTest, HandlesASpineWithoutRows) {
  ASSERT_OK_AND(const auto built, Build(Definition(), Spine(0)));
  EXPECT_EQ(built.rows->num_rows(), 0);
  EXPECT_EQ(built.rows->num_columns(), 13);
}

TEST_F(TrainingSetTest, ComputesTheRequestOfTheExample) {
  ASSERT_OK_AND(const auto views, ParseFeatureViews(kExampleViews, "x"));
  ASSERT_OK_AND(const ViewPlan plan, BindRequestView(views[5], *session_));
  const RequestEvaluator evaluator(plan, *session_);
  ASSERT_OK_AND(const std::int64_t at, ParseTimeMicros("2013-12-30T20:15:00Z"));
  ASSERT_OK_AND(
      const FeatureAnswer answer,
      evaluator.EvaluateOne(
          {{"sched_dep_at", Value(Timestamp{at})}, {"distance", Value(std::int64_t{1400})}}, at));
  EXPECT_EQ(answer.values[0].name, "flight_request.local_hour");
  EXPECT_EQ(answer.values[0].value, Value(std::int64_t{15}));
  EXPECT_EQ(answer.values[1].value, Value(std::int64_t{1})) << "a Monday";
  EXPECT_EQ(answer.values[2].value, Value(std::int64_t{1400}));
  ASSERT_OK_AND(const FeatureAnswer part,
                evaluator.EvaluateOne({{"distance", Value(std::int64_t{5})}}, at));
  EXPECT_EQ(part.values[0].status, FeatureStatus::kNull);
  EXPECT_EQ(evaluator.EvaluateOne({}, at).status().error_code(), "WH4013");
  EXPECT_EQ(
      evaluator.EvaluateOne({{"distance", Value(std::string("far"))}}, at).status().error_code(),
      "WH4013");
}
}  // namespace
}  // namespace weirhouse::feature

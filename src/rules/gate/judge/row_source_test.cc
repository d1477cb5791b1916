// The same rows as a table, as a table of many and of sliced chunks, in pieces and from Parquet
// files give the same report; and what is compared by words is what tuples and SQL say.
#include "rules/gate/evaluation/row_source.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "ground/base/random.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/local_store.h"
#include "rules/gate/evaluation/comparison.h"
#include "rules/gate/evaluation/tuples.h"
#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
constexpr const char* kChecks = R"(
  - row_count: { min: 1000 }
  - required: { columns: [n, s], max_bad: 1% }
  - required: { column: id }
  - required: { columns: [s, e], missing: ["", x], name: required_texts }
  - range: { column: n, min: 3, max: 30 }
  - range: { column: x, min: -10, max: 20, name: range_x }
  - range: { column: s, min: b, name: range_s }
  - accepted: { column: s, values: [a, b, c] }
  - rejected: { column: e, values: [e7, e9] }
  - contains: { column: s, values: [a, b, zz] }
  - pattern: { column: s, regex: "[a-c]" }
  - length: { column: s, max: 3 }
  - type: { column: s, type: integer }
  - mean: { column: n, min: 0, max: 20 }
  - stddev: { column: x, max: 1, allow_nan: true }
  - sum: { column: n, max: 3 }
  - median: { column: n, min: 3 }
  - quantile: { column: x, q: 0.25, max: -100, allow_nan: true }
  - freshness: { column: t, max: 1d }
  - unique: { column: id, name: unique_id }
  - unique: { columns: [s, n], name: unique_pair }
  - unique: { column: x, nulls: equal, name: unique_x }
  - unique: { column: s, name: unique_s }
  - distinct: { column: s, min: 1000 }
  - distinct: { column: e, min: 1000, name: distinct_e }
  - distinct: { columns: [n, s], min: 100000, name: distinct_pair }
  - distinct_share: { column: n, min: 0.9 }
  - references: { column: n, table: ref.n, name: references_n }
  - references: { columns: [s, n], table: ref.n, name: references_pair }
  - pair: { expr: t >= u, name: later }
  - pair: { expr: "n > 2 OR s = 'a'", name: either }
  - pair: { expr: "n <= (SELECT max(n) FROM this) - 1", name: below }
  - sql: { query: "SELECT s, count(*) AS c FROM this GROUP BY s HAVING count(*) > 1", rows: 0 }
)";

class RowSourceTest : public GateTest {
 protected:
  void SetUp() override {
    GateTest::SetUp();
    folder_ = std::filesystem::path(::testing::TempDir()) / "row_source_test";
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // `kind`: 0 nulls and odd values, 1 no null, 2 nulls only.
  static RowsPtr Draw(Random& random, std::int64_t count, int kind) {
    arrow::Int64Builder id;
    arrow::Int32Builder n;
    arrow::DoubleBuilder x;
    arrow::StringBuilder s, e;
    const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    arrow::TimestampBuilder t(time, arrow::default_memory_pool());
    arrow::TimestampBuilder u(time, arrow::default_memory_pool());
    arrow::Status status;
    const auto append = [&](auto& builder, const auto& value) {
      const bool null = kind == 2 || (kind == 0 && random.Below(9) == 0);
      if (status.ok()) status = null ? builder.AppendNull() : builder.Append(value);
    };
    const std::string long_text(3'000, 'y');
    constexpr double kOdd[] = {-0.0, 0.0, 1e300, 5e-324, 0.1};
    for (std::int64_t i = 0; i < count; ++i) {
      if (status.ok()) status = id.Append(static_cast<std::int64_t>(random.Below(20'000)) - 5);
      append(n, static_cast<std::int32_t>(random.Below(40)));
      const std::uint64_t odd = kind == 1 ? 29 : random.Below(30);
      append(x, odd < std::size(kOdd) ? kOdd[odd]
                : odd == 28           ? std::numeric_limits<double>::quiet_NaN()
                                      : random.Unit() * 100 - 50);
      constexpr std::string_view kTexts[] = {"a", "b", "c", "", "x", "7", "ünïcode", "longer text"};
      append(s, random.Below(500) == 0 ? long_text
                                       : std::string(kTexts[random.Below(std::size(kTexts))]));
      append(e, fmt::format("e{}", random.Below(50'000)));
      append(t, static_cast<std::int64_t>(random.Below(1000)) * 1'000'000);
      append(u, static_cast<std::int64_t>(random.Below(1000)) * 1'000'000);
    }
    EXPECT_TRUE(status.ok());
    arrow::FieldVector fields;
    arrow::ArrayVector columns;
    const std::pair<const char*, arrow::ArrayBuilder*> all[] = {
        {"id", &id}, {"n", &n}, {"x", &x}, {"s", &s}, {"e", &e}, {"t", &t}, {"u", &u}};
    for (const auto& [name, builder] : all) {
      columns.push_back(builder->Finish().ValueOrDie());
      fields.push_back(arrow::field(name, columns.back()->type()));
    }
    return arrow::Table::Make(arrow::schema(fields), columns);
  }

  // In chunks of odd sizes, empty ones and slices among them.
  static RowsPtr Chunked(const RowsPtr& rows, Random& random) {
    std::vector<RowsPtr> parts;
    for (std::int64_t begin = 0; begin < rows->num_rows() || parts.empty();) {
      const auto size = static_cast<std::int64_t>(random.Below(700));
      parts.push_back(rows->Slice(begin, size));
      begin += size;
    }
    return arrow::ConcatenateTables(parts).ValueOrDie();
  }

  std::string Write(const RowsPtr& rows, const std::string& name) {
    const std::string path = folder_ / name;
    EXPECT_OK(platform::LocalStore().Delete(path));
    platform::ParquetOptions options;
    options.row_group_rows = 1'500;
    EXPECT_OK(platform::WriteParquet(platform::LocalStore(), path, *rows, options).status());
    return path;
  }

  GateReport JudgeAs(const GateDefinition& gate, RowsPtr rows, RowSourcePtr source,
                     std::int64_t piece_rows = platform::Scratch().piece_rows) {
    input_.this_rows = std::move(rows);
    input_.this_source = std::move(source);
    input_.scratch.folder = folder_;
    input_.scratch.piece_rows = piece_rows;
    return JudgeGate(gate, input_, *session_);
  }

  static void ExpectSame(const GateReport& report, const GateReport& expected) {
    ASSERT_EQ(report.checks.size(), expected.checks.size());
    for (std::size_t i = 0; i < report.checks.size(); ++i) {
      const CheckResult& a = report.checks[i];
      const CheckResult& b = expected.checks[i];
      EXPECT_EQ(a.state, b.state) << a.reason;
      EXPECT_EQ(a.bad, b.bad) << a.name;
      EXPECT_EQ(a.nulls, b.nulls) << a.name;
      EXPECT_EQ(a.population, b.population) << a.name;
      EXPECT_EQ(a.observed, b.observed) << a.name;
      EXPECT_EQ(a.reason, b.reason);
      EXPECT_EQ(a.detail, b.detail) << a.name;
      EXPECT_EQ(a.kind == "sql" || a.examples == b.examples, true) << a.name;
    }
    ASSERT_EQ(report.failing_rows == nullptr, expected.failing_rows == nullptr);
    if (report.failing_rows == nullptr) return;
    const auto nan_equal = arrow::EqualOptions::Defaults().nans_equal(true);
    ASSERT_EQ(report.failing_rows->num_columns(), expected.failing_rows->num_columns());
    for (int i = 0; i < report.failing_rows->num_columns(); ++i)
      EXPECT_TRUE(
          report.failing_rows->column(i)->Equals(*expected.failing_rows->column(i), nan_equal));
  }

  std::filesystem::path folder_;
};

TEST_F(RowSourceTest, RowsFromFilesAndInPiecesAreJudgedAsATable) {
  SeededRandom random(11);
  const GateDefinition gate = Gate(kChecks);
  const RowsPtr parent = Draw(random, 30, 1);
  input_.other_table = [&](const std::string&,
                           const std::vector<std::string>& columns) -> Result<RowsPtr> {
    std::vector<int> places;
    for (const auto& name : columns) places.push_back(parent->schema()->GetFieldIndex(name));
    return parent->SelectColumns(places).ValueOrDie();
  };
  for (const auto& [count, kind] : std::vector<std::pair<std::int64_t, int>>{
           {4'000, 0}, {5'000, 1}, {300, 2}, {0, 0}, {1, 0}}) {
    const RowsPtr rows = Draw(random, count, kind);
    const GateReport expected = JudgeAs(gate, rows, nullptr);
    for (const CheckResult& check : expected.checks)
      EXPECT_NE(check.state, State::kError) << check.reason;
    ExpectSame(JudgeAs(gate, Chunked(rows, random), nullptr), expected);
    ExpectSame(JudgeAs(gate, rows, nullptr, 777), expected);
    const std::string path = Write(rows, "whole.parquet");
    ASSERT_OK_AND(const auto file, RowsOfParquet(platform::LocalStore(), {path}));
    EXPECT_EQ(file->num_rows(), count);
    ExpectSame(JudgeAs(gate, nullptr, file), expected);
    const std::string first = Write(rows->Slice(0, count / 3), "first.parquet");
    const std::string second = Write(rows->Slice(count / 3), "second.parquet");
    ASSERT_OK_AND(const auto files, RowsOfParquet(platform::LocalStore(), {first, second}));
    ExpectSame(JudgeAs(gate, nullptr, files, 1'000), expected);
  }
}

TEST_F(RowSourceTest, RangesThatFootersAnswerAreThoseOfTheValues) {
  arrow::Int64Builder wholes;
  arrow::Int64Builder with_null;
  arrow::TimestampBuilder times(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                arrow::default_memory_pool());
  for (std::int64_t i = 0; i < 4'000; ++i) {
    const std::int64_t value = (i * 7919) % 4'000;  // each once, in no order
    ASSERT_TRUE(wholes.Append(value).ok());
    ASSERT_TRUE((i == 1'700 ? with_null.AppendNull() : with_null.Append(value)).ok());
    ASSERT_TRUE(times.Append(value * 1'000'000).ok());
  }
  const RowsPtr rows = arrow::Table::Make(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("n", arrow::int64()),
                     arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"))}),
      arrow::ArrayVector{*wholes.Finish(), *with_null.Finish(), *times.Finish()});
  const std::string path = Write(rows, "a.parquet");
  ASSERT_OK_AND(const auto file, RowsOfParquet(platform::LocalStore(), {path}));
  ASSERT_TRUE(file->BoundsOf("id", RowSource::Look::kBesideValues).has_value());
  EXPECT_EQ(file->BoundsOf("id", RowSource::Look::kBesideValues)->least, 0);
  EXPECT_EQ(file->BoundsOf("id", RowSource::Look::kBesideValues)->greatest, 3'999);
  ASSERT_TRUE(file->BoundsOf("t", RowSource::Look::kBesideValues).has_value());
  EXPECT_EQ(file->BoundsOf("t", RowSource::Look::kBesideValues)->greatest, 3'999'000'000);
  for (const char* check :
       {"range: { column: id, min: 0, max: 3999 }", "range: { column: id, min: 1 }",
        "range: { column: id, max: 3998 }", "range: { column: id, min_exclusive: 0 }",
        "range: { column: id, max_exclusive: 3999 }", "range: { column: id, min: -0.5 }",
        "range: { column: n, min: 0, max: 3999 }", "range: { column: n, max: 10 }",
        "range: { column: t, min: '1970-01-01T00:00:00Z', max: '1970-01-01T01:06:39Z' }",
        "range: { column: t, max: '1970-01-01T01:06:38.999999Z' }"}) {
    const GateDefinition gate = Gate(fmt::format("  - {}\n", check));
    const GateReport expected = JudgeAs(gate, rows, nullptr);
    EXPECT_NE(expected.checks.front().state, State::kError) << expected.checks.front().reason;
    ExpectSame(JudgeAs(gate, nullptr, file), expected);
  }
}

TEST_F(RowSourceTest, OfManyFailingRowsTheFirstAreKept) {
  SeededRandom random(5);
  const RowsPtr rows = Draw(random, 4'000, 1);
  ASSERT_OK_AND(const auto file, RowsOfParquet(platform::LocalStore(), {Write(rows, "a.parquet")}));
  input_.failing_rows_max = 17;
  const GateReport report = JudgeAs(Gate("  - range: { column: n, min: 100 }\n"), nullptr, file);
  EXPECT_EQ(report.checks.front().bad, 4'000);
  EXPECT_EQ(report.failing_rows->num_rows(), 17);
}

TEST_F(RowSourceTest, ADamagedFileIsAnErrorOfTheChecksThatReadIt) {
  SeededRandom random(5);
  const std::string path = Write(Draw(random, 4'000, 1), "a.parquet");
  ASSERT_OK_AND(const auto file, RowsOfParquet(platform::LocalStore(), {path}));
  std::filesystem::resize_file(path, 40);
  const GateReport report = JudgeAs(
      Gate("  - range: { column: n, min: 100 }\n  - row_count: { min: 1 }\n"), nullptr, file);
  EXPECT_EQ(report.state, State::kError);
  EXPECT_EQ(report.checks[0].state, State::kError);
  EXPECT_EQ(report.checks[1].state, State::kPassed);
  EXPECT_FALSE(RowsOfParquet(platform::LocalStore(), {path}).ok());
}

TEST_F(RowSourceTest, RepeatsAreThoseOfTheKeysBytes) {
  SeededRandom random(23);
  for (int round = 0; round < 12; ++round) {
    const auto count = static_cast<std::int64_t>(random.Below(round == 0 ? 90'000 : 3'000));
    const RowsPtr rows = Chunked(Draw(random, count, round % 3), random);
    for (const std::vector<std::string>& columns :
         {std::vector<std::string>{"id"}, {"x"}, {"s"}, {"e"}, {"n", "s"}, {"t", "u", "x"}}) {
      for (const bool nulls_equal : {false, true}) {
        ASSERT_OK_AND(const Tuples tuples, TuplesOf(*rows, columns));
        std::map<std::string_view, int> counts;
        for (std::size_t i = 0; i < tuples.keys.size(); ++i) {
          if (nulls_equal || !tuples.has_null[i]) ++counts[tuples.keys[i]];
        }
        ASSERT_OK_AND(const Repeats found,
                      RepeatsOf(*RowsOfTable(rows, {"", 1'000}), columns, nulls_equal, {folder_}));
        EXPECT_EQ(found.nulls, tuples.nulls);
        EXPECT_EQ(found.distinct, static_cast<std::int64_t>(counts.size()));
        std::int64_t wrong = 0;
        for (std::size_t i = 0; i < tuples.keys.size(); ++i) {
          const bool left_out = !nulls_equal && tuples.has_null[i];
          wrong += found.left_out[i] != left_out ? 1 : 0;
          wrong += found.shared[i] != (!left_out && counts[tuples.keys[i]] > 1) ? 1 : 0;
        }
        EXPECT_EQ(wrong, 0);
        if (nulls_equal) continue;
        ASSERT_OK_AND(const Repeats distinct,
                      DistinctOf(*RowsOfTable(rows, {}), columns, {folder_}));
        EXPECT_EQ(distinct.distinct, found.distinct);
        EXPECT_EQ(distinct.nulls, found.nulls);
      }
    }
  }
}

TEST_F(RowSourceTest, ColumnsCompareAsTheEngineComparesThem) {
  SeededRandom random(31);
  const RowsPtr drawn = Draw(random, 3'000, 0);
  const RowsPtr other = Draw(random, 3'000, 0);
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector columns;
  for (const auto& [suffix, rows] : {std::pair("", drawn), std::pair("2", other)}) {
    for (int i = 0; i < rows->num_columns(); ++i) {
      fields.push_back(rows->field(i)->WithName(rows->field(i)->name() + suffix));
      columns.push_back(rows->column(i));
    }
  }
  const RowsPtr rows = arrow::Table::Make(arrow::schema(fields), columns);
  ASSERT_OK(session_->Register("this", rows));
  for (const char* column : {"id", "n", "x", "s", "t"}) {
    for (const char* sign : {"<", "<=", ">", ">=", "=", "==", "<>", "!="}) {
      const std::string expression = fmt::format("{0} {1} {0}2", column, sign);
      const auto comparison = ReadComparison(expression, *rows->schema());
      ASSERT_TRUE(comparison) << expression;
      const auto found = Compare(*comparison, *rows);
      ASSERT_NE(found, nullptr);
      ASSERT_OK_AND(const auto answer,
                    session_->Query(fmt::format("SELECT ({}) AS a FROM this", expression)));
      EXPECT_TRUE(arrow::ChunkedArray(found).Equals(*answer->column(0))) << expression;
    }
  }
  for (const char* expression :
       {"n < id", "n", "n < 3", "n < n2 AND true", "n < N2", "\"n\" < n2", "n < true", "user = s",
        "current_date < t", "n < n2 -- x", "n.a < n2", "", "<", "nn < n2"}) {
    EXPECT_FALSE(ReadComparison(expression, *rows->schema())) << expression;
  }
}
}  // namespace
}  // namespace weirhouse::gate

#include "rules/gate/judge/judge.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>
#include <arrow/util/decimal.h>

#include <cmath>

#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RowsPtr OneColumn(const std::string& name, const std::shared_ptr<arrow::Array>& values) {
  return arrow::Table::Make(arrow::schema({arrow::field(name, values->type())}), {values},
                            values->length());
}

class JudgeTest : public GateTest {
 protected:
  void SetReals(const std::vector<double>& values) {
    arrow::DoubleBuilder builder;
    ASSERT_TRUE(builder.AppendValues(values).ok());
    input_.this_rows = OneColumn("x", builder.Finish().ValueOrDie());
  }
  void SetTexts(const std::vector<std::string>& values) {
    arrow::StringBuilder builder;
    ASSERT_TRUE(builder.AppendValues(values).ok());
    input_.this_rows = OneColumn("s", builder.Finish().ValueOrDie());
  }
};

TEST_F(JudgeTest, RowCountIncludesBothEnds) {
  SetNumbers({"1", "2", "3"});
  EXPECT_EQ(StateOf("row_count: { between: [3, 3] }"), State::kPassed);
  EXPECT_EQ(StateOf("row_count: { min: 4 }"), State::kFailed);
  EXPECT_EQ(StateOf("row_count: { max: 2 }"), State::kFailed);
  EXPECT_EQ(StateOf("row_count: { min_exclusive: 3 }"), State::kFailed);
  EXPECT_EQ(StateOf("row_count: { max_exclusive: 4 }"), State::kPassed);
  EXPECT_EQ(JudgeOne("row_count: { min: 4 }").reason, "3 rows (at least 4)");
}

TEST_F(JudgeTest, CountChecksRunOnEmptyInput) {
  SetNumbers({});
  EXPECT_EQ(StateOf("row_count: { min: 1 }"), State::kFailed);
  EXPECT_EQ(StateOf("row_count: { max: 1 }"), State::kPassed);
  EXPECT_EQ(StateOf("required: [n]"), State::kPassed);
  EXPECT_EQ(StateOf("unique: [n]"), State::kPassed);
  EXPECT_EQ(StateOf("distinct: { column: n, max: 0 }"), State::kPassed);
  EXPECT_EQ(StateOf("sql: { rows: 0, query: select * from this }"), State::kPassed);
}

TEST_F(JudgeTest, ValueChecksWithoutAValueFailUnlessToldToSkip) {
  SetRows("[{},{}]");
  for (const char* check :
       {"range: { column: n, min: 1 }", "accepted: { column: n, values: [1] }",
        "pattern: { column: s, regex: a }", "length: { column: s, min: 1 }",
        "type: { column: s, type: integer }", "mean: { column: n, min: 0 }",
        "quantile: { column: n, q: 0.5, min: 0 }", "distinct_share: { column: n, min: 0 }",
        "pair: { expr: n > 1 }", "median: { column: n, min: 0 }"}) {
    EXPECT_EQ(StateOf(check), State::kFailed) << check;
    std::string skip = check;
    skip.insert(skip.find_last_of('}'), ", too_few: skip ");
    EXPECT_EQ(StateOf(skip), State::kSkipped) << skip;
  }
  EXPECT_EQ(StateOf("freshness: { column: t, max: 1h }"), State::kFailed);
}

TEST_F(JudgeTest, RequiredCountsNullsAndDeclaredMissingTexts) {
  SetRows(R"([{"s":""},{"s":"N/A","n":1},{"n":2}])");
  EXPECT_EQ(StateOf("required: { columns: [s], max_bad: 1 }"), State::kPassed);
  const CheckResult plain = JudgeOne("required: [s, n]");
  EXPECT_EQ(plain.bad, 2);
  EXPECT_EQ(plain.state, State::kFailed);
  EXPECT_EQ(JudgeOne("required: { columns: [s], missing: ['', N/A] }").bad, 3);
  EXPECT_EQ(plain.detail["n"], 1);
}

TEST_F(JudgeTest, UniqueMarksAllMembersOfAGroupAndSkipsNulls) {
  SetRows(R"([{"s":"a","n":1},{"s":"a","n":1},{"s":"a"},{"s":"a"},{"s":"b","n":1}])");
  EXPECT_EQ(JudgeOne("unique: [s, n]").bad, 2);
  EXPECT_EQ(JudgeOne("unique: [s, n]").nulls, 2);
  EXPECT_EQ(JudgeOne("unique: { columns: [s, n], nulls: equal }").bad, 4);
  EXPECT_EQ(StateOf("unique: { columns: [s, n], max_bad: 2 }"), State::kPassed);
  EXPECT_EQ(StateOf("unique: { columns: [s, n], max_bad: 1 }"), State::kFailed);
}

TEST_F(JudgeTest, UniqueOnTheTablesKeyAsksTheIndex) {
  SetRows(R"([{"id":"a"},{"id":"b"}])");
  input_.key_columns = {"id"};
  input_.key_lookup = []() -> Result<std::vector<bool>> { return std::vector<bool>{false, true}; };
  EXPECT_EQ(JudgeOne("unique: { columns: [id], scope: table }").bad, 1);
  EXPECT_EQ(StateOf("unique: { columns: [id] }"), State::kPassed);
  input_.key_lookup = []() -> Result<std::vector<bool>> { return std::vector<bool>{false}; };
  EXPECT_EQ(StateOf("unique: { columns: [id], scope: table }"), State::kError);
  input_.key_lookup = []() -> Result<std::vector<bool>> {
    return Status(Code::kUnavailable, "the index is away");
  };
  const CheckResult away = JudgeOne("unique: { columns: [id], scope: table, severity: warn }");
  EXPECT_EQ(away.state, State::kError);
  EXPECT_THAT(away.reason, HasSubstr("the index is away"));
}

TEST_F(JudgeTest, UniqueOverTheWholeTableReadsIt) {
  SetRows(R"([{"id":"a","s":"x"}])");
  input_.this_table = [&](const std::vector<std::string>&) -> Result<RowsPtr> {
    return testing::TableOf(DefaultSchema(), R"([{"id":"a","s":"x"},{"id":"b","s":"x"}])");
  };
  const GateReport report = Judge("  - unique: { columns: [s], scope: table }\n");
  EXPECT_EQ(report.checks[0].bad, 2);
  EXPECT_EQ(report.failing_rows, nullptr);
  ASSERT_EQ(report.other_failing_rows.size(), 1u);
  EXPECT_EQ(report.other_failing_rows[0].rows->num_rows(), 2);
}

TEST_F(JudgeTest, RangeIncludesItsEndsUnlessToldOtherwise) {
  SetNumbers({"-120", "0", "2880", "null"});
  EXPECT_EQ(StateOf("range: { column: n, min: -120, max: 2880 }"), State::kPassed);
  EXPECT_EQ(JudgeOne("range: { column: n, min: -119, max: 2880 }").bad, 1);
  EXPECT_EQ(JudgeOne("range: { column: n, min: -120, max: 2879 }").bad, 1);
  EXPECT_EQ(JudgeOne("range: { column: n, min_exclusive: -120, max_exclusive: 2880 }").bad, 2);
  EXPECT_EQ(JudgeOne("range: { column: n, min: -0.5, max: 0.5 }").bad, 2);
  EXPECT_EQ(JudgeOne("range: { column: n, min: 0.5 }").bad, 2);
  EXPECT_EQ(JudgeOne("range: { column: n, max: 99999999999999999999 }").bad, 0);
  EXPECT_EQ(JudgeOne("range: { column: n, min: 99999999999999999999 }").bad, 3);
  EXPECT_EQ(JudgeOne("range: { column: n, min: 0 }").nulls, 1);
}

TEST_F(JudgeTest, RangeKnowsTextTimesAndDates) {
  SetRows(R"([{"s":"b","t":"2013-01-01T05:00:00Z","d":15706}])");
  EXPECT_EQ(StateOf("range: { column: s, min: a, max: b }"), State::kPassed);
  EXPECT_EQ(StateOf("range: { column: s, max: az }"), State::kFailed);
  EXPECT_EQ(StateOf("range: { column: t, max: 2013-01-01T05:00:00Z }"), State::kPassed);
  EXPECT_EQ(StateOf("range: { column: t, max: 2013-01-01T04:59:59Z }"), State::kFailed);
  EXPECT_EQ(StateOf("range: { column: d, min: 2013-01-01, max: 2013-01-01 }"), State::kPassed);
  EXPECT_EQ(StateOf("range: { column: d, min: 2013-01-02 }"), State::kFailed);
}

TEST_F(JudgeTest, DecimalsCompareAsDecimals) {
  arrow::Decimal128Builder builder(arrow::decimal128(30, 2));
  for (const char* text : {"0.10", "123456789012345678901234.56"}) {
    ASSERT_TRUE(builder.Append(arrow::Decimal128::FromString(text).ValueOrDie()).ok());
  }
  input_.this_rows = OneColumn("m", builder.Finish().ValueOrDie());
  EXPECT_EQ(StateOf("range: { column: m, min: 0.1, max: 123456789012345678901234.56 }"),
            State::kPassed);
  EXPECT_EQ(JudgeOne("range: { column: m, max: 123456789012345678901234.555 }").bad, 1);
  EXPECT_EQ(JudgeOne("range: { column: m, min: 0.101 }").bad, 1);
  EXPECT_EQ(JudgeOne("range: { column: m, min_exclusive: 0.1 }").bad, 1);
  EXPECT_EQ(JudgeOne("accepted: { column: m, values: [0.1, 0.101] }").bad, 1);
  EXPECT_EQ(JudgeOne("sum: { column: m, max: 0 }").reason.substr(0, 6), "sum(m)");
}

TEST_F(JudgeTest, NanFailsRangeAcceptedAndMeanAndIsNoNull) {
  SetReals({1, std::nan(""), 2});
  EXPECT_EQ(JudgeOne("range: { column: x, min: 0 }").bad, 1);
  EXPECT_EQ(JudgeOne("range: { column: x, min: 0, allow_nan: true }").bad, 0);
  EXPECT_EQ(JudgeOne("accepted: { column: x, values: [1, 2] }").bad, 1);
  EXPECT_EQ(JudgeOne("rejected: { column: x, values: [7] }").bad, 0);
  EXPECT_EQ(StateOf("mean: { column: x, min: 0 }"), State::kFailed);
  EXPECT_EQ(StateOf("mean: { column: x, between: [1.5, 1.5], allow_nan: true }"), State::kPassed);
  EXPECT_EQ(StateOf("quantile: { column: x, q: 0.5, min: 0 }"), State::kFailed);
  EXPECT_EQ(StateOf("required: [x]"), State::kPassed);
}

TEST_F(JudgeTest, SetsAreTyped) {
  SetRows(R"([{"n":1,"s":"EWR","b":true},{"n":2,"s":"JFK","b":true}])");
  EXPECT_EQ(JudgeOne("accepted: { column: n, values: [1] }").bad, 1);
  EXPECT_EQ(JudgeOne("rejected: { column: n, values: [1] }").bad, 1);
  EXPECT_EQ(JudgeOne("accepted: { column: s, values: [EWR, JFK] }").bad, 0);
  EXPECT_EQ(JudgeOne("accepted: { column: s, values: [ewr, JFK] }").bad, 1);
  EXPECT_EQ(JudgeOne("accepted: { column: b, values: [false] }").bad, 2);
  EXPECT_EQ(StateOf("accepted: { column: n, values: ['1'] }"), State::kError);
}

TEST_F(JudgeTest, PatternsMatchTheWholeValueUnlessTheySearch) {
  SetTexts({"UA1", "xUA1"});
  EXPECT_EQ(JudgeOne("pattern: { column: s, regex: 'UA[0-9]' }").bad, 1);
  EXPECT_EQ(JudgeOne("pattern: { column: s, regex: 'UA[0-9]', match: search }").bad, 0);
}

TEST_F(JudgeTest, LengthCountsCodePoints) {
  SetTexts({"äöü", "abc", "𝒳yz"});
  EXPECT_EQ(StateOf("length: { column: s, between: [3, 3] }"), State::kPassed);
  EXPECT_EQ(JudgeOne("length: { column: s, max: 2 }").bad, 3);
}

TEST_F(JudgeTest, TypeParsesTheWholeText) {
  SetTexts({"12", "-3", "1.5", "nan", "", "2013-01-01", "2013-02-30", "true"});
  EXPECT_EQ(JudgeOne("type: { column: s, type: integer }").bad, 6);
  EXPECT_EQ(JudgeOne("type: { column: s, type: number }").bad, 5);
  EXPECT_EQ(JudgeOne("type: { column: s, type: number, allow_nan: true }").bad, 4);
  EXPECT_EQ(JudgeOne("type: { column: s, type: date }").bad, 7);
  EXPECT_EQ(JudgeOne("type: { column: s, type: boolean }").bad, 7);
}

TEST_F(JudgeTest, PairSkipsAndCountsNulls) {
  SetRows(R"([{"n":1,"x":2},{"n":3,"x":2},{"n":3}])");
  const CheckResult result = JudgeOne("pair: { expr: n <= x }");
  EXPECT_EQ(result.state, State::kFailed);
  EXPECT_EQ(result.bad, 1);
  EXPECT_EQ(result.nulls, 1);
  EXPECT_EQ(JudgeOne("pair: { expr: n <= x, nulls: fail }").bad, 2);
  EXPECT_EQ(StateOf("pair: { expr: n <= x, max_bad: 50% }"), State::kPassed);
  EXPECT_EQ(StateOf("pair: { expr: n <= x, max_bad: 49% }"), State::kFailed);
}

TEST_F(JudgeTest, OnePairThatCannotRunDoesNotTakeTheOthersWithIt) {
  SetRows(R"([{"n":1,"x":2}])");
  const GateReport report = Judge(
      "  - pair: { expr: n < x }\n  - pair: { expr: nosuch < x }\n"
      "  - pair: { expr: n }\n  - pair: { expr: n < x and now() is null }\n");
  EXPECT_EQ(report.checks[0].state, State::kPassed);
  EXPECT_EQ(report.checks[1].state, State::kError);
  EXPECT_EQ(report.checks[2].state, State::kError);
  EXPECT_EQ(report.checks[3].state, State::kError);
  EXPECT_EQ(report.state, State::kError);
  EXPECT_FALSE(report.publishes());
}

TEST_F(JudgeTest, PairMarksTheRightRowsOfALargeBatch) {
  arrow::Int64Builder numbers;
  for (std::int64_t i = 0; i < 300'000; ++i) ASSERT_TRUE(numbers.Append(i).ok());
  input_.this_rows = OneColumn("n", numbers.Finish().ValueOrDie());
  const GateReport report = Judge("  - pair: { expr: n % 100000 <> 54321 }\n");
  ASSERT_NE(report.failing_rows, nullptr);
  EXPECT_EQ(report.checks[0].bad, 3);
  std::vector<std::int64_t> found;
  for (const auto& example : report.checks[0].examples) found.push_back(example["n"]);
  EXPECT_THAT(found, ::testing::UnorderedElementsAre(54321, 154321, 254321));
}

TEST_F(JudgeTest, ReferencesSkipNullsAndUseTheParentAsTheRunSeesIt) {
  SetRows(R"([{"s":"a","n":1},{"s":"b","n":1},{"n":1},{"s":"a"}])");
  input_.other_table = [&](const std::string& name,
                           const std::vector<std::string>&) -> Result<RowsPtr> {
    if (name != "processed.parent") return Status(Code::kNotFound, "no such table");
    return testing::TableOf(
        arrow::schema({arrow::field("s", arrow::utf8()), arrow::field("k", arrow::int32())}),
        R"([{"s":"a","k":1},{"s":null,"k":2}])");
  };
  const CheckResult result = JudgeOne("references: { column: s, table: processed.parent }");
  EXPECT_EQ(result.bad, 1);
  EXPECT_EQ(result.nulls, 1);
  EXPECT_EQ(StateOf("references: { column: s, table: processed.parent, max_missing: 34% }"),
            State::kPassed);
  EXPECT_EQ(StateOf("references: { column: s, table: processed.parent, max_missing: 33% }"),
            State::kFailed);
  EXPECT_EQ(
      JudgeOne("references: { columns: [s, n], parent: [s, k], table: processed.parent }").bad, 1);
  EXPECT_EQ(StateOf("references: { column: s, table: processed.other }"), State::kError);
}

TEST_F(JudgeTest, SharesOfBadRowsAreExactIntegers) {
  std::vector<std::string> values(999, "1");
  values.push_back("0");
  SetNumbers(values);
  EXPECT_EQ(StateOf("range: { column: n, min: 1, max_bad: 0.1% }"), State::kPassed);
  values.push_back("0");
  SetNumbers(values);
  EXPECT_EQ(StateOf("range: { column: n, min: 1, max_bad: 0.1% }"), State::kFailed);
  SetNumbers({"0", "1", "null", "null"});
  EXPECT_EQ(StateOf("range: { column: n, min: 1, max_bad: 25% }"), State::kFailed);
  EXPECT_EQ(StateOf("range: { column: n, min: 1, max_bad: 25%, of: rows }"), State::kPassed);
}

TEST_F(JudgeTest, StatisticsAreExactAndBoundedInclusively) {
  SetNumbers({"5", "7", "7", "9", "12", "null"});
  EXPECT_EQ(StateOf("mean: { column: n, between: [8, 8] }"), State::kPassed);
  EXPECT_EQ(StateOf("mean: { column: n, max_exclusive: 8 }"), State::kFailed);
  EXPECT_EQ(StateOf("stddev: { column: n, between: [2.6457513110645907, 2.6457513110645907] }"),
            State::kPassed);
  EXPECT_EQ(StateOf("sum: { column: n, between: [40, 40] }"), State::kPassed);
  EXPECT_EQ(StateOf("min: { column: n, min: 5 }"), State::kPassed);
  EXPECT_EQ(StateOf("min: { column: n, min: 6 }"), State::kFailed);
  EXPECT_EQ(StateOf("max: { column: n, max: 11 }"), State::kFailed);
  EXPECT_EQ(StateOf("median: { column: n, between: [7, 7] }"), State::kPassed);
  EXPECT_EQ(StateOf("quantile: { column: n, q: 0.75, between: [9, 9] }"), State::kPassed);
  EXPECT_EQ(StateOf("quantile: { column: n, q: 0.9, max: 10, method: lower }"), State::kPassed);
  EXPECT_EQ(JudgeOne("mean: { column: n, max: 7 }").reason, "mean(n) 8 (limit 7)");
}

TEST_F(JudgeTest, StatisticsOfGreatIntegersAreExact) {
  SetNumbers({"9007199254740993"});
  for (const char* kind : {"min", "max", "median", "sum", "mean"}) {
    EXPECT_EQ(StateOf(fmt::format("{}: {{ column: n, max: 9007199254740992 }}", kind)),
              State::kFailed)
        << kind;
    EXPECT_EQ(StateOf(fmt::format("{}: {{ column: n, between: [9007199254740993, "
                                  "9007199254740993] }}",
                                  kind)),
              State::kPassed)
        << kind;
    EXPECT_EQ(StateOf(fmt::format("{}: {{ column: n, min_exclusive: 9007199254740993 }}", kind)),
              State::kFailed)
        << kind;
  }
  const CheckResult max = JudgeOne("max: { column: n, max: 9007199254740992 }");
  EXPECT_EQ(max.observed.dump(), "9007199254740993");
  EXPECT_EQ(max.bound.dump(), R"({"max":9007199254740992})");
  EXPECT_EQ(max.reason, "max(n) 9,007,199,254,740,993 (limit 9,007,199,254,740,992)");
  SetNumbers({"9223372036854775807", "9223372036854775807", "-5"});
  EXPECT_EQ(StateOf("sum: { column: n, between: [18446744073709551609, 18446744073709551609] }"),
            State::kPassed);
  EXPECT_EQ(StateOf("range: { column: n, max: 9223372036854775806 }"), State::kFailed);
  // A third is no decimal number: compared as a fraction.
  SetNumbers({"1", "0", "0"});
  EXPECT_EQ(StateOf("mean: { column: n, max: 0.33333333333333333333 }"), State::kFailed);
  EXPECT_EQ(StateOf("mean: { column: n, max: 0.33333333333333333334 }"), State::kPassed);
  SetNumbers({"9223372036854775807", "9223372036854775806"});
  EXPECT_EQ(StateOf("median: { column: n, between: [9223372036854775806.5, "
                    "9223372036854775806.5] }"),
            State::kPassed);
  EXPECT_EQ(StateOf("quantile: { column: n, q: 0.5, method: higher, min: 9223372036854775807 }"),
            State::kPassed);
}

TEST_F(JudgeTest, StatisticsOfDecimalsAreExactToTheirBound) {
  arrow::Decimal128Builder builder(arrow::decimal128(38, 2));
  for (const char* text : {"0.10", "0.20", "123456789012345678901234567890.12"}) {
    ASSERT_TRUE(builder.Append(arrow::Decimal128::FromString(text).ValueOrDie()).ok());
  }
  input_.this_rows = OneColumn("m", builder.Finish().ValueOrDie());
  EXPECT_EQ(StateOf("max: { column: m, max: 123456789012345678901234567890.12 }"), State::kPassed);
  EXPECT_EQ(StateOf("max: { column: m, max: 123456789012345678901234567890.11 }"), State::kFailed);
  EXPECT_EQ(StateOf("sum: { column: m, max: 123456789012345678901234567890.41 }"), State::kFailed);
  EXPECT_EQ(StateOf("sum: { column: m, max: 123456789012345678901234567890.42 }"), State::kPassed);
  EXPECT_EQ(StateOf("min: { column: m, between: [0.1, 0.1] }"), State::kPassed);
  EXPECT_EQ(StateOf("median: { column: m, between: [0.2, 0.20] }"), State::kPassed);
  EXPECT_EQ(JudgeOne("max: { column: m, max: 1 }").observed, "123456789012345678901234567890.12");
}

TEST_F(JudgeTest, SumsDoNotOverflowOnTheWayAndDoNotSeeTheOrder) {
  for (const auto& order :
       {std::vector<double>{1e308, 1e308, -1e308}, std::vector<double>{1e308, -1e308, 1e308}}) {
    SetReals(order);
    EXPECT_EQ(StateOf("sum: { column: x, between: [1e308, 1e308] }"), State::kPassed);
  }
  SetReals({1e308, 1e308});
  EXPECT_EQ(StateOf("mean: { column: x, between: [1e308, 1e308] }"), State::kPassed);
  EXPECT_EQ(StateOf("stddev: { column: x, between: [0, 0] }"), State::kPassed);
  SetReals({1.7e308, -1.7e308});
  EXPECT_EQ(StateOf("median: { column: x, between: [0, 0] }"), State::kPassed);
  SetReals({1e-170, 3e-170});
  EXPECT_EQ(StateOf("stddev: { column: x, between: [1.4142135623730949e-170, "
                    "1.4142135623730953e-170] }"),
            State::kPassed);
}

TEST_F(JudgeTest, DistinctCountsTuplesWithoutNulls) {
  SetRows(R"([{"n":1,"s":"a"},{"n":1,"s":"a"},{"n":1,"s":"b"},{"n":1}])");
  EXPECT_EQ(StateOf("distinct: { columns: [n, s], between: [2, 2] }"), State::kPassed);
  EXPECT_EQ(StateOf("distinct: { columns: [n, s], max: 1 }"), State::kFailed);
  EXPECT_EQ(StateOf("distinct_share: { columns: [n, s], min: 0.66 }"), State::kPassed);
  EXPECT_EQ(StateOf("distinct_share: { columns: [n, s], min: 0.67 }"), State::kFailed);
}

TEST_F(JudgeTest, FreshnessIsByTheProjectsClock) {
  SetRows(R"([{"t":"2013-01-01T05:00:00Z"},{"t":"2013-01-01T04:00:00Z"}])");
  const std::int64_t newest = ParseTimeMicros("2013-01-01T05:00:00Z").value();
  auto at = [&](std::int64_t minutes) {
    input_.now = EventTimeOfMicros(newest + minutes * 60'000'000);
    return JudgeOne("freshness: { column: t, max: 30m }");
  };
  EXPECT_EQ(at(30).state, State::kPassed);
  EXPECT_EQ(at(31).state, State::kFailed);
  EXPECT_EQ(at(-5).state, State::kPassed);
  EXPECT_EQ(at(-6).state, State::kFailed);
  EXPECT_EQ(at(15 * 60).reason, "newest 15 h old");
}

TEST_F(JudgeTest, SqlReturnsItsFailingRows) {
  SetRows(R"([{"id":"a","n":3},{"id":"b","n":1}])");
  const GateReport report =
      Judge("  - sql: { name: big, rows: 0, query: select a.id from this a where a.n > 2 }\n");
  EXPECT_EQ(report.state, State::kFailed);
  EXPECT_EQ(report.checks[0].reason, "big returned 1 rows (limit 0)");
  ASSERT_EQ(report.other_failing_rows.size(), 1u);
  EXPECT_EQ(testing::RowsAsJson(*report.other_failing_rows[0].rows), "{\"id\":\"a\"}\n");
  EXPECT_EQ(StateOf("sql: { rows: { min: 1 }, query: select * from this }"), State::kPassed);
  EXPECT_EQ(StateOf("sql: { rows: { min: 3 }, query: select * from this }"), State::kFailed);
  EXPECT_EQ(StateOf("sql: { rows: 0, query: select nosuch from this }"), State::kError);
}

TEST_F(JudgeTest, TheWorstCheckDecides) {
  SetNumbers({"1"});
  const std::string passed = "  - row_count: { min: 1 }\n";
  const std::string skipped = "  - mean: { column: x, min: 0, too_few: skip }\n";
  const std::string warming = "  - mean: { column: n, within: 1 sigma of 28d, warmup: 7 }\n";
  const std::string warned = "  - row_count: { name: w, min: 2, severity: warn }\n";
  const std::string failed = "  - row_count: { name: f, min: 2 }\n";
  const std::string error =
      "  - sql: { rows: 0, query: select nosuch from this, severity: warn }\n";
  EXPECT_EQ(Judge(passed).state, State::kPassed);
  EXPECT_EQ(Judge(skipped).state, State::kPassed);
  EXPECT_EQ(Judge(passed + skipped).state, State::kPassed);
  EXPECT_EQ(Judge(skipped + warming).state, State::kWarming);
  EXPECT_TRUE(Judge(warming + warned).publishes());
  EXPECT_EQ(Judge(warming + warned).state, State::kWarned);
  EXPECT_EQ(Judge(warned + failed).state, State::kFailed);
  EXPECT_EQ(Judge(failed + error).state, State::kError);
  const GateReport both = Judge(failed + warned + passed);
  EXPECT_EQ(both.Reasons(), "1 rows (at least 2)");
  EXPECT_FALSE(both.publishes());
}

TEST_F(JudgeTest, UnknownColumnIsAnErrorAndNeverPasses) {
  SetNumbers({"1"});
  for (const char* check :
       {"required: [zz]", "unique: [zz]", "range: { column: zz, min: 1, severity: warn }",
        "mean: { column: zz, min: 1 }", "freshness: { column: zz, max: 1h }",
        "distribution: { column: zz, test: psi, baseline: 28d, max: 1 }",
        "distinct: { column: zz, max: 1 }", "references: { column: zz, table: processed.p }",
        "pattern: { column: n, regex: a }", "length: { column: n, max: 1 }",
        "mean: { column: s, max: 1 }", "freshness: { column: n, max: 1h }"}) {
    EXPECT_EQ(StateOf(check), State::kError) << check;
  }
}

TEST_F(JudgeTest, FailingRowsComeWithAllTheirReasonsInCanonicalOrder) {
  SetRows(
      R"([{"id":"c","n":9},{"id":"a","n":9,"s":"x"},{"id":"b","n":1},{"id":"d","n":1,"s":"x"}])");
  input_.key_columns = {"id"};
  const GateReport report =
      Judge("  - range: { column: n, max: 5 }\n  - required: { columns: [s], severity: warn }\n");
  ASSERT_NE(report.failing_rows, nullptr);
  const auto& table = *report.failing_rows;
  ASSERT_EQ(table.num_rows(), 3);
  std::vector<std::string> seen;
  for (std::int64_t row = 0; row < 3; ++row) {
    seen.push_back(table.GetColumnByName("id")->GetScalar(row).ValueOrDie()->ToString() + ": " +
                   table.GetColumnByName("_reasons")->GetScalar(row).ValueOrDie()->ToString());
  }
  EXPECT_THAT(seen, ElementsAre("a: range(n)", "b: required(s)", "c: range(n); required(s)"));
  EXPECT_EQ(report.checks[0].examples.size(), 2u);
  EXPECT_EQ(report.checks[0].examples[0]["id"], "a");
}

TEST_F(JudgeTest, AllFailingRowsAreKeptAndTenShown) {
  std::vector<std::string> values(1500, "9");
  SetNumbers(values);
  const GateReport report = Judge("  - range: { column: n, max: 5 }\n");
  EXPECT_EQ(report.failing_rows->num_rows(), 1500);
  EXPECT_EQ(report.checks[0].bad, 1500);
  EXPECT_EQ(report.checks[0].examples.size(), 10u);
}

TEST_F(JudgeTest, ThePassedKeepNoRows) {
  SetNumbers({"9", "1"});
  const GateReport report = Judge("  - range: { column: n, max: 5, max_bad: 1 }\n");
  EXPECT_EQ(report.state, State::kPassed);
  EXPECT_EQ(report.checks[0].bad, 1);
  EXPECT_EQ(report.failing_rows, nullptr);
}

TEST_F(JudgeTest, VerdictRecordSaysWhatWasJudged) {
  SetNumbers({"9", "1"});
  const GateDefinition gate = Gate("  - range: { column: n, max: 5 }\n");
  const GateReport report = JudgeGate(gate, input_, *session_);
  const catalog::VerdictRecord verdict = MakeVerdictRecord(report, gate);
  EXPECT_EQ(verdict.state, State::kFailed);
  EXPECT_EQ(verdict.gate, "g");
  EXPECT_EQ(verdict.table, "processed.t");
  const auto& check = verdict.checks.at(0);
  EXPECT_EQ(check["name"], "range(n)");
  EXPECT_EQ(check["population"], 2);
  EXPECT_EQ(check["bad"], 1);
  EXPECT_EQ(check["parameters"]["max"], 5);
  EXPECT_EQ(check["examples"][0]["n"], 9);
}

TEST_F(JudgeTest, TheSessionIsLeftWithoutRows) {
  SetNumbers({"1", "2"});
  EXPECT_EQ(StateOf("sql: { rows: 2, query: select * from this }"), State::kPassed);
  auto rows = session_->Query("select * from this");
  EXPECT_TRUE(!rows.ok() || (*rows)->num_rows() == 0);
}
}  // namespace
}  // namespace weirhouse::gate

#include "rules/gate/parse/parse_gates.h"

#include <arrow/api.h>

#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Status ErrorOf(const std::string& yaml) { return ParseGates(yaml, "gates/g.yaml").status(); }
Status ErrorOfCheck(const std::string& check) {
  return ErrorOf("gate: g\ntable: processed.t\nchecks:\n  - " + check + "\n");
}

TEST(ParseGates, ReadsBlockAndFlowStyleAlike) {
  const char* block = R"(
gate: a
table: processed.t
checks:
  - row_count: { between: [1, 5] }
  - required: [x]
on_fail: { halt: true, alert: false, keep_staging: 14d }
)";
  const char* flow = R"({ gate: a, table: processed.t, on_fail: { halt: true, alert: false,
    keep_staging: 14d }, checks: [ { row_count: { between: [1, 5] } }, { required: [x] } ] })";
  ASSERT_OK_AND(const auto from_block, ParseGates(block, "a.yaml"));
  ASSERT_OK_AND(const auto from_flow, ParseGates(flow, "a.yaml"));
  ASSERT_EQ(from_block.size(), 1u);
  EXPECT_EQ(from_block[0].digest, from_flow[0].digest);
  EXPECT_FALSE(from_block[0].on_fail.alert);
  EXPECT_EQ(from_block[0].on_fail.keep_staging_us, 14 * kTestDayUs);
  EXPECT_EQ(from_block[0].checks[1].name, "required(x)");
  EXPECT_THAT(from_block[0].columns, ElementsAre("x"));
}

TEST(ParseGates, ReadsSeveralDocumentsOfOneFile) {
  ASSERT_OK_AND(const auto gates,
                ParseGates("---\ngate: a\ntable: processed.t\nchecks: [{row_count: {min: 1}}]\n"
                           "---\ngate: b\ntable: records.t\nchecks: [{row_count: {min: 1}}]\n",
                           "g.yaml"));
  EXPECT_EQ(gates.size(), 2u);
}

TEST(ParseGates, DigestSeesTheChecksAndNotTheComments) {
  const std::string head = "gate: a\ntable: processed.t\nchecks:\n";
  ASSERT_OK_AND(const auto plain, ParseGates(head + "  - row_count: { min: 1 }\n", "g"));
  ASSERT_OK_AND(const auto said, ParseGates(head + "  - row_count: { min: 1 }  # why\n", "g"));
  ASSERT_OK_AND(const auto other, ParseGates(head + "  - row_count: { min: 2 }\n", "g"));
  EXPECT_EQ(plain[0].digest, said[0].digest);
  EXPECT_NE(plain[0].digest, other[0].digest);
}

TEST(ParseGates, UnknownKindIsAnErrorAtItsPlaceWithASuggestion) {
  const Status status = ErrorOf("gate: g\ntable: processed.t\nchecks:\n  - row_cuont: {min: 1}\n");
  EXPECT_EQ(status.error_code(), "WH3001");
  ASSERT_TRUE(status.span().has_value());
  EXPECT_EQ(status.span()->line, 4);
  EXPECT_EQ(status.span()->column, 5);
  EXPECT_THAT(status.hint(), HasSubstr("row_count"));
}

TEST(ParseGates, UnknownKeyIsAnErrorAtItsPlaceWithASuggestion) {
  const Status status =
      ErrorOf("gate: g\ntable: processed.t\nchecks:\n  - range: { column: n, mni: 1, max: 2 }\n");
  EXPECT_EQ(status.error_code(), "WH2002");
  ASSERT_TRUE(status.span().has_value());
  EXPECT_EQ(status.span()->line, 4);
  EXPECT_EQ(status.span()->column, 25);
  EXPECT_THAT(status.hint(), HasSubstr("min"));
}

TEST(ParseGates, CollectsAllErrorsOfAFile) {
  const Status status = ErrorOf(
      "gate: g\ntabel: processed.t\nchecks:\n  - rwo_count: {min: 1}\n  - range: {column: n}\n");
  ASSERT_EQ(status.diagnostics().size(), 3u);
  EXPECT_EQ(status.diagnostics()[0].error_code, "WH2002");
  EXPECT_EQ(status.diagnostics()[1].error_code, "WH3001");
  EXPECT_EQ(status.diagnostics()[2].error_code, "WH3002");
}

TEST(ParseGates, RefusesWhatCannotMeanAnything) {
  const std::pair<const char*, const char*> cases[] = {
      {"row_count: { min: 5, max: 1 }", "WH3002"},
      {"row_count: { between: [1, 2], max: 3 }", "WH3003"},
      {"row_count: {}", "WH3002"},
      {"row_count: { min: -1 }", "WH3002"},
      {"row_count: { min: 1.5 }", "WH2004"},
      {"row_count_change: { vs: same_weekday_4w, within: 0.6, warmup: 4 }", "WH3002"},
      {"row_count_change: { vs: 4 weeks, within: 60% }", "WH3002"},
      {"row_count_change: { vs: same_weekday_4w, within: 60%, warmup: 5 }", "WH3003"},
      {"mean: { column: n, within: 8 sigmas of 28d, warmup: 7 }", "WH3002"},
      {"mean: { column: n, within: 8 sigma of 28d, max: 3 }", "WH3003"},
      {"mean: { column: n, max: 3, warmup: 7 }", "WH3003"},
      {"mean: { column: n, within: 8 sigma of 28d, scope: table }", "WH3003"},
      {"mean: { max: 3 }", "WH2003"},
      {"distribution: { column: n, test: psi, baseline: 28d }", "WH3003"},
      {"distribution: { column: n, test: psi, baseline: 28d, min_p: 0.1 }", "WH3003"},
      {"distribution: { column: n, test: pssi, baseline: 28d, max: 1 }", "WH3002"},
      {"distribution: { column: n, test: psi, baseline: 28d, max: 1, bins: [3, 2] }", "WH3002"},
      {"distribution: { column: n, test: psi, baseline: 28d, max: 1, bins: 1 }", "WH3002"},
      {"distribution: { column: n, test: psi, baseline: 28d, max: 1, bins: 5, width: 5 }",
       "WH3003"},
      {"pattern: { column: s, regex: '(a' }", "WH3008"},
      {"pattern: { column: s, regex: '(?=a)b' }", "WH3008"},
      {"required: []", "WH3002"},
      {"required: [a, a]", "WH3002"},
      {"accepted: { column: s, values: [] }", "WH3002"},
      {"accepted: { column: s, values: [null] }", "WH3002"},
      {"range: { column: n, min: 1, severity: fatal }", "WH3002"},
      {"range: { column: n, min: 1, max_bad: -1 }", "WH3002"},
      {"range: { column: n, min: 1, max_bad: 1/3 }", "WH3002"},
      {"references: { column: a, table: processed.p, max_missing: 1%, max_bad: 1% }", "WH3003"},
      {"references: { column: a, table: processed.p, parent: [x, y] }", "WH3003"},
      {"freshness: { column: t, max: soon }", "WH3002"},
      {"quantile: { column: n, q: 1.5, max: 1 }", "WH3002"},
      {"sql: { query: select 1 }", "WH2003"},
      {"row_condition: { expr: a > 1 }", "WH3001"},
      {"distribution: { column: n, test: ks, baseline: 28d, max: 1, bins: 5 }", "WH3003"},
      {"distribution: { column: n, test: ks, baseline: 28d, max: 1, width: 5 }", "WH3003"},
      {"distribution: { column: n, test: ks, baseline: 28d, max: 1, nulls: bin }", "WH3003"},
      {"distribution: { column: n, test: wasserstein, baseline: 28d, max: 1, nulls: ignore }",
       "WH3003"},
      {"distribution: { column: n, test: wasserstein, baseline: 28d, max: 1, bins: [1] }",
       "WH3003"},
      {"distribution: { column: n, test: psi, baseline: 28d, max: 1, scale: sd }", "WH3003"},
      {"range: { column: n, min: 1, of: rows }", "WH3003"},
      {"range: { column: n, min: 1, max_bad: 3, of: rows }", "WH3003"},
      {"required: { columns: [n], max_bad: 1%, of: rows }", "WH3003"},
      {"unique: { columns: [n], nulls: equal, max_bad: 1%, of: rows }", "WH3003"},
      {"pair: { expr: n > 1, nulls: fail, max_bad: 1%, of: values }", "WH3003"},
      {"pair: { expr: n > 1, nulls: fail, 'null': fail }", "WH3003"},
      {"rejected: { column: x, values: [1], allow_nan: true }", "WH3003"},
      {"type: { column: s, type: integer, allow_nan: true }", "WH3003"},
      {"arrives: { every: soon }", "WH3002"},
      {"arrives: { every: 1d, severity: warn, scope: table }", "WH2002"},
      {"{}", "WH3001"},
  };
  for (const auto& [check, code] : cases) {
    EXPECT_EQ(ErrorOfCheck(check).error_code(), code) << check << "\n"
                                                      << ErrorOfCheck(check).ToString();
  }
}

TEST(ParseGates, RefusesAGateThatSitsNowhereOrJudgesNothing) {
  EXPECT_EQ(ErrorOf("gate: g\ntable: raw.t\nchecks: [{row_count: {min: 1}}]").error_code(),
            "WH3002");
  EXPECT_EQ(ErrorOf("gate: g\ntable: processed.t\nchecks: []").error_code(), "WH3002");
  EXPECT_EQ(ErrorOf("gate: g\ntable: processed.t\n").error_code(), "WH2003");
  EXPECT_EQ(ErrorOf("").error_code(), "WH3002");
  EXPECT_EQ(ErrorOf("gate: g\ntable: records.t\nchecks: [{unique: {columns: [a], scope: table}}]")
                .error_code(),
            "WH3003");
}

TEST(ParseGates, AGateThatFailsHalts) {
  EXPECT_EQ(ErrorOf("gate: g\ntable: processed.t\nchecks: [{row_count: {min: 1}}]\n"
                    "on_fail: { halt: false }")
                .error_code(),
            "WH3003");
}

TEST(ParseGates, NamesOfChecksDiffer) {
  ASSERT_OK_AND(const auto gates,
                ParseGates("gate: g\ntable: processed.t\nchecks:\n  - min: {column: n, min: 1}\n"
                           "  - min: {column: n, max: 9}\n",
                           "g.yaml"));
  EXPECT_EQ(gates[0].checks[0].name, "min(n)");
  EXPECT_EQ(gates[0].checks[1].name, "min(n) #2");
  EXPECT_EQ(ErrorOf("gate: g\ntable: processed.t\nchecks:\n  - min: {name: a, column: n, min: 1}\n"
                    "  - max: {name: a, column: n, max: 9}\n")
                .error_code(),
            "WH3003");
}

TEST(ParseWindow, KnowsSpansWeekdaysAndHours) {
  EXPECT_EQ(ParseWindow("28d")->span_us, 28 * kTestDayUs);
  EXPECT_EQ(ParseWindow("same_weekday_4w")->count, 4);
  EXPECT_EQ(ParseWindow("same_weekday_4w")->kind, Window::Kind::kSameWeekday);
  EXPECT_EQ(ParseWindow("7d_same_hour")->kind, Window::Kind::kSameHour);
  for (const char* wrong : {"", "0d", "same_weekday_0w", "same_weekday_w", "-1d", "9999999d",
                            "x_same_hour", "same_weekday_4"}) {
    EXPECT_FALSE(ParseWindow(wrong).ok()) << wrong;
  }
}

class CheckGateTest : public GateTest {
 protected:
  Status CheckIt(const std::string& checks) {
    GateSchemas schemas;
    schemas.table = DefaultSchema();
    schemas.other = [](const std::string& name) -> std::shared_ptr<arrow::Schema> {
      if (name != "processed.parent") return nullptr;
      return arrow::schema(
          {arrow::field("id", arrow::utf8()), arrow::field("key", arrow::int64())});
    };
    schemas.known_tables = {"processed.parent"};
    gate_ = Gate("  - " + checks + "\n");
    return CheckGate(gate_, schemas, *session_);
  }
  GateDefinition gate_;
};

TEST_F(CheckGateTest, UnknownColumnIsAnErrorAtItsPlaceWithASuggestion) {
  const Status status = CheckIt("required: [id, nn]");
  EXPECT_EQ(status.error_code(), "WH3004");
  ASSERT_TRUE(status.span().has_value());
  EXPECT_EQ(status.span()->line, 4);
  EXPECT_EQ(status.span()->column, 20);
  EXPECT_EQ(status.span()->width, 2);
}

TEST_F(CheckGateTest, ValuesMustFitTheColumn) {
  for (const char* check :
       {"range: { column: n, min: '1' }", "range: { column: n, min: a }",
        "range: { column: b, min: 1 }", "accepted: { column: s, values: [1] }",
        "accepted: { column: n, values: ['1'] }", "accepted: { column: b, values: [1] }",
        "range: { column: t, min: noon }", "range: { column: d, min: 2013-01-01T05:00:00Z }",
        "pattern: { column: n, regex: a }", "mean: { column: s, max: 1 }",
        "mean: { column: t, max: 1 }", "freshness: { column: n, max: 1h }",
        "distribution: { column: s, test: ks, baseline: 28d, max: 1 }",
        "references: { column: n, table: processed.parent, parent: id }"}) {
    EXPECT_EQ(CheckIt(check).error_code(), "WH3005") << check;
  }
  for (const char* check :
       {"range: { column: n, min: 0.5 }", "range: { column: t, min: 2013-01-01 }",
        "range: { column: d, max: 2013-01-01 }", "accepted: { column: s, values: ['1', EWR] }",
        "accepted: { column: b, values: [true] }",
        "distribution: { column: s, test: psi, baseline: 28d, max: 1 }",
        "references: { column: n, table: processed.parent, parent: key }"}) {
    EXPECT_OK(CheckIt(check));
  }
}

TEST_F(CheckGateTest, RefusesKeysThatChangeNothingForTheColumn) {
  for (const char* check :
       {"range: { column: n, min: 1, allow_nan: true }",
        "mean: { column: n, min: 1, allow_nan: true }",
        "accepted: { column: s, values: [a], allow_nan: true }",
        "required: { columns: [n, t], missing: [''] }",
        "distribution: { column: s, test: psi, baseline: 28d, max: 1, bins: 5 }",
        "distribution: { column: b, test: js, baseline: 28d, max: 1, bins: 5 }"}) {
    const Status status = CheckIt(check);
    EXPECT_EQ(status.error_code(), "WH3003") << check;
    EXPECT_TRUE(status.span().has_value()) << check;
  }
  for (const char* check :
       {"range: { column: x, min: 1, allow_nan: true }",
        "required: { columns: [n, s], missing: [''] }",
        "distribution: { column: n, test: psi, baseline: 28d, max: 1, bins: 5, nulls: bin }",
        "distribution: { column: s, test: chi2, baseline: 28d, min_p: 0.1, nulls: ignore }",
        "range: { column: n, min: 1, max_bad: 1%, of: rows }",
        "unique: { columns: [n], max_bad: 1%, of: rows }"}) {
    EXPECT_OK(CheckIt(check));
  }
}

TEST_F(CheckGateTest, RefusesUnknownTables) {
  EXPECT_EQ(CheckIt("references: { column: id, table: processed.parnet }").error_code(), "WH3007");
  EXPECT_THAT(CheckIt("references: { column: id, table: processed.parnet }").hint(),
              HasSubstr("processed.parent"));
  EXPECT_EQ(CheckIt("sql: { rows: 0, query: select * from processed.other }").error_code(),
            "WH3007");
  EXPECT_EQ(CheckIt("references: { column: s, table: processed.parent }").error_code(), "WH3004");
}

TEST_F(CheckGateTest, RefusesSqlThatMayNotStandInAGate) {
  for (const char* query :
       {"delete from this", "select 1; select 2", "select from where", "select now()",
        "select * from this where random() < 0.5", "select current_date",
        "select * from read_csv('/etc/passwd')", "select * from this using sample 10",
        "select nosuch from this", "select first(n) from this", "attach 'x'"}) {
    EXPECT_EQ(CheckIt(fmt::format("sql: {{ rows: 0, query: \"{}\" }}", query)).error_code(),
              "WH3006")
        << query;
  }
  for (const char* expression : {"n", "nosuch > 1", "n > 1) or (true", "1 > 0 --", "n > now()"}) {
    const Status status = CheckIt(fmt::format("pair: {{ expr: \"{}\" }}", expression));
    // A comment may end the expression, and then it is one.
    if (std::string(expression) == "1 > 0 --") {
      EXPECT_OK(status);
    } else {
      EXPECT_EQ(status.error_code(), "WH3006") << expression;
    }
  }
}

TEST_F(CheckGateTest, UnknownColumnInSqlIsMarkedInTheFile) {
  const Status status = CheckIt("pair: { expr: n > 1 and nosuch < 2 }");
  EXPECT_EQ(status.error_code(), "WH3006");
  ASSERT_TRUE(status.span().has_value());
  EXPECT_EQ(status.span()->line, 4);
  EXPECT_EQ(status.span()->column, 29) << status.ToString();
}

TEST_F(CheckGateTest, KnowsWhatTheSqlReads) {
  ASSERT_OK(
      CheckIt("sql: { rows: 0, query: select a.id from this a join processed.parent p "
              "using (id) where a.n > p.key }"));
  EXPECT_THAT(gate_.columns, ElementsAre("id", "n"));
  EXPECT_THAT(gate_.tables, ElementsAre("processed.parent"));
  EXPECT_FALSE(gate_.needs_all_columns);
  ASSERT_OK(CheckIt("sql: { rows: 0, query: select a.* from this a }"));
  EXPECT_TRUE(gate_.needs_all_columns);
  ASSERT_OK(
      CheckIt("sql: { rows: 0, query: with q as (select id from this_table) select "
              "count(*) from q having count(*) < 0 }"));
  EXPECT_THAT(gate_.columns, ElementsAre("id"));
  EXPECT_TRUE(gate_.tables.empty());
}
}  // namespace
}  // namespace weirhouse::gate

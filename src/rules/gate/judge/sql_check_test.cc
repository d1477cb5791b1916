// SQL in gates: what may stand there, what its names stand for, whom an error blames, how long it
// may run.
#include <arrow/api.h>

#include <atomic>

#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GateSqlTest : public GateTest {
 protected:
  static std::shared_ptr<arrow::Schema> ParentSchema() {
    return arrow::schema({arrow::field("id", arrow::utf8()), arrow::field("key", arrow::int64()),
                          arrow::field("n", arrow::int64())});
  }
  Status CheckIt(const std::string& checks) {
    GateSchemas schemas;
    schemas.table = DefaultSchema();
    schemas.other = [](const std::string& name) -> std::shared_ptr<arrow::Schema> {
      return name == "processed.parent" || name == "records.other" ? ParentSchema() : nullptr;
    };
    schemas.known_tables = {"processed.parent", "records.other"};
    gate_ = Gate(checks);
    return CheckGate(gate_, schemas, *session_);
  }
  Status CheckPair(const std::string& expression) {
    return CheckIt("  - pair: { expr: \"" + expression + "\" }\n");
  }
  Status CheckSql(const std::string& query) {
    return CheckIt("  - sql: { rows: 0, query: \"" + query + "\" }\n");
  }
  // Checks, then judges, as a run does.
  GateReport JudgeChecked(const std::string& checks) {
    EXPECT_OK(CheckIt(checks));
    return JudgeGate(gate_, input_, *session_);
  }
  void SetParent(const std::string& json) {
    parent_ = testing::TableOf(ParentSchema(), json);
    input_.other_table = [this](const std::string& name,
                                const std::vector<std::string>& columns) -> Result<RowsPtr> {
      EXPECT_EQ(name, "processed.parent");
      std::vector<int> wanted;
      for (const std::string& column : columns)
        wanted.push_back(parent_->schema()->GetFieldIndex(column));
      return wanted.empty() ? parent_ : parent_->SelectColumns(wanted).ValueOrDie();
    };
  }
  GateDefinition gate_;
  RowsPtr parent_;
};

TEST_F(GateSqlTest, WhatAsksTheClockIsRefusedInEverySpelling) {
  for (const char* expression : {"CURRENT_DATE > t",
                                 "Current_Timestamp > t",
                                 "current_time is null",
                                 "localtime is null",
                                 "LOCALTIMESTAMP > t",
                                 "now() > t",
                                 "NOW() > t",
                                 "today() > d",
                                 "age(t) > interval 1 day",
                                 "t > ago(interval 1 day)",
                                 "pg_postmaster_start_time() > t",
                                 "pg_conf_load_time() > t",
                                 "get_current_timestamp() > t",
                                 "get_current_time() is null",
                                 "transaction_timestamp() > t",
                                 "current_localtimestamp() > t",
                                 "current_localtime() is null",
                                 "main.now() > t",
                                 "t.age() > interval 1 day",
                                 "case when true then (select now()) > t end",
                                 "random() < 0.5",
                                 "uuid() = s",
                                 "txid_current() > n",
                                 "current_user = s",
                                 "user = s",
                                 "current_setting('TimeZone') = s",
                                 "any_value(n) over () > 1",
                                 "run_time() > t"}) {
    EXPECT_EQ(CheckPair(expression).error_code(), "WH3006") << expression;
    EXPECT_EQ(CheckSql(std::string("select id from this where ") + expression).error_code(),
              "WH3006")
        << expression;
  }
  EXPECT_THAT(CheckPair("now() > t").message(), HasSubstr("now() depends on the clock"));
  EXPECT_THAT(CheckPair("now() > t").hint(), HasSubstr("freshness"));
}

TEST_F(GateSqlTest, WhatDependsOnItsArgumentsAloneMayStandThere) {
  for (const char* expression :
       {"age(t, timestamptz '2020-01-01 00:00:00Z') > interval 1 day", "t > 'epoch'::timestamptz",
        "extract(hour from t) between 0 and 23", "date_diff('day', t, t) = 0",
        "regexp_matches(s, '^a')", "s like 'a%' or s in ('b', 'c')", "coalesce(n, 0) >= 0",
        "cast(n as varchar) || s <> ''", "n::double / 3 < x", "greatest(n, 1) > 0", "this.n > 1"}) {
    EXPECT_EQ(CheckPair(expression).ToString(), Status().ToString()) << expression;
  }
  for (const char* query :
       {"select avg(x), stddev(x), sum(n), count(*) from this having count(*) < 0",
        "select r.range from range(10) r where r.range < 0",
        "select id from this order by id limit 1",
        "select id, row_number() over (partition by s order by id) as k from this qualify k > 1",
        "with q as (select n from THIS) select * from Q where n < 0"}) {
    EXPECT_EQ(CheckSql(query).ToString(), Status().ToString()) << query;
  }
}

TEST_F(GateSqlTest, APairIsOneExpressionOfOneRow) {
  for (const char* expression :
       {"count(*) > 0", "n > avg(n)", "max(n) = 1", "n > 1) or (true", "n > 1, true", "true as ok",
        "n > 1 from this", "true where false", "unnest([true, false])", "columns('n') > 1",
        "string_agg(s, ',' order by s) = 'a'", "stddev(x) > 1",
        "true) from this union all select (true"}) {
    EXPECT_EQ(CheckPair(expression).error_code(), "WH3006") << expression;
  }
  EXPECT_THAT(CheckPair("count(*) > 0").message(),
              HasSubstr("the aggregate count() is of many rows"));
  EXPECT_OK(CheckPair("n >= (select min(n) from this)"));
  EXPECT_OK(CheckPair("n >= lag(n) over (order by id)"));
  EXPECT_OK(CheckPair("n > 1 -- a remark"));
  SetRows(R"([{"id":"a","n":1}])");
  // Also where nobody checked the gate before.
  EXPECT_EQ(StateOf("pair: { expr: count(*) > 0 }"), State::kError);
}

TEST_F(GateSqlTest, APairWithAWindowOrASubqueryMarksTheRightRows) {
  std::string json = "[";
  for (int i = 0; i < 5000; ++i)
    json += fmt::format(R"({}{{"id":"{:05}","n":{}}})", i == 0 ? "" : ",", (i * 7919) % 5000, i);
  SetRows(json + "]");
  for (const char* expression : {"row_number() over (order by id) <> 11", "id <> '00010'",
                                 "id not in (select '00010' where true)"}) {
    const GateReport report =
        JudgeChecked(std::string("  - pair: { name: p, expr: \"") + expression + "\" }\n");
    ASSERT_EQ(report.checks[0].bad, 1) << expression;
    EXPECT_EQ(report.checks[0].examples[0]["id"], "00010") << expression;
  }
}

TEST_F(GateSqlTest, ANameStandsForTheColumnThatIsWritten) {
  // Both read processed.parent, each another column of it; `n` without a table is the parent's.
  SetRows(R"([{"id":"a","n":5}])");
  SetParent(R"([{"id":"a","key":7,"n":1}])");
  const GateReport report = JudgeChecked(
      "  - pair: { name: of_parent, expr: \"exists (select 1 from processed.parent p where n = "
      "1)\" "
      "}\n"
      "  - pair: { name: other, expr: \"exists (select 1 from processed.parent p where key = 7)\" "
      "}\n"
      "  - sql: { name: case, rows: 0, query: \"select P.key from Processed.PARENT P where p.N <> "
      "1\" "
      "}\n");
  for (const CheckResult& check : report.checks)
    EXPECT_EQ(check.state, State::kPassed) << check.name << ": " << check.reason;
  EXPECT_THAT(gate_.tables, ElementsAre("processed.parent"));
}

TEST_F(GateSqlTest, AWithClauseMayNotHideTheBatch) {
  EXPECT_EQ(
      CheckSql("with This as (select * from this) select * from this where n < 0").error_code(),
      "WH3006");
  EXPECT_EQ(CheckSql("select * from (summarize this)").error_code(), "WH3006");
}

TEST_F(GateSqlTest, RecordsOfOtherSourcesAreNotThere) {
  EXPECT_EQ(CheckSql("select * from records.other").error_code(), "WH3007");
  EXPECT_EQ(CheckIt("  - references: { column: id, table: records.other }\n").error_code(),
            "WH3007");
}

TEST_F(GateSqlTest, TheCheckWhoseRowsCannotBeKeptIsTheOneInError) {
  SetRows(R"([{"id":"a","n":5}])");
  const GateReport report = Judge(
      "  - row_count: { min: 1, name: innocent }\n"
      "  - sql: { name: guilty, rows: 0, query: \"select [n] as l from this\", severity: warn }\n"
      "  - range: { name: bad, column: n, max: 1 }\n");
  EXPECT_EQ(report.checks[0].state, State::kPassed);
  EXPECT_EQ(report.checks[1].state, State::kError);
  EXPECT_THAT(report.checks[1].reason,
              HasSubstr("guilty could not be judged: its failing rows cannot be kept"));
  EXPECT_EQ(report.checks[2].state, State::kFailed);
  EXPECT_EQ(report.checks[2].examples.size(), 1U);
  EXPECT_EQ(report.state, State::kError);
}

constexpr char kSlow[] =
    "select a.range from range(3000000) a, range(3000000) b where a.range * b.range = -1";

TEST_F(GateSqlTest, AValueThatSqlFailsOnIsNamedWithItsRecord) {
  SetRows(R"([{"id":"a","s":"1"},{"id":"b","s":"12,5"},{"id":"c","s":"3"},{"id":"d","s":"x"}])");
  input_.key_columns = {"id"};
  input_.record_of = [](std::int64_t row) { return fmt::format("o/1.jsonl:{}", row + 1); };
  input_.this_table = [this](const std::vector<std::string>&) -> Result<RowsPtr> {
    return input_.this_rows;
  };
  const auto told = [&](const std::string& check) {
    const GateReport report =
        JudgeChecked("  - pair: { name: other, expr: \"id <> ''\" }\n  - " + check + "\n");
    EXPECT_EQ(report.state, State::kError) << check;
    EXPECT_EQ(report.checks[0].state, State::kPassed) << check;
    return report.checks[1];
  };
  for (const char* check :
       {"pair: { name: p, expr: \"id = 'c' or cast(s as integer) > 0\" }",
        "sql: { name: p, rows: 0, query: \"select id from this where cast(s as integer) < 0\" }",
        "sql: { name: p, rows: 0, query: \"select sum(cast(s as integer)) as t from this having t "
        "< 0\" "
        "}"}) {
    const CheckResult result = told(check);
    EXPECT_EQ(result.bad, 2) << check;
    EXPECT_THAT(result.reason,
                HasSubstr("p could not be judged: CAST(s AS INTEGER) at gates/g.yaml:5:"))
        << check;
    EXPECT_THAT(result.reason, HasSubstr("fails on 2 of 4 rows, the first is o/1.jsonl:2 with s = "
                                         "\"12,5\": "));
    EXPECT_EQ(result.examples[0]["id"], "b");
    EXPECT_EQ(result.detail["record"], "o/1.jsonl:2");
  }
  // Not asked expression by expression: the first row is found all the same.
  const CheckResult halved = told(
      "sql: { name: p, rows: 0, query: \"with q as (select id, cast(s as integer) as v from this) "
      "select id from q where v < 0\" }");
  EXPECT_EQ(halved.bad, 1);
  EXPECT_THAT(halved.reason, HasSubstr("the first is o/1.jsonl:2"));
  const CheckResult whole = told("pair: { name: p, expr: cast(s as integer) > 0, scope: table }");
  EXPECT_EQ(whole.bad, 2);
  EXPECT_EQ(whole.examples[1]["id"], "d");
  // No row is to blame.
  const CheckResult none = told(
      "sql: { name: p, rows: 0, query: \"select cast(count(*) + 300 as tinyint) as c from this\" "
      "}");
  EXPECT_EQ(none.bad, 0);
  EXPECT_THAT(none.reason, HasSubstr("could not be judged: SQL was refused"));
}

TEST_F(GateSqlTest, SlowSqlEndsAsAnErrorOfItsCheck) {
  SetRows(R"([{"id":"a","n":5}])");
  const auto begin = std::chrono::steady_clock::now();
  const GateReport report = Judge(std::string("  - sql: { name: slow, timeout: 1s, rows: 0, query: "
                                              "\"") +
                                  kSlow + "\", severity: warn }\n  - row_count: { min: 1 }\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(report.checks[0].state, State::kError);
  EXPECT_THAT(report.checks[0].reason, HasSubstr("it ran longer than 1 s"));
  EXPECT_EQ(report.checks[0].detail["code"], "WH7047");
  EXPECT_EQ(report.checks[1].state, State::kPassed);
  EXPECT_FALSE(report.publishes());
  EXPECT_OK(report.stopped);
}

TEST_F(GateSqlTest, TooManyRowsEndAsAnErrorOfTheCheck) {
  SetRows(R"([{"id":"a","n":5}])");
  const CheckResult result = JudgeOne(
      "sql: { rows: 0, query: \"select a.range, b.range as r from range(100000) a, range(100000) "
      "b\" }");
  EXPECT_EQ(result.state, State::kError);
  EXPECT_EQ(result.detail["code"], "WH7048");
}

TEST_F(GateSqlTest, SqlEndsWhenTheProcessIsToldToStopAndIsNoVerdict) {
  SetRows(R"([{"id":"a","n":5}])");
  std::atomic<int> asked{0};  // again and again while it runs
  platform::SqlBounds bounds;
  bounds.told_to_stop = [&asked] { return ++asked > 3; };
  session_->SetBounds(bounds);
  const GateReport report = Judge(std::string("  - sql: { rows: 0, query: \"") + kSlow +
                                  "\" }\n  - row_count: { min: 1 }\n");
  EXPECT_TRUE(report.stopped.Is(platform::kSqlToldToStop));
  session_->SetBounds({});
  EXPECT_OK(session_->Query("select 1").status());
}

TEST_F(GateSqlTest, ATimeoutIsADurationOfSqlAlone) {
  EXPECT_OK(CheckIt("  - pair: { expr: n > 1, timeout: 2h }\n"));
  EXPECT_EQ(gate_.checks[0].sql_timeout, std::chrono::hours(2));
  EXPECT_EQ(Gate("  - sql: { rows: 0, query: select 1 }\n").checks[0].sql_timeout,
            kSqlTimeoutDefault);
  for (const char* check :
       {"pair: { expr: n > 1, timeout: 0s }", "pair: { expr: n > 1, timeout: 2d }",
        "pair: { expr: n > 1, timeout: soon }"}) {
    EXPECT_EQ(ParseGates(std::string("gate: g\ntable: processed.t\nchecks:\n  - ") + check + "\n",
                         "g.yaml")
                  .status()
                  .error_code(),
              "WH3002")
        << check;
  }
  EXPECT_EQ(ParseGates("gate: g\ntable: processed.t\nchecks:\n  - range: { column: n, min: 1, "
                       "timeout: 1s }\n",
                       "g.yaml")
                .status()
                .error_code(),
            "WH2002");
}
}  // namespace
}  // namespace weirhouse::gate

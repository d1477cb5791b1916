#include "rules/transform/check/check.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "rules/transform/flights_fixture.h"

namespace weirhouse::transform {
namespace {

using flights::Check;
using flights::Findings;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  WEIRHOUSE_CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// A transform of one line of SQL, at line 2.
std::string Incremental(const std::string& select) {
  return "-- wh: table processed.t; key flight_id; mode incremental\n" + select;
}
std::string Full(const std::string& select, const std::string& key = "flight_id") {
  return "-- wh: table processed.t; key " + key + "; mode full\n" + select;
}

std::vector<std::string> Describe(const CheckedTransform& checked) {
  std::vector<std::string> columns;
  for (const auto& field : checked.output->fields()) {
    columns.push_back(field->name() + " " + field->type()->ToString());
  }
  return columns;
}

TEST(Check, AcceptsTheArrivalTable) {
  ASSERT_OK_AND(const auto arrival, Check(flights::kArrivalSql, "processed/arrival.sql"));
  EXPECT_TRUE(arrival.row_wise);
  EXPECT_EQ(arrival.driver, "records.arrival");
  EXPECT_FALSE(arrival.depends_on_arrival);
  EXPECT_THAT(Describe(arrival),
              ElementsAre("flight_id string", "carrier string", "airline string", "tailnum string",
                          "origin string", "dest string", "arrived_at timestamp[us, tz=UTC]",
                          "arr_delay int64", "air_time int64", "reported_at timestamp[us, tz=UTC]",
                          "_record int64", "_ingested_at timestamp[us, tz=UTC]"));
  EXPECT_EQ(arrival.declared.size(), 10u);
  ASSERT_EQ(arrival.references.size(), 2u);
  EXPECT_EQ(arrival.references[0].name, "records.arrival");
  EXPECT_EQ(arrival.references[0].span.column, 139);
  EXPECT_EQ(arrival.references[0].span.width, 15);
  EXPECT_THAT(arrival.references[0].columns, Contains("_record"));
  EXPECT_EQ(arrival.references[1].kind, TableKind::kSeed);
  EXPECT_THAT(arrival.references[1].columns, ElementsAre("carrier", "name"));
}

TEST(Check, AcceptsTheOtherTablesOfTheFlightsProject) {
  ASSERT_OK_AND(const auto departure, Check(flights::kDepartureSql));
  EXPECT_THAT(Describe(departure), Contains("dep_delay int64"));
  ASSERT_OK_AND(const auto weather, Check(flights::kWeatherSql));
  EXPECT_TRUE(weather.row_wise);
  EXPECT_THAT(weather.references[0].columns, Not(Contains("fee")));
  ASSERT_OK_AND(const auto plane, Check(flights::kPlaneSql));
  EXPECT_TRUE(plane.depends_on_arrival);
  EXPECT_TRUE(plane.row_wise);
}

TEST(Check, TracesColumnsToTheirSources) {
  ASSERT_OK_AND(const auto arrival, Check(flights::kArrivalSql));
  using Kind = ColumnEdge::Kind;
  EXPECT_THAT(arrival.lineage,
              Contains(ColumnEdge{"airline", "ref.airline", "name", Kind::kDirect}));
  EXPECT_THAT(arrival.lineage,
              Contains(ColumnEdge{"airline", "records.arrival", "carrier", Kind::kIndirect}));
  EXPECT_THAT(arrival.lineage,
              Not(Contains(ColumnEdge{"airline", "records.arrival", "dest", Kind::kDirect})));
  ASSERT_OK_AND(const auto weather, Check(flights::kWeatherSql));
  EXPECT_THAT(weather.lineage,
              Contains(ColumnEdge{"wind_gust", "records.weather", "wind_speed", Kind::kDirect}));
}

TEST(Check, TracesThroughSubqueriesBranchesAndFilters) {
  ASSERT_OK_AND(
      const auto checked,
      Check(Full("WITH late AS (SELECT flight_id AS id, arr_delay AS d FROM records.arrival WHERE "
                 "air_time > 3) SELECT id AS flight_id, CASE WHEN d > 15 THEN 1 ELSE 0 END AS late "
                 "FROM late")));
  using Kind = ColumnEdge::Kind;
  EXPECT_THAT(checked.lineage,
              ElementsAre(ColumnEdge{"flight_id", "records.arrival", "air_time", Kind::kIndirect},
                          ColumnEdge{"flight_id", "records.arrival", "flight_id", Kind::kDirect},
                          ColumnEdge{"late", "records.arrival", "air_time", Kind::kIndirect},
                          ColumnEdge{"late", "records.arrival", "arr_delay", Kind::kIndirect}));
}

TEST(Check, ShowsAnUnknownColumnWithCaretContractAndSuggestion) {
  const auto checked =
      Check(Replaced(flights::kArrivalSql, "r.arr_delay", "r.arr_dely"), "processed/arrival.sql");
  EXPECT_EQ(Findings(checked),
            "WH2104 3:97+8 unknown column \"arr_dely\" | not in contract arrival 1.0.0 "
            "(contracts/arrival.odcs.yaml:5) | did you mean \"arr_delay\"?\n");
  EXPECT_EQ(checked.status().span()->path, "processed/arrival.sql");
  EXPECT_EQ(checked.status().error_code(), "WH2104");
  EXPECT_EQ(checked.status().span()->source_line.substr(96, 8), "arr_dely");
}

TEST(Check, CountsColumnsInCharactersNotBytes) {
  EXPECT_THAT(Findings(Check(Full("SELECT 'éé' AS flight_id, nope FROM records.arrival"))),
              HasSubstr("WH2104 2:27+4 unknown column \"nope\""));
}

TEST(Check, ReportsAllUnknownNamesTogether) {
  EXPECT_EQ(
      Findings(Check(Incremental("SELECT r.flight_id, x.carrier, r.\"dst\", uper(r.origin) AS o\n"
                                 "FROM records.arival AS s JOIN ref.airline AS al\n"
                                 "  USING (carier) WHERE al.nam = 'x'"))),
      "WH2105 2:41+4 unknown function \"uper\" | did you mean \"upper\"?\n"
      "WH2103 3:6+14 unknown table \"records.arival\" | no source, seed or processed table of this "
      "name | did you mean \"records.arrival\"?\n"
      "WH2104 4:10+6 unknown column \"carier\" | not in seed seeds/airlines.csv | did you mean "
      "\"carrier\"?\n"
      "WH2104 4:27+3 unknown column \"nam\" | not in seed seeds/airlines.csv | did you mean "
      "\"name\"?\n");
}

TEST(Check, NamesAnUnknownAlias) {
  EXPECT_THAT(Findings(Check(Incremental("SELECT r.flight_id, q.dest FROM records.arrival AS r"))),
              HasSubstr("WH2103 2:21+1 unknown table \"q\" | the query reads r"));
}

TEST(Check, PointsToTheRightSchemaOfATable) {
  EXPECT_THAT(Findings(Check(Incremental("SELECT flight_id FROM raw.arrival"))),
              HasSubstr("WH2103 2:23+11 unknown table \"raw.arrival\""));
  EXPECT_THAT(Findings(Check(Incremental("SELECT flight_id FROM arrival"))),
              HasSubstr("did you mean \"records.arrival\"?"));
}

TEST(Check, ReportsAnAmbiguousColumn) {
  EXPECT_THAT(Findings(Check(Incremental("SELECT flight_id, carrier FROM records.arrival r JOIN "
                                         "ref.airline al ON r.carrier = al.carrier"))),
              HasSubstr("WH2104 2:19+7 ambiguous column \"carrier\" | in contract arrival 1.0.0 "
                        "(contracts/arrival.odcs.yaml:5) and in seed seeds/airlines.csv | write "
                        "r.carrier or al.carrier"));
}

TEST(Check, PutsTheCaretOnASyntaxError) {
  EXPECT_THAT(Findings(Check(Incremental("SELECT flight_id FRM records.arrival"))),
              HasSubstr("WH2102 2:22+7 "));
  EXPECT_THAT(Findings(Check(Incremental("SELECT flight_id FROM  -- nothing\n"))),
              HasSubstr("WH2102 2:22+1 "));
}

// Each is refused with WH2106, the caret on the word given.
struct Refusal {
  std::string select;
  std::string word;
};
class NotDeterministic : public ::testing::TestWithParam<Refusal> {};

TEST_P(NotDeterministic, IsRefusedWithTheCaretOnIt) {
  const std::string sql = Full(GetParam().select);
  const auto checked = Check(sql);
  ASSERT_FALSE(checked.ok()) << sql;
  ASSERT_FALSE(checked.status().diagnostics().empty()) << checked.status().ToString();
  const Diagnostic& finding = checked.status().diagnostics().front();
  EXPECT_EQ(finding.error_code, "WH2106") << Findings(checked);
  EXPECT_EQ(finding.span->line, 2);
  EXPECT_EQ(finding.span->source_line.substr(static_cast<std::size_t>(finding.span->column - 1),
                                             GetParam().word.size()),
            GetParam().word)
      << Findings(checked);
}
INSTANTIATE_TEST_SUITE_P(
    Functions, NotDeterministic,
    ::testing::Values(
        Refusal{"SELECT flight_id, now() AS t FROM records.arrival", "now"},
        Refusal{"SELECT flight_id, current_date AS t FROM records.arrival", "current_date"},
        Refusal{"SELECT flight_id, random() AS t FROM records.arrival", "random"},
        Refusal{"SELECT flight_id, uuid() AS t FROM records.arrival", "uuid"},
        Refusal{"SELECT flight_id, current_user AS t FROM records.arrival", "current_user"},
        Refusal{"SELECT flight_id, first(dest) AS d FROM records.arrival GROUP BY 1", "first"},
        Refusal{"SELECT flight_id, any_value(dest) AS d FROM records.arrival GROUP BY 1",
                "any_value"},
        Refusal{"SELECT flight_id, arg_max(dest, arr_delay) AS d FROM records.arrival GROUP BY 1",
                "arg_max"},
        Refusal{"SELECT origin AS flight_id, sum(temp) AS d FROM records.weather GROUP BY 1",
                "sum"},
        Refusal{
            "SELECT origin AS flight_id, avg(temp + wind_dir) AS d FROM records.weather GROUP BY "
            "1",
            "avg"},
        Refusal{"SELECT origin AS flight_id, stddev(wind_dir) AS d FROM records.weather GROUP BY 1",
                "stddev"},
        Refusal{"WITH w AS (SELECT origin, temp AS x FROM records.weather) SELECT origin AS "
                "flight_id, sum(x) AS d FROM w GROUP BY 1",
                "sum"},
        Refusal{"SELECT flight_id, string_agg(dest, ',') AS d FROM records.arrival GROUP BY 1",
                "string_agg"},
        Refusal{"SELECT flight_id, row_number() OVER () AS n FROM records.arrival", "row_number"},
        Refusal{"SELECT flight_id, lag(dest) OVER (PARTITION BY origin) AS n FROM records.arrival",
                "lag"},
        Refusal{"SELECT flight_id, getenv('HOME') AS n FROM records.arrival", "getenv"},
        Refusal{"SELECT flight_id, list_distinct([dest]) AS n FROM records.arrival",
                "list_distinct"}));
INSTANTIATE_TEST_SUITE_P(
    Clauses, NotDeterministic,
    ::testing::Values(
        Refusal{"SELECT flight_id FROM records.arrival LIMIT 3", "LIMIT"},
        Refusal{"SELECT flight_id FROM records.arrival OFFSET 3", "OFFSET"},
        Refusal{"SELECT flight_id FROM (SELECT * FROM records.arrival LIMIT 3) x", "LIMIT"},
        Refusal{"SELECT DISTINCT ON (origin) flight_id FROM records.arrival", "DISTINCT"},
        Refusal{"SELECT flight_id FROM records.arrival TABLESAMPLE 10%", "TABLESAMPLE"},
        Refusal{"SELECT flight_id FROM records.arrival USING SAMPLE 3", "SAMPLE"},
        Refusal{"SELECT flight_id FROM records.arrival POSITIONAL JOIN ref.airline", "POSITIONAL"},
        Refusal{"SELECT flight_id, _record AS n FROM records.arrival", "_record"}));

TEST(Check, AcceptsWhatIsDeterministic) {
  for (
      const std::string select :
      {"SELECT origin AS flight_id, sum(wind_dir) AS s, avg(wind_dir) AS a, sum(fee) AS f, "
       "max(temp) "
       "AS m, count(*) AS n, sum(CAST(temp AS DECIMAL(10,2))) AS t FROM records.weather GROUP BY 1",
       "SELECT flight_id, string_agg(dest, ',' ORDER BY dest) AS d FROM records.arrival GROUP BY 1",
       "SELECT flight_id, row_number() OVER (PARTITION BY origin ORDER BY arrived_at) AS n FROM "
       "records.arrival",
       "SELECT flight_id FROM records.arrival ORDER BY flight_id LIMIT 3",
       "SELECT flight_id, list_transform([arr_delay], x -> x + air_time)[1] AS d FROM "
       "records.arrival",
       "SELECT flight_id, _unknown ->> '$.gate' AS gate FROM records.arrival",
       "SELECT flight_id FROM records.arrival UNION SELECT flight_id FROM records.departure",
       "SELECT flight_id, extract(hour FROM arrived_at AT TIME ZONE 'America/New_York') AS h FROM "
       "records.arrival"}) {
    EXPECT_EQ(Findings(Check(Full(select))), "no findings") << select;
  }
}

TEST(Check, FindsColumnsHoweverTheyAreQualified) {
  for (const std::string select :
       {"SELECT records.arrival.flight_id, arrival.DEST FROM Records.Arrival",
        "SELECT r.flight_id, \"r\" . \"dest\" AS d FROM records.arrival r",
        "SELECT flight_id, (SELECT max(name) FROM ref.airline al WHERE al.carrier = r.carrier) AS "
        "n "
        "FROM records.arrival r",
        "SELECT flight_id, l.n FROM records.arrival r, LATERAL (SELECT r.dest || 'x' AS n) l",
        "SELECT flight_id, carrier FROM records.arrival NATURAL JOIN ref.airline",
        "SELECT flight_id FROM records.arrival r SEMI JOIN ref.airline al USING (carrier)",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT "
        "flight_id, i FROM records.arrival, n",
        "SELECT flight_id, arr_delay * 2 AS twice, twice + 1 AS more FROM records.arrival WHERE "
        "twice "
        "> 3 ORDER BY more",
        "SELECT v.a AS flight_id FROM (VALUES ('x', 1), ('y', 2)) v(a, b)",
        "SELECT flight_id, count(*) AS n FROM records.arrival GROUP BY ALL HAVING n > 1"}) {
    EXPECT_EQ(Findings(Check(Full(select))), "no findings") << select;
  }
}

// Each is refused with WH2107 at its place.
TEST(Check, RefusesWhatIsNotOnePlainSelect) {
  EXPECT_THAT(Findings(Check(Full("COPY records.arrival TO 'x'"))),
              HasSubstr("WH2107 2:1+4 COPY is not allowed: only one SELECT is"));
  EXPECT_THAT(Findings(Check(Full("ATTACH 'x.db'"))), HasSubstr("WH2107 2:1+6 ATTACH"));
  EXPECT_THAT(Findings(Check(Full("SELECT 1 AS flight_id; DROP TABLE x"))),
              HasSubstr("WH2107 2:24+4 only one statement is allowed"));
  EXPECT_THAT(Findings(Check(Full("SELECT * FROM read_csv('/etc/passwd')"))),
              HasSubstr("WH2107 2:15+8 table function \"read_csv\" is not allowed"));
  EXPECT_THAT(Findings(Check(Full("SELECT * FROM 'x.parquet'"))),
              HasSubstr("WH2103 2:15+11 unknown table \"x.parquet\""));
  EXPECT_THAT(Findings(Check(Full("SELECT flight_id, secret('x') AS s FROM records.arrival"))),
              HasSubstr("WH2107 2:19+6 secret() cannot be used in SQL yet"));
  EXPECT_THAT(Findings(Check(Full("SELECT flight_id FROM records.arrival WHERE origin = ?"))),
              HasSubstr("WH2107 2:54+1 a parameter has no value here"));
  EXPECT_THAT(Findings(Check(Full("SELECT flight_id FROM records.arrival AT (VERSION => 1)"))),
              HasSubstr("WH2107 2:39+2 AT (…) is not allowed"));
}

TEST(Check, SaysWhatNeedsModeFullAndWhere) {
  const auto needs = [](const std::string& select) { return Findings(Check(Incremental(select))); };
  EXPECT_THAT(needs("SELECT flight_id, count(*) AS n FROM records.arrival GROUP BY flight_id"),
              HasSubstr("WH2108 2:19+5 needs mode full: aggregate \"count\" | write `mode full` in "
                        "the header, or keep the query to expressions over one row\n"
                        "WH2108 2:54+5 needs mode full: GROUP BY"));
  EXPECT_THAT(needs("SELECT DISTINCT flight_id FROM records.arrival"),
              HasSubstr("WH2108 2:8+8 needs mode full: DISTINCT"));
  EXPECT_THAT(needs("SELECT flight_id FROM records.arrival ORDER BY 1 LIMIT 3"),
              HasSubstr("WH2108 2:50+5 needs mode full: LIMIT"));
  EXPECT_THAT(needs("SELECT flight_id FROM records.arrival UNION SELECT flight_id FROM "
                    "records.departure"),
              HasSubstr("WH2108 2:39+5 needs mode full: UNION"));
  EXPECT_THAT(needs("SELECT flight_id, rank() OVER (ORDER BY dest) AS k FROM records.arrival"),
              HasSubstr("WH2108 2:19+4 needs mode full: window function \"rank\""));
  EXPECT_THAT(needs("SELECT a.flight_id FROM records.arrival a JOIN records.departure d ON "
                    "a.flight_id = d.flight_id"),
              HasSubstr("WH2108 2:48+17 needs mode full: \"records.departure\" is a second table "
                        "that changes | only ref.* may be joined to the driver"));
  EXPECT_THAT(needs("SELECT r.flight_id FROM ref.airline al LEFT JOIN records.arrival r USING "
                    "(carrier)"),
              HasSubstr("WH2108 2:25+11 needs mode full: the first table in FROM must be"));
  EXPECT_THAT(needs("SELECT r.flight_id FROM records.arrival r RIGHT JOIN ref.airline USING "
                    "(carrier)"),
              HasSubstr("WH2108 2:43+5 needs mode full: RIGHT JOIN"));
  EXPECT_THAT(needs("SELECT r.flight_id FROM records.arrival r, ref.airline al"),
              HasSubstr("WH2108 2:44+3 needs mode full: a join without a condition"));
  EXPECT_THAT(needs("SELECT flight_id FROM (SELECT * FROM records.arrival) x"),
              HasSubstr("needs mode full: a subquery in FROM"));
  EXPECT_THAT(needs("SELECT flight_id, (SELECT max(name) FROM ref.airline) AS n FROM "
                    "records.arrival"),
              HasSubstr("WH2108 2:19+1 needs mode full: a subquery"));
  EXPECT_THAT(needs("WITH x AS (SELECT 1 AS a) SELECT flight_id FROM records.arrival"),
              HasSubstr("WH2108 2:1+4 needs mode full: WITH"));
}

TEST(Check, ChecksTheHeaderAgainstTheOutput) {
  EXPECT_EQ(
      Findings(Check("-- wh: table processed.t; key flight_it; order reported_at; event dest\n"
                     "-- wh: partition month(origin); mode incremental\n"
                     "SELECT flight_id, dest, origin, temp AS _x, dest, [1] AS l FROM "
                     "(SELECT *, 1 AS temp FROM records.arrival) r")),
      "WH2108 3:65+1 needs mode full: a subquery in FROM | write `mode full` in the header, or "
      "keep "
      "the query to expressions over one row\n");
  EXPECT_EQ(
      Findings(Check("-- wh: table processed.t; key flight_it; order reported_at; event dest\n"
                     "-- wh: partition month(origin); mode incremental\n"
                     "SELECT flight_id, dest, origin, 1 AS _x, dest, [1] AS l, air_time + 1 FROM "
                     "records.arrival")),
      "WH2109 1:31+9 key column \"flight_it\" is not in the output | the SELECT does not return it "
      "| "
      "did you mean \"flight_id\"?\n"
      "WH2109 1:48+11 order column \"reported_at\" is not in the output | the SELECT does not "
      "return "
      "it\n"
      "WH2109 1:67+4 event column \"dest\" is not a timestamp but string | cast it to TIMESTAMPTZ\n"
      "WH2109 2:18+13 partition month(origin) needs a date or a timestamp\n"
      "WH2109 3:1+6 column 7 of the output has no plain name: (air_time + 1) | name it: … AS name\n"
      "WH2109 3:38+2 output column \"_x\" begins with an underscore | such names are reserved for "
      "hidden "
      "columns\n"
      "WH2109 3:42+4 output column \"dest\" is given twice | rename one: … AS name\n"
      "WH2109 3:55+1 output column \"l\" has a type that tables do not store: list<l: int32> | "
      "cast "
      "it to a plain type, or to VARCHAR\n");
}

TEST(Check, RefusesTypesThatTablesDoNotKeepWhole) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"make_timestamp_ns(arr_delay)", "TIMESTAMP_NS"},
      {"CAST(arrived_at AS TIMESTAMP_NS)", "TIMESTAMP_NS"},
      {"strptime(dest, '%Y-%m-%d %H:%M:%S.%n')", "TIMESTAMP_NS"},
      {"CAST(arrived_at AS TIMESTAMP_S)", "TIMESTAMP_S"},
      {"CAST(arrived_at AS TIMESTAMP_MS)", "TIMESTAMP_MS"},
      {"CAST(dest AS TIMETZ)", "TIME WITH TIME ZONE"},
      {"CAST(dest AS TIME_NS)", "TIME_NS"},
      {"md5_number(dest)", "UHUGEINT"},
      {"CAST(arr_delay AS UHUGEINT)", "UHUGEINT"},
      {"CAST(dest AS BIT)", "BIT"},
      {"to_days(1)", "INTERVAL"},
      {"arrived_at - reported_at", "INTERVAL"},
  };
  for (const auto& [expression, type] : cases) {
    const std::string findings = Findings(
        Check(Incremental("SELECT flight_id,\n  " + expression + " AS x FROM records.arrival")));
    EXPECT_THAT(findings, HasSubstr(fmt::format(
                              "WH2109 3:{}+1 output column \"x\" has a type that tables do not "
                              "store: {} | ",
                              expression.size() + 7, type)));
  }
  for (const std::string expression :
       {"CAST(make_timestamp_ns(arr_delay) AS TIMESTAMP)", "make_timestamp_ms(arr_delay)",
        "CAST(md5_number(dest) AS VARCHAR)", "epoch_ns(CAST(arrived_at AS TIMESTAMP_NS))",
        "CAST(arr_delay AS HUGEINT)"}) {
    EXPECT_EQ(Findings(Check(Incremental("SELECT flight_id, " + expression +
                                         " AS x FROM "
                                         "records.arrival"))),
              "no findings");
  }
}

TEST(Check, RefusesOrderArrivalWhereRecordsAreNotCarriedAlong) {
  EXPECT_THAT(Findings(Check("-- wh: table processed.t; key origin; order arrival; mode full\n"
                             "SELECT origin, count(*) AS n FROM records.arrival GROUP BY 1")),
              HasSubstr("WH2109 1:14+11 `order arrival` needs a row-wise query over one table"));
}

TEST(Check, PlacesATypeErrorInTheTextAsWritten) {
  EXPECT_THAT(Findings(Check(Incremental("SELECT flight_id,\n  air_time + dest AS x FROM "
                                         "records.arrival"))),
              HasSubstr("WH2113 3:12+1 "));
}

TEST(Check, ExpandsAStarWithoutHiddenColumns) {
  ASSERT_OK_AND(const auto checked,
                Check(Incremental("SELECT * EXCLUDE (air_time), upper(dest) AS to_ FROM "
                                  "records.arrival JOIN ref.airline USING (carrier)")));
  EXPECT_THAT(checked.declared,
              ElementsAre("flight_id", "carrier", "tailnum", "origin", "dest", "arrived_at",
                          "arr_delay", "reported_at", "name", "to_"));
  EXPECT_EQ(checked.output->num_fields(), 12);
}

TEST(Check, GivesNullRecordsWhereRowsHaveNoSingleOrigin) {
  ASSERT_OK_AND(
      const auto checked,
      Check(Full("SELECT origin AS flight_id, count(*) AS n FROM records.arrival GROUP BY "
                 "1")));
  EXPECT_FALSE(checked.row_wise);
  EXPECT_THAT(Describe(checked), ElementsAre("flight_id string", "n int64", "_record int64",
                                             "_ingested_at timestamp[us, tz=UTC]"));
}

TEST(Check, LeavesNothingRegisteredBehind) {
  ASSERT_OK(Check(flights::kArrivalSql));
  EXPECT_FALSE(flights::Session().Query("SELECT * FROM records.arrival").ok());
}

TEST(CheckSelect, ListsTablesAndColumnsOfAnyQuery) {
  SchemaCatalog schemas = flights::Schemas();
  schemas.Add("this", flights::SchemaOf("flight_id:s arrived_at:t arr_delay:i", true),
              "this batch");
  const SelectSource gate{
      "gates/arrival.yaml",
      "select a.* from this a join records.departure d using (flight_id) where a.arrived_at < "
      "d.departed_at",
      18, 60};
  ASSERT_OK_AND(const auto checked, CheckSelect(flights::Session(), gate, schemas));
  ASSERT_EQ(checked.references.size(), 2u);
  EXPECT_EQ(checked.references[0].name, "records.departure");
  EXPECT_THAT(checked.references[0].columns, ElementsAre("flight_id", "departed_at"));
  EXPECT_EQ(checked.references[1].name, "this");
  EXPECT_EQ(checked.references[1].span.line, 18);
  EXPECT_EQ(checked.references[1].span.column, 76);
  EXPECT_GE(checked.output->num_fields(), 3);
}

TEST(CheckSelect, PlacesErrorsInTheFileAroundIt) {
  const SelectSource gate{"gates/arrival.yaml", "select *\nfrom records.arival", 18, 60};
  EXPECT_THAT(Findings(CheckSelect(flights::Session(), gate, flights::Schemas())),
              HasSubstr("WH2103 19:6+14 unknown table \"records.arival\""));
}

TEST(CheckSelect, AllowsClocksWhereNothingIsKept) {
  const SelectSource query{"", "SELECT now() AS t, first(dest) FROM records.arrival", 1, 1};
  SelectRules rules;
  EXPECT_THAT(Findings(CheckSelect(flights::Session(), query, flights::Schemas(), rules)),
              HasSubstr("WH2106"));
  rules.deterministic = false;
  EXPECT_OK(CheckSelect(flights::Session(), query, flights::Schemas(), rules));
}

TEST(CheckSelect, RefusesAllButOneSelectWhateverTheRules) {
  SelectRules rules;
  rules.deterministic = false;
  for (const std::string sql : {"INSERT INTO records.arrival VALUES (1)", "PRAGMA database_list",
                                "SET threads = 1", "SELECT 1; SELECT 2", "", "FROM glob('*')"}) {
    EXPECT_FALSE(CheckSelect(flights::Session(), {"", sql, 1, 1}, flights::Schemas(), rules).ok())
        << sql;
  }
}

Result<CheckedTransform> External(const std::string& header) {
  const auto definition =
      ParseTransform("-- wh: table processed.trips; " + header + "; mode external; contract trips",
                     "processed/trips.sql");
  if (!definition.ok()) return definition.status();
  const auto columns = arrow::schema(
      {arrow::field("id", arrow::int64(), false), arrow::field("fare", arrow::float64(), false),
       arrow::field("city", arrow::utf8()),
       arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), false)});
  return CheckExternal(*definition, *columns, "contract trips 1.0.0 (contracts/trips.yaml:3)");
}

TEST(CheckExternal, TakesTheColumnsOfTheContract) {
  ASSERT_OK_AND(const auto trips, External("key id; event at; partition day(at)"));
  EXPECT_THAT(Describe(trips),
              ElementsAre("id int64", "fare double", "city string", "at timestamp[us, tz=UTC]"));
  EXPECT_FALSE(trips.output->field(0)->nullable());
  EXPECT_TRUE(trips.output->field(2)->nullable());
  EXPECT_FALSE(trips.driver.has_value());
  EXPECT_TRUE(trips.sql.empty());
}

TEST(CheckExternal, RefusesHeadersThatTheContractDoesNotBear) {
  EXPECT_EQ(
      Findings(External("key city; event id; known know; partition month(fare)")),
      "WH2109 1:35+4 key column \"city\" may be null | write `required: true` in the contract: a "
      "row without a key cannot be followed\n"
      "WH2109 1:47+2 event column \"id\" is not a timestamp but int64 | cast it to "
      "TIMESTAMPTZ\n"
      "WH2109 1:57+4 known column \"know\" is not in the output | not in contract trips 1.0.0 "
      "(contracts/trips.yaml:3)\n"
      "WH2109 1:73+11 partition month(fare) needs a date or a timestamp\n");
  EXPECT_THAT(Findings(External("key fare")), HasSubstr("is a float"));
}

TEST(CheckExternal, RowsReadFromItHaveNoRecord) {
  platform::SqlOptions options;
  ASSERT_OK_AND(const auto engine, platform::SqlEngine::Open(options));
  ASSERT_OK_AND(const auto session, engine->Connect());
  ASSERT_OK_AND(const auto trips, External("key id; event at"));
  SchemaCatalog schemas;
  schemas.Add("processed.trips", trips.output, "contract trips 1.0.0");
  ASSERT_OK_AND(const auto definition,
                ParseTransform("-- wh: table processed.t; key id; mode incremental\n"
                               "SELECT t.id, t.city FROM processed.trips AS t",
                               "processed/t.sql"));
  ASSERT_OK_AND(const auto checked, CheckTransform(*session, definition, schemas));
  EXPECT_EQ(checked.driver, "processed.trips");
  EXPECT_FALSE(checked.row_wise);
  EXPECT_THAT(Describe(checked), ElementsAre("id int64", "city string", "_record int64",
                                             "_ingested_at timestamp[us, tz=UTC]"));
}
}  // namespace
}  // namespace weirhouse::transform

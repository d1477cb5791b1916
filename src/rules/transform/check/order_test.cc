// What the check admits gives the same rows whatever the order in which rows come, and however many
// threads compute it; what it cannot make so it refuses.
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <random>

#include "ground/base/text.h"
#include "rules/transform/flights_fixture.h"
#include "rules/transform/function_list.h"
#include "rules/transform/run/run.h"
#include "testing/testing.h"

namespace weirhouse::transform {
namespace {

using flights::Findings;
using ::testing::HasSubstr;

constexpr int kRows = 3000;  // more than DuckDB's vector of 2,048

// Rows full of ties: `id` is a key, nothing else is. Two rows of `dup` are alike in all columns.
std::shared_ptr<arrow::Table> OrderedRows(bool with_id) {
  arrow::Int64Builder id;
  arrow::StringBuilder text;
  arrow::Int64Builder order;
  arrow::Int64Builder value;
  arrow::DoubleBuilder number;
  arrow::BooleanBuilder flag;
  arrow::TimestampBuilder time(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                               arrow::default_memory_pool());
  for (int i = 0; i < kRows; ++i) {
    EXPECT_TRUE(id.Append(i).ok());
    const char* texts[] = {"b", "B", "é", "e", "a", ""};
    EXPECT_TRUE((i % 7 == 0 ? text.AppendNull() : text.Append(texts[i % 6])).ok());
    EXPECT_TRUE(order.Append(i % 5).ok());
    EXPECT_TRUE((i % 11 == 0 ? value.AppendNull() : value.Append(i * 37 % 101)).ok());
    EXPECT_TRUE((i % 13 == 0 ? number.AppendNull() : number.Append((i * 53 % 97) / 3.0)).ok());
    EXPECT_TRUE(flag.Append(i % 2 == 0).ok());
    EXPECT_TRUE(time.Append(1'000'000LL * (i % 17)).ok());
  }
  arrow::FieldVector fields = {
      arrow::field("k", arrow::utf8()),        arrow::field("o", arrow::int64()),
      arrow::field("v", arrow::int64()),       arrow::field("x", arrow::float64()),
      arrow::field("b", arrow::boolean()),     arrow::field("t", time.type()),
      arrow::field("_record", arrow::int64()), arrow::field("_ingested_at", time.type())};
  const auto ids = id.Finish().ValueOrDie();
  arrow::ArrayVector columns = {text.Finish().ValueOrDie(),
                                order.Finish().ValueOrDie(),
                                value.Finish().ValueOrDie(),
                                number.Finish().ValueOrDie(),
                                flag.Finish().ValueOrDie(),
                                time.Finish().ValueOrDie(),
                                ids};
  columns.push_back(arrow::MakeArrayOfNull(time.type(), kRows).ValueOrDie());
  if (with_id) {
    fields.insert(fields.begin(), arrow::field("id", arrow::int64()));
    columns.insert(columns.begin(), ids);
  }
  return arrow::Table::Make(arrow::schema(fields), columns);
}

std::shared_ptr<arrow::Table> InOrder(const arrow::Table& rows, int way) {
  std::vector<std::int64_t> places(static_cast<std::size_t>(rows.num_rows()));
  std::iota(places.begin(), places.end(), 0);
  if (way == 1) std::reverse(places.begin(), places.end());
  if (way > 1) std::shuffle(places.begin(), places.end(), std::mt19937(static_cast<unsigned>(way)));
  arrow::Int64Builder builder;
  EXPECT_TRUE(builder.AppendValues(places).ok());
  return arrow::compute::Take(arrow::Datum(rows), arrow::Datum(builder.Finish().ValueOrDie()))
      ->table();
}

SchemaCatalog Catalog() {
  SchemaCatalog schemas;
  schemas.Add("records.ev", OrderedRows(true)->schema(), "contract ev");
  schemas.Add("records.dup", OrderedRows(false)->schema(), "contract dup");
  schemas.Add("processed.ev", OrderedRows(true)->schema(), "processed/ev.sql", {"id"});
  return schemas;
}

// Sessions that hold the same rows in other orders, under other numbers of threads.
const std::vector<platform::SqlSession*>& Sessions() {
  // Never destroyed, engines included: DuckDB may be gone when the process ends.
  static auto& engines = *new std::vector<std::unique_ptr<platform::SqlEngine>>();
  static const auto& sessions = *[] {
    auto* made = new std::vector<platform::SqlSession*>();
    for (int way = 0; way < 4; ++way) {
      platform::SqlOptions options;
      options.threads = way == 0 ? 1 : way + 1;
      engines.push_back(platform::SqlEngine::Open(options).value());
      auto* session = engines.back()->Connect().value().release();
      for (const char* name : {"records.ev", "processed.ev"}) {
        EXPECT_OK(session->Register(name, InOrder(*OrderedRows(true), way)));
      }
      EXPECT_OK(session->Register("records.dup", InOrder(*OrderedRows(false), way)));
      made->push_back(session);
    }
    return made;
  }();
  return sessions;
}

Result<CheckedTransform> CheckOrder(const std::string& select, const std::string& key = "id") {
  WEIRHOUSE_TRY(const auto definition,
                ParseTransform("-- wh: table processed.t; key " + key + "; mode full\n" + select,
                               "processed/t.sql"));
  return CheckTransform(flights::Session(), definition, Catalog());
}

// The rows that `sql` returns, as one text without an order.
std::string RowsOf(platform::SqlSession& session, const std::string& sql) {
  const auto rows = session.Query(
      "SELECT count(*) || ' ' || coalesce(md5(string_agg(s, chr(10) ORDER BY s)), '') FROM "
      "(SELECT CAST(q AS VARCHAR) AS s FROM (" +
      sql + ") AS q)");
  if (!rows.ok()) return "error";
  return (*rows)->column(0)->GetScalar(0).ValueOrDie()->ToString();
}

// Empty if all sessions agree.
std::string Differences(const std::string& sql) {
  const std::string first = RowsOf(*Sessions()[0], sql);
  for (platform::SqlSession* session : Sessions()) {
    if (const std::string other = RowsOf(*session, sql); other != first) {
      return fmt::format("{} / {}", first, other);
    }
  }
  return "";
}

TEST(OrderOfRows, DoesNotMatterToWhatIsAdmitted) {
  for (
      const std::string select : {
          "SELECT id, row_number() OVER (PARTITION BY o ORDER BY t) AS n FROM records.ev",
          "SELECT id, row_number() OVER (ORDER BY k COLLATE NOCASE) AS n FROM records.ev",
          "SELECT id, ntile(7) OVER (ORDER BY o DESC NULLS FIRST) AS n FROM records.ev r",
          "SELECT id, lag(v) OVER (ORDER BY o) AS n, lead(x, 2, 0.5) OVER (ORDER BY b) AS m FROM "
          "records.ev",
          "SELECT id, lag(x IGNORE NULLS) OVER (PARTITION BY b ORDER BY o ROWS 3 PRECEDING) AS n "
          "FROM records.ev",
          "SELECT id, first_value(v) OVER (ORDER BY o) AS f, last_value(x) OVER (ORDER BY t) AS l, "
          "nth_value(k, 3) OVER (PARTITION BY b ORDER BY o DESC) AS n FROM records.ev",
          "SELECT id, first_value(v ORDER BY t) OVER (PARTITION BY b) AS f FROM records.ev",
          "SELECT id, last_value(v IGNORE NULLS) OVER (PARTITION BY b ORDER BY o ROWS BETWEEN 2 "
          "PRECEDING AND CURRENT ROW) AS f FROM records.ev",
          "SELECT id, rank() OVER (ORDER BY o) AS r, dense_rank() OVER (ORDER BY k) AS d, "
          "percent_rank() OVER (ORDER BY x) AS p, cume_dist() OVER (ORDER BY t) AS c FROM "
          "records.ev",
          "SELECT id, sum(v) OVER (PARTITION BY b ORDER BY o ROWS BETWEEN 1 PRECEDING AND CURRENT "
          "ROW) AS c FROM records.ev",
          "SELECT id, max(x) OVER (ORDER BY t ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING EXCLUDE "
          "CURRENT ROW) AS c FROM records.ev",
          "SELECT id, count(v) OVER (ORDER BY o ROWS UNBOUNDED PRECEDING) AS c FROM records.ev",
          "SELECT id, sum(v) OVER (ORDER BY o) AS c, sum(v) OVER (ORDER BY o RANGE BETWEEN 1 "
          "PRECEDING AND CURRENT ROW) AS d, sum(v) OVER (ORDER BY o GROUPS BETWEEN 1 PRECEDING "
          "AND CURRENT ROW EXCLUDE TIES) AS e FROM records.ev",
          "SELECT id, sum(v) OVER (PARTITION BY o) AS c, count(*) OVER () AS n, max(k) OVER (ROWS "
          "BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS m FROM records.ev",
          "SELECT id, CAST(list(x) OVER (ORDER BY o) AS VARCHAR) AS l FROM records.ev WHERE id < "
          "200",
          "SELECT id, string_agg(k, ',') OVER (ORDER BY o ROWS 2 PRECEDING) AS l FROM records.ev",
          "SELECT o AS id, string_agg(k, ',' ORDER BY t) AS l FROM records.ev GROUP BY o",
          "SELECT o AS id, CAST(list(x ORDER BY b) AS VARCHAR) AS l FROM records.ev GROUP BY o",
          "SELECT o AS id, CAST(array_agg(DISTINCT k ORDER BY k DESC) AS VARCHAR) AS l FROM "
          "records.ev GROUP BY o",
          "SELECT o AS id, list_reduce(list(coalesce(x, 0) ORDER BY b), lambda p, q: p / 7 + q) "
          "AS l FROM records.ev GROUP BY o",
          "SELECT o AS id, CAST(list(DISTINCT x ORDER BY x) AS VARCHAR) AS l, list_sort(list(k)) = "
          "['a'] AS m FROM records.ev GROUP BY o",
          "SELECT o AS id, string_agg(DISTINCT k, '|' ORDER BY k) AS l FROM records.ev GROUP BY o",
          "SELECT id, v FROM records.ev ORDER BY o LIMIT 700",
          "SELECT id, v FROM records.ev ORDER BY b DESC LIMIT 10 OFFSET 17",
          "SELECT * FROM records.ev ORDER BY k COLLATE NOCASE LIMIT 5%",
          "SELECT id, k FROM records.ev ORDER BY ALL LIMIT 5",
          "SELECT DISTINCT ON (o, b) o * 10 AS id, k, x, t FROM records.ev ORDER BY t",
          "SELECT id, b FROM records.ev UNION ALL SELECT v, b FROM records.ev WHERE v IS NOT NULL "
          "ORDER BY b LIMIT 41",
          "SELECT id, (SELECT e.v FROM records.ev e WHERE e.o = r.o ORDER BY e.t LIMIT 1) AS v "
          "FROM records.ev r WHERE id < 50",
          "SELECT id FROM records.ev QUALIFY row_number() OVER (PARTITION BY k ORDER BY o) = 1",
          "SELECT r.id, row_number() OVER (ORDER BY r.o) AS n FROM records.ev r JOIN records.dup d "
          "ON r.id = d.v",
          "SELECT id, o, row_number() OVER (ORDER BY o) AS n FROM (SELECT id, o FROM records.ev)",
          "WITH c AS (SELECT id, k AS o FROM records.ev) SELECT id, lag(id) OVER (ORDER BY o) AS n "
          "FROM c",
          "SELECT o AS id, k, row_number() OVER (ORDER BY count(*)) AS n FROM records.ev GROUP BY "
          "o, k",
          "SELECT k AS kk, o AS id, lag(sum(v)) OVER (ORDER BY o % 2) AS n FROM records.ev GROUP "
          "BY 1, 2",
          "SELECT 1 AS id, sum(v) AS s, row_number() OVER (ORDER BY max(v)) AS n FROM records.ev",
          "SELECT id, row_number() OVER w AS n FROM records.ev WINDOW w AS (ORDER BY b)",
          "SELECT records.ev.id, row_number() OVER (ORDER BY ev.o) AS n FROM records.ev",
          "SELECT id, k COLLATE NOCASE = 'b' AS same, k COLLATE NOCASE IN ('B', 'A') AS one_of "
          "FROM records.ev",
          "SELECT id, k COLLATE C AS k, min(k COLLATE POSIX) OVER () AS m FROM records.ev",
          "SELECT o AS id, median(x) AS m, quantile_cont(x, 0.3) AS q, mad(x) AS d, max(x) AS x, "
          "bit_xor(v) AS y, avg(v) AS a FROM records.ev GROUP BY o",
          "SELECT o AS id, CAST(max(k, 3) AS VARCHAR) AS m FROM records.ev GROUP BY o",
          "SELECT id, CAST(ARRAY(SELECT e.v FROM records.ev e WHERE e.o = r.o ORDER BY e.b) AS "
          "VARCHAR) AS l FROM records.ev r WHERE id < 20",
          "SELECT id, lag(_unknown) OVER (ORDER BY o) AS n FROM (SELECT id, o, k AS _unknown FROM "
          "records.ev) q",
      }) {
    const auto checked = CheckOrder(select);
    ASSERT_EQ(Findings(checked), "no findings") << select;
    const std::string first = RowsOf(*Sessions()[0], checked->sql);
    EXPECT_NE(first, "error") << select << "\n" << checked->sql;
    EXPECT_EQ(Differences(checked->sql), "") << select << "\n" << checked->sql;
  }
}

// No key and rows that are alike: the numbers go round, the rows with them do not.
TEST(OrderOfRows, DoesNotMatterWhereRowsAreAlike) {
  for (const std::string select :
       {"SELECT o, k, row_number() OVER (PARTITION BY o ORDER BY k) AS n FROM records.dup",
        "SELECT o, b, sum(v) OVER (ORDER BY o ROWS UNBOUNDED PRECEDING) AS n FROM records.dup",
        "SELECT o, t FROM records.dup ORDER BY o LIMIT 123"}) {
    const auto checked = CheckOrder(select, "o");
    ASSERT_EQ(Findings(checked), "no findings") << select;
    EXPECT_EQ(Differences(checked->sql), "") << select << "\n" << checked->sql;
  }
}

TEST(OrderOfRows, HiddenColumnsAreInNoColumnsExpression) {
  ASSERT_OK_AND(const auto checked,
                CheckOrder("SELECT id, md5(concat_ws(',', *COLUMNS(*))) AS h FROM records.ev"));
  EXPECT_THAT(checked.sql, HasSubstr("COLUMNS(* EXCLUDE (_ingested_at, _record))"));
}

TEST(OrderOfRows, AKeyNeedsNoOtherColumn) {
  ASSERT_OK_AND(const auto by_key,
                CheckOrder("SELECT id, row_number() OVER (PARTITION BY o ORDER BY t, id) AS n FROM "
                           "processed.ev"));
  EXPECT_THAT(by_key.sql, HasSubstr("(PARTITION BY o ORDER BY t, id)"));
  EXPECT_EQ(by_key.references[0].columns.size(), 3u);
  ASSERT_OK_AND(const auto by_time,
                CheckOrder("SELECT id, row_number() OVER (PARTITION BY o ORDER BY t) AS n FROM "
                           "processed.ev"));
  EXPECT_THAT(by_time.sql, HasSubstr("ORDER BY t, processed.ev.id, processed.ev.k"));
}

// An argument of a type, from the columns of records.ev.
std::string ArgumentOf(const std::string& type) {
  if (type == "DOUBLE" || type == "FLOAT") return "x";
  if (type == "BIGINT" || type == "ANY" || type == "T" || type == "T1" || type == "T2") return "v";
  if (type == "VARCHAR") return "k";
  if (type == "BOOLEAN") return "b";
  if (type == "TIMESTAMP WITH TIME ZONE") return "t";
  if (type == "INTERVAL") return "to_days(CAST(o AS INTEGER))";
  if (type == "BLOB") return "encode(k)";
  if (type == "JSON") return "to_json(k)";
  if (type == "LAMBDA") return "lambda e: e";
  if (type.starts_with("DECIMAL")) return "CAST(v AS DECIMAL(9, 2))";
  if (type.ends_with("[]")) return "[" + ArgumentOf(type.substr(0, type.size() - 2)) + "]";
  if (type == "DATE" || type == "TIME" || type == "TIMESTAMP") return "CAST(t AS " + type + ")";
  return "TRY_CAST(v AS " + type + ")";
}

// "name|kind|arguments" of each allowed function as the engine declares it.
std::vector<std::array<std::string, 3>> DeclaredFunctions() {
  const auto rows = flights::Session().Query(
      "SELECT DISTINCT function_name, function_type, array_to_string(parameter_types, '|') || "
      "CASE WHEN varargs IS NULL THEN '' ELSE '|' || varargs END AS args FROM duckdb_functions() "
      "WHERE function_type IN ('scalar', 'aggregate') AND regexp_full_match(function_name, "
      "'[a-z_0-9]+') ORDER BY ALL");
  std::vector<std::array<std::string, 3>> list;
  EXPECT_OK(rows);
  for (std::int64_t i = 0; i < (*rows)->num_rows(); ++i) {
    std::array<std::string, 3> row;
    for (int c = 0; c < 3; ++c) {
      row[static_cast<std::size_t>(c)] = (*rows)->column(c)->GetScalar(i).ValueOrDie()->ToString();
    }
    const auto& allowed = AllowedFunctions();
    if (std::binary_search(allowed.begin(), allowed.end(), row[0])) list.push_back(row);
  }
  return list;
}

TEST(OrderOfRows, DoesNotMatterToAnyFunctionOfTheList) {
  int admitted = 0;
  std::map<std::string, int> seen;
  for (const auto& [name, kind, parameters] : DeclaredFunctions()) {
    if (kind == "scalar" && ++seen[name] > 1) continue;  // other types, the same function
    std::vector<std::string> arguments;
    for (const std::string_view type : Split(parameters, '|')) {
      if (!type.empty()) arguments.push_back(ArgumentOf(std::string(type)));
    }
    const std::string call = name + "(" + Join(arguments, ", ");
    std::vector<std::string> selects;
    if (kind == "scalar") {
      selects = {"SELECT id, CAST(" + call + ") AS VARCHAR) AS r FROM records.ev WHERE id < 100"};
    } else {
      for (const std::string within : {")", " ORDER BY o)"}) {
        selects.push_back("SELECT o AS id, CAST(" + call + within +
                          " AS VARCHAR) AS r FROM records.ev GROUP BY o");
      }
      for (const std::string over :
           {"ORDER BY o", "ORDER BY o ROWS 3 PRECEDING", "PARTITION BY b"}) {
        selects.push_back("SELECT id, CAST(" + call + ") OVER (" + over +
                          ") AS VARCHAR) AS r FROM records.ev WHERE id < 100");
      }
    }
    for (const std::string& select : selects) {
      const auto checked = CheckOrder(select);
      if (!checked.ok()) continue;  // refused, or not with such arguments
      ++admitted;
      EXPECT_EQ(RowsOf(*Sessions()[0], checked->sql), RowsOf(*Sessions()[3], checked->sql))
          << select << "\n"
          << checked->sql;
    }
  }
  EXPECT_GT(admitted, 300);
}

struct OrderRefusal {
  std::string select;
  std::string place;  // the text that the caret stands on
  std::string reason;
};
class DependsOnOrder : public ::testing::TestWithParam<OrderRefusal> {};

TEST_P(DependsOnOrder, IsRefusedWithPlaceReasonAndWayOut) {
  const auto checked = CheckOrder(GetParam().select);
  ASSERT_FALSE(checked.ok()) << GetParam().select << "\n" << checked->sql;
  ASSERT_FALSE(checked.status().diagnostics().empty()) << checked.status().ToString();
  const Diagnostic& finding = checked.status().diagnostics().front();
  EXPECT_EQ(finding.error_code, "WH2106") << Findings(checked);
  EXPECT_THAT(Findings(checked), HasSubstr(GetParam().reason));
  ASSERT_TRUE(finding.span.has_value());
  EXPECT_EQ(finding.span->source_line.substr(static_cast<std::size_t>(finding.span->column - 1),
                                             GetParam().place.size()),
            GetParam().place)
      << Findings(checked);
}
INSTANTIATE_TEST_SUITE_P(
    Sql, DependsOnOrder,
    ::testing::Values(
        OrderRefusal{"SELECT id, count(*) OVER (ROWS UNBOUNDED PRECEDING) AS c FROM records.ev",
                     "count", "add ORDER BY to its OVER clause"},
        OrderRefusal{
            "SELECT id, max(v) OVER (PARTITION BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
            "AS c FROM records.ev",
            "max", "a ROWS frame without ORDER BY"},
        OrderRefusal{
            "SELECT id, first_value(v ORDER BY o) OVER (ROWS 1 PRECEDING) AS c FROM records.ev",
            "first_value", "a ROWS frame without ORDER BY"},
        OrderRefusal{"SELECT id, sum(v) OVER (ORDER BY o ROWS 1 PRECEDING EXCLUDE TIES) AS c FROM "
                     "records.ev",
                     "sum", "EXCLUDE TIES"},
        OrderRefusal{"SELECT 1 AS id, string_agg(k, ',' ORDER BY 1) AS l FROM records.ev", "1",
                     "a number does not name a column here"},
        OrderRefusal{"SELECT 1 AS id, list(k ORDER BY NULL)::VARCHAR AS l FROM records.ev", "NULL",
                     "name the column"},
        OrderRefusal{"SELECT id, row_number() OVER (ORDER BY 1) AS n FROM records.ev", "1",
                     "a number does not name a column here"},
        OrderRefusal{"SELECT id, row_number() OVER (ORDER BY NULL) AS n FROM records.ev", "NULL",
                     "same"},
        OrderRefusal{"SELECT id, lag(v) OVER (ORDER BY 1 + 1) AS n FROM records.ev", "1", "same"},
        OrderRefusal{"SELECT 1 AS id, min(k COLLATE NOCASE) AS l FROM records.ev", "COLLATE",
                     "compare lower(x)"},
        OrderRefusal{"SELECT 1 AS id, max(k COLLATE NOACCENT) AS l FROM records.ev", "COLLATE",
                     "which one it gives"},
        OrderRefusal{"SELECT DISTINCT 1 AS id, k COLLATE NOCASE AS k FROM records.ev", "COLLATE",
                     "lower"},
        OrderRefusal{"SELECT 1 AS id, k COLLATE de.NOCASE AS k FROM records.ev", "COLLATE", "de"},
        OrderRefusal{"SELECT count(*) AS id FROM records.ev GROUP BY k COLLATE NOCASE", "COLLATE",
                     "lower"},
        OrderRefusal{"SELECT id, first_value(k COLLATE NOCASE) OVER (ORDER BY id) = 'a' AS c FROM "
                     "records.ev",
                     "COLLATE", "lower"},
        OrderRefusal{"SELECT o AS id, json_group_array(v)::VARCHAR AS l FROM records.ev GROUP BY o",
                     "json_group_array", "to_json(list("},
        OrderRefusal{"SELECT o AS id, max(k, v)::VARCHAR AS l FROM records.ev GROUP BY o", "max",
                     "write the number itself"},
        OrderRefusal{"SELECT id, fill(x) OVER (ORDER BY o) AS c FROM records.ev", "fill", "ties"},
        OrderRefusal{
            "WITH RECURSIVE z(b, id) USING KEY (b) AS (SELECT b, id FROM records.ev UNION SELECT "
            "z.b, z.id FROM z WHERE false) SELECT z.b, z.id FROM z",
            "USING", "the last to come is kept"},
        OrderRefusal{"SELECT id, _ingested_at AS at FROM records.ev", "_ingested_at", "use a time"},
        OrderRefusal{"SELECT id FROM records.ev WHERE _ingested_at > TIMESTAMPTZ '2020-01-01Z'",
                     "_ingested_at", "when the record arrived"},
        OrderRefusal{
            "SELECT id, row_number() OVER (ORDER BY o) AS n FROM (SELECT id, o, v + 1 FROM "
            "records.ev) q",
            "row_number", "name each column of the subquery"},
        OrderRefusal{
            "SELECT o AS id, row_number() OVER (ORDER BY count(*)) AS n FROM records.ev GROUP BY "
            "ROLLUP (o, k)",
            "row_number", "group in a subquery"},
        OrderRefusal{
            "SELECT o AS id, epoch(max(to_days(v::INTEGER))) AS m FROM records.ev GROUP BY o",
            "max", "epoch("},
        OrderRefusal{
            "SELECT i::VARCHAR AS id FROM (SELECT t - TIMESTAMPTZ '2020-01-01Z' AS i, count(*) "
            "AS n FROM records.ev GROUP BY 1) q",
            "-", "GROUP BY of an interval"},
        OrderRefusal{
            "SELECT i::VARCHAR AS id FROM (SELECT to_days(v::INTEGER) AS i, count(*) AS n FROM "
            "records.ev GROUP BY i) q",
            "to_days", "GROUP BY of an interval"},
        OrderRefusal{"SELECT i::VARCHAR AS id FROM (SELECT DISTINCT to_days(v::INTEGER) AS i FROM "
                     "records.ev) q",
                     "to_days", "DISTINCT of an interval"},
        OrderRefusal{
            "SELECT i::VARCHAR AS id FROM (SELECT to_days(30) AS i UNION SELECT to_months(1)) "
            "q",
            "to_days", "UNION of an interval"},
        OrderRefusal{
            "WITH q AS (SELECT id, o, to_days(v::INTEGER) AS i FROM records.ev) SELECT id, "
            "first_value(q.i) OVER (ORDER BY o)::VARCHAR AS m FROM q",
            "first_value", "1 month"},
        OrderRefusal{"SELECT 1 AS id, sum(COLUMNS('^(v|x)$')) FROM records.ev", "sum",
                     "adds floats"}));
}  // namespace
}  // namespace weirhouse::transform

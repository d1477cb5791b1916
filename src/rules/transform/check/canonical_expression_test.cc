// Zeros and NaNs that SQL makes on its way: whichever of two equals stands, no result shows it.
#include "rules/transform/check/canonical_expression.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/transform/flights_fixture.h"
#include "rules/transform/run/run.h"
#include "testing/testing.h"

namespace weirhouse::transform {
namespace {

using flights::Findings;
using ::testing::HasSubstr;
using ::testing::Not;

// Rows whose x rounds to zeros of both signs and whose x - x is a NaN of either sign or 0.
const char* const kForward =
    "(1, 'a', 1, -0.3), (2, 'a', 1, 0.3), (3, 'b', 1, CAST('inf' AS DOUBLE)), "
    "(4, 'b', 1, CAST('nan' AS DOUBLE)), (5, 'a', 2, -0.2), (6, 'a', 2, 0.1)";
const char* const kBackward =
    "(6, 'a', 2, 0.1), (5, 'a', 2, -0.2), (4, 'b', 1, CAST('nan' AS DOUBLE)), "
    "(3, 'b', 1, CAST('inf' AS DOUBLE)), (2, 'a', 1, 0.3), (1, 'a', 1, -0.3)";

std::shared_ptr<arrow::Table> Rows(const char* values) {
  return flights::Session()
      .Query(fmt::format(
          "SELECT CAST(id AS BIGINT) AS id, k, CAST(o AS BIGINT) AS o, CAST(x AS DOUBLE) AS x, "
          "CAST(id AS BIGINT) AS _record, CAST('2024-01-01' AS TIMESTAMPTZ) AS _ingested_at "
          "FROM (VALUES {}) AS v(id, k, o, x)",
          values))
      .value();
}

Result<CheckedTransform> CheckSelect(const std::string& select) {
  SchemaCatalog schemas;
  schemas.Add("records.ev", Rows(kForward)->schema(), "contract ev");
  WEIRHOUSE_TRY(
      const auto definition,
      ParseTransform("-- wh: table processed.t; key m; mode full\n" + select, "processed/t.sql"));
  return CheckTransform(flights::Session(), definition, schemas);
}

std::string Result1(const CheckedTransform& checked, const char* values) {
  platform::SqlSession& session = flights::Session();
  EXPECT_OK(session.Register("records.ev", Rows(values)));
  const auto rows =
      session.Query("SELECT CAST(q AS VARCHAR) FROM (" + checked.sql + ") AS q ORDER BY 1");
  EXPECT_OK(session.Unregister("records.ev"));
  EXPECT_OK(rows.status());
  return rows.ok() ? (*rows)->column(0)->ToString() : "";
}

class ComputedNumbers : public ::testing::TestWithParam<std::string> {};

TEST_P(ComputedNumbers, ShowNothingOfTheOrderOfRows) {
  ASSERT_OK_AND(const auto checked, CheckSelect(GetParam()));
  const std::string forward = Result1(checked, kForward);
  EXPECT_EQ(forward, Result1(checked, kBackward)) << checked.sql;
  EXPECT_THAT(forward, Not(HasSubstr("-0.0"))) << checked.sql;
  EXPECT_THAT(forward, Not(HasSubstr("-nan"))) << checked.sql;
}

INSTANTIATE_TEST_SUITE_P(
    Of, ComputedNumbers,
    ::testing::Values(
        "SELECT CAST(z AS VARCHAR) AS m, n FROM (SELECT round(x) AS z, count(*) AS n FROM "
        "records.ev GROUP BY 1) q",
        "SELECT CAST(round(x) AS VARCHAR) AS m, count(*) AS n FROM records.ev GROUP BY round(x)",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT round(x) AS z, count(*) FROM records.ev "
        "GROUP BY z HAVING round(x) < 5 ORDER BY round(x)) q",
        "SELECT CAST(z AS VARCHAR) AS m, o FROM (SELECT round(x) AS z, o FROM records.ev GROUP BY "
        "GROUPING SETS ((round(x)), (round(x), o))) q",
        "SELECT k AS m, CAST(min(round(x)) AS VARCHAR) AS v FROM records.ev GROUP BY k",
        "SELECT k AS m, CAST(max(x - x) AS VARCHAR) AS v FROM records.ev GROUP BY k",
        "SELECT k AS m, CAST(max(round(x), 2) AS VARCHAR) AS v FROM records.ev GROUP BY k",
        "SELECT k AS m, CAST(median(round(x)) AS VARCHAR) AS v FROM records.ev GROUP BY k",
        "SELECT k AS m, CAST(max({'z': round(x), 'o': o}) AS VARCHAR) AS v FROM records.ev GROUP "
        "BY k",
        "SELECT k AS m, CAST(list(round(x) ORDER BY o) AS VARCHAR) AS v FROM records.ev GROUP BY k",
        "SELECT k AS m, CAST(list(DISTINCT round(x) ORDER BY round(x)) AS VARCHAR) AS v FROM "
        "records.ev GROUP BY k",
        "SELECT id AS m, CAST(first_value(round(x)) OVER (PARTITION BY k ORDER BY o) AS VARCHAR) "
        "AS v FROM records.ev",
        "SELECT id AS m, CAST(first_value(round(x) ORDER BY round(x)) OVER (PARTITION BY k) AS "
        "VARCHAR) AS v FROM records.ev",
        "SELECT o AS m, CAST(lag(max(round(x))) OVER (ORDER BY o) AS VARCHAR) AS v FROM records.ev "
        "WHERE k = 'a' GROUP BY o",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT DISTINCT round(x) AS z FROM records.ev) q",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT DISTINCT round(x) AS z FROM records.ev ORDER "
        "BY round(x)) q",
        "SELECT CAST(z AS VARCHAR) AS m, o FROM (SELECT DISTINCT ON (round(x)) round(x) AS z, o "
        "FROM records.ev ORDER BY o) q",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT round(x) AS z FROM records.ev UNION SELECT "
        "ceil(x) FROM records.ev) q",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT round(x) AS z FROM records.ev INTERSECT "
        "SELECT "
        "ceil(x) FROM records.ev) q",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT round(x) AS z, o FROM records.ev ORDER BY o "
        "LIMIT 1) q",
        "WITH c AS (SELECT *, round(x) AS z, CAST(x - x AS FLOAT) AS f FROM records.ev), d AS "
        "(SELECT *, row_number() OVER (PARTITION BY k ORDER BY z) AS n FROM c) SELECT id AS m, "
        "CAST(z AS VARCHAR) AS t, CAST(f AS VARCHAR) AS f, n FROM d",
        "SELECT CAST(z AS VARCHAR) AS m, n FROM (SELECT z, row_number() OVER (ORDER BY z) AS n "
        "FROM "
        "(SELECT round(x) AS z FROM records.ev) p) q",
        "SELECT CAST(z AS VARCHAR) AS m FROM (SELECT DISTINCT unnest([round(x), ceil(x)]) AS z "
        "FROM "
        "records.ev WHERE k = 'a') q",
        "SELECT r.id AS m, CAST((SELECT max(round(e.x) * r.o) FROM records.ev e WHERE e.k = r.k) "
        "AS "
        "VARCHAR) AS v FROM records.ev r",
        "WITH RECURSIVE c AS (SELECT round(x) AS z, 1 AS n FROM records.ev UNION SELECT z * -1, n "
        "+ "
        "1 FROM c WHERE n < 3) SELECT CAST(z AS VARCHAR) AS m, n FROM c"));

TEST(CanonicalExpressions, LeaveAloneWhatIsCanonical) {
  for (const std::string select :
       {"SELECT k AS m, min(x) AS v, max(o + 1) AS w FROM records.ev GROUP BY k",
        "SELECT k || 'x' AS m, round(x) AS z FROM records.ev",
        "SELECT m, n FROM (SELECT o * 2 AS m, count(*) AS n FROM records.ev GROUP BY o * 2) q"}) {
    ASSERT_OK_AND(const auto checked, CheckSelect(select));
    EXPECT_THAT(checked.sql, Not(HasSubstr("isnan"))) << select;
  }
}

TEST(CanonicalExpressions, RefuseListsOfFloatsOfAnotherSubquery) {
  const auto checked = CheckSelect(
      "SELECT CAST(l AS VARCHAR) AS m, n FROM (SELECT l, count(*) AS n FROM (SELECT "
      "list_transform([x], lambda e: round(e)) AS l FROM records.ev) p GROUP BY l) q");
  EXPECT_THAT(Findings(checked), HasSubstr("WH2106"));
  EXPECT_THAT(Findings(checked), HasSubstr("GROUP BY of a list<"));
}

}  // namespace
}  // namespace weirhouse::transform

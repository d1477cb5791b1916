#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/transform/flights_fixture.h"

namespace weirhouse::transform {
namespace {
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::map<std::string, std::string> PassedOf(const std::string& select) {
  SchemaCatalog schemas;
  schemas.Add("processed.u", flights::SchemaOf("id:i k:s o:i", true), "processed/u.sql");
  schemas.Add("ref.s", flights::SchemaOf("k:s w:i", false), "seeds/s.csv");
  const auto checked = flights::Check(
      "-- wh: table processed.t; key id; mode incremental\n" + select, "processed/t.sql", schemas);
  EXPECT_OK(checked);
  return checked.ok() ? checked->passed : std::map<std::string, std::string>();
}

TEST(PassedColumns, AreThoseThatAnItemNamesPlainly) {
  EXPECT_THAT(PassedOf("SELECT t.id, t.k AS key, upper(t.k) AS up, t.id + 1 AS next, o AS turn "
                       "FROM processed.u AS t"),
              UnorderedElementsAre(Pair("id", "id"), Pair("key", "k"), Pair("turn", "o")));
  EXPECT_THAT(PassedOf("SELECT * FROM processed.u"),
              UnorderedElementsAre(Pair("id", "id"), Pair("k", "k"), Pair("o", "o")));
  EXPECT_THAT(PassedOf("SELECT * REPLACE (k || 'x' AS k) FROM processed.u"),
              UnorderedElementsAre());
}

TEST(PassedColumns, AreNoNamesThatTheSelectListGives) {
  EXPECT_THAT(PassedOf("SELECT t.o + 1 AS x, x AS id FROM processed.u AS t"),
              UnorderedElementsAre());
}

TEST(PassedColumns, AreOfTheDriverAlone) {
  EXPECT_THAT(PassedOf("SELECT t.id, s.k, s.w FROM processed.u AS t JOIN ref.s AS s ON s.k = t.k"),
              UnorderedElementsAre(Pair("id", "id")));
}
}  // namespace
}  // namespace weirhouse::transform

#include "rules/transform/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/transform/flights_fixture.h"

namespace weirhouse::transform {
namespace {

using flights::Findings;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TransformDefinition Parsed(const std::string& sql, const std::string& path = "processed/t.sql") {
  return ParseTransform(sql, path).value();
}

TEST(Definition, ReadsTheHeaderOfTheArrivalTable) {
  ASSERT_OK_AND(const auto arrival, ParseTransform(flights::kArrivalSql, "processed/arrival.sql"));
  EXPECT_EQ(arrival.name(), "processed.arrival");
  EXPECT_EQ(arrival.history_table(), "processed.arrival_history");
  EXPECT_THAT(arrival.key_columns(), ElementsAre("flight_id"));
  EXPECT_THAT(arrival.order_columns(), ElementsAre("reported_at"));
  EXPECT_EQ(arrival.event->name, "arrived_at");
  EXPECT_EQ(arrival.known->name, "reported_at");
  EXPECT_THAT(arrival.partition_expressions(), ElementsAre("month(arrived_at)"));
  EXPECT_EQ(arrival.mode, Mode::kIncremental);
  EXPECT_EQ(arrival.history, History::kKeep);
  EXPECT_FALSE(arrival.order_by_arrival);
}

TEST(Definition, ReadsSeveralKeyColumnsAndNoOrder) {
  const auto weather = Parsed(flights::kWeatherSql);
  EXPECT_THAT(weather.key_columns(), ElementsAre("origin", "observed_at"));
  EXPECT_TRUE(weather.order.empty());
  EXPECT_EQ(weather.history, History::kNone);
}

TEST(Definition, ReadsOrderArrivalAsTheLaterRecord) {
  const auto plane = Parsed(flights::kPlaneSql);
  EXPECT_TRUE(plane.order_by_arrival);
  EXPECT_TRUE(plane.order.empty());
  EXPECT_EQ(plane.mode, Mode::kFull);
}

TEST(Definition, KnowsThePlaceOfEachName) {
  const auto weather = Parsed("-- a remark\n-- wh: table processed.w;  key origin , at\nSELECT 1");
  EXPECT_EQ(weather.key[1].span.line, 2);
  EXPECT_EQ(weather.key[1].span.column, 41);
  EXPECT_EQ(weather.key[1].span.width, 2);
}

TEST(Definition, ReportsEveryErrorOfTheHeaderWithItsPlace) {
  const auto parsed = ParseTransform(
      "-- wh: table arrival; keys a; mode fast; history kept; partition year(x); order\n"
      "-- wh: key a, a; event x, y; key b\nSELECT 1\n-- wh: owner me\n",
      "t.sql");
  EXPECT_EQ(
      Findings(parsed),
      "WH2101 1:14+7 \"arrival\" is not the name of a processed table | write processed.NAME, "
      "NAME of letters, digits and underscores\n"
      "WH2101 1:23+4 unknown header word \"keys\" | did you mean \"key\"?\n"
      "WH2101 1:36+4 unknown mode \"fast\" | write incremental or full or external\n"
      "WH2101 1:50+4 unknown history \"kept\" | did you mean \"keep\"?\n"
      "WH2101 1:66+7 \"year(x)\" is not a partition | write a column, month(column) or "
      "day(column)\n"
      "WH2101 1:75+5 \"order\" has no value\n"
      "WH2101 2:15+1 \"a\" is named twice\n"
      "WH2101 2:24+4 \"event\" takes one column\n"
      "WH2101 2:30+3 \"key\" is given twice\n"
      "WH2101 4:1+6 a header line stands after the SQL began | move it above the SELECT\n");
}

TEST(Definition, NeedsATableAndAKey) {
  const std::string hint =
      "begin the file with: -- wh: table processed.NAME; key COLUMN; mode incremental\n";
  EXPECT_EQ(Findings(ParseTransform("SELECT 1", "t.sql")),
            "WH2101 1:1+1 the header lacks \"key\" | " + hint +
                "WH2101 1:1+1 the header lacks \"table\" | " + hint);
}

TEST(Definition, RefusesAFileWithoutSql) {
  EXPECT_THAT(Findings(ParseTransform("-- wh: table processed.t; key a\n", "t.sql")),
              HasSubstr("WH2107 2:1+1 the file holds no SELECT"));
}

TEST(Definition, ReadsATableThatOtherEnginesWrite) {
  const auto trips = Parsed(
      "-- wh: table processed.trips; key trip_id; event at; known known_at\n"
      "-- wh: partition day(at); mode external; contract trips\n");
  EXPECT_TRUE(trips.is_external());
  EXPECT_EQ(trips.contract->name, "trips");
  EXPECT_EQ(trips.contract->span.column, 51);
  EXPECT_TRUE(NamedTables(trips).empty());
  EXPECT_NE(trips.digest, Parsed("-- wh: table processed.trips; key trip_id; event at; known "
                                 "known_at; partition day(at); mode external; contract other\n")
                              .digest);
}

TEST(Definition, RefusesWhatAnExternalTableCannotHave) {
  EXPECT_EQ(Findings(ParseTransform("-- wh: table processed.t; key a; mode external; order b\n"
                                    "-- wh: history keep\nSELECT 1",
                                    "t.sql")),
            "WH2101 1:1+1 the header of an external table lacks \"contract\" | contract NAME says "
            "which columns other engines may write\n"
            "WH2101 1:49+5 other engines decide which row of a key stays, so `order` decides "
            "nothing | leave it out\n"
            "WH2101 2:8+7 the history of an external table is not kept | write `history keep` "
            "in a table that reads it\n"
            "WH2107 3:1+6 an external table has no SELECT: other engines write it | leave the SQL "
            "out, or write mode incremental or full\n");
  EXPECT_EQ(Findings(ParseTransform("-- wh: table processed.t; key a; contract c\nSELECT 1", "t")),
            "WH2101 1:34+8 only tables of `mode external` take their columns from a contract | the "
            "SELECT says what the columns are\n");
}

TEST(Definition, RefusesTextThatIsNotUtf8AndFilesAboveOneMebibyte) {
  EXPECT_EQ(ParseTransform("SELECT '\xff'", "t.sql").status().error_code(), "WH2101");
  EXPECT_EQ(ParseTransform(std::string("SELECT 1\0", 9), "t.sql").status().error_code(), "WH2101");
  const std::string header = "-- wh: table processed.t; key a\nSELECT 1 AS a";
  EXPECT_OK(
      ParseTransform(header + std::string(kDefinitionBytesMax - header.size(), ' '), "t.sql"));
  EXPECT_EQ(ParseTransform(header + std::string(kDefinitionBytesMax - header.size() + 1, ' '), "t")
                .status()
                .error_code(),
            "WH2101");
}

TEST(Definition, DigestIgnoresBlanksRemarksAndTheOrderOfWords) {
  const Digest digest =
      Parsed("-- wh: table processed.t; key a; mode full\nSELECT a, 'x y' AS b FROM records.r")
          .digest;
  EXPECT_EQ(digest,
            Parsed("-- file\n-- wh: mode full; key a   -- why\n-- wh: owner me; table "
                   "processed.t\nSELECT a,\n 'x y' /* b */ AS b -- c\n FROM records . r ;\n")
                .digest);
}

TEST(Definition, DigestChangesWithWhatDecidesTheRows) {
  const std::string header = "-- wh: table processed.t; key a; mode full";
  const Digest digest = Parsed(header + "\nSELECT a, 'x y' AS b FROM records.r").digest;
  EXPECT_NE(digest, Parsed(header + "\nSELECT a, 'x  y' AS b FROM records.r").digest);
  EXPECT_NE(digest, Parsed(header + "; history keep\nSELECT a, 'x y' AS b FROM records.r").digest);
  EXPECT_NE(digest, Parsed(header + "; order arrival\nSELECT a, 'x y' AS b FROM records.r").digest);
}

TEST(Definition, NamesTheTablesItReads) {
  EXPECT_THAT(NamedTables(Parsed("-- wh: table processed.t; key a\nSELECT r.a, 'ref.no' FROM "
                                 "Records.R AS r JOIN processed.x ON true -- ref.remark")),
              ElementsAre("processed.x", "r.a", "records.r"));
}

TransformDefinition Reading(const std::string& table, const std::vector<std::string>& sources) {
  std::string sql =
      "-- wh: table processed." + table + "; key a; mode full; history keep\nSELECT 1";
  for (const std::string& source : sources) sql += " FROM " + source;
  return Parsed(sql, "processed/" + table + ".sql");
}

TEST(Order, PutsEachTransformBehindThoseItReads) {
  const std::vector<TransformDefinition> definitions = {
      Reading("c", {"processed.b_history", "records.x"}), Reading("a", {"records.x"}),
      Reading("b", {"processed.a"}), Reading("aa", {})};
  ASSERT_OK_AND(const auto order, OrderTransforms(definitions));
  EXPECT_THAT(order, ElementsAre(1, 3, 2, 0));
}

TEST(Order, NamesACycleWithItsMembers) {
  const std::vector<TransformDefinition> definitions = {
      Reading("late", {"processed.c"}), Reading("c", {"processed.b_history"}),
      Reading("b", {"processed.d"}), Reading("d", {"processed.c"})};
  EXPECT_EQ(Findings(OrderTransforms(definitions)),
            "WH2110 1:14+11 tables read one another in a circle: processed.b reads processed.d "
            "reads processed.c reads processed.b | let one of them read records instead\n");
}

TEST(Order, RefusesATableThatReadsItself) {
  const std::vector<TransformDefinition> definitions = {Reading("a", {"processed.a"})};
  EXPECT_THAT(Findings(OrderTransforms(definitions)), HasSubstr("processed.a reads processed.a"));
}

TEST(Order, RefusesATableDefinedTwice) {
  const std::vector<TransformDefinition> definitions = {Reading("a", {}), Reading("A", {})};
  EXPECT_THAT(Findings(OrderTransforms(definitions)),
              HasSubstr("WH2101 1:14+11 table \"processed.A\" is defined twice | also by "
                        "processed/a.sql"));
}
}  // namespace
}  // namespace weirhouse::transform

#include "rules/transform/run/poison.h"

#include <algorithm>
#include <map>

#include "rules/transform/counting_session.h"
#include "rules/transform/flights_fixture.h"
#include "rules/transform/run/run.h"

namespace weirhouse::transform {
namespace {
using testing::TableOf;

class PoisonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(engine_, platform::SqlEngine::Open({}));
    ASSERT_OK_AND(session_, engine_->Connect());
    schema_ = flights::SchemaOf("id:s a:s n:i", /*hidden=*/true);
    schemas_.Add("records.o", schema_, "contract o");
  }

  // One row for each of `values`: its number as id and record, the value as `a`, its size as `n`.
  std::shared_ptr<arrow::Table> Rows(const std::vector<std::string>& values) {
    std::string json = "[";
    for (std::size_t i = 0; i < values.size(); ++i) {
      json += (i == 0 ? "" : ",") + std::string("{\"id\":\"") + std::to_string(i) + "\",\"a\":\"" +
              values[i] + "\",\"n\":" + std::to_string(values[i].size()) +
              ",\"_record\":" + std::to_string(i) + ",\"_ingested_at\":\"2024-01-01T00:00:00Z\"}";
    }
    return TableOf(schema_, json + "]");
  }

  Result<GoodRows> Run(const std::string& sql, const std::vector<std::string>& values) {
    WEIRHOUSE_TRY(const TransformDefinition definition, ParseTransform(sql, "processed/o.sql"));
    WEIRHOUSE_TRY(checked_, CheckTransform(*session_, definition, schemas_));
    const auto rows = Rows(values);
    WEIRHOUSE_TRY_STATUS(RegisterInput(*session_, checked_, "records.o", rows));
    CountingSession counted(*session_);
    auto good = RunAround(counted, checked_, "records.o", rows, ProcessTime());
    queries_ = counted.queries;
    return good;
  }

  // Which of `values` the SQL over each alone keeps, leaves out and fails on.
  using Fates = std::map<std::string, std::string>;
  Fates FatesAlone(const std::string& sql, const std::vector<std::string>& values) {
    Fates fates;
    for (const std::string& value : values) {
      const auto good = Run(sql, {value});
      EXPECT_OK(good);
      if (!good.ok()) continue;
      fates[value] = !good->poison.empty()         ? "fails"
                     : good->rows->num_rows() == 1 ? "kept"
                                                   : "left out";
    }
    return fates;
  }
  Fates FatesTogether(const std::string& sql, const std::vector<std::string>& values) {
    Fates fates;
    const auto good = Run(sql, values);
    EXPECT_OK(good);
    if (!good.ok()) return fates;
    for (const std::string& value : values) fates[value] = "left out";
    const auto& ids = static_cast<const arrow::StringArray&>(
        *(*good->rows->CombineChunks())->GetColumnByName("id")->chunk(0));
    for (std::int64_t i = 0; i < ids.length(); ++i)
      fates[values[std::stoul(ids.GetString(i))]] = "kept";
    for (const PoisonRow& row : good->poison)
      fates[values[static_cast<std::size_t>(row.record)]] = "fails";
    return fates;
  }

  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
  int queries_ = 0;  // of the last Run
  std::shared_ptr<arrow::Schema> schema_;
  SchemaCatalog schemas_;
  CheckedTransform checked_;
};

constexpr char kHeader[] = "-- wh: table processed.o; key id\n";

TEST_F(PoisonTest, NamesTheRecordAndThePlaceOfTheCast) {
  ASSERT_OK_AND(const GoodRows good,
                Run(std::string(kHeader) +
                        "SELECT r.id,\n  CAST(r.a AS DECIMAL(10,2)) + 1 AS a\nFROM records.o AS r",
                    {"1.5", "12,5", "7"}));
  EXPECT_EQ(good.rows->num_rows(), 2);
  ASSERT_EQ(good.poison.size(), 1u);
  EXPECT_EQ(good.poison[0].record, 1);
  EXPECT_EQ(good.poison[0].place, "processed/o.sql:3:3");
  EXPECT_EQ(good.poison[0].expression, "CAST(r.a AS DECIMAL(10,2))");
  EXPECT_NE(good.poison[0].found.find("12,5"), std::string::npos) << good.poison[0].found;
}

TEST_F(PoisonTest, BranchesThatAreNotReachedAreNotToBlame) {
  ASSERT_OK_AND(const GoodRows good,
                Run(std::string(kHeader) +
                        "SELECT r.id, CASE WHEN r.a = 'x' THEN CAST(r.a AS VARCHAR)::INTEGER ELSE "
                        "coalesce(NULL, CAST(r.a AS INTEGER)) END AS a FROM records.o AS r "
                        "WHERE r.a <> 'left out'",
                    {"x", "y", "1", "left out"}));
  EXPECT_EQ(good.rows->num_rows(), 1);
  ASSERT_EQ(good.poison.size(), 2u);
  EXPECT_EQ(good.poison[0].place, "processed/o.sql:2:59");
  EXPECT_EQ(good.poison[1].expression, "CAST(r.a AS INTEGER)");
}

TEST_F(PoisonTest, TheConditionMayFailToo) {
  ASSERT_OK_AND(
      const GoodRows good,
      Run(std::string(kHeader) + "SELECT r.id FROM records.o AS r WHERE CAST(r.a AS INTEGER) > 1",
          {"1", "2", "z"}));
  EXPECT_EQ(good.rows->num_rows(), 1);
  ASSERT_EQ(good.poison.size(), 1u);
  EXPECT_EQ(good.poison[0].record, 2);
}

TEST_F(PoisonTest, AnAggregateGoesOnWithoutTheRecord) {
  const std::string sql =
      "-- wh: table processed.o; key n; mode full\n"
      "SELECT r.n, sum(CAST(r.a AS INTEGER)) AS total FROM records.o AS r GROUP BY r.n";
  ASSERT_OK_AND(const GoodRows good, Run(sql, {"1", "2", "z", "10"}));
  EXPECT_EQ(good.rows->num_rows(), 2);
  ASSERT_EQ(good.poison.size(), 1u);
  EXPECT_EQ(good.poison[0].record, 2);
  EXPECT_EQ(good.poison[0].place, "processed/o.sql:2:17");
}

TEST_F(PoisonTest, WhatNoOneRowIsToBlameForStaysAnError) {
  const std::string sum =
      "-- wh: table processed.o; key k; mode full\n"
      "SELECT 1 AS k, CAST(sum(CAST(r.a AS BIGINT)) AS BIGINT) AS total FROM records.o AS r";
  EXPECT_EQ(Run(sum, {"9223372036854775807", "1"}).status().error_code(), "WH2114");
  ASSERT_OK_AND(const GoodRows good, Run(sum, {"9223372036854775806", "1"}));
  EXPECT_TRUE(good.poison.empty());
}

TEST_F(PoisonTest, ManyBadRowsAreFoundTogether) {
  std::vector<std::string> values(3000, "x");
  values[17] = "17";
  ASSERT_OK_AND(
      const GoodRows good,
      Run(std::string(kHeader) + "SELECT r.id, CAST(r.a AS INTEGER) AS a FROM records.o AS r",
          values));
  EXPECT_EQ(good.rows->num_rows(), 1);
  EXPECT_EQ(good.poison.size(), 2999u);
  EXPECT_LT(queries_, 250);
}

TEST_F(PoisonTest, WhatFailsDependsOnTheRowAloneWhateverTheOrder) {
  // What begins with a "t" is no number, and most conditions say so.
  for (const char* where :
       {"r.a LIKE 't%' OR CAST(r.a AS INTEGER) > 5", "CAST(r.a AS INTEGER) > 5 OR r.a LIKE 't%'",
        "r.a NOT LIKE 't%' AND CAST(r.a AS INTEGER) > 5",
        "CAST(r.a AS INTEGER) > 5 AND r.a NOT LIKE 't%'",
        "CAST(r.a AS INTEGER) > 5 AND r.n < 5 AND r.n > 0", "CAST(r.a AS INTEGER) = 7",
        "NOT (r.a LIKE 't%' OR CAST(r.a AS INTEGER) > 5)",
        "CASE WHEN r.a LIKE 't%' OR CAST(r.a AS INTEGER) > 5 THEN r.n < 5 ELSE false END",
        "(r.n < 5 OR CAST(r.a AS INTEGER) > 5) AND (r.a LIKE 't%' OR CAST(r.a AS INTEGER) > 6)"}) {
    const std::string sql =
        std::string(kHeader) + "SELECT r.id, r.a FROM records.o AS r WHERE " + where;
    std::vector<std::string> values{"x", "t", "7", "1", "text", "xxxxxxx"};
    const Fates alone = FatesAlone(sql, values);
    std::sort(values.begin(), values.end());
    for (int order = 0; order < 4; ++order) {
      EXPECT_EQ(FatesTogether(sql, values), alone) << where;
      for (int i = 0; i < 97; ++i) std::next_permutation(values.begin(), values.end());
    }
  }
}

TEST_F(PoisonTest, WhereHasNoMoreToPayForABadRowThanOneRun) {
  std::vector<std::string> values{"t"};
  for (int i = 1; i < 2500; ++i) values.push_back((i % 25 == 0 ? "x" : "") + std::to_string(i));
  for (const char* where :
       {"r.a <> 't' AND CAST(r.a AS INTEGER) >= 0", "r.a = 't' OR CAST(r.a AS INTEGER) > 0"}) {
    ASSERT_OK_AND(
        const GoodRows good,
        Run(std::string(kHeader) + "SELECT r.id FROM records.o AS r WHERE " + where, values));
    EXPECT_EQ(good.poison.size(), 99u);
    EXPECT_EQ(good.poison.front().expression, "CAST(r.a AS INTEGER)");
    EXPECT_LT(queries_, 99 + 99 + 50) << where;  // once more for the engine's words
  }
}

TEST_F(PoisonTest, AConditionAloneIsAskedOfAHundredRowsAtMost) {
  std::vector<std::string> values(4000, "x");
  values[17] = "17";
  for (const char* where : {"CAST(r.a AS INTEGER) > 0", "NOT CAST(r.a AS INTEGER) < 0",
                            "CASE WHEN r.a = 't' THEN true ELSE CAST(r.a AS INTEGER) > 0 END"}) {
    ASSERT_OK_AND(
        const GoodRows good,
        Run(std::string(kHeader) + "SELECT r.id FROM records.o AS r WHERE " + where, values));
    EXPECT_EQ(good.rows->num_rows(), 1) << where;
    EXPECT_EQ(good.poison.size(), 3999u) << where;
    EXPECT_LT(queries_, 250) << where;
  }
}

TEST_F(PoisonTest, WhatOnlyARunTellsIsFoundInFewRuns) {
  std::vector<std::string> values;
  for (int i = 0; i < 1000; ++i) values.push_back((i % 40 == 7 ? "x" : "") + std::to_string(i));
  ASSERT_OK_AND(const GoodRows good, Run("-- wh: table processed.o; key id; mode full\n"
                                         "WITH w AS (SELECT r.id, r.a FROM records.o AS r) "
                                         "SELECT w.id, CAST(w.a AS INTEGER) AS a FROM w",
                                         values));
  EXPECT_EQ(good.poison.size(), 25u);
  EXPECT_LT(queries_, 25 * 16);
}
}  // namespace
}  // namespace weirhouse::transform

#include "transform/poison.h"

#include "transform/flights_fixture.h"
#include "transform/run.h"

namespace weirhouse::transform {
namespace {
using testing::TableOf;

class PoisonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(engine_, storage::SqlEngine::Open({}));
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
    return RunAround(*session_, checked_, "records.o", rows, ProcessTime());
  }

  std::unique_ptr<storage::SqlEngine> engine_;
  std::unique_ptr<storage::SqlSession> session_;
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
}
}  // namespace
}  // namespace weirhouse::transform

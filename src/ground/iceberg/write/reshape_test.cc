#include "ground/iceberg/write/reshape.h"

#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

class ReshapeTest : public TableTest {
 protected:
  // `base` rewritten with other columns and partitions.
  StagedTable Rewrite(const TablePtr& base, const std::shared_ptr<arrow::Schema>& columns,
                      const std::vector<std::string>& partition, const std::string& json) {
    const TablePtr shaped = Reshape(base, Schema::FromArrow(*columns).value(), partition).value();
    StagedWrite write(store(), shaped, random_, Options("r2"));
    if (shaped != base) write.SetProperty(kReshapedProperty, "r2");
    EXPECT_OK(write.RemoveAllFiles());
    if (!json.empty()) EXPECT_OK(write.Append(*TableOf(columns, json)));
    return write.Finish().value();
  }
};

TEST_F(ReshapeTest, KeepsTheIdsOfColumnsThatMayHoldWhatTheyHeld) {
  const TablePtr flights =
      Append(NewFlights(), R"([{"id":1,"origin":"EWR","at":"2013-01-01T00:00:00Z","delay":1.5}])")
          .table;
  const auto columns =
      arrow::schema({arrow::field("origin", arrow::utf8()),
                     arrow::field("id", arrow::int64(), /*nullable=*/false),
                     arrow::field("delay", arrow::utf8()), arrow::field("day", arrow::date32())});
  const StagedTable now = Rewrite(flights, columns, {"origin"},
                                  R"([{"id":1,"origin":"EWR","delay":"1.50","day":15706}])");
  const Schema& schema = now.table->schema();
  ASSERT_EQ(schema.fields.size(), 4u);
  EXPECT_EQ(schema.fields[0].id, flights->schema().Find("origin")->id);
  EXPECT_EQ(schema.fields[1].id, flights->schema().Find("id")->id);
  EXPECT_GT(schema.fields[2].id, flights->last_column_id);  // another type is another column
  EXPECT_GT(schema.fields[3].id, schema.fields[2].id);
  EXPECT_EQ(now.table->spec().fields.at(0).name, "origin");
  EXPECT_EQ(now.change.expected_metadata_location, flights->metadata_location);
  EXPECT_EQ(Ids(now.table), "1");
  // The past keeps its columns.
  ScanOptions past;
  past.snapshot = flights->current_snapshot()->id;
  EXPECT_EQ(RowsAsJson(*Read(now.table, past)), RowsAsJson(*Read(flights)));
}

TEST_F(ReshapeTest, IsTheTableItselfWhereNothingDiffers) {
  const TablePtr flights = Append(NewFlights(), R"([{"id":1,"at":"2013-01-01T00:00:00Z"}])").table;
  const auto same =
      Reshape(flights, Schema::FromArrow(*FlightSchema()).value(), {"month(at)"}).value();
  EXPECT_EQ(same, flights);
}

TEST_F(ReshapeTest, ThereAndBackFindsTheSchemaAndThePartitionsOfBefore) {
  const TablePtr flights = Append(NewFlights(), R"([{"id":1,"at":"2013-01-01T00:00:00Z"}])").table;
  const auto fewer = arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false)});
  const TablePtr there = Rewrite(flights, fewer, {}, "[]").table;
  EXPECT_EQ(there->schema().fields.size(), 1u);
  EXPECT_TRUE(there->spec().fields.empty());
  const TablePtr back =
      Rewrite(there, FlightSchema(), {"month(at)"}, R"([{"id":2,"at":"2013-02-01T00:00:00Z"}])")
          .table;
  EXPECT_EQ(Ids(back), "2");
  EXPECT_EQ(back->spec().fields.at(0).name, flights->spec().fields.at(0).name);
}
}  // namespace
}  // namespace weirhouse::iceberg

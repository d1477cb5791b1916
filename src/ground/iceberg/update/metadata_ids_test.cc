// Ids that clients give: the owner of the table must find some for columns of its own.
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/update/metadata_update.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

class MetadataIdsTest : public TableTest {
 protected:
  // Four columns, partitioned by one of them; no snapshots.
  MetadataIdsTest() : base_(*NewFlights()) {}

  Result<UpdatedMetadata> Try(const Json& update) {
    return ApplyUpdates(&base_, base_.name, Json::array({update}), now());
  }
  void ExpectRefused(const Json& update, const std::string& message) {
    const auto updated = Try(update);
    ASSERT_FALSE(updated.ok()) << update.dump();
    EXPECT_EQ(updated.status().error_code(), "WH7067");
    EXPECT_THAT(updated.status().message(), HasSubstr(message));
  }
  Json WithColumn(int id) const {
    Json schema = base_.schema().ToJson();
    schema["fields"].push_back(
        {{"id", id}, {"name", "gate"}, {"type", "string"}, {"required", false}});
    return {{"action", "add-schema"}, {"schema", schema}};
  }

  TableMetadata base_;
};

TEST_F(MetadataIdsTest, NewColumnsAreNumberedFromTheLastOne) {
  ASSERT_EQ(base_.last_column_id, 4);
  ExpectRefused(WithColumn(2'147'483'447),
                "has the column id 2147483447; the last one given is 4: number new columns from 5");
  ExpectRefused(WithColumn(100'000), "number new columns from 5");
  // A few that were left out do no harm.
  ASSERT_OK_AND(const UpdatedMetadata updated, Try(WithColumn(900)));
  EXPECT_EQ(updated.metadata.last_column_id, 900);
}

TEST_F(MetadataIdsTest, FieldsOfPartitionsAreNumberedFromTheLastOne) {
  Json field = {{"source-id", 1}, {"name", "far"}, {"transform", "identity"}};
  field["field-id"] = 2'147'483'000;
  Json spec;
  spec["fields"] = Json::array({field});
  ExpectRefused({{"action", "add-spec"}, {"spec", spec}},
                "has the field id 2147483000; the last one given is");
}

TEST_F(MetadataIdsTest, SequenceNumbersFollowTheLastOne) {
  const Json snapshot = {{"snapshot-id", 50},
                         {"sequence-number", std::int64_t{1} << 61},
                         {"timestamp-ms", base_.last_updated_ms + 1},
                         {"manifest-list", base_.location + "/metadata/snap-50.avro"},
                         {"schema-id", 0},
                         {"summary", {{"operation", "append"}}}};
  ExpectRefused({{"action", "add-snapshot"}, {"snapshot", snapshot}}, "far beyond 0, the last one");
}
}  // namespace
}  // namespace weirhouse::iceberg

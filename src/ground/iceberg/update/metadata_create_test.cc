#include "ground/base/digest.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/type_json.h"
#include "ground/iceberg/update/metadata_update.h"
#include "ground/platform/io/faulty_store.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MetadataCreateTest : public TableTest {
 protected:
  Result<TableMetadata> Create(const Json& request) {
    return MetadataOfRequest(request, "lake.trip", scratch_ / "lake/trip", random_, now());
  }
  static Json Request() {
    return Json::parse(R"({"name": "trip",
      "schema": {"type": "struct", "schema-id": 4, "identifier-field-ids": [30], "fields": [
        {"id": 30, "name": "id", "type": "long", "required": true},
        {"id": 10, "name": "stops", "required": false, "type": {"type": "list", "element-id": 7,
          "element-required": true, "element": {"type": "struct", "fields": [
            {"id": 3, "name": "lat", "type": "double", "required": true},
            {"id": 2, "name": "tags", "required": false, "type": {"type": "map", "key-id": 50,
              "key": "string", "value-id": 51, "value-required": false, "value": "int"}}]}}},
        {"id": 20, "name": "at", "type": "timestamptz", "required": false}]},
      "partition-spec": {"spec-id": 3, "fields": [
        {"source-id": 20, "field-id": 1007, "name": "at_day", "transform": "day"},
        {"source-id": 30, "field-id": 1003, "name": "b", "transform": "bucket[8]"}]},
      "write-order": {"order-id": 6, "fields": [
        {"source-id": 30, "transform": "identity", "direction": "asc",
         "null-order": "nulls-first"}]}})");
  }
  void ExpectRefused(const Json& request, const std::string& message,
                     const std::string& error = "WH7067") {
    const auto created = Create(request);
    ASSERT_FALSE(created.ok()) << request.dump();
    EXPECT_EQ(created.status().code(), Code::kInvalidInput);
    EXPECT_EQ(created.status().error_code(), error);
    EXPECT_THAT(created.status().message(), HasSubstr(message));
  }
};

TEST_F(MetadataCreateTest, IdsAreAssignedAnewAStructsOwnBeforeThoseInside) {
  ASSERT_OK_AND(const TableMetadata made, Create(Request()));
  EXPECT_EQ(made.schema().schema_id, 0);
  EXPECT_EQ(made.schema().fields[0].id, 1);
  EXPECT_EQ(made.schema().fields[1].id, 2);
  EXPECT_EQ(made.schema().fields[2].id, 3);
  const Json stops = JsonOf(made.schema().fields[1].type);
  EXPECT_EQ(stops["element-id"], 4);
  EXPECT_EQ(stops["element"]["fields"][0]["id"], 5);
  EXPECT_EQ(stops["element"]["fields"][1]["id"], 6);
  EXPECT_EQ(stops["element"]["fields"][1]["type"]["key-id"], 7);
  EXPECT_EQ(stops["element"]["fields"][1]["type"]["value-id"], 8);
  EXPECT_EQ(made.last_column_id, 8);
  EXPECT_THAT(made.schema().identifier_field_ids, ElementsAre(1));
}

TEST_F(MetadataCreateTest, SpecAndOrderFollowTheIds) {
  ASSERT_OK_AND(const TableMetadata made, Create(Request()));
  EXPECT_EQ(made.spec(),
            (PartitionSpec{0, {{3, 1000, "at_day", "day"}, {1, 1001, "b", "bucket[8]"}}}));
  EXPECT_EQ(made.last_partition_id, 1001);
  EXPECT_EQ(made.default_sort_order_id, 1);
  EXPECT_EQ(made.sort_orders.size(), 1u);
  EXPECT_EQ(made.sort_order().fields[0].source_id, 1);
  ASSERT_OK_AND(const TableMetadata again,
                ParseTableMetadata(SerializeTableMetadata(made), made.name, ""));
  EXPECT_EQ(SerializeTableMetadata(again), SerializeTableMetadata(made));
}

TEST_F(MetadataCreateTest, LeftOutMembersHaveDefaults) {
  const Json request = {{"name", "trip"},
                        {"schema", {{"type", "struct"}, {"fields", Json::array()}}}};
  ASSERT_OK_AND(const TableMetadata made, Create(request));
  EXPECT_EQ(made.location, scratch_ / "lake/trip");
  EXPECT_EQ(made.format_version, 2);
  EXPECT_THAT(made.schema().fields, IsEmpty());
  EXPECT_EQ(made.last_column_id, 0);
  EXPECT_EQ(made.last_partition_id, 999);
  EXPECT_EQ(made.sort_orders, std::vector<SortOrder>{SortOrder{}});
  EXPECT_EQ(made.properties.at("write.parquet.compression-codec"), "zstd");
}

TEST_F(MetadataCreateTest, ReservedPropertiesAreConsumed) {
  Json request = Request();
  request["location"] = scratch_ / "elsewhere/";
  request["properties"] = {{"format-version", "1"},
                           {"uuid", "x"},
                           {"owner", "me"},
                           {"write.parquet.compression-codec", "snappy"}};
  ASSERT_OK_AND(const TableMetadata made, Create(request));
  EXPECT_EQ(made.format_version, 1);
  EXPECT_EQ(made.location, scratch_ / "elsewhere");
  EXPECT_EQ(made.properties, (std::map<std::string, std::string>{
                                 {"owner", "me"}, {"write.parquet.compression-codec", "snappy"}}));
}

TEST_F(MetadataCreateTest, BadRequestsAreRefusedByMember) {
  ExpectRefused(Json::array(), "must be an object");
  ExpectRefused({{"name", "trip"}}, "\"schema\" is missing");
  Json request = Request();
  request["partition-spec"]["fields"][0]["source-id"] = 99;
  ExpectRefused(request, "names column 99");
  request = Request();
  request["write-order"]["fields"][0]["source-id"] = 10;
  ExpectRefused(request, "cannot be applied to column \"stops\"");
  request = Request();
  request["partition-spec"]["fields"][0]["source-id"] = 3;
  request["partition-spec"]["fields"][0]["transform"] = "identity";
  ExpectRefused(request, "is inside a list or map");
  request = Request();
  request["schema"]["fields"][2]["type"] = "variant";
  request.erase("partition-spec");
  ExpectRefused(request, "variant is not supported until v3");
  request = Request();
  request["properties"] = {{"format-version", "4"}};
  ExpectRefused(request, "format version 4", "WH7068");
  request["properties"] = {{"format-version", "two"}};
  ExpectRefused(request, "must be 1, 2 or 3");
  request["properties"] = {{"commit.retry.num-retries", "-1"}};
  ExpectRefused(request, "not negative");
  request["properties"] = {{"write.metadata.metrics.column.nope", "full"}};
  ExpectRefused(request, "names a column that is not in the schema");
  request["properties"] = 7;
  ExpectRefused(request, "\"properties\" must be an object");
  request.erase("properties");
  request["location"] = 7;
  ExpectRefused(request, "\"location\" must be a string");
}

// ---- Staging

class MetadataStageTest : public MetadataCreateTest {
 protected:
  StagedTable Stage(const TablePtr& base, const std::vector<Json>& updates) {
    auto updated = ApplyRequest(base.get(), base->name, Json(updates), now());
    EXPECT_OK(updated.status());
    return StageMetadata(store(), base, random_, std::move(updated).value(), now()).value();
  }
  StagedTable First() {
    UpdatedMetadata first;
    first.metadata = Create(Request()).value();
    first.changed = true;
    return StageMetadata(store(), nullptr, random_, std::move(first), now()).value();
  }
  static Json Snapshot(std::int64_t id, std::int64_t sequence_number, std::int64_t parent = 0) {
    Json json = {{"snapshot-id", id},
                 {"sequence-number", sequence_number},
                 {"timestamp-ms", 1'388'534'400'000},
                 {"manifest-list", "/x.avro"},
                 {"summary", {{"operation", "append"}, {"added-records", "7"}}}};
    if (parent > 0) json["parent-snapshot-id"] = parent;
    return {{"action", "add-snapshot"}, {"snapshot", json}};
  }
  static Json SetRef(const std::string& name, std::int64_t id) {
    return {{"action", "set-snapshot-ref"},
            {"ref-name", name},
            {"type", "branch"},
            {"snapshot-id", id}};
  }
};

TEST_F(MetadataStageTest, TheFirstMetadataOfATableMakesItsFolders) {
  const StagedTable staged = First();
  const std::string location = scratch_ / "lake/trip";
  EXPECT_THAT(staged.change.metadata_location, HasSubstr(location + "/metadata/00000-"));
  EXPECT_FALSE(staged.change.expected_metadata_location.has_value());
  EXPECT_EQ(staged.change.name, "lake.trip");
  EXPECT_EQ(staged.change.uuid, staged.table->uuid);
  EXPECT_TRUE(std::filesystem::is_directory(location + "/data"));
  ASSERT_EQ(staged.files.size(), 1u);
  EXPECT_EQ(staged.files[0].kind, catalog::FileKind::kMetadata);
  EXPECT_EQ(staged.files[0].sha256, Sha256Of(testing::ReadFile(staged.files[0].path)));
  EXPECT_THAT(staged.paths_to_sync, ElementsAre(staged.files[0].path));
  ASSERT_OK_AND(const TablePtr read,
                LoadTable(store(), "lake.trip", staged.change.metadata_location));
  EXPECT_EQ(SerializeTableMetadata(*read), SerializeTableMetadata(*staged.table));
}

TEST_F(MetadataStageTest, VersionsCountOnAndTheLogNamesTheBase) {
  StagedTable staged = First();
  const std::string first = staged.change.metadata_location;
  staged = Stage(staged.table, {Json::parse(R"({"action":"set-properties","updates":{"a":"b"}})")});
  EXPECT_THAT(staged.change.metadata_location, HasSubstr("/metadata/00001-"));
  EXPECT_EQ(staged.change.expected_metadata_location, first);
  ASSERT_EQ(staged.table->metadata_log.size(), 1u);
  EXPECT_EQ(staged.table->metadata_log[0].second, first);
  EXPECT_THAT(staged.snapshots, IsEmpty());
}

TEST_F(MetadataStageTest, TheLogKeepsAsManyAsThePropertySays) {
  StagedTable staged = First();
  staged = Stage(staged.table, {{{"action", "set-properties"},
                                 {"updates", {{"write.metadata.previous-versions-max", "3"}}}}});
  for (int i = 0; i < 5; ++i) {
    staged = Stage(staged.table,
                   {{{"action", "set-properties"}, {"updates", {{"n", std::to_string(i)}}}}});
  }
  ASSERT_EQ(staged.table->metadata_log.size(), 3u);
  EXPECT_EQ(staged.table->metadata_log.back().second, *staged.change.expected_metadata_location);
}

TEST_F(MetadataStageTest, RefsThatMovedAreRecordedWithWhatTheyBrought) {
  StagedTable staged = First();
  staged = Stage(staged.table, {Snapshot(1, 1), SetRef("main", 1), Snapshot(2, 2, 1),
                                SetRef("main", 2), SetRef("side", 1)});
  std::vector<std::pair<std::string, std::int64_t>> seen;
  for (const auto& record : staged.snapshots) {
    seen.emplace_back(record.ref, record.snapshot.value());
    EXPECT_EQ(record.table, "lake.trip");
    EXPECT_EQ(record.added_rows, 7);
  }
  using Seen = std::pair<std::string, std::int64_t>;
  EXPECT_THAT(seen, ElementsAre(Seen("main", 1), Seen("main", 2), Seen("side", 1)));
  // A rollback brings nothing new: its head alone.
  staged = Stage(staged.table, {SetRef("main", 1)});
  ASSERT_EQ(staged.snapshots.size(), 1u);
  EXPECT_EQ(staged.snapshots[0].snapshot, SnapshotId(1));
  staged = Stage(staged.table, {{{"action", "remove-snapshot-ref"}, {"ref-name", "main"}}});
  EXPECT_THAT(staged.snapshots, IsEmpty());
}

TEST_F(MetadataStageTest, AnyDiskFaultIsSaid) {
  const TablePtr base = First().table;
  const Json updates = Json::parse(R"([{"action":"set-properties","updates":{"a":"b"}}])");
  for (int fail_at = 1;; ++fail_at) {
    platform::FaultyStore faulty(store(), fail_at, Code::kUnavailable);
    auto updated = ApplyRequest(base.get(), base->name, updates, now());
    const auto staged = StageMetadata(faulty, base, random_, std::move(updated).value(), now());
    if (!faulty.fault_fired()) {
      EXPECT_OK(staged.status());
      EXPECT_GT(fail_at, 1);
      break;
    }
    EXPECT_EQ(staged.status().code(), Code::kUnavailable);
  }
}

// ---- Ids that clients give: the owner of the table must find some for columns of its own.

class MetadataIdsTest : public TableTest {
 protected:
  // Four columns, partitioned by one of them; no snapshots.
  MetadataIdsTest() : base_(*NewFlights()) {}

  Result<UpdatedMetadata> Try(const Json& update) {
    return ApplyRequest(&base_, base_.name, Json::array({update}), now());
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
  ExpectRefused(
      WithColumn(2'147'483'447),
      "has the column id 2147483447, but the last assigned id is 4: number new columns from 5");
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
                "has the field id 2147483000, but the last assigned id is");
}

TEST_F(MetadataIdsTest, SequenceNumbersFollowTheLastOne) {
  const Json snapshot = {{"snapshot-id", 50},
                         {"sequence-number", std::int64_t{1} << 61},
                         {"timestamp-ms", base_.last_updated_ms + 1},
                         {"manifest-list", base_.location + "/metadata/snap-50.avro"},
                         {"schema-id", 0},
                         {"summary", {{"operation", "append"}}}};
  ExpectRefused({{"action", "add-snapshot"}, {"snapshot", snapshot}}, "far beyond the last one, 0");
}
}  // namespace
}  // namespace weirhouse::iceberg

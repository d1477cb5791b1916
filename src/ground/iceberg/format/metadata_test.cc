#include <fmt/format.h>

#include "ground/base/text.h"
#include "ground/iceberg/format/metadata_json.h"
#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

using ::testing::HasSubstr;

// A table of `columns` columns with `snapshots` snapshots, as a year of daily commits leaves it.
TableMetadata Large(int columns, int snapshots) {
  TableMetadata metadata;
  metadata.name = "processed.flight";
  metadata.location = "/project/.weirhouse/warehouse/processed/flight";
  metadata.uuid = "9c12d441-03fe-4693-9a96-a0705ddf69c1";
  Schema schema;
  for (int i = 1; i <= columns; ++i) {
    Field field;
    field.id = i;
    field.name = fmt::format("column_{}", i);
    field.type = TypeKind::kString;
    schema.fields.push_back(field);
  }
  metadata.schemas = {schema};
  metadata.specs = {PartitionSpec{}};
  metadata.last_column_id = columns;
  for (int i = 1; i <= snapshots; ++i) {
    Snapshot snapshot;
    snapshot.id = SnapshotId((std::int64_t{1} << 62) + i);
    snapshot.sequence_number = i;
    snapshot.timestamp_ms = 1'388'534'400'000 + i;
    snapshot.manifest_list = metadata.location + "/metadata/snap-" + std::to_string(i) + ".avro";
    SharedTextMap::Map summary;
    for (const char* key :
         {"added-data-files", "added-records", "added-files-size", "total-data-files",
          "total-records", "total-files-size", "total-delete-files", "total-position-deletes",
          "changed-partition-count", "manifests-created", "manifests-kept", "weirhouse.run-id"}) {
      summary[key] = std::to_string(i * 1000);
    }
    summary["weirhouse.idempotency-key"] = std::string(64, 'a');
    summary["operation"] = "append";
    snapshot.summary = std::move(summary);
    metadata.snapshots.push_back(snapshot);
    metadata.snapshot_log.emplace_back(snapshot.timestamp_ms, snapshot.id);
    metadata.metadata_log.emplace_back(snapshot.timestamp_ms, snapshot.manifest_list);
  }
  if (snapshots > 0) metadata.refs["main"].snapshot = metadata.snapshots.back().id;
  return metadata;
}

TEST(Metadata, RoundTripsWithIdsBeyondTwoToTheFiftyThird) {
  TableMetadata metadata = Large(40, 3);
  metadata.refs["late#1"] = {metadata.snapshots[0].id, "tag", {}, {}, 86'400'000};
  metadata.sort_orders.push_back({1, {{2, true, true}}});
  metadata.default_sort_order_id = 1;
  metadata.properties["weird"] = "quote \" backslash \\ newline \n tab \t";
  const std::string json = SerializeTableMetadata(metadata);
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(json, metadata.name, "x"));
  EXPECT_EQ(SerializeTableMetadata(read), json);
  EXPECT_EQ(read.snapshots[2].id.value(), (std::int64_t{1} << 62) + 3);
  EXPECT_EQ(read.properties, metadata.properties);
  EXPECT_EQ(read.current_snapshot()->sequence_number, 3);
  EXPECT_EQ(read.sort_orders, metadata.sort_orders);
  EXPECT_EQ(read.sort_order().fields.size(), 1u);
}

TEST(Metadata, TheWriterOfSchemasAgreesWithTheReader) {
  Schema schema = Large(5, 0).schemas[0];
  schema.identifier_field_ids = {1, 2};
  schema.fields[0].doc = "a \"doc\"";
  std::string text;
  AppendSchemaJson(text, schema);
  EXPECT_EQ(nlohmann::json::parse(text), schema.ToJson());
}

TEST(Metadata, UnknownKeysAreWrittenBackAsTheyWere) {
  const std::string json = SerializeTableMetadata(Large(2, 1));
  std::string more = json;
  more.insert(1, R"("statistics":[{"snapshot-id":1}],"x-future":{"a":[1,2]},)");
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(more, "t", "x"));
  const auto again = nlohmann::json::parse(SerializeTableMetadata(read));
  EXPECT_EQ(again["x-future"], nlohmann::json::parse(R"({"a":[1,2]})"));
  EXPECT_EQ(again["statistics"][0]["snapshot-id"], 1);
}

TEST(Metadata, UnknownKeysOfFieldsAndTypesAreWrittenBackAsTheyWere) {
  auto json = nlohmann::json::parse(SerializeTableMetadata(Large(2, 0)));
  auto& fields = json["schemas"][0]["fields"];
  fields[0]["x-field"] = {{"a", 1}};
  fields.push_back(nlohmann::json::parse(
      R"({"id":900,"name":"s","required":false,"x-column":true,"type":{"type":"struct","x-struct":[1],
          "fields":[{"id":901,"name":"l","required":false,"x-inner":"y","type":{"type":"list",
            "element-id":902,"element":"int","element-required":false,"element-doc":"d"}},
           {"id":903,"name":"m","required":false,"type":{"type":"map","x-map":null,"key-id":904,
            "key":"string","value-id":905,"value":"int","value-required":true}}]}})"));
  json["last-column-id"] = 905;
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(json.dump(), "t", "x"));
  const auto again = nlohmann::json::parse(SerializeTableMetadata(read));
  EXPECT_EQ(again["schemas"][0]["fields"], fields);
}

TEST(Metadata, AForeignSortOrderIsKept) {
  auto json = nlohmann::json::parse(SerializeTableMetadata(Large(2, 0)));
  json["sort-orders"] = nlohmann::json::parse(
      R"([{"order-id":3,"fields":[{"transform":"bucket[4]","source-id":1,"direction":"desc",
           "null-order":"nulls-last"}]}])");
  json["default-sort-order-id"] = 3;
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(json.dump(), "t", "x"));
  ASSERT_EQ(read.sort_order().fields.size(), 1u);
  EXPECT_EQ(read.sort_order().fields[0], (SortField{1, false, false, "bucket[4]"}));
  const auto again = nlohmann::json::parse(SerializeTableMetadata(read));
  EXPECT_EQ(again["sort-orders"], json["sort-orders"]);
  EXPECT_EQ(again["default-sort-order-id"], 3);
}

TEST(Metadata, FormatVersionOneIsRead) {
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(R"({"format-version":1,
      "location":"/t","last-updated-ms":5,"last-column-id":1,
      "schema":{"type":"struct","fields":[{"id":1,"name":"d","required":true,"type":"date"}]},
      "partition-spec":[{"source-id":1,"name":"d_day","transform":"day"}],
      "current-snapshot-id":-1})",
                                                             "t", "x"));
  EXPECT_EQ(read.spec().fields[0].field_id, 1000);
  EXPECT_EQ(read.last_partition_id, 1000);
  EXPECT_EQ(read.current_snapshot(), nullptr);
}

TEST(Metadata, FormatVersionOneIsWrittenWithItsOldSpellingToo) {
  TableMetadata metadata = Large(2, 2);
  metadata.format_version = 1;
  for (Snapshot& snapshot : metadata.snapshots) snapshot.sequence_number = 0;
  metadata.specs[0].fields = {{1, 1000, "column_1_bucket", "bucket[4]"}};
  metadata.last_partition_id = 1000;
  const auto json = nlohmann::json::parse(SerializeTableMetadata(metadata));
  EXPECT_EQ(json["format-version"], 1);
  EXPECT_EQ(json["schema"], json["schemas"][0]);
  EXPECT_EQ(json["partition-spec"], json["partition-specs"][0]["fields"]);
  EXPECT_FALSE(json.contains("last-sequence-number"));
  EXPECT_FALSE(json["snapshots"][0].contains("sequence-number"));
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(json.dump(), "t", "x"));
  EXPECT_EQ(nlohmann::json::parse(SerializeTableMetadata(read)), json);
}

// What others add to version 3 comes back as it was: lineage of rows, keys, defaults, statistics.
TEST(Metadata, FormatVersionThreeIsCarriedThroughWhole) {
  auto json = nlohmann::json::parse(SerializeTableMetadata(Large(2, 2)));
  json["format-version"] = 3;
  json["next-row-id"] = 12;
  json["encryption-keys"] =
      nlohmann::json::parse(R"([{"key-id":"a","encrypted-key-metadata":"b"}])");
  json["statistics"] = nlohmann::json::parse(R"([{"snapshot-id":4611686018427387905,
      "statistics-path":"/t/s.puffin","file-size-in-bytes":9,"file-footer-size-in-bytes":4,
      "blob-metadata":[]}])");
  json["snapshots"][1]["first-row-id"] = 5;
  json["snapshots"][1]["added-rows"] = 7;
  json["snapshots"][1]["key-id"] = "a";
  json["schemas"][0]["fields"][1]["initial-default"] = "none";
  json["schemas"][0]["fields"][1]["write-default"] = "some";
  json["schemas"][0]["fields"][0]["type"] = "timestamptz_ns";
  json["sort-orders"] = nlohmann::json::parse(
      R"([{"order-id":0,"fields":[]},
          {"order-id":4,"fields":[{"transform":"bucket[4]","source-id":1,"direction":"desc",
                                   "null-order":"nulls-last"}]},
          {"order-id":9,"fields":[{"transform":"identity","source-id":2,"direction":"asc",
                                   "null-order":"nulls-first"}]}])");
  json["default-sort-order-id"] = 9;
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(json.dump(), "t", "x"));
  EXPECT_EQ(read.format_version, 3);
  EXPECT_EQ(read.schema().fields[1].initial_default, "\"none\"");
  EXPECT_EQ(read.sort_order().order_id, 9);
  EXPECT_EQ(nlohmann::json::parse(SerializeTableMetadata(read)), json);
}

TEST(Metadata, ANewTableOfVersionThreeCountsItsRowsFromZero) {
  TableMetadata metadata = Large(2, 0);
  metadata.format_version = 3;
  EXPECT_EQ(nlohmann::json::parse(SerializeTableMetadata(metadata))["next-row-id"], 0);
}

// The member that version 3 requires takes its place among those that are carried through.
TEST(Metadata, WhatIsPrintedIsPrintedAgainWithKeysOfOthersBesideRowIds) {
  TableMetadata metadata = Large(2, 0);
  metadata.format_version = 3;
  metadata.other_keys = {{"engine-note", "1"}, {"zone", "2"}};
  const std::string json = SerializeTableMetadata(metadata);
  const auto again = ParseTableMetadata(json, "t", "/t/x.json");
  ASSERT_OK(again.status());
  EXPECT_EQ(SerializeTableMetadata(*again), json);
}

// Read into 32 bits, 4294967297 would be field 1 of somebody else's column.
TEST(Metadata, NumbersThatDoNotFitAreRefusedNotCutShort) {
  const auto text = nlohmann::json::parse(SerializeTableMetadata(Large(2, 1)));
  for (const char* path :
       {"/current-schema-id", "/schemas/0/schema-id", "/schemas/0/fields/1/id",
        "/partition-specs/0/spec-id", "/default-spec-id", "/default-sort-order-id",
        "/last-partition-id", "/last-column-id", "/snapshots/0/schema-id"}) {
    for (const nlohmann::json& wrong :
         {nlohmann::json(4294967297), nlohmann::json(-2147483649), nlohmann::json(1.5),
          nlohmann::json(18446744073709551615ull), nlohmann::json("1")}) {
      auto json = text;
      json[nlohmann::json::json_pointer(path)] = wrong;
      const Status status = ParseTableMetadata(json.dump(), "t", "/t/x.json").status();
      EXPECT_EQ(status.error_code(), "WH7050") << path << " " << wrong << " " << status.ToString();
    }
  }
  auto json = text;
  json["snapshots"][0]["timestamp-ms"] = 18446744073709551615ull;  // would be read as -1
  EXPECT_FALSE(ParseTableMetadata(json.dump(), "t", "/t/x.json").ok());
}

TEST(Metadata, ADirectionThatNobodyDefinedIsNotReadAsDescending) {
  auto json = nlohmann::json::parse(SerializeTableMetadata(Large(2, 1)));
  json["sort-orders"].push_back({{"order-id", 1},
                                 {"fields",
                                  {{{"transform", "identity"},
                                    {"source-id", 1},
                                    {"direction", "ascending"},
                                    {"null-order", "nulls-first"}}}}});
  const Status status = ParseTableMetadata(json.dump(), "t", "/t/x.json").status();
  EXPECT_THAT(status.message(), HasSubstr("\"direction\" must be \"asc\" or \"desc\""));
  json["sort-orders"].back()["fields"][0]["direction"] = "desc";
  EXPECT_OK(ParseTableMetadata(json.dump(), "t", "/t/x.json").status());
}

TEST(Metadata, ALaterFormatVersionIsRefusedByName) {
  const Status status =
      ParseTableMetadata(R"({"format-version":4,"location":"/t"})", "t", "/t/x.json").status();
  EXPECT_EQ(status.error_code(), "WH7051");
  EXPECT_THAT(status.message(), HasSubstr("version 4"));
}

TEST(Metadata, ContradictionsAreCorruptionWithThePath) {
  const auto refused = [](const char* key, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(SerializeTableMetadata(Large(2, 1)));
    json[key] = value;
    const Status status = ParseTableMetadata(json.dump(), "t", "/t/x.json").status();
    EXPECT_EQ(status.code(), Code::kCorruption) << key;
    EXPECT_THAT(status.message(), HasSubstr("/t/x.json")) << key;
  };
  refused("current-schema-id", 99);
  refused("default-spec-id", 99);
  refused("current-snapshot-id", 99);
  refused("last-updated-ms", 1.5);
  refused("location", 7);
  refused("schemas", nlohmann::json::array());
  refused("partition-specs", nlohmann::json::array());
  refused("default-sort-order-id", 99);
  refused("sort-orders", 7);
  EXPECT_EQ(ParseTableMetadata("{", "t", "/t/x.json").status().code(), Code::kCorruption);
}

TEST(Metadata, NestingWithoutEndIsRefusedAndBreaksNothing) {
  const std::string json = SerializeTableMetadata(Large(2, 1));
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  std::string unknown = json;
  unknown.insert(1, "\"x\":" + deep + ",");
  EXPECT_EQ(ParseTableMetadata(unknown, "t", "/t/x.json").status().error_code(), "WH7050");
  std::string text = json;  // brackets in a text are no nesting
  text.insert(1, "\"x\":\"\\\"" + std::string(2000, '[') + "\",");
  EXPECT_OK(ParseTableMetadata(text, "t", "/t/x.json").status());
}

TEST(Metadata, EveryTruncationIsAnError) {
  const std::string json = SerializeTableMetadata(Large(2, 2));
  for (std::size_t size = 0; size < json.size(); size += 7) {
    EXPECT_FALSE(ParseTableMetadata(json.substr(0, size), "t", "x").ok());
  }
}

// The budget of a commit is about 3 ms a table beside Parquet; a slow build gets room to spare.
TEST(Metadata, AHundredSnapshotsSerializeFast) {
  const TableMetadata metadata = Large(40, 100);
  const auto start = SystemClock().Monotonic();
  constexpr int kTimes = 20;
  std::size_t bytes = 0;
  for (int i = 0; i < kTimes; ++i) bytes += SerializeTableMetadata(metadata).size();
  const auto each = (SystemClock().Monotonic() - start) / kTimes;
  RecordProperty("serialize_us", static_cast<int>(each.count() / 1000));
  RecordProperty("bytes", static_cast<int>(bytes / kTimes));
  EXPECT_LT(each.count(), 20'000'000);
}
}  // namespace
}  // namespace weirhouse::iceberg

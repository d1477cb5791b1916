#include "ground/iceberg/update/metadata_update.h"

#include <fmt/format.h>

#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;
// A request: {{{"action", …}, …}, …}.
using Updates = std::vector<Json>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::int64_t kNowMs = 1'388'534'400'000;

Json ColumnOf(int id, const std::string& name, const Json& type, bool required = false) {
  return {{"id", id}, {"name", name}, {"type", type}, {"required", required}};
}
// One column in braces is a list of one to GCC, and that column itself to Clang.
Json SchemaOf(Json fields, int schema_id = 0) {
  if (fields.is_object()) fields = Json::array({Json(fields)});
  return {{"type", "struct"}, {"schema-id", schema_id}, {"fields", std::move(fields)}};
}

class MetadataUpdateTest : public TableTest {
 protected:
  // id long, origin string, at timestamptz, delay double; partitioned by month(at); nothing in it.
  MetadataUpdateTest() : base_(*NewFlights()) { base_.last_updated_ms = kNowMs; }

  Result<UpdatedMetadata> Try(const Updates& updates) {
    return ApplyRequest(&base_, base_.name, Json(updates), now());
  }
  // Applies and keeps, as a commit would.
  void Apply(const Updates& updates) {
    auto updated = Try(updates);
    ASSERT_TRUE(updated.ok()) << updated.status().ToString();
    base_ = std::move(updated).value().metadata;
  }
  void ExpectRefused(const Updates& updates, const std::string& message,
                     Code code = Code::kInvalidInput, const std::string& error = "WH7067") {
    const std::string before = SerializeTableMetadata(base_);
    const auto updated = Try(updates);
    ASSERT_FALSE(updated.ok()) << Json(updates).dump();
    EXPECT_EQ(updated.status().code(), code) << updated.status().ToString();
    EXPECT_EQ(updated.status().error_code(), error) << updated.status().ToString();
    EXPECT_THAT(updated.status().message(), HasSubstr(message));
    EXPECT_EQ(SerializeTableMetadata(base_), before);
  }

  Json SnapshotJson(std::int64_t id, std::optional<std::int64_t> parent = {}) {
    Json json = {{"snapshot-id", id},
                 {"sequence-number", base_.last_sequence_number + 1},
                 {"timestamp-ms", kNowMs + id},
                 {"manifest-list", fmt::format("{}/metadata/snap-{}.avro", base_.location, id)},
                 {"schema-id", 0},
                 {"summary", {{"operation", "append"}, {"added-records", "3"}}}};
    if (parent) json["parent-snapshot-id"] = *parent;
    return json;
  }
  static Json AddSnapshot(Json snapshot) {
    return {{"action", "add-snapshot"}, {"snapshot", std::move(snapshot)}};
  }
  static Json SetRef(const std::string& name, std::int64_t id, const std::string& type = "branch") {
    return {
        {"action", "set-snapshot-ref"}, {"ref-name", name}, {"type", type}, {"snapshot-id", id}};
  }
  void Commit(std::int64_t id, std::optional<std::int64_t> parent = {}) {
    Apply({AddSnapshot(SnapshotJson(id, parent)), SetRef("main", id)});
  }
  std::vector<std::int64_t> Logged() const {
    std::vector<std::int64_t> ids;
    for (const auto& [time, id] : base_.snapshot_log) ids.push_back(id.value());
    return ids;
  }

  TableMetadata base_;
};

TEST_F(MetadataUpdateTest, AnEmptyListChangesNothing) {
  const auto updated = Try({});
  ASSERT_OK(updated);
  EXPECT_FALSE(updated->changed);
  EXPECT_EQ(SerializeTableMetadata(updated->metadata), SerializeTableMetadata(base_));
}

TEST_F(MetadataUpdateTest, WhatIsSetAlreadyIsNoChange) {
  Commit(1);
  Apply({{{"action", "set-properties"}, {"updates", {{"owner", "a"}}}}});
  const auto updated = Try({{{"action", "assign-uuid"}, {"uuid", base_.uuid}},
                            {{"action", "upgrade-format-version"}, {"format-version", 2}},
                            {{"action", "set-current-schema"}, {"schema-id", 0}},
                            {{"action", "set-default-spec"}, {"spec-id", 0}},
                            {{"action", "set-default-sort-order"}, {"sort-order-id", 0}},
                            {{"action", "set-location"}, {"location", base_.location + "/"}},
                            {{"action", "set-location"}, {"location", "file:" + base_.location}},
                            {{"action", "set-location"}, {"location", "file://" + base_.location}},
                            {{"action", "set-properties"}, {"updates", {{"owner", "a"}}}},
                            {{"action", "remove-properties"}, {"removals", {"absent"}}},
                            {{"action", "remove-snapshots"}, {"snapshot-ids", {99}}},
                            {{"action", "remove-snapshot-ref"}, {"ref-name", "absent"}},
                            {{"action", "remove-statistics"}, {"snapshot-id", 1}},
                            {{"action", "remove-schemas"}, {"schema-ids", {7}}},
                            {{"action", "add-schema"}, {"schema", base_.schema().ToJson()}},
                            SetRef("main", 1)});
  ASSERT_OK(updated);
  EXPECT_FALSE(updated->changed);
  EXPECT_THAT(updated->moved_refs, IsEmpty());
}

// ---- Schemas

TEST_F(MetadataUpdateTest, MinusOneIsTheSchemaAddedLast) {
  Json fields = base_.schema().ToJson()["fields"];
  fields.push_back(ColumnOf(5, "gate", "string"));
  Apply({{{"action", "add-schema"}, {"schema", SchemaOf(fields)}, {"last-column-id", 5}},
         {{"action", "set-current-schema"}, {"schema-id", -1}}});
  EXPECT_EQ(base_.schemas.size(), 2u);
  EXPECT_EQ(base_.current_schema_id, 1);
  EXPECT_EQ(base_.last_column_id, 5);
  EXPECT_EQ(base_.schema().fields.back().name, "gate");
}

TEST_F(MetadataUpdateTest, AnEqualSchemaIsUsedAgain) {
  Json fields = base_.schema().ToJson()["fields"];
  fields.push_back(ColumnOf(5, "gate", "string"));
  Apply({{{"action", "add-schema"}, {"schema", SchemaOf(fields)}},
         {{"action", "set-current-schema"}, {"schema-id", -1}}});
  fields.erase(4);
  Apply({{{"action", "add-schema"}, {"schema", SchemaOf(fields, 17)}},
         {{"action", "set-current-schema"}, {"schema-id", -1}}});
  EXPECT_EQ(base_.schemas.size(), 2u);
  EXPECT_EQ(base_.current_schema_id, 0);
  EXPECT_EQ(base_.last_column_id, 5);  // an id is never given twice
}

TEST_F(MetadataUpdateTest, NestedColumnsRaiseTheLastColumnId) {
  Json fields = base_.schema().ToJson()["fields"];
  const Json inner = {{"type", "struct"},
                      {"fields", {ColumnOf(8, "lat", "double"), ColumnOf(9, "lon", "double")}}};
  fields.push_back(ColumnOf(
      5, "stops",
      Json{{"type", "list"}, {"element-id", 7}, {"element", inner}, {"element-required", false}}));
  Apply({{{"action", "add-schema"}, {"schema", SchemaOf(fields)}}});
  EXPECT_EQ(base_.last_column_id, 9);
  ASSERT_OK(ParseTableMetadata(SerializeTableMetadata(base_), base_.name, ""));
  // The same with other blanks and another order of members is the same.
  const auto again = Try({{{"action", "add-schema"}, {"schema", SchemaOf(fields)}}});
  EXPECT_FALSE(again->changed);
}

TEST_F(MetadataUpdateTest, SchemasAreCheckedMemberByMember) {
  const auto refused = [&](const Json& schema, const std::string& message) {
    ExpectRefused({{{"action", "add-schema"}, {"schema", schema}}}, message);
  };
  refused(nullptr, "update 1 (add-schema): \"schema\" is missing");
  refused(SchemaOf(Json(7)), "\"schema.fields\" must be an array");
  refused(SchemaOf({ColumnOf(1, "a", "long"), 3}), "\"schema.fields[1]\" must be an object");
  refused(SchemaOf({ColumnOf(1, "a", "varchar")}), "not a type of Iceberg: \"varchar\"");
  refused(SchemaOf({ColumnOf(1, "a", "decimal(40,2)")}), "not a type of Iceberg");
  refused(SchemaOf({ColumnOf(-3, "a", "long")}), "\"schema.fields[0].id\" must be from 0 to");
  refused(SchemaOf({ColumnOf(2147483546, "a", "long")}), "must be from 0 to 2147483447");
  refused(SchemaOf({ColumnOf(1, "a", "long"), ColumnOf(1, "b", "long")}), "another column has");
  refused(SchemaOf({ColumnOf(1, "a", "long"), ColumnOf(2, "a", "long")}), "another field of the");
  refused(SchemaOf({ColumnOf(1, "", "long")}), "must not be empty");
  refused(SchemaOf({ColumnOf(1, "a", Json{{"type", "list"}})}),
          "\"schema.fields[0].type.element-id\" is missing");
  refused(SchemaOf({ColumnOf(1, "a", Json{{"type", "set"}})}), "one of \"struct\"");
  refused(SchemaOf({ColumnOf(1, "a", "variant")}), "variant is not supported until v3");
  Json column = ColumnOf(1, "a", "long");
  column["initial-default"] = 3;
  refused(SchemaOf({column}), "non-null default (3) is not supported until v3");
  column["initial-default"] = "three";
  refused(SchemaOf({column}), "is not a value of type \"long\"");
  column = ColumnOf(1, "a", "long");
  column["required"] = "yes";
  refused(SchemaOf({column}), "must be true or false");
  Json identified = SchemaOf({ColumnOf(1, "a", "long"), ColumnOf(2, "b", "double", true)});
  identified["identifier-field-ids"] = {1};
  refused(identified, "names 1, which may be null");
  identified["identifier-field-ids"] = {2};
  refused(identified, "float or double");
  identified["identifier-field-ids"] = {12};
  refused(identified, "which is not a column");
}

TEST_F(MetadataUpdateTest, TheCurrentSchemaAndThoseOfSnapshotsStay) {
  Commit(1);
  Json fields = base_.schema().ToJson()["fields"];
  fields.push_back(ColumnOf(5, "gate", "string"));
  Apply({{{"action", "add-schema"}, {"schema", SchemaOf(fields)}},
         {{"action", "set-current-schema"}, {"schema-id", -1}}});
  ExpectRefused({{{"action", "remove-schemas"}, {"schema-ids", {1}}}}, "the current schema");
  ExpectRefused({{{"action", "remove-schemas"}, {"schema-ids", {0}}}}, "which snapshot 1 uses");
  Apply({{{"action", "remove-snapshots"}, {"snapshot-ids", {1}}},
         {{"action", "remove-schemas"}, {"schema-ids", {0}}}});
  EXPECT_EQ(base_.schemas.size(), 1u);
}

TEST_F(MetadataUpdateTest, AColumnThatTheDefaultSpecNeedsCannotGo) {
  Json fields = base_.schema().ToJson()["fields"];
  fields.erase(2);
  ExpectRefused({{{"action", "add-schema"}, {"schema", SchemaOf(fields)}},
                 {{"action", "set-current-schema"}, {"schema-id", -1}}},
                "is column 3, which is not in the schema");
}

TEST_F(MetadataUpdateTest, UnknownIdsAreRefused) {
  ExpectRefused({{{"action", "set-current-schema"}, {"schema-id", 4}}},
                "is 4, but the table has no such schema");
  ExpectRefused({{{"action", "set-current-schema"}, {"schema-id", -1}}}, "no schema was added");
  ExpectRefused({{{"action", "set-default-spec"}, {"spec-id", 4}}}, "no such partition spec");
  ExpectRefused({{{"action", "set-default-spec"}, {"spec-id", -1}}}, "no partition spec was added");
  ExpectRefused({{{"action", "set-default-sort-order"}, {"sort-order-id", 4}}},
                "no such sort order");
  ExpectRefused({{{"action", "set-default-sort-order"}, {"sort-order-id", -1}}}, "was added");
  ExpectRefused({{{"action", "set-default-spec"}, {"spec-id", -2}}}, "must be from -1");
}

// ---- Specs and orders

TEST_F(MetadataUpdateTest, PartitionFieldsKeepTheIdsTheyHad) {
  const Json month = {{"source-id", 3}, {"name", "m"}, {"transform", "month"}};
  const Json bucket = {{"source-id", 1}, {"name", "b"}, {"transform", "bucket[16]"}};
  Apply({{{"action", "add-spec"}, {"spec", {{"spec-id", 0}, {"fields", {bucket, month}}}}},
         {{"action", "set-default-spec"}, {"spec-id", -1}}});
  EXPECT_EQ(base_.default_spec_id, 1);
  EXPECT_EQ(base_.spec().fields[0].field_id, 1001);
  EXPECT_EQ(base_.spec().fields[1].field_id, 1000);  // month(at) had it
  EXPECT_EQ(base_.last_partition_id, 1001);
  // The same again: nothing.
  EXPECT_FALSE(Try({{{"action", "add-spec"}, {"spec", {{"fields", {bucket, month}}}}}})->changed);
  ExpectRefused({{{"action", "remove-partition-specs"}, {"spec-ids", {1}}}}, "the default");
  Apply({{{"action", "remove-partition-specs"}, {"spec-ids", {0}}}});
  EXPECT_EQ(base_.specs.size(), 1u);
}

TEST_F(MetadataUpdateTest, SpecsMustFitTheSchema) {
  const auto refused = [&](const Json& field, const std::string& message) {
    ExpectRefused({{{"action", "add-spec"}, {"spec", {{"fields", {field}}}}}}, message);
  };
  const auto field = [](int source, const char* name, const char* transform) {
    return Json{{"source-id", source}, {"name", name}, {"transform", transform}};
  };
  refused(field(9, "x", "identity"), "is column 9");
  refused(field(4, "x", "bucket[4]"), "cannot be applied to column \"delay\"");
  refused(field(2, "x", "month"), "cannot be applied to column \"origin\"");
  refused(field(1, "x", "hour"), "cannot be applied to column");
  refused(field(1, "origin", "identity"), "the name of a column");
  refused(field(1, "x", "bucket[0]"), "not a transform of Iceberg");
  refused(field(1, "x", "bucket[99999999999999999999]"), "not a transform of Iceberg");
  refused(field(1, "x", "zorder"), "not a transform of Iceberg");
  refused({{"source-id", 1}, {"name", "x"}}, "\"spec.fields[0].transform\" is missing");
  refused({{"source-id", 1.5}, {"name", "x"}, {"transform", "identity"}}, "must be an integer");
}

TEST_F(MetadataUpdateTest, SortOrdersAreNumberedFromOne) {
  const Json field = {{"source-id", 1},
                      {"transform", "identity"},
                      {"direction", "desc"},
                      {"null-order", "nulls-last"}};
  Apply({{{"action", "add-sort-order"}, {"sort-order", {{"order-id", 9}, {"fields", {field}}}}},
         {{"action", "set-default-sort-order"}, {"sort-order-id", -1}}});
  EXPECT_EQ(base_.default_sort_order_id, 1);
  EXPECT_FALSE(base_.sort_order().fields[0].ascending);
  Apply(
      {{{"action", "add-sort-order"}, {"sort-order", {{"order-id", 0}, {"fields", Json::array()}}}},
       {{"action", "set-default-sort-order"}, {"sort-order-id", -1}}});
  EXPECT_EQ(base_.default_sort_order_id, 0);
  EXPECT_EQ(base_.sort_orders.size(), 2u);
  ExpectRefused(
      {{{"action", "add-sort-order"}, {"sort-order", {{"order-id", 0}, {"fields", {field}}}}}},
      "must be 0 for the unsorted order, and only for it");
  Json wrong = field;
  wrong["direction"] = "up";
  ExpectRefused(
      {{{"action", "add-sort-order"}, {"sort-order", {{"order-id", 1}, {"fields", {wrong}}}}}},
      "one of \"asc\", \"desc\", not \"up\"");
}

// ---- Snapshots and refs

TEST_F(MetadataUpdateTest, ASnapshotMovesMainAndTheLog) {
  const auto updated = Try({AddSnapshot(SnapshotJson(5)), SetRef("main", 5)});
  ASSERT_OK(updated);
  EXPECT_TRUE(updated->changed);
  EXPECT_THAT(updated->added_snapshots, ElementsAre(SnapshotId(5)));
  EXPECT_THAT(updated->moved_refs, ElementsAre("main"));
  EXPECT_EQ(updated->metadata.current_snapshot()->id, SnapshotId(5));
  EXPECT_EQ(updated->metadata.last_sequence_number, 1);
  EXPECT_THAT(updated->metadata.snapshot_log, ElementsAre(Pair(kNowMs + 5, SnapshotId(5))));
}

TEST_F(MetadataUpdateTest, WhatWasMainOnlyInsideTheRequestIsNotLogged) {
  Commit(1);
  Json second = SnapshotJson(2, 1);
  Json third = SnapshotJson(3, 2);
  third["sequence-number"] = base_.last_sequence_number + 2;
  Apply({AddSnapshot(second), SetRef("main", 2), AddSnapshot(third), SetRef("main", 3)});
  EXPECT_THAT(Logged(), ElementsAre(1, 3));
  EXPECT_EQ(base_.snapshots.size(), 3u);
}

TEST_F(MetadataUpdateTest, ARollbackIsLoggedAsOfNow) {
  Commit(1);
  Commit(2, 1);
  now_ += std::chrono::seconds(50);
  Apply({SetRef("main", 1)});
  EXPECT_THAT(Logged(), ElementsAre(1, 2, 1));
  EXPECT_EQ(base_.snapshot_log.back().first, kNowMs + 50'000);
}

TEST_F(MetadataUpdateTest, RemovingMainLeavesNoCurrentSnapshot) {
  Commit(1);
  const auto updated = Try({{{"action", "remove-snapshot-ref"}, {"ref-name", "main"}}});
  ASSERT_OK(updated);
  EXPECT_EQ(updated->metadata.current_snapshot(), nullptr);
  EXPECT_EQ(updated->metadata.snapshots.size(), 1u);
  EXPECT_THAT(updated->moved_refs, ElementsAre("main"));
}

TEST_F(MetadataUpdateTest, RemovedSnapshotsLeaveRefsLogAndStatistics) {
  for (int id = 1; id <= 4; ++id) Commit(id, id - 1);
  const auto statistics = [](int id) {
    return Json{{"action", "set-statistics"},
                {"statistics",
                 {{"snapshot-id", id},
                  {"statistics-path", "/s.puffin"},
                  {"file-size-in-bytes", 10},
                  {"file-footer-size-in-bytes", 4},
                  {"blob-metadata", Json::array()}}}};
  };
  Apply({SetRef("old", 2, "tag"), SetRef("new", 4, "tag"), statistics(2), statistics(4)});
  Apply({{{"action", "remove-snapshots"}, {"snapshot-ids", {2}}}});
  EXPECT_THAT(Logged(), ElementsAre(3, 4));  // nothing before the hole
  EXPECT_FALSE(base_.refs.contains("old"));
  EXPECT_TRUE(base_.refs.contains("new"));
  const Json left = Json::parse(base_.other_keys["statistics"]);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["snapshot-id"], 4);
  Apply({{{"action", "remove-snapshots"}, {"snapshot-ids", {4}}}});
  EXPECT_EQ(base_.current_snapshot(), nullptr);
  EXPECT_FALSE(base_.other_keys.contains("statistics"));
}

TEST_F(MetadataUpdateTest, StaleSnapshotsAreConflicts) {
  Commit(1);
  Json stale = SnapshotJson(2, 1);
  stale["sequence-number"] = 1;
  ExpectRefused({AddSnapshot(stale)}, "sequence number 1 is not greater than the last one, 1",
                Code::kConflict, "WH7066");
  ExpectRefused({AddSnapshot(SnapshotJson(1))}, "the table already has snapshot", Code::kConflict,
                "WH7066");
}

TEST_F(MetadataUpdateTest, SnapshotsAreCheckedMemberByMember) {
  const auto refused = [&](const char* key, const Json& value, const std::string& message) {
    Json json = SnapshotJson(1);
    if (value.is_null()) {
      json.erase(key);
    } else {
      json[key] = value;
    }
    ExpectRefused({AddSnapshot(json)}, message);
  };
  refused("snapshot-id", nullptr, "\"snapshot.snapshot-id\" is missing");
  refused("snapshot-id", "1", "must be an integer");
  refused("snapshot-id", 1.0, "must be an integer");
  refused("snapshot-id", -1, "must be from 0 to");
  refused("snapshot-id", 18446744073709551615ull, "not 18446744073709551615");
  refused("parent-snapshot-id", "0", "must be an integer");
  refused("sequence-number", nullptr, "\"snapshot.sequence-number\" is missing");
  refused("sequence-number", 9223372036854775807, "must be from 0");
  refused("timestamp-ms", true, "must be an integer");
  refused("timestamp-ms", kNowMs + 61'000, "the client's clock is wrong");
  refused("manifest-list", nullptr, "\"snapshot.manifest-list\" is missing");
  refused("manifest-list", 5, "must be a string");
  refused("schema-id", 3, "the table has no such schema");
  refused("schema-id", 3'000'000'000, "must be from 0");
  refused("summary", nullptr, "\"snapshot.summary\" is missing");
  refused("summary", Json{{"operation", "append"}, {"added-records", 3}},
          "\"snapshot.summary.added-records\" must be a string");
  refused("summary", Json{{"operation", "truncate"}}, "one of \"append\"");
  refused("summary", Json::object(), "\"snapshot.summary.operation\" is missing");
}

TEST_F(MetadataUpdateTest, RefsAreChecked) {
  Commit(1);
  ExpectRefused({SetRef("x", 9)}, "is 9, but the table has no such snapshot");
  ExpectRefused({SetRef("main", 1, "tag")}, "main must be a branch");
  ExpectRefused({SetRef("x", 1, "twig")}, "one of \"branch\", \"tag\"");
  Json tag = SetRef("x", 1, "tag");
  tag["min-snapshots-to-keep"] = 2;
  ExpectRefused({tag}, "apply to branches only");
  Json branch = SetRef("x", 1);
  branch["max-ref-age-ms"] = 0;
  ExpectRefused({branch}, "must be from 1");
  branch["max-ref-age-ms"] = 5;
  Apply({branch});
  EXPECT_EQ(base_.refs["x"].max_ref_age_ms, 5);
}

TEST_F(MetadataUpdateTest, OnlyTheLastSnapshotsAndThoseOfRefsStay) {
  for (int id = 1; id <= kSnapshotsKept + 5; ++id) {
    Commit(id, id - 1);
    if (id == 2) Apply({SetRef("keep", 2, "tag")});
  }
  EXPECT_EQ(base_.snapshots.size(), static_cast<std::size_t>(kSnapshotsKept) + 1);
  EXPECT_NE(base_.FindSnapshot(SnapshotId(2)), nullptr);
  EXPECT_EQ(base_.FindSnapshot(SnapshotId(3)), nullptr);
  EXPECT_EQ(Logged().front(), 6);
}

TEST_F(MetadataUpdateTest, StatisticsAreOnePerSnapshot) {
  Commit(1);
  Json statistics = {{"snapshot-id", 1},
                     {"statistics-path", "/a.puffin"},
                     {"file-size-in-bytes", 1},
                     {"file-footer-size-in-bytes", 1},
                     {"blob-metadata", Json::array()}};
  const auto set = [](const Json& file) {
    return Updates{{{"action", "set-statistics"}, {"statistics", file}}};
  };
  Apply(set(statistics));
  statistics["statistics-path"] = "/b.puffin";
  Apply(set(statistics));
  EXPECT_EQ(Json::parse(base_.other_keys["statistics"]), Json::array({statistics}));
  Apply({{{"action", "set-partition-statistics"},
          {"partition-statistics",
           {{"snapshot-id", 1}, {"statistics-path", "/p"}, {"file-size-in-bytes", 7}}}}});
  EXPECT_EQ(Json::parse(base_.other_keys["partition-statistics"]).size(), 1u);
  Apply({{{"action", "remove-statistics"}, {"snapshot-id", 1}},
         {{"action", "remove-partition-statistics"}, {"snapshot-id", 1}}});
  EXPECT_THAT(base_.other_keys, IsEmpty());
  statistics["blob-metadata"] = {{{"type", "theta"}}};
  ExpectRefused(set(statistics), "\"statistics.blob-metadata[0].snapshot-id\" is missing");
  statistics["snapshot-id"] = 12;
  statistics["blob-metadata"] = Json::array();
  ExpectRefused(set(statistics), "the table has no such snapshot");
}

// ---- The rest

TEST_F(MetadataUpdateTest, VersionsGoUpOnly) {
  ExpectRefused({{{"action", "upgrade-format-version"}, {"format-version", 1}}},
                "cannot be downgraded");
  ExpectRefused({{{"action", "upgrade-format-version"}, {"format-version", 4}}}, "not supported",
                Code::kInvalidInput, "WH7068");
  Apply({{{"action", "upgrade-format-version"}, {"format-version", 3}}});
  EXPECT_EQ(base_.format_version, 3);
  EXPECT_EQ(base_.other_keys["next-row-id"], "0");
}

TEST_F(MetadataUpdateTest, VersionThreeNumbersRows) {
  Apply({{{"action", "upgrade-format-version"}, {"format-version", 3}}});
  ExpectRefused({AddSnapshot(SnapshotJson(1))}, "\"snapshot.first-row-id\" is missing");
  Json snapshot = SnapshotJson(1);
  snapshot["first-row-id"] = 0;
  snapshot["added-rows"] = 10;
  Apply({AddSnapshot(snapshot), SetRef("main", 1)});
  EXPECT_EQ(base_.other_keys["next-row-id"], "10");
  snapshot = SnapshotJson(2, 1);
  snapshot["first-row-id"] = 9;
  snapshot["added-rows"] = 1;
  ExpectRefused({AddSnapshot(snapshot)}, "less than the table's next row id", Code::kConflict,
                "WH7066");
}

TEST_F(MetadataUpdateTest, WhatIsExcludedIsSaid) {
  ExpectRefused({{{"action", "add-encryption-key"}, {"encryption-key", Json::object()}}},
                "encryption of tables is not supported", Code::kInvalidInput, "WH7068");
  ExpectRefused({{{"action", "remove-encryption-key"}, {"key-id", "a"}}},
                "encryption of tables is not supported", Code::kInvalidInput, "WH7068");
  ExpectRefused({{{"action", "add-view-version"}}}, "not an update of a table");
  ExpectRefused({{{"action", "assign-uuid"}, {"uuid", "00000000-0000-0000-0000-000000000000"}}},
                "cannot be changed");
}

TEST_F(MetadataUpdateTest, TheUpdateAtFaultIsNamedByItsPlace) {
  ExpectRefused({{{"action", "set-properties"}, {"updates", {{"a", "b"}}}},
                 {{"action", "set-properties"}, {"updates", {{"a", 1}}}}},
                "update 2 (set-properties): \"updates.a\" must be a string");
  EXPECT_EQ(ApplyRequest(&base_, base_.name, Json::object(), now()).status().message(),
            "updates: must be an array");
  ExpectRefused({5}, "update 1: must be an object");
  ExpectRefused({Json::object()}, "\"action\" is missing");
  ExpectRefused({{{"action", 5}}}, "\"action\" must be a string");
  ExpectRefused({{{"action", "drop"}}}, "not an update of a table: \"drop\"");
  ExpectRefused({{{"action", "remove-snapshots"}, {"snapshot-ids", {1, "2"}}}},
                "\"snapshot-ids[1]\" must be an integer");
}

TEST_F(MetadataUpdateTest, DepthIsLimited) {
  // Parsed and handed over as it is: copying it would itself recurse.
  constexpr int kLevels = 100'000;
  const Json deep = Json::parse(R"([{"action":"add-schema","schema":)" + std::string(kLevels, '[') +
                                std::string(kLevels, ']') + "}]");
  const auto updated = ApplyRequest(&base_, base_.name, deep, now());
  EXPECT_EQ(updated.status().code(), Code::kInvalidInput);
  EXPECT_THAT(updated.status().message(), HasSubstr("nested deeper than"));
  Json type = "long";
  for (int i = 0; i < 90; ++i) {
    type = {{"type", "list"},
            {"element-id", 100 + i},
            {"element-required", false},
            {"element", std::move(type)}};
  }
  ExpectRefused({{{"action", "add-schema"}, {"schema", SchemaOf({ColumnOf(5, "deep", type)})}}},
                "nested deeper than");
}

TEST_F(MetadataUpdateTest, ATableIsBuiltFromItsUpdatesAlone) {
  const TableMetadata made = *NewFlights();
  Json updates = {
      {{"action", "assign-uuid"}, {"uuid", made.uuid}},
      {{"action", "upgrade-format-version"}, {"format-version", 1}},
      {{"action", "add-schema"}, {"schema", made.schema().ToJson()}},
      {{"action", "set-current-schema"}, {"schema-id", -1}},
      {{"action", "add-spec"},
       {"spec", {{"fields", {{{"source-id", 3}, {"name", "m"}, {"transform", "month"}}}}}}},
      {{"action", "set-default-spec"}, {"spec-id", -1}},
      {{"action", "set-location"}, {"location", made.location}}};
  const auto created = ApplyRequest(nullptr, "a.b", updates, now());
  ASSERT_OK(created);
  EXPECT_TRUE(created->changed);
  EXPECT_EQ(created->metadata.format_version, 1);  // not two and then down
  EXPECT_EQ(created->metadata.name, "a.b");
  EXPECT_EQ(created->metadata.spec().fields[0].field_id, 1000);
  EXPECT_EQ(created->metadata.default_sort_order_id, 0);
  updates.erase(0);
  const auto without = ApplyRequest(nullptr, "a.b", updates, now());
  EXPECT_THAT(without.status().message(), HasSubstr("a new table needs an assign-uuid"));
  EXPECT_FALSE(ApplyRequest(nullptr, "a.b", Json::array(), now()).ok());
}

// ---- Requirements

TEST_F(MetadataUpdateTest, RequirementsHoldOrSayWhyNot) {
  Commit(1);
  const auto check = [&](const Json& one) { return CheckRequest(&base_, Json::array({one})); };
  EXPECT_OK(CheckRequest(&base_, Json::array()));
  EXPECT_OK(check({{"type", "assert-table-uuid"}, {"uuid", base_.uuid}}));
  EXPECT_OK(check({{"type", "assert-ref-snapshot-id"}, {"ref", "main"}, {"snapshot-id", 1}}));
  EXPECT_OK(check({{"type", "assert-ref-snapshot-id"}, {"ref", "x"}, {"snapshot-id", nullptr}}));
  EXPECT_OK(check({{"type", "assert-last-assigned-field-id"}, {"last-assigned-field-id", 4}}));
  EXPECT_OK(
      check({{"type", "assert-last-assigned-partition-id"}, {"last-assigned-partition-id", 1000}}));
  EXPECT_OK(check({{"type", "assert-current-schema-id"}, {"current-schema-id", 0}}));
  EXPECT_OK(check({{"type", "assert-default-spec-id"}, {"default-spec-id", 0}}));
  EXPECT_OK(check({{"type", "assert-default-sort-order-id"}, {"default-sort-order-id", 0}}));

  const auto unmet = [&](const Json& one, const std::string& message) {
    const Status status = check(one);
    EXPECT_EQ(status.code(), Code::kConflict) << one.dump();
    EXPECT_EQ(status.error_code(), "WH7066");
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  unmet({{"type", "assert-create"}}, "table already exists");
  unmet({{"type", "assert-table-uuid"}, {"uuid", "x"}}, "UUID does not match");
  unmet({{"type", "assert-ref-snapshot-id"}, {"ref", "main"}, {"snapshot-id", 2}},
        "branch main has changed: expected id 2, it is at 1");
  unmet({{"type", "assert-ref-snapshot-id"}, {"ref", "main"}, {"snapshot-id", nullptr}},
        "created concurrently");
  unmet({{"type", "assert-ref-snapshot-id"}, {"ref", "x"}, {"snapshot-id", 2}}, "is missing");
  unmet({{"type", "assert-last-assigned-field-id"}, {"last-assigned-field-id", 3}}, "field id");
  unmet({{"type", "assert-last-assigned-partition-id"}, {"last-assigned-partition-id", 3}}, "3");
  unmet({{"type", "assert-current-schema-id"}, {"current-schema-id", 3}}, "current schema changed");
  unmet({{"type", "assert-default-spec-id"}, {"default-spec-id", 3}}, "spec changed");
  unmet({{"type", "assert-default-sort-order-id"}, {"default-sort-order-id", 3}}, "order changed");
}

TEST_F(MetadataUpdateTest, MalformedRequirementsAreRefusedBeforeUnmetOnes) {
  const Json unmet = {{"type", "assert-current-schema-id"}, {"current-schema-id", 3}};
  const auto refused = [&](const Updates& list, const std::string& message) {
    const Status status = CheckRequest(&base_, Json(list));
    EXPECT_EQ(status.code(), Code::kInvalidInput) << Json(list).dump();
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  EXPECT_EQ(CheckRequest(&base_, Json::object()).code(), Code::kInvalidInput);
  refused({unmet, {{"type", "assert-weather"}}}, "requirement 2: \"type\" is not a requirement");
  refused({unmet, {{"type", "assert-default-spec-id"}, {"default-spec-id", "0"}}}, "an integer");
  refused({unmet, {{"type", "assert-table-uuid"}}}, "\"uuid\" is missing");
  refused({unmet, 5}, "must be an object");
  refused({{{"type", "assert-create"}}, unmet}, "must be the only requirement");
}

TEST_F(MetadataUpdateTest, OfATableThatIsNotThereOnlyCreationHolds) {
  EXPECT_OK(CheckRequest(nullptr, Json(Updates{{{"type", "assert-create"}}})));
  const Status status =
      CheckRequest(nullptr, Json(Updates{{{"type", "assert-ref-snapshot-id"}, {"ref", "main"}}}));
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("table does not exist"));
}
}  // namespace
}  // namespace weirhouse::iceberg

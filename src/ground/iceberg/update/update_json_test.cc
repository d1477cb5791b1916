#include "ground/iceberg/update/update_json.h"

#include <nlohmann/json.hpp>

#include "ground/iceberg/update/requirement_json.h"
#include "testing/testing.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

// One of each, with all that it must have.
Json EachUpdate() {
  return Json::parse(R"([
    {"action": "assign-uuid", "uuid": "9C12D441-03fe-4693-9a96-a0705ddf69c1"},
    {"action": "upgrade-format-version", "format-version": 3},
    {"action": "set-location", "location": "file:///t"},
    {"action": "set-properties", "updates": {"a": "b"}},
    {"action": "remove-properties", "removals": ["a"]},
    {"action": "add-schema", "schema": {"type": "struct", "fields": [
      {"id": 1, "name": "id", "required": true, "type": "long"}]}},
    {"action": "set-current-schema", "schema-id": -1},
    {"action": "remove-schemas", "schema-ids": [4, 5]},
    {"action": "add-spec", "spec": {"fields": [{"source-id": 1, "name": "i", "transform": "Identity"}]}},
    {"action": "set-default-spec", "spec-id": 2},
    {"action": "remove-partition-specs", "spec-ids": [1]},
    {"action": "add-sort-order", "sort-order": {"order-id": 1, "fields": [
      {"source-id": 1, "transform": "identity", "direction": "DESC", "null-order": "nulls-last"}]}},
    {"action": "set-default-sort-order", "sort-order-id": 1},
    {"action": "add-snapshot", "snapshot": {"snapshot-id": 7, "parent-snapshot-id": 6,
      "sequence-number": 2, "timestamp-ms": 3, "manifest-list": "/m", "schema-id": 0,
      "first-row-id": 10, "added-rows": 5, "summary": {"operation": "Append", "x": "y"}}},
    {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 7,
      "max-ref-age-ms": 9},
    {"action": "remove-snapshot-ref", "ref-name": "dev"},
    {"action": "remove-snapshots", "snapshot-ids": [1, 2]},
    {"action": "set-statistics", "statistics": {"snapshot-id": 7, "statistics-path": "/s",
      "file-size-in-bytes": 1, "file-footer-size-in-bytes": 1, "blob-metadata": [], "other": 1}},
    {"action": "remove-statistics", "snapshot-id": 7},
    {"action": "set-partition-statistics", "partition-statistics": {"snapshot-id": 7,
      "statistics-path": "/p", "file-size-in-bytes": 1}},
    {"action": "remove-partition-statistics", "snapshot-id": 7},
    {"action": "add-encryption-key"},
    {"action": "remove-encryption-key"}])");
}

template <typename T>
T FindUpdate(const std::vector<Update>& updates) {
  for (const Update& update : updates) {
    if (const T* found = std::get_if<T>(&update)) return *found;
  }
  ADD_FAILURE() << "there is none";
  return {};
}

TEST(UpdateJson, EveryUpdateIsReadAsTheValueOfItsName) {
  const Json sent = EachUpdate();
  ASSERT_EQ(sent.size(), std::variant_size_v<Update>);
  ASSERT_OK_AND(const std::vector<Update> updates, ParseUpdates(sent));
  ASSERT_EQ(updates.size(), sent.size());
  for (std::size_t i = 0; i < updates.size(); ++i) {
    EXPECT_EQ(ActionOf(updates[i]), sent[i]["action"].get<std::string>());
    EXPECT_EQ(updates[i].index(), i);
  }
}

TEST(UpdateJson, ValuesHoldWhatTheMembersSay) {
  ASSERT_OK_AND(const std::vector<Update> updates, ParseUpdates(EachUpdate()));
  EXPECT_EQ(FindUpdate<AssignUuid>(updates).uuid, "9c12d441-03fe-4693-9a96-a0705ddf69c1");
  EXPECT_EQ(FindUpdate<UpgradeFormatVersion>(updates).format_version, 3);
  EXPECT_EQ(FindUpdate<SetLocation>(updates).location, "file:///t");
  EXPECT_EQ(FindUpdate<AddSchema>(updates).schema.fields.at(0).name, "id");
  EXPECT_EQ(FindUpdate<SetCurrentSchema>(updates).schema_id, kLastAdded);
  EXPECT_EQ(FindUpdate<RemoveSchemas>(updates).schema_ids, (std::vector<int>{4, 5}));
  EXPECT_EQ(FindUpdate<AddSpec>(updates).spec.fields.at(0).transform, "identity");
  EXPECT_EQ(FindUpdate<AddSpec>(updates).spec.fields.at(0).field_id, 0);
  EXPECT_FALSE(FindUpdate<AddSortOrder>(updates).order.fields.at(0).ascending);
  const auto snapshot = FindUpdate<AddSnapshot>(updates);
  EXPECT_EQ(snapshot.id, SnapshotId(7));
  EXPECT_EQ(snapshot.parent, SnapshotId(6));
  EXPECT_EQ(snapshot.sequence_number, 2);
  EXPECT_EQ(snapshot.first_row_id, 10);
  EXPECT_EQ(snapshot.summary,
            (std::map<std::string, std::string>{{"operation", "append"}, {"x", "y"}}));
  EXPECT_EQ(FindUpdate<SetSnapshotRef>(updates).ref.max_ref_age_ms, 9);
  EXPECT_EQ(FindUpdate<RemoveSnapshots>(updates).snapshot_ids,
            (std::vector<SnapshotId>{SnapshotId(1), SnapshotId(2)}));
  const StatisticsFile file = FindUpdate<SetStatistics>(updates).file;
  EXPECT_EQ(file.snapshot, SnapshotId(7));
  EXPECT_EQ(Json::parse(file.json)["other"], 1) << "kept as the client described it";
}

TEST(UpdateJson, ActionsAreKnownInAnyCaseAndMembersByTheirOlderNames) {
  const Json sent = Json::parse(R"([{"action": "SET-Properties", "updated": {"a": "b"}},
                                    {"action": "remove-properties", "removed": ["a"]}])");
  ASSERT_OK_AND(const std::vector<Update> updates, ParseUpdates(sent));
  EXPECT_EQ(FindUpdate<SetProperties>(updates).updates.at("a"), "b");
  EXPECT_EQ(FindUpdate<RemoveProperties>(updates).removals.at(0), "a");
}

TEST(UpdateJson, WhatIsMalformedIsNamedWithItsPlace) {
  const auto refused = [](const char* text, const std::string& message,
                          const std::string& error = "WH7067") {
    const auto read = ParseUpdates(Json::parse(text));
    EXPECT_EQ(read.status().code(), Code::kInvalidInput) << text;
    EXPECT_EQ(read.status().error_code(), error) << text;
    EXPECT_THAT(read.status().message(), HasSubstr(message));
  };
  refused("{}", "updates: must be an array");
  refused("[7]", "update 1: must be an object");
  refused(R"([{"action": 7}])", R"(update 1: "action" must be a string)");
  refused(R"([{"action": "remove-encryption-key"}, {"action": "fly"}])",
          R"(update 2: "action" is not an update of a table: "fly")");
  refused(R"([{"action": "add-schema", "schema": {"fields": [{"name": "a"}]}}])",
          R"(update 1 (add-schema): "schema.fields[0].id" is missing)");
  refused(R"([{"action": "set-snapshot-ref", "ref-name": "", "snapshot-id": 1, "type": "tag"}])",
          R"(update 1 (set-snapshot-ref): "ref-name" must not be empty)");
  refused(R"([{"action": "set-default-spec", "spec-id": -2}])",
          R"(update 1 (set-default-spec): "spec-id" must be from -1)");
  refused(R"([{"action": "add-snapshot", "snapshot": {"snapshot-id": 1, "timestamp-ms": 1,
              "manifest-list": "/m", "summary": {"operation": "append"}, "key-id": "k"}}])",
          "encryption of tables is not supported", "WH7068");
  std::string deep = "1";
  for (int i = 0; i < 250; ++i) deep = "[" + deep + "]";
  refused(("[{\"action\": \"set-location\", \"x\": " + deep + "}]").c_str(),
          "is nested deeper than");
}

TEST(RequirementJson, EveryRequirementIsReadAsTheValueOfItsName) {
  const Json sent = Json::parse(R"([
    {"type": "assert-table-uuid", "uuid": "U"},
    {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 3},
    {"type": "assert-ref-snapshot-id", "ref": "dev", "snapshot-id": null},
    {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 1},
    {"type": "Assert-Current-Schema-Id", "current-schema-id": 2},
    {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 3},
    {"type": "assert-default-spec-id", "default-spec-id": 4},
    {"type": "assert-default-sort-order-id", "default-sort-order-id": 5}])");
  ASSERT_OK_AND(const std::vector<Requirement> read, ParseRequirements(sent));
  ASSERT_EQ(read.size(), 8U);
  EXPECT_EQ(std::get<AssertTableUuid>(read[0]).uuid, "U");
  EXPECT_EQ(std::get<AssertRefSnapshotId>(read[1]).snapshot, SnapshotId(3));
  EXPECT_FALSE(std::get<AssertRefSnapshotId>(read[2]).snapshot.has_value());
  EXPECT_EQ(std::get<AssertLastAssignedFieldId>(read[3]).id, 1);
  EXPECT_EQ(std::get<AssertCurrentSchemaId>(read[4]).id, 2);
  EXPECT_EQ(std::get<AssertLastAssignedPartitionId>(read[5]).id, 3);
  EXPECT_EQ(std::get<AssertDefaultSpecId>(read[6]).id, 4);
  EXPECT_EQ(std::get<AssertDefaultSortOrderId>(read[7]).id, 5);
  ASSERT_OK_AND(const auto create,
                ParseRequirements(Json::parse(R"([{"type": "assert-create"}])")));
  EXPECT_TRUE(std::holds_alternative<AssertCreate>(create.at(0)));
}
}  // namespace
}  // namespace weirhouse::iceberg

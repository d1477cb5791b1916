#include <nlohmann/json.hpp>

#include "testing/testing.h"
#include "work/foreign/run_view.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

iceberg::Snapshot SnapshotOf(std::int64_t id, std::optional<std::int64_t> parent, std::int64_t at) {
  iceberg::Snapshot snapshot;
  snapshot.id = SnapshotId(id);
  if (parent) snapshot.parent = SnapshotId(*parent);
  snapshot.sequence_number = id;
  snapshot.timestamp_ms = at;
  return snapshot;
}

struct RunViewMappingTest : ::testing::Test {
  RunViewMappingTest() {
    view.run = RunId(12);
    table.name = "processed.trips";
    table.metadata_location = "/lake/processed/trips/metadata/00001-a.metadata.json";
    iceberg::Schema schema;
    schema.fields = {{1, "id", {"string"}, true, ""}};
    table.schemas = {schema};
    table.properties = {{"owner", "ops"}};
    table.snapshots = {SnapshotOf(1, {}, 1000), SnapshotOf(2, 1, 2000)};
    table.refs["main"] = {SnapshotId(2), "branch", {}, {}, {}};
    table.snapshot_log = {{1000, SnapshotId(1)}, {2000, SnapshotId(2)}};
  }
  // As the catalog does once a mapped request was let through.
  void Apply(const json& updates) {
    for (const json& update : updates) {
      const std::string action = update.at("action");
      if (action == "set-snapshot-ref") {
        table.refs[update.at("ref-name")] = {
            SnapshotId(update.at("snapshot-id").get<std::int64_t>()), "branch", {}, {}, {}};
      } else if (action == "set-properties") {
        for (const auto& [key, value] : update.at("updates").items()) table.properties[key] = value;
      } else if (action == "remove-properties") {
        for (const json& key : update.at("removals")) table.properties.erase(key);
      }
    }
  }
  RunView view;
  iceberg::TableMetadata table;
};

json Writes(std::int64_t snapshot) {
  return json::array({{{"action", "add-snapshot"}, {"snapshot", {{"snapshot-id", snapshot}}}},
                      {{"action", "set-snapshot-ref"},
                       {"ref-name", "main"},
                       {"type", "branch"},
                       {"snapshot-id", snapshot}}});
}
json AssertsMain(const json& snapshot) {
  return json::array(
      {{{"type", "assert-ref-snapshot-id"}, {"ref", "main"}, {"snapshot-id", snapshot}}});
}

TEST_F(RunViewMappingTest, BeforeAnythingIsStagedClientsSeeMain) {
  const iceberg::TableMetadata seen = AsSeenThrough(view, table);
  EXPECT_TRUE(seen.metadata_location.empty());
  EXPECT_EQ(seen.current_snapshot()->id, SnapshotId(2));
  EXPECT_EQ(seen.snapshot_log, table.snapshot_log);
  EXPECT_EQ(seen.properties, table.properties);
}

TEST_F(RunViewMappingTest, TheFirstWriteIsCheckedAgainstMainAndStagedBesideIt) {
  json requirements = AssertsMain(2);
  json updates = Writes(3);
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_EQ(requirements[0]["ref"], "main");
  ASSERT_EQ(updates.size(), 3U);
  EXPECT_EQ(updates[1]["ref-name"], "staging-r12");
  Apply(updates);
  table.snapshots.push_back(SnapshotOf(3, 2, 3000));

  EXPECT_EQ(table.current_snapshot()->id, SnapshotId(2)) << "readers keep what they had";
  const iceberg::TableMetadata seen = AsSeenThrough(view, table);
  EXPECT_EQ(seen.current_snapshot()->id, SnapshotId(3));
  const std::vector<std::pair<std::int64_t, SnapshotId>> log = {
      {1000, SnapshotId(1)}, {2000, SnapshotId(2)}, {3000, SnapshotId(3)}};
  EXPECT_EQ(seen.snapshot_log, log);
  EXPECT_EQ(seen.refs.count("staging-r12"), 0U);
  EXPECT_EQ(seen.properties, (std::map<std::string, std::string>{{"owner", "ops"}}));
  RunView other = view;
  other.run = RunId(1);
  EXPECT_EQ(AsSeenThrough(other, table).current_snapshot()->id, SnapshotId(2));
}

TEST_F(RunViewMappingTest, NoSpellingOfAnActionReachesMain) {
  json requirements = {
      {{"type", "Assert-Ref-Snapshot-Id"}, {"ref", "main"}, {"snapshot-id", nullptr}}};
  json updates = {{{"action", "SET-snapshot-REF"},
                   {"ref-name", "main"},
                   {"type", "branch"},
                   {"snapshot-id", 2}}};
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_EQ(updates[0]["ref-name"], "staging-r12");
  table.refs["staging-r12"] = {SnapshotId(2), "branch", {}, {}, {}};
  updates = json::array();
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_EQ(requirements[0]["ref"], "staging-r12");
}

TEST_F(RunViewMappingTest, LaterWritesAreCheckedAgainstWhatIsStaged) {
  json requirements = AssertsMain(2);
  json updates = Writes(3);
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  Apply(updates);
  table.snapshots.push_back(SnapshotOf(3, 2, 3000));
  requirements = AssertsMain(3);
  updates = Writes(4);
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_EQ(requirements[0]["ref"], "staging-r12");
  EXPECT_EQ(requirements[0]["snapshot-id"], 3);
  EXPECT_EQ(updates.size(), 2U) << "where it was staged from is remembered once";
}

TEST_F(RunViewMappingTest, AnEmptyTableIsAssertedByNull) {
  table.refs.clear();
  table.snapshots.clear();
  json requirements = AssertsMain(nullptr);
  json updates = Writes(3);
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_EQ(requirements[0]["ref"], "main");
  EXPECT_TRUE(requirements[0]["snapshot-id"].is_null());
  Apply(updates);
  table.snapshots.push_back(SnapshotOf(3, {}, 3000));
  requirements = AssertsMain(nullptr);
  updates = Writes(4);
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_EQ(requirements[0]["ref"], "staging-r12") << "another writer came first: must not hold";
}

TEST_F(RunViewMappingTest, OfAnEmptyTableOthersSeeNoSnapshotThatIsOnlyStaged) {
  const auto others_see = [&] {
    return *WithoutStaged(std::make_shared<const iceberg::TableMetadata>(table));
  };
  EXPECT_EQ(others_see().snapshots.size(), 2U);
  table.refs = {{"staging-r12", {SnapshotId(2), "branch", {}, {}, {}}},
                {"dev", {SnapshotId(1), "branch", {}, {}, {}}}};
  RunView other = view;
  other.run = RunId(13);
  for (const iceberg::TableMetadata& seen : {others_see(), AsSeenThrough(other, table)}) {
    EXPECT_EQ(seen.refs.count("staging-r12"), 0U);
    EXPECT_EQ(seen.refs.count("dev"), 1U);
    ASSERT_EQ(seen.snapshots.size(), 1U);
    EXPECT_EQ(seen.snapshots[0].id, SnapshotId(1));
  }
  EXPECT_EQ(AsSeenThrough(view, table).current_snapshot()->id, SnapshotId(2));
}

TEST_F(RunViewMappingTest, SchemaAndPropertiesAreHeldBackFromReaders) {
  const json wider = {{"type", "struct"},
                      {"fields",
                       {{{"id", 1}, {"name", "id"}, {"type", "string"}, {"required", true}},
                        {{"id", 2}, {"name", "tip"}, {"type", "long"}, {"required", false}}}}};
  json requirements = json::array();
  json updates = {{{"action", "add-schema"}, {"schema", wider}},
                  {{"action", "set-current-schema"}, {"schema-id", -1}},
                  {{"action", "set-properties"}, {"updates", {{"color", "red"}}}},
                  {{"action", "remove-properties"}, {"removals", {"owner"}}}};
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  Apply(updates);
  ASSERT_OK_AND(iceberg::Schema schema, iceberg::Schema::FromJson(wider));
  schema.schema_id = 1;
  table.schemas.push_back(schema);

  EXPECT_EQ(table.current_schema_id, 0);
  EXPECT_EQ(table.properties.at("owner"), "ops");
  const iceberg::TableMetadata seen = AsSeenThrough(view, table);
  EXPECT_EQ(seen.current_schema_id, 1);
  EXPECT_EQ(seen.properties, (std::map<std::string, std::string>{{"color", "red"}}));

  requirements = {{{"type", "assert-current-schema-id"}, {"current-schema-id", 1}}};
  updates = Writes(3);
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  EXPECT_TRUE(requirements.empty());
  requirements = {{{"type", "assert-current-schema-id"}, {"current-schema-id", 0}}};
  updates = Writes(3);
  EXPECT_EQ(MapThrough(view, table, requirements, updates).code(), Code::kConflict);

  // Undone again: the later word counts.
  requirements = json::array();
  updates = {{{"action", "set-properties"}, {"updates", {{"owner", "me"}}}},
             {{"action", "remove-properties"}, {"removals", {"color"}}}};
  ASSERT_OK(MapThrough(view, table, requirements, updates));
  Apply(updates);
  EXPECT_EQ(AsSeenThrough(view, table).properties,
            (std::map<std::string, std::string>{{"owner", "me"}}));
}

TEST_F(RunViewMappingTest, WhatWouldReachReadersIsRefused) {
  const json refused = {
      {{"action", "set-snapshot-ref"}, {"ref-name", "dev"}, {"type", "branch"}, {"snapshot-id", 2}},
      {{"action", "remove-snapshot-ref"}, {"ref-name", "main"}},
      {{"action", "Set-Default-Spec"}, {"spec-id", 1}},
      {{"action", "unheard-of"}},
      {{"action", "remove-snapshots"}, {"snapshot-ids", {1}}},
      {{"action", "set-location"}, {"location", "/elsewhere"}},
      {{"action", "upgrade-format-version"}, {"format-version", 3}},
      {{"action", "set-default-spec"}, {"spec-id", 1}},
      {{"action", "set-properties"}, {"updates", {{"weirhouse.staged.r12.base", "1"}}}}};
  for (const json& update : refused) {
    json requirements = json::array();
    json updates = json::array({update});
    const Status status = MapThrough(view, table, requirements, updates);
    EXPECT_EQ(status.error_code(), "WH7112") << update;
    EXPECT_EQ(updates, json::array({update})) << "left as it was";
  }
}

TEST_F(RunViewMappingTest, MalformedRequestsAreRefusedNotThrown) {
  for (const json& bad : {json(1), json::array({1}), json::array({{{"action", 7}}}),
                          json::array({{{"action", "set-snapshot-ref"}}})}) {
    json requirements = json::array();
    json updates = bad;
    EXPECT_EQ(MapThrough(view, table, requirements, updates).code(), Code::kInvalidInput) << bad;
  }
  json requirements = json::array({{{"ref", "main"}}});
  json updates = json::array();
  EXPECT_EQ(MapThrough(view, table, requirements, updates).code(), Code::kInvalidInput);
}
}  // namespace
}  // namespace weirhouse::work

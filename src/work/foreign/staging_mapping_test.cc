#include <nlohmann/json.hpp>

#include "ground/iceberg/update/requirement_json.h"
#include "ground/iceberg/update/update_json.h"
#include "testing/testing.h"
#include "work/foreign/staging_area.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using Requirements = std::vector<iceberg::Requirement>;
using Updates = std::vector<iceberg::Update>;

iceberg::Snapshot SnapshotOf(std::int64_t id, std::optional<std::int64_t> parent, std::int64_t at) {
  iceberg::Snapshot snapshot;
  snapshot.id = SnapshotId(id);
  if (parent) snapshot.parent = SnapshotId(*parent);
  snapshot.sequence_number = id;
  snapshot.timestamp_ms = at;
  return snapshot;
}

struct StagingAreaMappingTest : ::testing::Test {
  StagingAreaMappingTest() {
    area.run = RunId(12);
    table.name = "processed.trips";
    table.metadata_location = "/lake/processed/trips/metadata/00001-a.metadata.json";
    iceberg::Schema schema;
    schema.fields = {{1, "id", iceberg::TypeKind::kString, true, ""}};
    table.schemas = {schema};
    table.properties = {{"owner", "ops"}};
    table.snapshots = {SnapshotOf(1, {}, 1000), SnapshotOf(2, 1, 2000)};
    table.refs["main"] = {SnapshotId(2), "branch", {}, {}, {}};
    table.snapshot_log = {{1000, SnapshotId(1)}, {2000, SnapshotId(2)}};
  }
  // As the catalog does once a mapped request was let through.
  void Apply(const Updates& updates) {
    for (const iceberg::Update& update : updates) {
      if (const auto* ref = std::get_if<iceberg::SetSnapshotRef>(&update)) {
        table.refs[ref->name] = ref->ref;
      } else if (const auto* set = std::get_if<iceberg::SetProperties>(&update)) {
        for (const auto& [key, value] : set->updates) table.properties[key] = value;
      } else if (const auto* removed = std::get_if<iceberg::RemoveProperties>(&update)) {
        for (const std::string& key : removed->removals) table.properties.erase(key);
      }
    }
  }
  StagingArea area;
  iceberg::TableMetadata table;
};

iceberg::SetSnapshotRef SetRef(const std::string& name, std::int64_t snapshot) {
  return {name, {SnapshotId(snapshot), "branch", {}, {}, {}}};
}
Updates Writes(std::int64_t snapshot) {
  iceberg::AddSnapshot added;
  added.id = SnapshotId(snapshot);
  return {added, SetRef("main", snapshot)};
}
Requirements AssertsMain(std::optional<std::int64_t> snapshot) {
  iceberg::AssertRefSnapshotId main{"main", {}};
  if (snapshot) main.snapshot = SnapshotId(*snapshot);
  return {main};
}
iceberg::AssertRefSnapshotId RefOf(const Requirements& requirements) {
  return std::get<iceberg::AssertRefSnapshotId>(requirements.at(0));
}

TEST_F(StagingAreaMappingTest, BeforeAnythingIsStagedClientsSeeMain) {
  const iceberg::TableMetadata seen = ShowStagedAsMain(area, table);
  EXPECT_TRUE(seen.metadata_location.empty());
  EXPECT_EQ(seen.current_snapshot()->id, SnapshotId(2));
  EXPECT_EQ(seen.snapshot_log, table.snapshot_log);
  EXPECT_EQ(seen.properties, table.properties);
}

TEST_F(StagingAreaMappingTest, TheFirstWriteIsCheckedAgainstMainAndStagedBesideIt) {
  Requirements requirements = AssertsMain(2);
  Updates updates = Writes(3);
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_EQ(RefOf(requirements).ref, "main");
  ASSERT_EQ(updates.size(), 3U);
  EXPECT_EQ(std::get<iceberg::SetSnapshotRef>(updates[1]).name, "staging-r12");
  Apply(updates);
  table.snapshots.push_back(SnapshotOf(3, 2, 3000));

  EXPECT_EQ(table.current_snapshot()->id, SnapshotId(2)) << "readers keep what they had";
  const iceberg::TableMetadata seen = ShowStagedAsMain(area, table);
  EXPECT_EQ(seen.current_snapshot()->id, SnapshotId(3));
  const std::vector<std::pair<std::int64_t, SnapshotId>> log = {
      {1000, SnapshotId(1)}, {2000, SnapshotId(2)}, {3000, SnapshotId(3)}};
  EXPECT_EQ(seen.snapshot_log, log);
  EXPECT_EQ(seen.refs.count("staging-r12"), 0U);
  EXPECT_EQ(seen.properties, (std::map<std::string, std::string>{{"owner", "ops"}}));
  StagingArea other = area;
  other.run = RunId(1);
  EXPECT_EQ(ShowStagedAsMain(other, table).current_snapshot()->id, SnapshotId(2));
}

TEST_F(StagingAreaMappingTest, NoSpellingOfAnActionReachesMain) {
  const json asked = json::array(
      {{{"type", "Assert-Ref-Snapshot-Id"}, {"ref", "main"}, {"snapshot-id", nullptr}}});
  const json sent = json::array({{{"action", "SET-snapshot-REF"},
                                  {"ref-name", "main"},
                                  {"type", "branch"},
                                  {"snapshot-id", 2}}});
  ASSERT_OK_AND(Requirements requirements, iceberg::ParseRequirements(asked));
  ASSERT_OK_AND(Updates updates, iceberg::ParseUpdates(sent));
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_EQ(std::get<iceberg::SetSnapshotRef>(updates[0]).name, "staging-r12");
  table.refs["staging-r12"] = {SnapshotId(2), "branch", {}, {}, {}};
  updates.clear();
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_EQ(RefOf(requirements).ref, "staging-r12");
}

TEST_F(StagingAreaMappingTest, LaterWritesAreCheckedAgainstWhatIsStaged) {
  Requirements requirements = AssertsMain(2);
  Updates updates = Writes(3);
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  Apply(updates);
  table.snapshots.push_back(SnapshotOf(3, 2, 3000));
  requirements = AssertsMain(3);
  updates = Writes(4);
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_EQ(RefOf(requirements).ref, "staging-r12");
  EXPECT_EQ(RefOf(requirements).snapshot, SnapshotId(3));
  EXPECT_EQ(updates.size(), 2U) << "where it was staged from is remembered once";
}

TEST_F(StagingAreaMappingTest, AnEmptyTableIsAssertedByNull) {
  table.refs.clear();
  table.snapshots.clear();
  Requirements requirements = AssertsMain({});
  Updates updates = Writes(3);
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_EQ(RefOf(requirements).ref, "main");
  EXPECT_FALSE(RefOf(requirements).snapshot.has_value());
  Apply(updates);
  table.snapshots.push_back(SnapshotOf(3, {}, 3000));
  requirements = AssertsMain({});
  updates = Writes(4);
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_EQ(RefOf(requirements).ref, "staging-r12") << "another writer came first: must not hold";
}

TEST_F(StagingAreaMappingTest, OfAnEmptyTableOthersSeeNoSnapshotThatIsOnlyStaged) {
  const auto others_see = [&] {
    return *WithoutStaged(std::make_shared<const iceberg::TableMetadata>(table));
  };
  EXPECT_EQ(others_see().snapshots.size(), 2U);
  table.refs = {{"staging-r12", {SnapshotId(2), "branch", {}, {}, {}}},
                {"dev", {SnapshotId(1), "branch", {}, {}, {}}}};
  StagingArea other = area;
  other.run = RunId(13);
  for (const iceberg::TableMetadata& seen : {others_see(), ShowStagedAsMain(other, table)}) {
    EXPECT_EQ(seen.refs.count("staging-r12"), 0U);
    EXPECT_EQ(seen.refs.count("dev"), 1U);
    ASSERT_EQ(seen.snapshots.size(), 1U);
    EXPECT_EQ(seen.snapshots[0].id, SnapshotId(1));
  }
  EXPECT_EQ(ShowStagedAsMain(area, table).current_snapshot()->id, SnapshotId(2));
}

TEST_F(StagingAreaMappingTest, SchemaAndPropertiesAreHeldBackFromReaders) {
  iceberg::Schema wider = table.schemas[0];
  wider.fields.push_back({2, "tip", iceberg::TypeKind::kLong, false, ""});
  Requirements requirements;
  Updates updates = {iceberg::AddSchema{wider}, iceberg::SetCurrentSchema{},
                     iceberg::SetProperties{{{"color", "red"}}},
                     iceberg::RemoveProperties{{"owner"}}};
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  Apply(updates);
  wider.schema_id = 1;
  table.schemas.push_back(wider);

  EXPECT_EQ(table.current_schema_id, 0);
  EXPECT_EQ(table.properties.at("owner"), "ops");
  const iceberg::TableMetadata seen = ShowStagedAsMain(area, table);
  EXPECT_EQ(seen.current_schema_id, 1);
  EXPECT_EQ(seen.properties, (std::map<std::string, std::string>{{"color", "red"}}));

  requirements = {iceberg::AssertCurrentSchemaId{1}};
  updates = Writes(3);
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_TRUE(requirements.empty());
  requirements = {iceberg::AssertCurrentSchemaId{0}};
  updates = Writes(3);
  EXPECT_EQ(MapToStaging(area, table, requirements, updates).code(), Code::kConflict);

  // Undone again: the later word counts.
  requirements.clear();
  updates = {iceberg::SetProperties{{{"owner", "me"}}}, iceberg::RemoveProperties{{"color"}}};
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  Apply(updates);
  EXPECT_EQ(ShowStagedAsMain(area, table).properties,
            (std::map<std::string, std::string>{{"owner", "me"}}));
}

TEST_F(StagingAreaMappingTest, WhatWouldReachReadersIsRefused) {
  const Updates refused = {SetRef("dev", 2),
                           iceberg::RemoveSnapshotRef{"main"},
                           iceberg::SetDefaultSpec{1},
                           iceberg::SetDefaultSortOrder{1},
                           iceberg::RemoveSnapshots{{SnapshotId(1)}},
                           iceberg::RemoveSchemas{{0}},
                           iceberg::SetLocation{"/elsewhere"},
                           iceberg::UpgradeFormatVersion{3},
                           iceberg::SetProperties{{{"weirhouse.staged.r12.base", "1"}}}};
  for (const iceberg::Update& update : refused) {
    Requirements requirements = AssertsMain(2);
    Updates updates = {update};
    const Status status = MapToStaging(area, table, requirements, updates);
    EXPECT_EQ(status.error_code(), "WH7112") << iceberg::ActionOf(update);
    EXPECT_EQ(requirements.size(), 1U) << "left as it was";
    EXPECT_EQ(updates.size(), 1U) << "left as it was";
  }
}

TEST_F(StagingAreaMappingTest, WhatStandsAlreadyIsNoChange) {
  table.location = "/lake/processed/trips";
  Requirements requirements;
  Updates updates = {iceberg::SetDefaultSpec{0}, iceberg::SetDefaultSortOrder{0},
                     iceberg::SetLocation{"/lake/processed/trips"}};
  ASSERT_OK(MapToStaging(area, table, requirements, updates));
  EXPECT_TRUE(updates.empty());
}

TEST_F(StagingAreaMappingTest, TheLastSchemaAddedMustHaveBeenAdded) {
  Requirements requirements;
  Updates updates = {iceberg::SetCurrentSchema{}};
  EXPECT_EQ(MapToStaging(area, table, requirements, updates).error_code(), "WH7061");
}
}  // namespace
}  // namespace weirhouse::work

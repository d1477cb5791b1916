// Tables and namespaces as other engines create, register, drop and rename them.
#include <set>
#include <thread>

#include "testing/projects/foreign_fixture_test.h"
#include "work/project/table_rules.h"

namespace weirhouse::work {
namespace {
using ForeignTableTest = SharedForeignTest;
using ForeignTableProjectTest = ForeignTest;
using catalog::PointerKind;
using nlohmann::json;
using ::testing::HasSubstr;
using What = catalog::NamespaceChange::What;

TEST_F(ForeignTableTest, ACreatedTableHasAFolderOfItsOwn) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  EXPECT_EQ(table->location, workspace->lake() + "/lab/trip");
  EXPECT_OK(workspace->store().Stat(table->location + "/data"));
  ASSERT_OK_AND(const auto pointer, workspace->catalog().FindTable("lab.trip"));
  EXPECT_EQ(pointer->metadata_location, table->metadata_location);
  EXPECT_EQ(Create("lab", "trip").status().error_code(), "WH7102");
  EXPECT_EQ(Create("nowhere", "trip").status().error_code(), "WH7033");
}

TEST_F(ForeignTableTest, NamesThatAreNoPathsAreWrittenOtherwise) {
  MakeNamespace("lab");
  MakeNamespace("lab.deep");
  ASSERT_OK_AND(const auto slash, Create("lab", "a/ü b"));
  EXPECT_EQ(slash->location, workspace->lake() + "/lab/a_x2F_xC3_xBC_x20b");
  ASSERT_OK_AND(const auto long_name, Create("lab", std::string(255, 'x')));
  EXPECT_LT(long_name->location.size(), workspace->lake().size() + 210);
  ASSERT_OK_AND(const auto deep, Create("lab.deep", "t"));
  EXPECT_EQ(deep->location, workspace->lake() + "/lab/deep.t");
  // A table beside a namespace of the same name: neither lies in the other.
  ASSERT_OK(Create("lab", "deep"));
  for (const char* name : {"", "a.b", "a\nb", "\xff"}) {
    EXPECT_EQ(Create("lab", name).status().error_code(), "WH7105") << name;
  }
  EXPECT_EQ(Create("lab", std::string(256, 'x')).status().error_code(), "WH7105");
}

TEST_F(ForeignTableTest, LocationsOutsideOrOverAnotherTableAreRefused) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  const auto at = [&](const std::string& location, const json& properties = json::object()) {
    json body = CreateBody("other");
    if (!location.empty()) body["location"] = location;
    body["properties"] = properties;
    const auto made = CreateFrom(Admin(), "lab", body);
    const auto staged = CreateFrom(Admin(), "lab", body, /*stage=*/true);
    EXPECT_EQ(made.ok(), staged.ok()) << location;
    return made.status().error_code();
  };
  EXPECT_EQ(at("/tmp/elsewhere"), "WH7071");
  EXPECT_EQ(at(workspace->lake() + "/lab/../../../x"), "WH7071");
  EXPECT_EQ(at(trip->location), "WH7071");
  EXPECT_EQ(at(trip->location + "/inside"), "WH7071");
  EXPECT_EQ(at(workspace->lake() + "/lab"), "WH7071");
  EXPECT_EQ(at("", {{"write.data.path", "/tmp/data"}}), "WH7071");
  EXPECT_EQ(at("", {{"write.metadata.path", trip->location + "/data"}}), "WH7071");
  EXPECT_FALSE(workspace->catalog().FindTable("lab.other").value().has_value());
}

TEST_F(ForeignTableTest, PlacesThatPropertiesNameBelongToTheirTable) {
  MakeNamespace("lab");
  json body = CreateBody("trip");
  body["properties"] = {{"write.data.path", workspace->lake() + "/lab/wide"}};
  ASSERT_OK(CreateFrom(Writer(), "lab", body));
  json other = CreateBody("other");
  other["location"] = workspace->lake() + "/lab/wide/other";
  EXPECT_EQ(CreateFrom(Writer(), "lab", other).status().error_code(), "WH7071");
  ASSERT_OK(RenameForeign(*workspace, Admin(), "lab.trip", "lab.tour"));
  EXPECT_EQ(CreateFrom(Writer(), "lab", other).status().error_code(), "WH7071");
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.tour", false));
  EXPECT_OK(CreateFrom(Writer(), "lab", other));
}

TEST_F(ForeignTableTest, OfTwoThatWantOneFolderOneGetsIt) {
  MakeNamespace("lab");
  std::atomic<int> made{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        json body = CreateBody(fmt::format("t{}", thread));
        body["location"] = workspace->lake() + "/lab/shared";
        if (CreateFrom(Writer(), "lab", body).ok()) ++made;
      });
    }
  }
  EXPECT_EQ(made.load(), 1);
}

TEST_F(ForeignTableTest, ADropKeepsFilesAndTheNextTableLiesBeside) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  const Written written = WriteAppend(table, 1, 5);
  ASSERT_OK(Commit(written));
  EXPECT_EQ(DropForeign(*workspace, Writer(), "lab.trip", false).code(), Code::kPermissionDenied);
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", false));
  EXPECT_EQ(DropForeign(*workspace, Admin(), "lab.trip", false).error_code(), "WH7101");
  for (const std::string& path : written.files) EXPECT_OK(workspace->store().Stat(path));
  ASSERT_OK_AND(const auto again, Create("lab", "trip"));
  EXPECT_THAT(again->location, ::testing::StartsWith(table->location + "-"));
  EXPECT_NE(again->uuid, table->uuid);
}

TEST_F(ForeignTableTest, APurgeTakesTheFilesOfItsOwnTableAlone) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const auto stop, Create("lab", "stop"));
  const Written of_trip = WriteAppend(trip, 1, 5);
  const Written of_stop = WriteAppend(stop, 1, 5);
  ASSERT_OK(Commit({of_trip, of_stop}, Writer()));
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", true));
  EXPECT_FALSE(workspace->store().Stat(trip->location).ok());
  for (const std::string& path : of_stop.files) EXPECT_OK(workspace->store().Stat(path));
  EXPECT_TRUE(workspace->catalog().Files("lab.trip").value().empty());
  ASSERT_OK_AND(const auto again, Create("lab", "trip"));
  EXPECT_EQ(again->location, trip->location);
  ASSERT_OK(Commit(WriteAppend(again, 1, 2)));
  EXPECT_EQ(Rows("lab.trip"), 2);
}

TEST_F(ForeignTableProjectTest, TablesOfTheProjectAreNeitherDroppedNorRenamed) {
  MakeNamespace("lab");
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  for (const char* name :
       {"raw.order", "processed.order", "processed.order_history", "feature.shop_sales_v1"}) {
    EXPECT_EQ(DropForeign(*workspace, Admin(), name, false).code(), Code::kPermissionDenied);
    EXPECT_EQ(DropForeign(*workspace, Admin(), name, true).code(), Code::kPermissionDenied);
    EXPECT_EQ(RenameForeign(*workspace, Admin(), name, "lab.mine").code(), Code::kPermissionDenied);
    EXPECT_TRUE(workspace->catalog().FindTable(name).value().has_value());
  }
  const auto refused = Create("processed", "mine");
  EXPECT_EQ(refused.status().error_code(), "WH7106");
  EXPECT_THAT(refused.status().hint(), HasSubstr("mode external"));
  EXPECT_EQ(Create("processed", "order_history").status().code(), Code::kConflict);
  EXPECT_EQ(Create("feature", "mine").status().code(), Code::kPermissionDenied);
  EXPECT_EQ(Create("system", "mine").status().code(), Code::kPermissionDenied);
}

TEST_F(ForeignTableProjectTest, RawTakesATableOfOthersAndItsAppends) {
  ASSERT_OK_AND(const auto table, Create("raw", "sensor"));
  ASSERT_OK(Commit(WriteAppend(table, 1, 5)));
  EXPECT_EQ(Rows("raw.sensor"), 5);
  const auto standing = Load("raw.sensor");
  const Written gone =
      WriteSnapshot(standing, [](iceberg::StagedWrite& write) { return write.RemoveAllFiles(); });
  EXPECT_EQ(Commit({gone}, Admin()).status().error_code(), "WH7072");
  EXPECT_EQ(DropForeign(*workspace, Admin(), "raw.sensor", true).error_code(), "WH7072");
  EXPECT_EQ(Rows("raw.sensor"), 5);
  // What lands later runs as if it had not been there.
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 1);
}

TEST_F(ForeignTableProjectTest, ADeclaredProcessedTableIsMadeByOthers) {
  Write("contracts/trip.odcs.yaml", R"(
apiVersion: v3.1.0
kind: DataContract
id: trip
version: 1.0.0
status: active
team: { name: sales }
schema:
  - name: trip
    logicalType: object
    properties:
      - { name: id, logicalType: integer, required: true }
      - { name: city, logicalType: string }
)");
  Write("processed/trip.sql",
        "-- wh: table processed.trip; key id; mode external; contract trip\n");
  Reopen();
  const policy::TableRules rules = RulesOf(workspace->project(), "processed.trip");
  EXPECT_TRUE(rules.made_by.empty());
  ASSERT_NE(rules.contract, nullptr);
  EXPECT_FALSE(rules.gated);
  ASSERT_OK_AND(const auto table, Create("processed", "trip"));
  EXPECT_EQ(table->schema().identifier_field_ids, std::vector<int>{1});
  EXPECT_EQ(table->properties.at("weirhouse.contract"), "trip 1.0.0");
  json optional_key = CreateBody("trip");
  optional_key["schema"]["fields"][0]["required"] = false;
  ASSERT_OK(DropForeign(*workspace, Admin(), "processed.trip", true));
  EXPECT_FALSE(CreateFrom(Writer(), "processed", optional_key).ok());
  ASSERT_OK_AND(const auto again, Create("processed", "trip"));
  ASSERT_OK_AND(const ForeignAnswer answer, Commit(WriteAppend(again, 1, 5)));
  EXPECT_EQ(Rows("processed.trip"), 5);
  ASSERT_OK_AND(const auto commits,
                workspace->catalog().Commits(CommitSeq(answer.seq.value() - 1), 1));
  EXPECT_EQ(commits.at(0).layer, catalog::Layer::kProcessed);
}

TEST_F(ForeignTableProjectTest, RulesSayWhoMakesATableAndWhichGateJudgesIt) {
  const auto order = RulesOf(workspace->project(), "processed.order");
  EXPECT_EQ(order.made_by, "processed/order.sql");
  EXPECT_TRUE(order.gated);
  EXPECT_EQ(order.gate, "order");
  const auto history = RulesOf(workspace->project(), "processed.order_history");
  EXPECT_EQ(history.made_by, "processed/order.sql");
  EXPECT_FALSE(history.gated);
  const auto view = RulesOf(workspace->project(), "feature.shop_sales_v1");
  EXPECT_EQ(view.made_by, "features/sales.yaml");
  const auto raw = RulesOf(workspace->project(), "raw.order");
  EXPECT_THAT(raw.made_by, HasSubstr("source \"order\""));
  const auto quarantine = RulesOf(workspace->project(), "quarantine.order");
  EXPECT_FALSE(quarantine.made_by.empty());
  const auto open = RulesOf(workspace->project(), "lab.trip");
  EXPECT_TRUE(open.made_by.empty());
  EXPECT_EQ(open.layer, policy::Layer::kOpen);
}

TEST_F(ForeignTableTest, RegisterBringsADroppedTableBack) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  ASSERT_OK_AND(const ForeignAnswer answer, Commit(WriteAppend(table, 1, 5)));
  const std::string location = answer.tables.at(0)->metadata_location;
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", false));
  ASSERT_OK_AND(const auto back,
                RegisterForeign(*workspace, Writer(), "lab.back", location, false));
  EXPECT_EQ(back->name, "lab.back");
  EXPECT_EQ(Rows("lab.back"), 5);
  ASSERT_OK_AND(const auto snapshots, workspace->catalog().Snapshots("lab.back"));
  EXPECT_EQ(snapshots.size(), 1U);
  EXPECT_EQ(
      RegisterForeign(*workspace, Writer(), "lab.back", location, false).status().error_code(),
      "WH7102");
  // The same files under a second name would be two tables in one folder.
  EXPECT_EQ(
      RegisterForeign(*workspace, Writer(), "lab.twice", location, false).status().error_code(),
      "WH7071");
  ASSERT_OK(Commit(WriteAppend(back, 10, 5)));
  EXPECT_EQ(Rows("lab.back"), 10);
}

TEST_F(ForeignTableTest, ALocationThatIsSpelledAsAUriIsThePlaceItself) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const ForeignAnswer five, Commit(WriteAppend(trip, 1, 5)));
  // As other catalogs left it in a metadata file.
  json metadata = json::parse(weirhouse::testing::ReadFile(five.tables.at(0)->metadata_location));
  metadata["location"] = "file:" + trip->location;
  const std::string file = trip->location + "/metadata/00009-elsewhere.metadata.json";
  weirhouse::testing::WriteFile(file, metadata.dump());
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", false));
  ASSERT_OK_AND(const auto back, RegisterForeign(*workspace, Writer(), "lab.back", file, false));
  EXPECT_EQ(back->location, trip->location);
  ASSERT_OK(Commit(WriteAppend(back, 10, 5)));
  EXPECT_EQ(Rows("lab.back"), 10);
  // As Java's clients say it when they replace a table.
  const std::string moved = workspace->lake() + "/lab/moved";
  const json updates = {{{"action", "set-location"}, {"location", "file:" + moved}}};
  ASSERT_OK_AND(
      const ForeignAnswer answer,
      CommitForeign(*workspace, {Writer(), {ChangeOf("lab.back", json::array(), updates)}}));
  EXPECT_EQ(answer.tables.at(0)->location, moved);
  EXPECT_TRUE(answer.tables.at(0)->metadata_location.starts_with(moved + "/metadata/"));
  EXPECT_EQ(Rows("lab.back"), 10);
}

TEST_F(ForeignTableTest, RegisterOverwritesOnlyWhenAsked) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const ForeignAnswer one, Commit(WriteAppend(trip, 1, 5)));
  ASSERT_OK(Commit(WriteAppend(one.tables.at(0), 10, 5)));
  ASSERT_OK(
      RegisterForeign(*workspace, Writer(), "lab.trip", one.tables.at(0)->metadata_location, true));
  EXPECT_EQ(Rows("lab.trip"), 5);
  // Another table's metadata takes the place of this one.
  ASSERT_OK_AND(const auto stop, Create("lab", "stop"));
  ASSERT_OK_AND(const ForeignAnswer other, Commit(WriteAppend(stop, 1, 3)));
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.stop", false));
  ASSERT_OK(RegisterForeign(*workspace, Writer(), "lab.trip",
                            "file://" + other.tables.at(0)->metadata_location, true));
  EXPECT_EQ(Rows("lab.trip"), 3);
}

TEST_F(ForeignTableTest, WhatIsNoMetadataOfThisWarehouseIsNotRegistered) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const ForeignAnswer answer, Commit(WriteAppend(trip, 1, 5)));
  const std::string good = weirhouse::testing::ReadFile(answer.tables.at(0)->metadata_location);
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", false));
  const auto code = [&](const std::string& path) {
    return RegisterForeign(*workspace, Writer(), "lab.copy", path, false).status().error_code();
  };
  EXPECT_EQ(code("/etc/passwd"), "WH7071");
  EXPECT_EQ(code(workspace->lake() + "/../catalog.db"), "WH7071");
  EXPECT_EQ(code(trip->location + "/metadata/none.json"), "WH7107");
  const std::string broken = trip->location + "/metadata/broken.metadata.json";
  weirhouse::testing::WriteFile(broken, "{\"format-version\": 2");
  EXPECT_EQ(code(broken), "WH7107");
  const std::string elsewhere = workspace->lake() + "/lab/other/metadata/x.metadata.json";
  weirhouse::testing::WriteFile(elsewhere, good);
  EXPECT_EQ(code(elsewhere), "WH7107");
  const std::string list = answer.tables.at(0)->current_snapshot()->manifest_list;
  const std::string bytes = weirhouse::testing::ReadFile(list);
  ASSERT_OK(workspace->store().Delete(list));
  EXPECT_EQ(code(answer.tables.at(0)->metadata_location), "WH7107");
  weirhouse::testing::WriteFile(list, bytes);
  EXPECT_EQ(code(answer.tables.at(0)->metadata_location), "");
}

TEST_F(ForeignTableTest, ARenameMovesTheNameAlone) {
  MakeNamespace("lab");
  MakeNamespace("shed");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  ASSERT_OK(Commit(WriteAppend(table, 1, 5)));
  ASSERT_OK(Create("lab", "stop"));
  EXPECT_EQ(RenameForeign(*workspace, Admin(), "lab.trip", "lab.stop").error_code(), "WH7102");
  EXPECT_EQ(RenameForeign(*workspace, Admin(), "lab.trip", "none.trip").error_code(), "WH7033");
  EXPECT_EQ(RenameForeign(*workspace, Admin(), "lab.none", "lab.trip2").error_code(), "WH7101");
  EXPECT_EQ(RenameForeign(*workspace, Admin(), "lab.trip", "processed.trip").code(),
            Code::kPermissionDenied);
  ASSERT_OK(RenameForeign(*workspace, Admin(), "lab.trip", "shed.tour"));
  EXPECT_EQ(Load("shed.tour")->location, table->location);
  EXPECT_EQ(Load("shed.tour")->name, "shed.tour");
  EXPECT_EQ(Rows("shed.tour"), 5);
  EXPECT_EQ(LoadForeign(*workspace, Writer(), "lab.trip").status().error_code(), "WH7101");
  ASSERT_OK(Commit(WriteAppend(Load("shed.tour"), 10, 5)));
  EXPECT_EQ(Rows("shed.tour"), 10);
}

TEST_F(ForeignTableTest, NamespacesAreMadeChangedAndDropped) {
  const auto change = [&](What what, const std::string& name,
                          std::map<std::string, std::string> properties = {}) {
    catalog::NamespaceChange wanted{what, {name, std::move(properties)}};
    return ChangeNamespace(*workspace, Admin(), wanted).error_code();
  };
  EXPECT_EQ(change(What::kCreate, "lab", {{"owner", "eve"}}), "");
  EXPECT_EQ(change(What::kCreate, "lab"), "WH7102");
  EXPECT_EQ(change(What::kCreate, "none.deep"), "WH7033");
  EXPECT_EQ(change(What::kCreate, "lab.deep"), "");
  EXPECT_EQ(change(What::kSet, "lab", {{"owner", "bob"}}), "");
  EXPECT_EQ(workspace->catalog().FindNamespace("lab").value()->properties["owner"], "bob");
  EXPECT_EQ(change(What::kSet, "none"), "WH7033");
  EXPECT_EQ(change(What::kDrop, "lab"), "WH7130");
  EXPECT_EQ(change(What::kDrop, "lab.deep"), "");
  ASSERT_OK(Create("lab", "trip"));
  EXPECT_EQ(change(What::kDrop, "lab"), "WH7130");
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", true));
  EXPECT_EQ(change(What::kDrop, "lab"), "");
  EXPECT_EQ(change(What::kDrop, "lab"), "WH7033");
  EXPECT_EQ(change(What::kCreate, "a..b"), "WH7105");
  EXPECT_EQ(change(What::kCreate, "lab", {{"", "x"}}), "WH7105");
  const catalog::NamespaceChange wanted{What::kCreate, {"mine", {}}};
  EXPECT_EQ(ChangeNamespace(*workspace, Writer(), wanted).code(), Code::kPermissionDenied);
}
}  // namespace
}  // namespace weirhouse::work

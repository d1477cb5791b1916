// A client that knows no branches, through a staging area.
#include "testing/projects/foreign_fixture_test.h"
#include "work/foreign/staging_area.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

struct ForeignStagingAreaTest : SharedForeignTest {
  // A caller with the token of an area of these tables.
  Caller Through(const std::vector<std::string>& tables) {
    auto opened = OpenStagingArea(*workspace, tables, "tester", std::nullopt);
    EXPECT_OK(opened);
    Caller caller = Writer();
    caller.who.scopes.clear();
    caller.who.staging_area = opened->area.run;
    caller.who.view_tables = tables;
    return caller;
  }
  // As the tables look to `caller`.
  std::int64_t RowsSeen(const Caller& caller, const std::string& name) {
    const auto seen = LoadForeign(*workspace, caller, name);
    EXPECT_OK(seen);
    const auto scan = iceberg::Scan::Plan(workspace->store(), *seen, {});
    EXPECT_OK(scan);
    return scan->ReadAll().value()->num_rows();
  }
};

TEST_F(ForeignStagingAreaTest, WhatIsStagedIsSeenThroughTheViewAlone) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const auto stop, Create("lab", "stop"));
  ASSERT_OK(Commit({WriteAppend(trip, 1, 5), WriteAppend(stop, 1, 5)}, Writer()));
  const Caller caller = Through({"lab.trip", "lab.stop"});
  const auto seen = [&](const std::string& name) {
    return LoadForeign(*workspace, caller, name).value();
  };
  ASSERT_OK_AND(
      const ForeignAnswer staged,
      Commit({WriteAppend(seen("lab.trip"), 10, 3), WriteAppend(seen("lab.stop"), 10, 4)}, caller));
  EXPECT_TRUE(staged.tables.at(0)->metadata_location.empty());
  EXPECT_EQ(RowsSeen(caller, "lab.trip"), 8);
  EXPECT_EQ(RowsSeen(caller, "lab.stop"), 9);
  EXPECT_EQ(Rows("lab.trip"), 5);
  EXPECT_EQ(Rows("lab.stop"), 5);
  // A second statement builds on the first, and takes rows away.
  ASSERT_OK(
      Commit({WriteSnapshot(seen("lab.trip"),
                            [](iceberg::StagedWrite& write) { return write.RemoveAllFiles(); })},
             caller));
  EXPECT_EQ(RowsSeen(caller, "lab.trip"), 0);
  EXPECT_EQ(Rows("lab.trip"), 5);

  ASSERT_OK_AND(const auto commits,
                workspace->catalog().Commits(CommitSeq(staged.seq.value() - 1), 1));
  EXPECT_EQ(commits.at(0).layer, catalog::Layer::kOpen);
  ASSERT_OK_AND(const auto snapshots, workspace->catalog().Snapshots("lab.stop"));
  EXPECT_EQ(snapshots.back().ref, StagingRefOf(*caller.who.staging_area));
  EXPECT_EQ(snapshots.back().added_rows, 4);
  ASSERT_OK_AND(const auto now, workspace->catalog().SnapshotAsOf("lab.stop", LastSeq()));
  EXPECT_EQ(now->total_rows, 5);
}

TEST_F(ForeignStagingAreaTest, AStaleStatementConflictsAsItWouldOnMain) {
  MakeNamespace("lab");
  ASSERT_OK(Create("lab", "trip"));
  const Caller caller = Through({"lab.trip"});
  ASSERT_OK_AND(const auto seen, LoadForeign(*workspace, caller, "lab.trip"));
  const Written first = WriteAppend(seen, 1, 3);
  const Written second = WriteAppend(seen, 10, 3);
  ASSERT_OK(Commit({first}, caller));
  const auto refused = Commit({second}, caller);
  EXPECT_EQ(refused.status().code(), Code::kConflict) << refused.status().ToString();
  EXPECT_EQ(RowsSeen(caller, "lab.trip"), 3);
  EXPECT_EQ(Rows("lab.trip"), 0);
}

TEST_F(ForeignStagingAreaTest, OnlyItsTablesAreWrittenAndOnlyWhileItIsOpen) {
  MakeNamespace("lab");
  ASSERT_OK(Create("lab", "trip"));
  ASSERT_OK_AND(const auto stop, Create("lab", "stop"));
  Caller caller = Through({"lab.trip"});
  caller.who.scopes = {"*"};  // reads all
  EXPECT_OK(LoadForeign(*workspace, caller, "lab.stop"));
  EXPECT_EQ(Commit({WriteAppend(stop, 1, 3)}, caller).status().code(), Code::kPermissionDenied);
  EXPECT_EQ(CreateFrom(caller, "lab", CreateBody("mine")).status().code(), Code::kPermissionDenied);
  EXPECT_EQ(DropForeign(*workspace, caller, "lab.trip", false).code(), Code::kPermissionDenied);
  ASSERT_OK_AND(const auto seen, LoadForeign(*workspace, caller, "lab.trip"));
  const Written written = WriteAppend(seen, 1, 3);
  ASSERT_OK(DiscardStagingArea(*workspace, *caller.who.staging_area, "enough", "tester"));
  EXPECT_EQ(Commit({written}, caller).status().error_code(), "WH7131");
  EXPECT_EQ(Rows("lab.trip"), 0);
}
}  // namespace
}  // namespace weirhouse::work

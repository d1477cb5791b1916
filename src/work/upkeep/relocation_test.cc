#include "work/upkeep/relocation.h"

#include <filesystem>

#include "ground/base/text.h"
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "testing/projects/trip_fixture.h"
#include "work/ingest/raw_step.h"
#include "work/lineage/lineage.h"
#include "work/pipeline/rebuild/full_run.h"

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A project with upserts, position deletes, a history and views; and somewhere to move it.
struct RelocationTest : TripTest {
  weirhouse::testing::ScratchFolder elsewhere;
  std::string root;

  void SetUp() override {
    TripTest::SetUp();
    root = scratch.path().string();
    LandTariff("2024-01-01", {{"a", 2}, {"b", 3}});
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    Insert({{"t1", "a", 30}, {"t2", "b", 40}, {"t3", "a", 50}});
    Run();
    Delete({"t2"}, {{"t2", "b", 45, 1'700'000'000, 1'700'000'500}});
    Run();
  }
  void Run() { ASSERT_OK(RunPending(*workspace, NoProgress())); }
  // The folder as it is, under another name; nothing is open then.
  void MoveTo(const std::string& place) {
    workspace.reset();
    fs::rename(root, place);
    root = place;
  }
  ProjectFiles Files() {
    auto files = LoadProjectFiles(root, "");
    EXPECT_OK(files);
    return *files;
  }
  Status OpenHere(const Environment& environment = {}) {
    workspace.reset();
    auto opened = Workspace::Open(Files().project, Access::kWrite, {}, environment);
    if (opened.ok()) workspace = std::move(opened).value();
    return opened.status();
  }
  std::vector<std::string> Problems() {
    const auto report = lineage::Verify(workspace->catalog(), workspace->store(), /*deep=*/true,
                                        [](std::int64_t, std::int64_t) {});
    EXPECT_OK(report);
    EXPECT_EQ(report->orphans, 0) << Join(report->first_orphans, "\n");
    return report->problems;
  }
  // Every text that another engine would follow, from the pointers on.
  std::set<std::string> Reachable() {
    std::set<std::string> files;
    const auto pointers = workspace->catalog().Tables().value();
    for (const auto& pointer : pointers) {
      files.insert(pointer.metadata_location);
      const auto table = *workspace->LoadTable(pointer.name);
      files.insert(table->location);
      for (const iceberg::Snapshot& snapshot : table->snapshots) {
        files.insert(snapshot.manifest_list);
        iceberg::ScanOptions options;
        options.snapshot = snapshot.id;
        const auto plan = iceberg::Scan::Plan(workspace->store(), table, options).value();
        for (const auto& task : plan.tasks()) {
          files.insert(task.file.path);
          for (const auto& deletes : task.deletes) files.insert(deletes->path);
        }
      }
    }
    return files;
  }
};

TEST_F(RelocationTest, IsRefusedUntilItIsAskedFor) {
  MoveTo(elsewhere / "city");
  const Status refused = OpenHere();
  EXPECT_EQ(refused.error_code(), "WH8003");
  EXPECT_THAT(refused.hint(), HasSubstr("wh doctor --relocate"));
}

TEST_F(RelocationTest, KeepsRowsHistoryAndBooks) {
  const auto contents = Contents();
  ASSERT_EQ(contents.size(), 6U);
  const auto before = *workspace->LoadTable("processed.trips");
  const std::string former = root;
  MoveTo(elsewhere / "city");
  ASSERT_OK_AND(const RelocationReport report, Relocate(Files()));
  EXPECT_TRUE(report.moved);
  EXPECT_GE(report.tables, 8);
  EXPECT_EQ(report.landed_known, 1);
  ASSERT_OK(OpenHere());
  EXPECT_EQ(Contents(), contents);
  for (const std::string& path : Reachable()) {
    EXPECT_TRUE(path.starts_with(root + "/")) << path;
    EXPECT_TRUE(fs::exists(path)) << path;
  }
  // Every earlier snapshot is there and reads as it did.
  const auto after = *workspace->LoadTable("processed.trips");
  ASSERT_EQ(after->snapshots.size(), before->snapshots.size());
  for (std::size_t i = 0; i < before->snapshots.size(); ++i) {
    EXPECT_EQ(after->snapshots[i].id, before->snapshots[i].id);
    EXPECT_EQ(after->snapshots[i].sequence_number, before->snapshots[i].sequence_number);
  }
  EXPECT_EQ(
      workspace->ReadTable("processed.trips", {}, before->snapshots[0].id).value()->num_rows(), 3);
  EXPECT_THAT(Problems(), IsEmpty());
  // What is history names where it was, and is found.
  const auto objects = workspace->catalog().Objects({}).value();
  EXPECT_TRUE(objects.at(0).path.starts_with(former)) << objects.at(0).path;
  EXPECT_OK(workspace->store().Read(objects.at(0).path));
}

TEST_F(RelocationTest, GoesOnInTheNewPlace) {
  MoveTo(elsewhere / "city");
  ASSERT_OK(Relocate(Files()).status());
  ASSERT_OK(OpenHere());
  EXPECT_EQ(ListWaiting(*workspace)->files, 0);  // what was landed before is known
  const std::int64_t trips = Rows("processed.trips");
  Delete({"t1", "t2"});  // masks a row of a file from before the move
  Insert({{"t4", "b", 60}});
  weirhouse::testing::WriteFile(
      root + "/landing/tariff/2024-01-02.jsonl",
      "{\"zone\":\"b\",\"price\":9,\"set_at\":\"2024-01-02T00:00:00Z\"}\n");
  Run();
  EXPECT_EQ(Rows("processed.trips"), trips - 1);
  EXPECT_THAT(Problems(), IsEmpty());
  // The same as when nothing had moved.
  const auto contents = Contents();
  ASSERT_OK(RunFull(*workspace, NoProgress()));
  EXPECT_EQ(Contents(), contents);
}

TEST_F(RelocationTest, IsUndoneByMovingBack) {
  const auto contents = Contents();
  const std::string first = root;
  for (const std::string& place :
       {elsewhere / "city", elsewhere / "town", first, elsewhere / "city"}) {
    MoveTo(place);
    ASSERT_OK_AND(const RelocationReport report, Relocate(Files()));
    EXPECT_TRUE(report.moved);
    ASSERT_OK(OpenHere());
    EXPECT_EQ(Contents(), contents) << place;
    EXPECT_THAT(Problems(), IsEmpty()) << place;
  }
  EXPECT_EQ(workspace->former_lakes().size(), 2U);  // each place once, the present one not
  ASSERT_OK_AND(const RelocationReport again, [&] {
    workspace.reset();
    return Relocate(Files());
  }());
  EXPECT_FALSE(again.moved);
}

TEST_F(RelocationTest, MakesACopyAProjectOfItsOwn) {
  const auto contents = Contents();
  workspace.reset();
  fs::copy(root, elsewhere / "copy", fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(root + "/landing")) {
    if (entry.is_regular_file())
      fs::last_write_time(elsewhere / "copy" + entry.path().string().substr(root.size()),
                          fs::last_write_time(entry.path()));
  }
  // Objects lose their mode by this copy, which is what `verify` is for.
  for (const auto& entry : fs::recursive_directory_iterator(elsewhere / "copy/.weirhouse/lake/raw"))
    if (entry.is_regular_file() && entry.path().filename().string().size() == 64)
      fs::permissions(entry.path(), fs::perms(0444));
  const std::string original = root;
  root = elsewhere / "copy";
  ASSERT_OK_AND(const RelocationReport report, Relocate(Files()));
  EXPECT_EQ(report.landed_known, 1);  // by its bytes
  ASSERT_OK(OpenHere());
  Delete({"t1"});
  Run();
  EXPECT_THAT(Problems(), IsEmpty());
  root = original;
  ASSERT_OK(OpenHere());
  EXPECT_EQ(Contents(), contents);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(RelocationTest, LeavesAllOrNothingWhereverTheStoreFails) {
  const auto contents = Contents();
  MoveTo(elsewhere / "city");
  bool through = false;
  for (int fail_at = 1; !through; fail_at += 1 + fail_at / 3) {
    ASSERT_LT(fail_at, 100'000);
    platform::FaultyStore faulty(platform::LocalStore(), fail_at, Code::kUnavailable);
    const auto report = Relocate(Files(), {.store = faulty});
    through = report.ok() && !faulty.fault_fired();
    if (report.ok()) break;
    EXPECT_EQ(OpenHere().error_code(), "WH8003") << fail_at;
  }
  ASSERT_OK(OpenHere());
  EXPECT_EQ(Contents(), contents);
}

TEST_F(RelocationTest, DoesNotTakeAPlaceWithoutTheData) {
  workspace.reset();
  fs::create_directories(elsewhere / "city");
  fs::copy(root, elsewhere / "city", fs::copy_options::recursive);
  fs::remove_all(elsewhere / "city/.weirhouse/lake");
  root = elsewhere / "city";
  const Status status = Relocate(Files()).status();
  EXPECT_EQ(status.error_code(), "WH8003");
  EXPECT_THAT(status.message(), HasSubstr("did not come with it"));
}
}  // namespace
}  // namespace weirhouse::work

#include "work/upkeep/upkeep.h"

#include <filesystem>
#include <set>
#include <thread>

#include "ground/base/text.h"
#include "ground/iceberg/read/reachable.h"
#include "ground/platform/columnar/parquet.h"
#include "testing/projects/shop_fixture.h"
#include "testing/wait.h"
#include "work/lineage/lineage.h"
#include "work/pipeline/plan/plan.h"
#include "work/upkeep/abandoned.h"
#include "work/upkeep/upkeep_log.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A table that no definition makes, filled by small commits.
struct UpkeepTest : ShopTest {
  static constexpr char kTable[] = "sandbox.t";

  void SetUp() override {
    ShopTest::SetUp();
    for (int batch = 0; batch < 12; ++batch) Append(batch);
  }

  void Append(int batch) {
    StepInputs step;
    step.kind = catalog::RunKind::kForeign;
    step.name = fmt::format("batch {}", batch);
    step.inputs = {{"batch", batch}};
    ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
    Publication publication(*workspace, run, catalog::Layer::kOpen, step.name);
    const auto rows =
        weirhouse::testing::TableOf(arrow::schema({arrow::field("id", arrow::int64())}),
                                    fmt::format(R"([{{"id":{}}},{{"id":{}}},{{"id":{}}}])",
                                                batch * 10, batch * 10 + 1, batch * 10 + 2));
    ASSERT_OK_AND(const iceberg::TablePtr base,
                  TableOrNew(*workspace, kTable, *rows->schema(), {}, {}));
    iceberg::StagedWrite write(workspace->store(), base, workspace->random(),
                               publication.StageAs());
    ASSERT_OK_AND(const iceberg::AppendedRows appended, write.Append(*rows));
    if (batch % 3 == 2) {  // one of its own rows goes again
      const std::vector<iceberg::RowPosition> gone = {{appended.files[0].path, 1}};
      ASSERT_OK(write.DeleteRows(gone));
    }
    ASSERT_OK_AND(const iceberg::StagedTable staged, write.Finish());
    publication.Add(staged);
    ASSERT_OK(publication.Commit());
  }
  iceberg::TablePtr Load() { return *workspace->LoadTable(kTable); }
  std::set<std::string> FilesOnDisk() {
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(workspace->TableLocation(kTable)))
      if (entry.is_regular_file()) files.insert(entry.path().string());
    return files;
  }
};

TEST_F(UpkeepTest, CompactionMergesSmallFilesAndKeepsTheRows) {
  const Digest before = Content(kTable);
  iceberg::CompactionOptions options;
  options.small_file_bytes = kSmallFileBytes;
  ASSERT_OK_AND(const CompactionReport report, CompactTable(*workspace, kTable, options));
  EXPECT_TRUE(report.changed);
  EXPECT_EQ(report.files_before, 12);
  EXPECT_EQ(report.files_after, 1);
  EXPECT_EQ(report.delete_files_before, 4);
  EXPECT_EQ(report.delete_files_after, 0);
  EXPECT_EQ(report.rows, 32);
  EXPECT_EQ(Content(kTable), before);
  ASSERT_OK_AND(const CompactionReport again, CompactTable(*workspace, kTable, options));
  EXPECT_FALSE(again.changed);
}

TEST_F(UpkeepTest, ExpirySparesTagsAndReleasesWhatNothingNeeds) {
  const SnapshotId first = Load()->snapshots.front().id;
  ASSERT_OK(TagTable(*workspace, kTable, "first", first));
  ASSERT_OK_AND(const auto rows_of_first, workspace->ReadTable(kTable, {}, first));
  iceberg::CompactionOptions all;
  all.all = true;
  ASSERT_OK(CompactTable(*workspace, kTable, all));

  ExpiryOptions options;
  options.keep = 2;
  options.dry_run = true;
  ASSERT_OK_AND(const ExpiryReport planned, ExpireTable(*workspace, kTable, options));
  EXPECT_EQ(planned.snapshots_expired, 10);
  EXPECT_THAT(Load()->snapshots, SizeIs(13));

  options.dry_run = false;
  const std::set<std::string> before = FilesOnDisk();
  ASSERT_OK_AND(const ExpiryReport kept, ExpireTable(*workspace, kTable, options));
  EXPECT_EQ(kept.snapshots_expired, 10);
  EXPECT_EQ(kept.snapshots_kept, 3);
  EXPECT_THAT(kept.spared_by, ElementsAre("first"));
  EXPECT_GT(kept.files_released, 0);
  EXPECT_EQ(kept.files_removed, 0);  // readers have an hour
  for (const std::string& path : before) EXPECT_TRUE(fs::exists(path)) << path;

  options.grace = std::chrono::seconds(0);
  ASSERT_OK_AND(const ExpiryReport removed, ExpireTable(*workspace, kTable, options));
  // Its own commit puts the oldest metadata file out of the log.
  EXPECT_EQ(removed.files_removed, kept.files_released + removed.files_released);
  EXPECT_EQ(Rows(kTable), 32);
  ASSERT_OK_AND(const auto still, workspace->ReadTable(kTable, {}, first));
  EXPECT_TRUE(still->Equals(*rows_of_first));
  ASSERT_OK_AND(const auto needed, iceberg::ReachableFiles(workspace->store(), *Load()));
  EXPECT_EQ(FilesOnDisk(), needed);
  EXPECT_OK(workspace->catalog().VerifyChain());
}

TEST_F(UpkeepTest, ARollbackIsACommitOfItsOwn) {
  const iceberg::TablePtr before = Load();
  const SnapshotId third = before->snapshots[2].id;
  ASSERT_OK_AND(const CommitSeq seq, RollbackTable(*workspace, kTable, third));
  EXPECT_EQ(Rows(kTable), 8);
  EXPECT_EQ(Load()->current_snapshot()->id, third);
  EXPECT_NE(Load()->FindSnapshot(before->current_snapshot()->id), nullptr);
  ASSERT_OK_AND(const SnapshotId named,
                FindTableSnapshot(*workspace, *Load(), fmt::format("@{}", seq.value())));
  EXPECT_EQ(named, third);
  EXPECT_EQ(RollbackTable(*workspace, kTable, SnapshotId(5)).status().error_code(), "WH7059");
}

TEST_F(UpkeepTest, AfterARollbackOneCanGoForwardAgain) {
  const SnapshotId head = Load()->current_snapshot()->id;
  ASSERT_OK(RollbackTable(*workspace, kTable, Load()->snapshots[2].id));
  ExpiryOptions options;
  options.keep = 3;
  ASSERT_OK_AND(const ExpiryReport kept, ExpireTable(*workspace, kTable, options));
  // The rollback, and the two that main was before; with the ancestors of what it is now.
  EXPECT_EQ(kept.snapshots_kept, 5);
  ASSERT_OK(RollbackTable(*workspace, kTable, head));
  EXPECT_EQ(Rows(kTable), 32);
  options.keep = 1;
  ASSERT_OK_AND(const ExpiryReport alone, ExpireTable(*workspace, kTable, options));
  EXPECT_EQ(alone.snapshots_kept, 1);
  EXPECT_EQ(Rows(kTable), 32);
}

TEST_F(UpkeepTest, AnExpiredSnapshotIsNotTakenForACommit) {
  const SnapshotId gone = Load()->snapshots.front().id;
  ExpiryOptions options;
  options.keep = 1;
  ASSERT_OK(ExpireTable(*workspace, kTable, options));
  const auto found =
      FindTableSnapshot(*workspace, *Load(), fmt::format("{}", gone.value())).status();
  EXPECT_EQ(found.error_code(), "WH7059");
}

TEST_F(UpkeepTest, WhatADefinitionMakesIsNotRolledBack) {
  Land("2024-01-01.jsonl", Order("1", 5, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const SnapshotId made = (*workspace->LoadTable("processed.order"))->current_snapshot()->id;
  EXPECT_EQ(RollbackTable(*workspace, "processed.order", made).status().error_code(), "WH7075");
  const SnapshotId landed = (*workspace->LoadTable("raw.order"))->current_snapshot()->id;
  EXPECT_EQ(RollbackTable(*workspace, "raw.order", landed).status().error_code(), "WH7072");
}

TEST_F(UpkeepTest, TagsOfRunsAndTrainingSetsArePeoplesToReadOnly) {
  const SnapshotId head = Load()->current_snapshot()->id;
  EXPECT_EQ(TagTable(*workspace, kTable, "main", head).status().error_code(), "WH7122");
  EXPECT_EQ(TagTable(*workspace, kTable, "staging-r9", std::nullopt).status().error_code(),
            "WH7122");
  EXPECT_EQ(TagTable(*workspace, kTable, "absent", std::nullopt).status().error_code(), "WH7059");
}

TEST_F(UpkeepTest, ATagDoesNotTakeTheNameOfABranch) {
  const iceberg::TablePtr base = Load();
  const SnapshotId head = base->current_snapshot()->id;
  StepInputs step;
  step.kind = catalog::RunKind::kForeign;
  step.name = "branch";
  ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
  Publication publication(*workspace, run, catalog::Layer::kOpen, step.name);
  const iceberg::RefChange branch{"audit", head, "branch"};
  ASSERT_OK_AND(const iceberg::StagedTable staged,
                iceberg::StageRefs(workspace->store(), base, workspace->random(), {&branch, 1},
                                   workspace->clock().Now()));
  publication.Add(staged);
  ASSERT_OK(publication.Commit());
  const Status status = TagTable(*workspace, kTable, "audit", head).status();
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_EQ(status.error_code(), "WH7123");
  EXPECT_EQ(status.message(), "\"audit\" of \"sandbox.t\" is a branch");
  EXPECT_EQ(status.hint(), "choose another name for the tag");
}

// As if somebody had put another file in the place of one of the table's.
TEST_F(UpkeepTest, ACompactionThatFindsMoreRowsThanThereWereChangesNothing) {
  ASSERT_OK_AND(const auto scan, iceberg::Scan::Plan(workspace->store(), Load(), {}));
  const std::string path = scan.tasks().front().file.path;
  ASSERT_OK_AND(const auto rows, platform::ReadParquet(workspace->store(), path, {}));
  const auto more = arrow::ConcatenateTables(std::vector(9, rows));
  ASSERT_TRUE(more.ok());
  fs::remove(path);
  ASSERT_OK(platform::WriteParquet(workspace->store(), path, **more));
  const std::string before = Load()->metadata_location;
  const Status status = CompactTable(*workspace, kTable, {.all = true}).status();
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_EQ(status.error_code(), "WH7120") << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr("compaction of \"sandbox.t\" would make "));
  EXPECT_THAT(status.hint(), HasSubstr("nothing was changed; `wh verify --deep`"));
  EXPECT_EQ(Load()->metadata_location, before);
}

TEST_F(UpkeepTest, TheSweepTakesOldOrphansOfEndedRunsAlone) {
  const std::string data = workspace->TableLocation(kTable) + "/data/";
  const std::string old = data + "r1-0-aaaa.parquet";
  weirhouse::testing::WriteFile(old, "orphan");
  std::this_thread::sleep_for(std::chrono::milliseconds(2200));
  StepInputs open;
  open.kind = catalog::RunKind::kForeign;
  open.name = "still at work";
  ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(open)));
  for (const std::string& name : {ToString(run.id) + "-0-bbbb.parquet", std::string("copied")}) {
    weirhouse::testing::WriteFile(data + name, "orphan");
    // As cp -p and rsync -a do: the time is that of the file it was copied from.
    fs::last_write_time(data + name, fs::last_write_time(data + name) - std::chrono::hours(48));
  }
  const std::set<std::string> before = FilesOnDisk();

  constexpr std::chrono::seconds kAge{1};
  ASSERT_OK_AND(const SweepReport seen, SweepOrphans(*workspace, kAge, /*dry_run=*/true));
  EXPECT_EQ(seen.orphans, 3);
  EXPECT_EQ(FilesOnDisk(), before);
  ASSERT_OK_AND(const SweepReport swept, SweepOrphans(*workspace, kAge, /*dry_run=*/false));
  EXPECT_EQ(swept.removed, 1);
  EXPECT_EQ(swept.too_young, 1);
  EXPECT_EQ(swept.of_open_runs, 1);
  EXPECT_THAT(swept.first, ElementsAre(old));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(data + "copied"));
  EXPECT_EQ(Rows(kTable), 32);
}

TEST_F(UpkeepTest, TheSweepFollowsNoLinkOutOfTheLake) {
  const weirhouse::testing::ScratchFolder outside;
  weirhouse::testing::WriteFile(outside / "mine", "x");
  fs::create_directory_symlink(outside.path(), workspace->lake() + "/linked");
  ASSERT_OK(SweepOrphans(*workspace, std::chrono::seconds(0), /*dry_run=*/false));
  EXPECT_TRUE(fs::exists(outside / "mine"));
}

TEST_F(UpkeepTest, ALiveFileIsSparedInEverySpellingAndUnderEveryName) {
  ASSERT_OK_AND(LiveFiles live, LiveFiles::Load(*workspace));
  ASSERT_OK_AND(const auto files,
                iceberg::LiveFiles(workspace->store(), *Load(), *Load()->current_snapshot()));
  const std::string path = files.front().path;
  const auto slash = path.rfind('/');
  const std::string folder = path.substr(0, slash);
  const std::string name = path.substr(slash + 1);
  const std::vector<std::string> spellings = {path,
                                              "file:" + path,
                                              "file://" + path,
                                              "file:///" + path,
                                              folder + "//" + name,
                                              folder + "/./" + name,
                                              folder + "/../data/" + name};
  for (const std::string& spelling : spellings) EXPECT_TRUE(live.Names(spelling)) << spelling;
  // Reached through a link, and as another name of the same file.
  fs::create_directory_symlink(folder, workspace->lake() + "/alias");
  const std::string aliased = workspace->lake() + "/alias/" + name;
  fs::create_hard_link(path, folder + "/twin");
  weirhouse::testing::WriteFile(folder + "/orphan", "x");
  std::vector<std::string> asked = spellings;
  asked.push_back(aliased);
  asked.push_back(folder + "/twin");
  asked.push_back(folder + "/orphan");
  asked.push_back(folder + "/absent");
  ASSERT_OK_AND(const RemovedFiles removed, RemoveUnlessLive(*workspace, live, asked));
  EXPECT_THAT(removed.gone, ElementsAre(folder + "/orphan", folder + "/absent"));
  EXPECT_TRUE(fs::exists(path));
  EXPECT_FALSE(fs::exists(folder + "/orphan"));
}

TEST_F(UpkeepTest, AFileThatIsCommittedAfterTheLookIsSpared) {
  ASSERT_OK_AND(LiveFiles live, LiveFiles::Load(*workspace));
  const std::set<std::string> before = FilesOnDisk();
  Append(20);
  std::vector<std::string> fresh;
  for (const std::string& path : FilesOnDisk()) {
    if (!before.contains(path)) fresh.push_back(path);
  }
  ASSERT_FALSE(fresh.empty());
  ASSERT_OK_AND(const RemovedFiles removed, RemoveUnlessLive(*workspace, live, fresh));
  EXPECT_TRUE(removed.gone.empty());
  EXPECT_EQ(removed.spared, fresh);
}

TEST_F(UpkeepTest, AReleasedPathThatIsLiveAllTheSameStays) {
  ASSERT_OK_AND(const auto files,
                iceberg::LiveFiles(workspace->store(), *Load(), *Load()->current_snapshot()));
  const std::string path = files.front().path;
  catalog::CommitRequest request;
  StepInputs step;
  step.kind = catalog::RunKind::kForeign;
  step.name = "release";
  request.plan = PlanOf(step);
  request.idempotency_key = request.plan->idempotency_key;
  request.layer = catalog::Layer::kMaintenance;
  request.released_files = {path};
  ASSERT_OK(workspace->catalog().Commit(request));
  ASSERT_OK_AND(const lineage::VerifyReport report,
                lineage::Verify(workspace->catalog(), workspace->store(), /*deep=*/false,
                                [](std::int64_t, std::int64_t) {}));
  ASSERT_THAT(report.problems, SizeIs(1));
  EXPECT_THAT(report.problems[0], ::testing::HasSubstr("was released all the same: " + path));
  ExpiryOptions options;
  options.grace = std::chrono::seconds(0);
  ASSERT_OK(ExpireTable(*workspace, kTable, options));
  EXPECT_TRUE(fs::exists(path));
  ASSERT_OK(SweepOrphans(*workspace, std::chrono::seconds(0), /*dry_run=*/false));
  EXPECT_TRUE(fs::exists(path));
  EXPECT_EQ(Rows(kTable), 32);
}
TEST_F(UpkeepTest, ACompactionWithNothingToDoPlansNoRun) {
  ASSERT_OK_AND(const RunId before, NewestRun(*workspace));
  ASSERT_OK_AND(const CompactionReport report, CompactTable(*workspace, kTable, {}));
  ASSERT_TRUE(report.changed);  // folds the deletes in
  ASSERT_OK_AND(const CompactionReport again, CompactTable(*workspace, kTable, {}));
  EXPECT_FALSE(again.changed);
  ASSERT_OK_AND(const RunId after, NewestRun(*workspace));
  EXPECT_EQ(after.value(), before.value() + 1);
}

// ---- Runs that nobody will publish
struct AbandonedTest : ShopTest {
  catalog::Run Planned(catalog::RunKind kind) {
    StepInputs step;
    step.kind = kind;
    step.name = "abandoned";
    return workspace->catalog().PlanRun(PlanOf(step)).value();
  }
  catalog::RunState StateOf(RunId run) { return workspace->catalog().GetRun(run)->state; }
  // A batch of one order for each day, and then this policy.
  void ApplyDays(int days, std::string_view policy) {
    for (int day = 1; day <= days; ++day) {
      const std::string at = fmt::format("2024-01-{:02}T06:00:00Z", day);
      Land(fmt::format("2024-01-{:02}.jsonl", day), Order(fmt::format("{}", day), 5, at, at));
    }
    ASSERT_OK(Apply(*workspace, "", NoProgress()));
    Write("weirhouse.yaml",
          fmt::format("{}upkeep: {{ {} }}\n",
                      weirhouse::testing::ReadFile(scratch / "weirhouse.yaml"), policy));
    Reopen();
  }
};

TEST_F(AbandonedTest, WhatIsPlannedWhenNothingIsLeftToDoIsGivenUp) {
  Land("2024-01-01.jsonl", Order("1", 5, "2024-01-01T06:00:00Z", "2024-01-01T06:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const catalog::Run raw = Planned(catalog::RunKind::kRaw);
  const catalog::Run view = Planned(catalog::RunKind::kStagingArea);
  const catalog::Run prediction = Planned(catalog::RunKind::kPrediction);
  ASSERT_OK_AND(const RunSummary summary, RunPending(*workspace, NoProgress()));
  ASSERT_EQ(StateOf(raw.id), catalog::RunState::kFailed);
  const auto why = workspace->catalog().GetRun(raw.id)->error;
  EXPECT_EQ(why["error"], "WH7125");
  EXPECT_THAT(why["message"].get<std::string>(), HasSubstr("given up: its process is gone"));
  EXPECT_EQ(StateOf(view.id), catalog::RunState::kPlanned);
  EXPECT_EQ(StateOf(prediction.id), catalog::RunState::kPlanned);
  ASSERT_THAT(summary.warnings, SizeIs(1));
  EXPECT_THAT(summary.warnings[0], ::testing::HasSubstr("gave up run " + ToString(raw.id)));
  // The same step, should it come after all, is the same run.
  EXPECT_EQ(Planned(catalog::RunKind::kRaw).id, raw.id);
  EXPECT_EQ(StateOf(raw.id), catalog::RunState::kPlanned);
}

TEST_F(AbandonedTest, WhatWaitsBehindAHaltIsNotGivenUp) {
  Land("2024-01-01.jsonl", Order("1", 5000, "2024-01-01T06:00:00Z", "2024-01-01T06:00:00Z"));
  ASSERT_OK_AND(const RunSummary summary, Apply(*workspace, "", NoProgress()));
  ASSERT_TRUE(summary.halted.has_value());
  const catalog::Run planned = Planned(catalog::RunKind::kProcessed);
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(StateOf(planned.id), catalog::RunState::kPlanned);
}

TEST_F(AbandonedTest, ASweepRemovesWhatAGivenUpRunLeft) {
  const catalog::Run run = Planned(catalog::RunKind::kProcessed);
  const std::string path = fmt::format("{}/processed/order/data/{}-0-00000000.parquet",
                                       workspace->lake(), ToString(run.id));
  weirhouse::testing::WriteFile(path, "rows");
  ASSERT_OK_AND(const SweepReport looked,
                SweepOrphans(*workspace, std::chrono::seconds(0), /*dry_run=*/true));
  EXPECT_EQ(looked.of_open_runs, 1);
  ASSERT_TRUE(weirhouse::testing::WaitUntil(
      [&] { return fs::last_write_time(path) < fs::file_time_type::clock::now(); }));
  ASSERT_OK_AND(const SweepReport swept,
                SweepOrphans(*workspace, std::chrono::seconds(0), /*dry_run=*/false));
  EXPECT_EQ(swept.given_up, 1);
  EXPECT_EQ(swept.removed, 1);
  EXPECT_FALSE(fs::exists(path));
}

// ---- By itself
TEST_F(AbandonedTest, EachTableHasItsTurnOnceItChangedOften) {
  for (int day = 1; day <= 12; ++day) {
    const std::string at = fmt::format("2024-01-{:02}T06:00:00Z", day);
    Land(fmt::format("2024-01-{:02}.jsonl", day), Order(fmt::format("{}", day), 5, at, at));
  }
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const Digest rows = Content("processed.order");
  const std::string project = weirhouse::testing::ReadFile(scratch / "weirhouse.yaml");
  const auto with = [&](std::string_view policy) {
    Write("weirhouse.yaml", fmt::format("{}upkeep: {{ {} }}\n", project, policy));
    Reopen();
  };
  ManualClock clock(ProcessTimeOfMicros(0));
  const auto taken = [&](UpkeepTurns::While when) {
    return UpkeepTurns(clock).Take(*workspace, when).value();
  };
  with("after_changes: 100");
  EXPECT_EQ(taken(UpkeepTurns::While::kIdle), "");
  EXPECT_EQ(ReadUpkeepDebt(*workspace)->due(), 0u);
  EXPECT_GE(ReadUpkeepDebt(*workspace)->tables.at(0).changes, 11);
  with("after_changes: 2, by_itself: false");
  EXPECT_EQ(taken(UpkeepTurns::While::kIdle), "");
  EXPECT_GE(ReadUpkeepDebt(*workspace)->due(), 3u);
  // Who is never idle gives a turn only to tables that changed several times as often.
  with("after_changes: 10");
  EXPECT_EQ(taken(UpkeepTurns::While::kBusy), "");
  with("after_changes: 2");
  const std::string first = taken(UpkeepTurns::While::kBusy);
  EXPECT_THAT(first, ::testing::StartsWith("upkeep of "));
  // Each process continues where the last one stopped.
  with("after_changes: 10");
  std::set<std::string> told;
  for (int turn = 0; turn < 20; ++turn) {
    const std::string line = taken(UpkeepTurns::While::kIdle);
    if (line.empty()) continue;
    EXPECT_TRUE(told.emplace(Split(line, ':').front()).second) << line;
  }
  for (const char* table : {"processed.order", "raw.order", "processed.order_history"}) {
    const bool before = first.starts_with(fmt::format("upkeep of {}:", table));
    EXPECT_EQ(told.contains(fmt::format("upkeep of {}", table)), !before) << table;
  }
  ASSERT_OK_AND(const UpkeepDebt debt, ReadUpkeepDebt(*workspace));
  EXPECT_EQ(debt.due(), 0u);
  EXPECT_GT(debt.released_files, 0);
  ASSERT_TRUE(debt.last);
  EXPECT_THAT(debt.last->told, HasSubstr("became"));
  UpkeepLog log;
  log.tables["t"].version = 40;
  EXPECT_EQ(log.ChangesOf("t", 45), 5);
  EXPECT_EQ(log.ChangesOf("t", 3), 3);  // made anew since
  EXPECT_EQ(log.ChangesOf("u", 7), 7);
  // A log that is damaged costs a look, and nothing else.
  for (const char* version : {"-9223372036854775808", "-1", "18446744073709551615", "1e300"}) {
    Write(".weirhouse/upkeep.json",
          fmt::format(R"({{"removed_at":{0},"tables":{{"raw.order":{{"version":{0},"at":{0}}}}}}})",
                      version));
    EXPECT_GE(ReadUpkeepDebt(*workspace)->due(), 3u) << version;
  }
  std::filesystem::remove(scratch / ".weirhouse/upkeep.json");
  std::filesystem::create_directory(scratch / ".weirhouse/upkeep.json");
  ASSERT_EQ(ReadUpkeepDebt(*workspace)->failed.size(), 1u);
  EXPECT_EQ(ReadUpkeepDebt(*workspace)->failed[0].first, "(what it noted)");
  std::filesystem::remove(scratch / ".weirhouse/upkeep.json");
  Write(".weirhouse/upkeep.json", "{\"tables\": [");
  EXPECT_GE(ReadUpkeepDebt(*workspace)->due(), 3u);
  EXPECT_EQ(taken(UpkeepTurns::While::kIdle), "");
  EXPECT_EQ(ReadUpkeepDebt(*workspace)->due(), 0u);
  EXPECT_EQ(Content("processed.order"), rows);
  ASSERT_OK_AND(const RunSummary idle, RunPending(*workspace, NoProgress()));
  EXPECT_EQ(idle.commits, 0);
}

// Tables may be due at every run, and a run does one piece.
TEST_F(AbandonedTest, FilesAreLookedForWhileTablesAreDue) {
  ApplyDays(9, "after_changes: 4");
  ManualClock clock(ProcessTimeOfMicros(0));
  ASSERT_OK_AND(const std::string told, UpkeepTurns(clock).Take(*workspace));
  EXPECT_THAT(told, HasSubstr("upkeep of "));  // a table had its turn
  const std::optional<ProcessTime> first = UpkeepLog::Read(*workspace).removed_at;
  ASSERT_TRUE(first);
  // Not again within the hour; two hours later, before the tables that are due.
  ASSERT_OK(UpkeepTurns(clock).Take(*workspace).status());
  UpkeepLog log = UpkeepLog::Read(*workspace);
  EXPECT_EQ(log.removed_at, first);
  log.removed_at = *first - std::chrono::hours(2);
  ASSERT_OK(log.Write(*workspace));
  ASSERT_GT(ReadUpkeepDebt(*workspace)->due(), 0u);
  ASSERT_OK(UpkeepTurns(clock).Take(*workspace).status());
  EXPECT_GE(UpkeepLog::Read(*workspace).removed_at, first);
}

// A table whose files are damaged fails its turn each time; the others have theirs all the same.
TEST_F(AbandonedTest, ATurnThatFailsKeepsNoOtherTableWaiting) {
  ApplyDays(9, "after_changes: 4");
  const iceberg::TablePtr table = *workspace->LoadTable("processed.order");
  const auto files =
      iceberg::LiveFiles(workspace->store(), *table, *table->current_snapshot()).value();
  const std::string held = weirhouse::testing::ReadFile(files[0].path);
  weirhouse::testing::WriteFile(files[0].path, "damaged");
  ManualClock clock(ProcessTimeOfMicros(0));
  int failures = 0;
  std::set<std::string> told;
  for (int turn = 0; turn < 12; ++turn) {
    const auto taken = UpkeepTurns(clock).Take(*workspace);
    if (taken.ok()) told.emplace(Split(*taken, ':').front());
    if (!taken.ok()) ++failures;
  }
  EXPECT_TRUE(told.contains("upkeep of raw.order"));
  EXPECT_TRUE(told.contains("upkeep of processed.order_history"));
  EXPECT_GE(failures, 2);  // first, and again once nothing else was due
  ASSERT_OK_AND(UpkeepDebt debt, ReadUpkeepDebt(*workspace));
  ASSERT_EQ(debt.failed.size(), 1u);
  EXPECT_EQ(debt.failed[0].first, "processed.order");
  EXPECT_EQ(debt.due(), 1u);
  weirhouse::testing::WriteFile(files[0].path, held);
  Reopen();
  ASSERT_OK(UpkeepTurns(clock).Take(*workspace).status());
  ASSERT_OK_AND(debt, ReadUpkeepDebt(*workspace));
  EXPECT_TRUE(debt.failed.empty());
  EXPECT_EQ(debt.due(), 0u);
}

TEST_F(AbandonedTest, APolicyThatCannotBeKeptIsRefusedWhereItStands) {
  const std::string project = weirhouse::testing::ReadFile(scratch / "weirhouse.yaml");
  for (const auto& [policy, why] : std::vector<std::pair<std::string, std::string>>{
           {"upkeep: { after_changes: 1 }", "after_changes of upkeep must be 2 to 100,000"},
           {"upkeep: { small_files: many }", "small_files of upkeep"},
           {"upkeep: { by_itself: maybe }", "by_itself of upkeep"},
           {"upkeep: { grace: 1 h }", "grace of upkeep is not a duration: \"1 h\""},
           {"upkeep: { grace: 5s }", "grace of upkeep must be at least 1m"},
           {"upkeep: { orphan_age: 1h }", "orphan_age of upkeep must be at least 24h"},
           {"upkeep: { graze: 1h }", "grace"},
           {"upkeep: yes", "upkeep must be a map"}}) {
    Write("weirhouse.yaml", project + policy + "\n");
    const Status refused = LoadProject(scratch.path().string(), "").status();
    EXPECT_THAT(refused.ToString(), HasSubstr(why)) << policy;
    EXPECT_THAT(refused.ToString(), HasSubstr("weirhouse.yaml:")) << policy;
  }
}
}  // namespace
}  // namespace weirhouse::work

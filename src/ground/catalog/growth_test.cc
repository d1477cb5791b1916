// What a commit and the reads beside it cost does not grow with what was committed before: counted
// in steps of SQLite's machine, which load and noise do not change.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "ground/catalog/conformance.h"
#include "ground/platform/db/sqlite.h"

namespace weirhouse::catalog {
namespace {
constexpr char kTable[] = "processed.arrival";

struct GrowthTest : ::testing::Test {
  void SetUp() override {
    CatalogOptions options;
    options.clock = &clock;
    auto opened = OpenSqliteCatalog(scratch / "catalog.db", options);
    ASSERT_OK(opened);
    catalog = std::move(opened).value();
  }

  // One commit of one table: a snapshot, three files and a landed file; what the one before the
  // last needed is released.
  void CommitNext() {
    ++batch;
    clock.Advance(std::chrono::seconds(1));
    const auto run = ValueOf(catalog->PlanRun(PlanOf(fmt::format("batch {}", batch), 100)));
    const auto location = [](int of) { return fmt::format("/lake/{}.metadata.json", of); };
    CommitRequest request =
        SwapOf(run, kTable, batch == 1 ? std::nullopt : std::optional(location(batch - 1)),
               location(batch));
    SnapshotRecord snapshot;
    snapshot.table = kTable;
    snapshot.snapshot = SnapshotId(1'000'000 + batch);
    snapshot.sequence_number = batch;
    snapshot.operation = "append";
    request.snapshots.push_back(snapshot);
    for (const FileKind kind : {FileKind::kData, FileKind::kManifest, FileKind::kMetadata}) {
      FileRecord file;
      file.path = PathOf(kind, batch);
      file.table = kTable;
      file.kind = kind;
      file.sha256 = Sha256Of(Name(kind));
      request.files.push_back(file);
      if (batch > 2) request.released_files.push_back(PathOf(kind, batch - 2));
    }
    LandingRecord landing;
    landing.path = fmt::format("/landing/{}.jsonl", batch);
    landing.source = "arrival";
    request.landings.push_back(landing);
    ASSERT_OK(catalog->Commit(request));
  }
  static std::string PathOf(FileKind kind, int of) {
    return fmt::format("/lake/{}-{}", Name(kind), of);
  }

  // What the pipeline and upkeep ask for at each batch, whatever the history.
  void AskForAll() {
    ASSERT_OK(catalog->SeqOf(kTable, batch));
    ASSERT_OK(catalog->SeqOf(kTable, batch - 10));
    ASSERT_OK(catalog->SnapshotAsOf(kTable, CommitSeq(batch)));
    ASSERT_EQ(ValueOf(catalog->Files(kTable)).size(), 6U);
    ASSERT_EQ(ValueOf(catalog->Files(std::nullopt)).size(), 6U);
    const auto released = ValueOf(catalog->ReleasedFiles(clock.Now() + std::chrono::hours(1)));
    ASSERT_OK(catalog->MarkRemoved(released));
    ASSERT_OK(catalog->FindTable(kTable));
    ASSERT_OK(catalog->NextCommit(Layer::kProcessed, CommitSeq(batch - 1)));
    ASSERT_EQ(ValueOf(catalog->FindLandings({fmt::format("/landing/{}.jsonl", batch)})).size(), 1U);
    ASSERT_OK(catalog->LastSeq());
    ASSERT_OK(catalog->ReplayNow());
    ASSERT_OK(catalog->RunCounts());
    ASSERT_OK(catalog->EventCounts());
  }

  std::int64_t StepsOf(const std::function<void()>& work) {
    const std::int64_t before = platform::Sqlite::Steps();
    work();
    return platform::Sqlite::Steps() - before;
  }
  // Of a batch and its reads, after `batches` of them.
  std::int64_t StepsAfter(int batches) {
    while (batch < batches) {
      CommitNext();
      catalog->MarkRemoved(ValueOf(catalog->ReleasedFiles(ProcessTime::max())))
          .Ignore("asked below");
    }
    return StepsOf([&] {
      CommitNext();
      AskForAll();
    });
  }

  weirhouse::testing::ScratchFolder scratch;
  ManualClock clock{ProcessTimeOfMicros(1'700'000'000'000'000)};
  std::unique_ptr<Catalog> catalog;
  int batch = 0;
};

TEST_F(GrowthTest, ACommitItsReadsAndItsCheckTakeAsManyStepsAfterFiveHundredAsAfterFifty) {
  const auto verify = [&] { ASSERT_OK(catalog->VerifyChain()); };
  const std::int64_t few = StepsAfter(50);
  const std::int64_t verified_few = StepsOf(verify);
  const std::int64_t many = StepsAfter(500);
  const std::int64_t verified_many = StepsOf(verify);
  EXPECT_GT(few, 100);
  EXPECT_LE(many, few + few / 20) << few << " steps after 50 commits, " << many << " after 500";
  EXPECT_LE(verified_many, 11 * verified_few)  // it looks at each commit once
      << verified_few << " steps for 51 commits, " << verified_many << " for 501";
}
}  // namespace
}  // namespace weirhouse::catalog

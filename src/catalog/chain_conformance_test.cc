#include <atomic>
#include <set>
#include <thread>

#include "catalog/conformance.h"

namespace weirhouse::catalog {
namespace {
// ---- The chain
TEST_P(TamperedConformance, EveryEditFromOutsideIsFoundAndPlaced) {
  const std::vector<std::pair<std::string, std::string>> edits{
      {"UPDATE commit_log SET record = replace(record, 'day2', 'day9') WHERE seq = 2", "commit 2 "},
      {"UPDATE commit_log SET batch = 'day9' WHERE seq = 2", "commit 2 "},
      {"UPDATE commit_log SET committed_at = 1 WHERE seq = 2", "commit 2 "},
      {"UPDATE commit_log SET chain = (SELECT chain FROM commit_log WHERE seq = 1) WHERE seq = 2",
       "commit 2 "},
      {"DELETE FROM commit_log WHERE seq = 2", "commit 3 "},
      {"DELETE FROM commit_log WHERE seq = 3", "commit 3 "},
      {"UPDATE file SET sha256 = replace(sha256, 'a', 'b') WHERE seq = 1", "commit 1 "},
      {"DELETE FROM object WHERE seq = 2", "commit 2 "},
      {"UPDATE verdict SET override_by = 'nobody' WHERE seq = 3", "commit 3 "},
      {"UPDATE verdict SET checks = '[]' WHERE seq = 3", "commit 3 "},
      {"UPDATE metric SET value = '11' WHERE seq = 1", "commit 1 "},
      {"UPDATE record_state SET count = 10 WHERE seq = 2 AND state = 'processed'", "commit 2 "},
      {"UPDATE node SET record = '{}' WHERE kind = 'object' AND key = 'o2'", "commit 2 "},
      {"DELETE FROM edge WHERE seq = 3", "commit 3 "},
      {"UPDATE prediction SET output = '{\"score\":0.5}' WHERE seq = 1", "commit 1 "},
      {"UPDATE snapshot SET total_rows = 11 WHERE seq = 2", "commit 2 "},
      {"UPDATE outbox SET data = '{}' WHERE seq = 2", "commit 2 "},
      {"UPDATE table_pointer SET metadata_location = 'm2'", "commit 3 "},
      {"UPDATE consumer_offset SET position = 9 WHERE consumer = 'arrival/day2'", "commit 2 "},
      {"DELETE FROM consumer_offset WHERE consumer = 'arrival/day2'", "commit 3 "},
      {"UPDATE answer SET idempotency_key = 'x' WHERE seq = 2", "commit 2 "},
      {"UPDATE run SET step_identity = replace(step_identity, 'a', 'b') WHERE id = 1", "commit 1 "},
      {"UPDATE setting SET value = '\"another project\"' WHERE key = 'project_id'", "commit 1 "},
  };
  for (const auto& [sql, where] : edits) {
    SetUp();
    place_->Edit(sql);
    const Status status = catalog_->VerifyChain();
    EXPECT_EQ(status.code(), Code::kCorruption) << sql;
    EXPECT_EQ(status.error_code(), "WH7008") << sql;
    EXPECT_THAT(status.message(), ::testing::HasSubstr(where)) << sql;
  }
}

// ---- Opening
TEST_P(CatalogConformance, AReadOnlyCatalogReadsAndRefusesWrites) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  ASSERT_OK(catalog_->Commit(SwapOf(run, "processed.a", std::nullopt, "a1")));
  auto reader = place_->Open(clock_, /*read_only=*/true);
  ASSERT_OK(reader);
  EXPECT_EQ(ValueOf((*reader)->Tables()).size(), 1U);
  EXPECT_EQ((*reader)->PlanRun(PlanOf("day2")).status().code(), Code::kPermissionDenied);
  EXPECT_EQ((*reader)->Commit(SwapOf(run, "processed.a", "a1", "a2")).status().code(),
            Code::kPermissionDenied);
  const auto next = ValueOf(catalog_->PlanRun(PlanOf("day2")));
  ASSERT_OK(catalog_->Commit(SwapOf(next, "processed.a", "a1", "a2")));
  EXPECT_EQ(ValueOf((*reader)->FindTable("processed.a"))->metadata_location, "a2");
}

TEST_P(CatalogConformance, BytesThatAreNoUtf8DoNotStopACommit) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day\xff")));
  CommitRequest request = FullOf(run, std::nullopt, "m\xfe");
  request.events[0].data = {{"found", "\xc3\x28"}};
  ASSERT_OK(catalog_->Commit(request));
  EXPECT_EQ(ValueOf(catalog_->FindObject(ObjectId(1)))->name, "day\xff.jsonl");
  EXPECT_OK(catalog_->VerifyChain());
}

// ---- Threads
TEST_P(CatalogConformance, ManyThreadsCommitToDifferentTables) {
  constexpr int kThreads = 4;
  constexpr int kCommits = 10;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      const std::string table = "processed.t" + std::to_string(thread);
      std::optional<std::string> location;
      for (int i = 0; i < kCommits; ++i) {
        const auto run = catalog_->PlanRun(PlanOf(table + "/" + std::to_string(i), 3));
        ASSERT_OK(run);
        const std::string next = table + "@" + std::to_string(i);
        ASSERT_OK(catalog_->Commit(SwapOf(*run, table, location, next)));
        location = next;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(kThreads * kCommits));
  std::set<RecordId> first_ids;
  for (const auto& run : ValueOf(catalog_->Runs({}))) first_ids.insert(run.first_record_id);
  EXPECT_EQ(first_ids.size(), static_cast<std::size_t>(kThreads * kCommits));
  for (const auto& table : ValueOf(catalog_->Tables())) {
    EXPECT_EQ(table.metadata_location, table.name + "@9");
  }
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, OfTwoWritersOfOneTableExactlyOneWinsEachRound) {
  ASSERT_OK(catalog_->Commit(
      SwapOf(ValueOf(catalog_->PlanRun(PlanOf("start"))), "processed.a", std::nullopt, "0")));
  for (int round = 0; round < 5; ++round) {
    std::vector<catalog::Run> runs;
    for (int writer = 0; writer < 3; ++writer) {
      runs.push_back(
          ValueOf(catalog_->PlanRun(PlanOf(std::to_string(round) + "/" + std::to_string(writer)))));
    }
    std::atomic<int> won{0};
    std::atomic<int> lost{0};
    std::vector<std::thread> threads;
    for (const auto& run : runs) {
      threads.emplace_back([&, round] {
        const auto answer = catalog_->Commit(
            SwapOf(run, "processed.a", std::to_string(round), std::to_string(round + 1)));
        (answer.ok() ? won : lost)++;
        EXPECT_EQ(answer.status().error_code(), answer.ok() ? "" : "WH7002");
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(lost, 2);
  }
}

TEST_P(CatalogConformance, ReadersSeeWholeCommitsWhileAWriterWorks) {
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    while (!done) {
      // Two tables move together in every commit: any read shows both at one place.
      const auto tables = catalog_->Tables();
      ASSERT_OK(tables);
      if (tables->empty()) continue;
      ASSERT_EQ(tables->size(), 2U);
      ASSERT_EQ((*tables)[0].metadata_location, (*tables)[1].metadata_location);
      ++reads;
    }
  });
  std::optional<std::string> location;
  for (int i = 0; i < 40; ++i) {
    const auto run = ValueOf(catalog_->PlanRun(PlanOf(std::to_string(i))));
    const std::string next = "m" + std::to_string(i);
    CommitRequest request = SwapOf(run, "processed.a", location, next);
    request.tables.push_back({"processed.b", "uuid of processed.b", location, next});
    ASSERT_OK(catalog_->Commit(request));
    location = next;
  }
  done = true;
  reader.join();
  EXPECT_GT(reads, 0);
}
}  // namespace
}  // namespace weirhouse::catalog

#include <fmt/format.h>

#include <atomic>
#include <set>
#include <thread>

#include "ground/catalog/conformance.h"

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

TEST_P(TamperedConformance, ALayoutThatSomebodyChangedIsTold) {
  struct Change {
    std::string edit;
    std::string said;
    std::string undo;
  };
  const std::string arrival =
      "CREATE UNIQUE INDEX object_arrival ON object (source, name, digest) WHERE state <> "
      "'duplicate'";
  const std::string step = "CREATE UNIQUE INDEX run_step ON run (kind, step_identity)";
  for (const Change& change : std::vector<Change>{
           {"DROP INDEX object_arrival", "unique index \"object_arrival\" is missing", arrival},
           {"DROP INDEX node_by_seq", "index \"node_by_seq\" is missing",
            "CREATE INDEX node_by_seq ON node (seq)"},
           {"DROP INDEX run_step; CREATE INDEX run_step ON run (kind, step_identity)",
            "unique index \"run_step\" is missing", "DROP INDEX run_step; " + step}}) {
    ASSERT_OK(catalog_->VerifyChain());
    place_->Edit(change.edit);
    const Status status = catalog_->VerifyChain();
    EXPECT_EQ(status.error_code(), "WH7008") << change.edit;
    EXPECT_THAT(status.message(), ::testing::HasSubstr(change.said)) << change.edit;
    place_->Edit(change.undo);
  }
  EXPECT_OK(catalog_->VerifyChain());
}

// ---- Tallies
// Rows of every table, those included that few commits write.
Status FillEveryTable(Catalog& catalog) {
  WEIRHOUSE_TRY(const Run run, catalog.PlanRun(PlanOf("all", 10)));
  CommitRequest request = SwapOf(run, "a.b.t", std::nullopt, "t1");
  request.tables[0].places = {"/lake/t"};
  request.namespaces.push_back({NamespaceChange::What::kCreate, {"a", {{"owner", "x"}}}});
  request.namespaces.push_back({NamespaceChange::What::kCreate, {"a.b", {}}});
  request.renames.push_back({"processed.arrival", "processed.landing", "m3"});
  request.released_files = {"m1"};
  request.settings.emplace_back(SettingKey("token/ann"), nlohmann::json{{"role", "reader"}});
  request.reply = StoredReply{"k", "digest", 200, "{}", ProcessTimeOfMicros(1LL << 60)};
  WEIRHOUSE_TRY_STATUS(catalog.Commit(request).status());
  Delivery owed;
  owed.event = 1;
  owed.target = "x";
  WEIRHOUSE_TRY_STATUS(catalog.RouteEvents(1, {owed}));
  return catalog.CountParseAttempt("arrival", "day1.jsonl", Sha256Of("day1.jsonl")).status();
}

struct EditedTable {
  std::string name;
  std::string key;  // one of the columns
  std::vector<std::string> numbers;
  std::vector<std::string> texts;
};

TEST_P(TamperedConformance, AnEditOfAnyColumnOfAnyTableIsFoundAndCanBeTakenBack) {
  ASSERT_OK(FillEveryTable(*catalog_));
  ASSERT_OK(catalog_->VerifyChain());
  const std::vector<EditedTable> tables{
      {"answer", "seq", {"seq"}, {"idempotency_key", "content"}},
      {"commit_log", "seq", {"seq", "run", "committed_at"}, {"layer", "batch", "record", "chain"}},
      {"consumer_offset", "consumer", {"position", "generation", "seq"}, {"consumer"}},
      {"counter", "name", {"next"}, {"name"}},
      {"delivery", "event", {"event", "tries", "next_try"}, {"target", "error"}},
      {"edge", "seq", {"seq", "src", "dst", "run"}, {"kind"}},
      {"file",
       "id",
       {"id", "size_bytes", "seq", "run", "released"},
       {"path", "table_name", "kind", "sha256"}},
      {"landing",
       "path",
       {"size_bytes", "mtime_us", "ctime_us", "inode", "seq"},
       {"path", "source", "digest", "state"}},
      {"metric",
       "id",
       {"id", "batch_end", "in_baseline", "run", "seq"},
       {"table_name", "name", "batch", "value"}},
      {"migration", "version", {"applied_at"}, {"name"}},
      {"namespace", "name", {"seq"}, {"name"}},
      {"namespace_property", "namespace", {}, {"namespace", "key", "value"}},
      {"node", "id", {"id", "seq"}, {"kind", "key", "record"}},
      {"object",
       "id",
       {"id", "size_bytes", "record_count", "first_record_id", "arrived_at", "attempts", "seq"},
       {"source", "name", "digest", "path", "batch", "contract_version", "sender", "state"}},
      {"outbox", "id", {"id", "seq", "attempts"}, {"type", "subject", "data"}},
      {"parse_attempt", "name", {"attempts"}, {"source", "name", "digest"}},
      {"prediction",
       "number",
       {"number", "at", "features_seq", "seq"},
       {"id", "model", "request", "vector", "vector_digest", "output"}},
      {"record_state", "id", {"id", "count", "run", "seq"}, {"source", "table_name", "state"}},
      {"record_total", "state", {"count"}, {"source", "table_name", "state"}},
      {"released_file", "path", {"seq", "removed"}, {"path"}},
      {"reply", "key", {"status", "kept_until"}, {"key", "request", "body"}},
      {"run",
       "id",
       {"id", "record_ids_wanted", "first_record_id", "attempt", "planned_at", "finished_at",
        "seq"},
       {"kind", "name", "step_identity", "idempotency_key", "inputs", "parameters"}},
      {"setting", "key", {}, {"key", "value"}},
      {"snapshot",
       "id",
       {"id", "snapshot_id", "sequence_number", "added_rows", "deleted_rows", "total_rows", "seq",
        "run"},
       {"table_name", "ref", "operation"}},
      {"table_place", "place", {"kept_until"}, {"place", "table_name"}},
      {"table_pointer",
       "name",
       {"seq"},
       {"name", "namespace", "short_name", "uuid", "metadata_location", "kind"}},
      {"table_span", "name", {"number", "after_seq"}, {"name", "recorded_as"}},
      {"tally", "table_name", {"row_count", "seq"}, {"table_name", "digest"}},
      {"verdict",
       "id",
       {"id", "batch_end", "run", "seq"},
       {"gate", "table_name", "state", "batch", "checks", "override_reason", "override_by"}},
  };
  int edits = 0;
  const auto edit = [&](const EditedTable& table, const std::string& column, const char* there,
                        const char* back) {
    // A server takes its time, and the code is one: each fifth there.
    if (GetParam().name == "Postgres" && edits++ % 5 != 0) return;
    const std::string set = "UPDATE " + table.name + " SET " + column + " = " + std::string("{}") +
                            " WHERE " + table.key + " = (SELECT max(" + table.key + ") FROM " +
                            table.name + ")";
    place_->Edit(fmt::format(fmt::runtime(set), fmt::format(fmt::runtime(there), column)));
    const Status found = catalog_->VerifyChain();
    EXPECT_EQ(found.code(), Code::kCorruption) << table.name << "." << column;
    place_->Edit(fmt::format(fmt::runtime(set), fmt::format(fmt::runtime(back), column)));
    EXPECT_TRUE(catalog_->VerifyChain().ok()) << table.name << "." << column << " taken back";
  };
  for (const EditedTable& table : tables) {
    for (const std::string& column : table.numbers) {
      edit(table, column, "{} + 1000000", "{} - 1000000");
    }
    for (const std::string& column : table.texts) {
      edit(table, column, "{} || 'x'", "substr({0}, 1, length({0}) - 1)");
    }
  }
}

TEST_P(TamperedConformance, RowsPutInTakenOutOrOfNoCommitAreFound) {
  ASSERT_OK(FillEveryTable(*catalog_));
  const std::vector<std::pair<std::string, std::string>> edits{
      {"INSERT INTO released_file (path, seq, removed) VALUES ('m3', 2, 0)", "released_file"},
      {"INSERT INTO prediction (number, id, model, at, request, vector, vector_digest, output, "
       "features_seq, seq) SELECT 99, 'p-forged', model, at, request, vector, vector_digest, "
       "output, features_seq, 999 FROM prediction WHERE number = 1",
       "commit 999, which does not exist"},
      {"INSERT INTO metric (id, table_name, name, batch, batch_end, in_baseline, value, run, seq) "
       "SELECT 99, table_name, name, batch, batch_end, in_baseline, value, run, 0 FROM metric "
       "WHERE id = 1",
       "metric"},
      {"DELETE FROM landing", "landing"},
      {"DELETE FROM setting WHERE key = 'token/ann'", "setting"},
      {"DELETE FROM parse_attempt", "parse_attempt"},
      {"DELETE FROM tally WHERE table_name = 'setting'", "tally"},
      {"UPDATE outbox SET state = 'sent' WHERE id = 1", "outbox"},
      {"UPDATE run SET state = 'failed' WHERE id = 1", "run"},
      {"UPDATE run SET error = '{}' WHERE id = 1", "run"},
      {"UPDATE table_pointer SET previous_metadata_location = 'm1'", "table_pointer"},
      {"CREATE TABLE other (a INTEGER)", "other"},
  };
  for (const auto& [sql, where] : edits) {
    SetUp();
    ASSERT_OK(FillEveryTable(*catalog_));
    place_->Edit(sql);
    const Status status = catalog_->VerifyChain();
    EXPECT_EQ(status.error_code(), "WH7008") << sql;
    EXPECT_THAT(status.message(), ::testing::HasSubstr(where)) << sql;
    if (sql.starts_with("CREATE")) place_->Edit("DROP TABLE other");
  }
}

TEST_P(TamperedConformance, ASingleEditStaysFoundAfterLaterCommitsAndMigrations) {
  place_->Edit("UPDATE setting SET value = '\"day9\"' WHERE key = 'last batch'");
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day4", 10)));
  ASSERT_OK(catalog_->Commit(SwapOf(run, "processed.b", std::nullopt, "b1")));
  EXPECT_EQ(catalog_->VerifyChain().error_code(), "WH7008");
}

TEST_P(CatalogConformance, AnOlderCatalogIsCountedWhenItIsOpened) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  ASSERT_OK(catalog_->Commit(FullOf(run, std::nullopt, "m1")));
  // What that migration and the later ones made is taken away.
  place_->Edit(
      "DROP TABLE tally; DROP TABLE record_total; DROP TABLE delivery; DROP TABLE table_place;"
      "DROP INDEX commit_by_layer;"
      "DROP INDEX outbox_dead; DROP INDEX object_refused; DROP INDEX object_attempted;"
      "DROP INDEX file_held; ALTER TABLE file DROP COLUMN released;"
      "CREATE INDEX file_by_table ON file (table_name, id);"
      "DELETE FROM counter WHERE name IN ('runs', 'objects', 'events', 'object_records', 'outbox');"
      "DELETE FROM migration WHERE version >= (SELECT version FROM migration WHERE name = "
      "'tallies of rows')");
  Reopen();
  EXPECT_OK(catalog_->VerifyChain());
  const auto next = ValueOf(catalog_->PlanRun(PlanOf("day2", 10)));
  ASSERT_OK(catalog_->Commit(FullOf(next, "m1", "m2")));
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

#include "work/foreign/foreign_commit.h"

#include <atomic>
#include <set>
#include <thread>

#include "testing/projects/foreign_fixture_test.h"

namespace weirhouse::work {
namespace {
using ForeignCommitTest = SharedForeignTest;
using ForeignCommitProjectTest = ForeignTest;
using nlohmann::json;
using ::testing::HasSubstr;

TEST_F(ForeignCommitTest, AppendsRowsThatOurReaderFinds) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  const Written written = WriteAppend(table, 1, 5);
  ASSERT_OK_AND(const ForeignAnswer answer, Commit(written));
  EXPECT_GT(answer.seq.value(), 0);
  ASSERT_EQ(answer.tables.size(), 1U);
  EXPECT_EQ(answer.tables[0]->current_snapshot()->id, written.snapshot);
  EXPECT_EQ(Rows("lab.trip"), 5);
  EXPECT_EQ(Load("lab.trip")->metadata_location, answer.tables[0]->metadata_location);
}

TEST_F(ForeignCommitProjectTest, LeavesARunThatSaysWhoAndWhat) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  ASSERT_OK_AND(const ForeignAnswer answer, Commit(WriteAppend(table, 1, 5)));
  catalog::Catalog& catalog = workspace->catalog();
  ASSERT_OK_AND(const catalog::Run run, catalog.GetRun(answer.run));
  EXPECT_EQ(run.plan.kind, catalog::RunKind::kForeign);
  EXPECT_EQ(run.plan.name, "spark-etl: lab.trip");
  EXPECT_EQ(run.state, catalog::RunState::kCommitted);
  EXPECT_EQ(run.plan.parameters["engine"], "spark 4.1.4");
  ASSERT_OK_AND(const auto node, catalog.FindNode(catalog::RunNode(answer.run)));
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->node.record["who"], "spark-etl");
  EXPECT_EQ(node->node.record["tables"]["lab.trip"]["refs"]["main"]["rows_added"], 5);
  ASSERT_OK_AND(const auto wrote, catalog.EdgesOutOf(catalog::RunNode(answer.run)));
  std::set<std::string> ends;
  for (const auto& edge : wrote) {
    ends.insert(fmt::format("{} {}", catalog::Name(edge.to.kind), edge.to.key));
  }
  EXPECT_TRUE(ends.contains(fmt::format("snapshot lab.trip@{}", answer.seq.value())));
  ASSERT_OK_AND(const auto snapshots, catalog.Snapshots("lab.trip"));
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_EQ(snapshots[0].added_rows, 5);
  EXPECT_EQ(snapshots[0].total_rows, 5);
  ASSERT_OK_AND(const auto events, catalog.PendingEvents(10));
  EXPECT_TRUE(events.empty());  // no rule of the project waits for it
}

TEST_F(ForeignCommitTest, RecordsEveryFileWithItsDigest) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "kept"));
  const Written written = WriteAppend(table, 1, 5);
  ASSERT_OK(Commit(written));
  ASSERT_OK_AND(const auto files, workspace->catalog().Files("lab.kept"));
  std::map<std::string, catalog::FileRecord> by_path;
  for (const auto& file : files) by_path[file.path] = file;
  ASSERT_EQ(written.files.size(), 3U);
  for (const std::string& path : written.files) {
    ASSERT_TRUE(by_path.contains(path)) << path;
    EXPECT_EQ(by_path[path].sha256, Sha256Of(weirhouse::testing::ReadFile(path))) << path;
  }
  std::map<std::string, int> kinds;
  for (const auto& file : files) ++kinds[std::string(catalog::Name(file.kind))];
  EXPECT_EQ(kinds, (std::map<std::string, int>{
                       {"data", 1}, {"manifest", 1}, {"manifest_list", 1}, {"metadata", 2}}));
}

TEST_F(ForeignCommitTest, AStaleAppendConflictsAndLeavesNothingOfOurs) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  const Written first = WriteAppend(table, 1, 5);
  const Written second = WriteAppend(table, 100, 7);
  ASSERT_OK(Commit(first));
  const auto metadata = MetadataFiles(table->location);
  const CommitSeq seq = LastSeq();
  const auto refused = Commit(second);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kConflict) << refused.status().ToString();
  EXPECT_EQ(refused.status().error_code(), "WH7066");
  EXPECT_EQ(LastSeq(), seq);
  EXPECT_EQ(MetadataFiles(table->location), metadata);
  for (const std::string& path : second.files) EXPECT_OK(workspace->store().Stat(path));
  EXPECT_EQ(Rows("lab.trip"), 5);
}

TEST_F(ForeignCommitTest, TwoTablesMoveTogetherOrNotAtAll) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const auto stop, Create("lab", "stop"));
  ASSERT_OK_AND(const ForeignAnswer both,
                Commit({WriteAppend(trip, 1, 3), WriteAppend(stop, 1, 4)}, Writer()));
  EXPECT_EQ(Rows("lab.trip"), 3);
  EXPECT_EQ(Rows("lab.stop"), 4);
  EXPECT_EQ(workspace->catalog().FindTable("lab.trip").value()->seq, both.seq);
  EXPECT_EQ(workspace->catalog().FindTable("lab.stop").value()->seq, both.seq);

  const Written fresh = WriteAppend(Load("lab.trip"), 10, 3);
  const Written stale = WriteAppend(stop, 10, 4);
  const auto location = Load("lab.trip")->metadata_location;
  const auto refused = Commit({fresh, stale}, Writer());
  EXPECT_EQ(refused.status().code(), Code::kConflict);
  EXPECT_EQ(Load("lab.trip")->metadata_location, location);
  EXPECT_EQ(Rows("lab.trip"), 3);
  ASSERT_OK(Commit(fresh));
  EXPECT_EQ(Rows("lab.trip"), 6);
}

TEST_F(ForeignCommitTest, AChangeOfNothingWritesNothing) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  const CommitSeq seq = LastSeq();
  ASSERT_OK_AND(const ForeignAnswer answer,
                CommitForeign(*workspace, {Writer(), {{"lab.trip", {}, {}}}}));
  EXPECT_EQ(answer.seq, CommitSeq(0));
  EXPECT_EQ(answer.tables.at(0)->metadata_location, table->metadata_location);
  EXPECT_EQ(LastSeq(), seq);
  EXPECT_EQ(MetadataFiles(table->location).size(), 1U);
}

TEST_F(ForeignCommitTest, FourThreadsAppendWithoutALostOrDoubledRow) {
  MakeNamespace("lab");
  ASSERT_OK(Create("lab", "trip"));
  constexpr int kThreads = 4;
  constexpr int kAppends = 6;
  std::atomic<int> conflicts{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kAppends; ++i) {
        for (int attempt = 0; attempt < 200; ++attempt) {
          const auto base = LoadForeign(*workspace, Writer(), "lab.trip");
          ASSERT_OK(base);
          const auto done = Commit(WriteAppend(*base, (thread * kAppends + i) * 10, 10));
          if (done.ok()) break;
          ASSERT_EQ(done.status().code(), Code::kConflict) << done.status().ToString();
          ++conflicts;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(Rows("lab.trip"), kThreads * kAppends * 10);
  EXPECT_GT(conflicts.load(), 0);
  EXPECT_OK(workspace->catalog().VerifyChain());
}

TEST_F(ForeignCommitTest, PropertyChangesOfTwoWritersAreTriedAgainHere) {
  MakeNamespace("lab");
  ASSERT_OK(Create("lab", "trip"));
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const json updates = json::array(
          {{{"action", "set-properties"}, {"updates", {{fmt::format("p{}", thread), "x"}}}}});
      EXPECT_OK(
          CommitForeign(*workspace, {Writer(), {ChangeOf("lab.trip", json::array(), updates)}}));
    });
  }
  threads.clear();
  const auto table = Load("lab.trip");
  for (int thread = 0; thread < 4; ++thread) {
    EXPECT_EQ(table->properties.count(fmt::format("p{}", thread)), 1U) << thread;
  }
}

TEST_F(ForeignCommitTest, TheReplyIsKeptInTheCommitItself) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  Caller caller = Writer();
  caller.idempotency_key = "t1:017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  caller.request_digest = "abc";
  const ReplyOf reply = [&](const std::vector<iceberg::TablePtr>& tables) {
    catalog::StoredReply stored;
    stored.key = caller.idempotency_key;
    stored.request = caller.request_digest;
    stored.body = tables.at(0)->metadata_location;
    stored.kept_until = workspace->clock().Now() + std::chrono::hours(1);
    return stored;
  };
  const Written written = WriteAppend(table, 1, 5);
  ASSERT_OK_AND(const ForeignAnswer answer,
                CommitForeign(*workspace, {caller, {written.change()}}, reply));
  ASSERT_OK_AND(const auto kept, workspace->catalog().FindReply(caller.idempotency_key));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->body, answer.tables.at(0)->metadata_location);
  // The same request again, as after a lost reply, does nothing.
  const auto again = CommitForeign(*workspace, {caller, {written.change()}}, reply);
  EXPECT_FALSE(again.ok());
  EXPECT_EQ(Rows("lab.trip"), 5);
  EXPECT_EQ(workspace->catalog().FindReply(caller.idempotency_key).value()->body, kept->body);
}

TEST_F(ForeignCommitTest, AFileThatIsNotThereIsRefused) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  const Written written = WriteAppend(table, 1, 5);
  for (const std::string& path : written.files) {
    if (path.ends_with(".parquet")) ASSERT_OK(workspace->store().Delete(path));
  }
  const auto metadata = MetadataFiles(table->location);
  const auto refused = Commit(written);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kInvalidInput) << refused.status().ToString();
  EXPECT_EQ(MetadataFiles(table->location), metadata);
}

TEST_F(ForeignCommitTest, ACreateByUpdatesMakesTheTable) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto staged, CreateFrom(Writer(), "lab", CreateBody("trip"), /*stage=*/true));
  EXPECT_TRUE(staged->metadata_location.empty());
  EXPECT_OK(workspace->store().Stat(staged->location + "/data"));
  EXPECT_OK(workspace->store().Stat(staged->location + "/metadata"));
  EXPECT_EQ(LoadForeign(*workspace, Writer(), "lab.trip").status().error_code(), "WH7101");
  Written written = WriteAppend(staged, 1, 5);
  const json metadata = json::parse(iceberg::SerializeTableMetadata(*staged));
  json updates =
      json::array({{{"action", "assign-uuid"}, {"uuid", staged->uuid}},
                   {{"action", "upgrade-format-version"}, {"format-version", 2}},
                   {{"action", "add-schema"}, {"schema", metadata["schemas"][0]}},
                   {{"action", "set-current-schema"}, {"schema-id", -1}},
                   {{"action", "add-spec"}, {"spec", metadata["partition-specs"][0]}},
                   {{"action", "set-default-spec"}, {"spec-id", -1}},
                   {{"action", "add-sort-order"}, {"sort-order", metadata["sort-orders"][0]}},
                   {{"action", "set-default-sort-order"}, {"sort-order-id", -1}},
                   {{"action", "set-location"}, {"location", staged->location}}});
  for (const json& update : written.updates) updates.push_back(update);
  written.updates = updates;
  written.requirements = json::array({{{"type", "assert-create"}}});
  ASSERT_OK(Commit(written));
  EXPECT_EQ(Rows("lab.trip"), 5);
  EXPECT_EQ(Load("lab.trip")->uuid, staged->uuid);
  const auto again = Commit(written);
  EXPECT_EQ(again.status().error_code(), "WH7102") << again.status().ToString();
}

TEST_F(ForeignCommitTest, SeveralSnapshotsOfOneCommitAreAllKnownByTheirSequence) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto base, Create("lab", "trip"));
  ASSERT_OK(Commit(WriteAppend(base, 1, 5)));
  // As pyiceberg overwrites: one snapshot that deletes, one that appends, one commit.
  const auto table = Load("lab.trip");
  const Written gone =
      WriteSnapshot(table, [](iceberg::StagedWrite& write) { return write.RemoveAllFiles(); });
  auto between = std::make_shared<iceberg::TableMetadata>(*table);
  const json first = gone.updates[0]["snapshot"];
  iceberg::Snapshot emptied;
  emptied.id = gone.snapshot;
  emptied.parent = table->current_snapshot()->id;
  emptied.sequence_number = first["sequence-number"];
  emptied.timestamp_ms = first["timestamp-ms"];
  emptied.manifest_list = first["manifest-list"];
  emptied.summary = first["summary"].get<std::map<std::string, std::string>>();
  between->snapshots.push_back(emptied);
  between->refs["main"].snapshot = emptied.id;
  between->last_sequence_number = emptied.sequence_number;
  Written both = WriteAppend(between, 50, 2);
  both.requirements = gone.requirements;
  json updates = json::array({gone.updates[0]});
  for (const json& update : both.updates) updates.push_back(update);
  both.updates = updates;
  ASSERT_OK_AND(const ForeignAnswer answer, Commit(both));
  EXPECT_EQ(Rows("lab.trip"), 2);
  ASSERT_OK_AND(const auto snapshots, workspace->catalog().Snapshots("lab.trip"));
  ASSERT_EQ(snapshots.size(), 3U);
  EXPECT_EQ(snapshots[1].snapshot, gone.snapshot);
  EXPECT_EQ(snapshots[2].snapshot, both.snapshot);
  EXPECT_EQ(snapshots[2].total_rows, 2);
  EXPECT_EQ(workspace->catalog().SeqOf("lab.trip", snapshots[1].sequence_number).value(),
            answer.seq);
  // What it took away is what it read.
  ASSERT_OK_AND(const auto read, workspace->catalog().EdgesInto(catalog::RunNode(answer.run)));
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].from.kind, catalog::NodeKind::kSnapshot);
}

TEST_F(ForeignCommitTest, ReadersMayNotCommitAndStrangersSeeNoTable) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  const Written written = WriteAppend(table, 1, 5);
  EXPECT_EQ(Commit({written}, As(policy::Role::kReader)).status().code(), Code::kPermissionDenied);
  EXPECT_EQ(Commit({written}, As(policy::Role::kWriter, {"shed"})).status().error_code(), "WH7101");
  EXPECT_EQ(LoadForeign(*workspace, As(policy::Role::kReader, {"shed"}), "lab.trip")
                .status()
                .error_code(),
            "WH7101");
}

TEST_F(ForeignCommitProjectTest, ATableMadeByADefinitionIsNotWrittenByOthers) {
  Land("2024-01-01.jsonl", Order("1", 10, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"));
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const json updates = json::array({{{"action", "remove-snapshot-ref"}, {"ref-name", "main"}}});
  for (const char* name :
       {"processed.order", "processed.order_history", "raw.order", "feature.shop_sales_v1"}) {
    const auto before = workspace->catalog().FindTable(name).value()->metadata_location;
    const auto refused =
        CommitForeign(*workspace, {Admin(), {ChangeOf(name, json::array(), updates)}});
    EXPECT_EQ(refused.status().code(), Code::kPermissionDenied)
        << name << ": " << refused.status().ToString();
    EXPECT_EQ(workspace->catalog().FindTable(name).value()->metadata_location, before);
  }
}

TEST_F(ForeignCommitTest, MalformedRequestsAreRefusedWithAReason) {
  MakeNamespace("lab");
  ASSERT_OK(Create("lab", "trip"));
  const auto code = [&](std::vector<ForeignChange> changes) {
    const auto refused = CommitForeign(*workspace, {Writer(), std::move(changes)});
    return refused.status().error_code();
  };
  EXPECT_EQ(code({{"trip", {}, {}}}), "WH7105");
  EXPECT_EQ(code({{"lab.", {}, {}}}), "WH7105");
  EXPECT_EQ(code({{"lab.trip", {}, {}}, {"lab.trip", {}, {}}}), "WH7105");
  EXPECT_EQ(code(std::vector<ForeignChange>(101, {"lab.trip", {}, {}})), "WH7105");
  EXPECT_EQ(code({{"lab.nothing", {}, {}}}), "WH7101");
  EXPECT_EQ(code({{"lab.trip", {}, {iceberg::SetCurrentSchema{77}}}}), "WH7067");
}
}  // namespace
}  // namespace weirhouse::work

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using What = NamespaceChange::What;

// An empty request that plans its own run.
CommitRequest Planned(const std::string& name) {
  CommitRequest request;
  request.plan = PlanOf(name, 0, "foreign");
  request.idempotency_key = request.plan->idempotency_key;
  request.layer = "processed";
  request.batch = name;
  return request;
}

CommitRequest Change(const std::string& name, const std::string& table,
                     std::optional<std::string> expected, const std::string& location) {
  CommitRequest request = Planned(name);
  request.tables.push_back({table, "uuid of " + table, std::move(expected), location});
  SnapshotRecord snapshot;
  snapshot.table = table;
  snapshot.snapshot = SnapshotId(static_cast<std::int64_t>(HashBytes(location) >> 1));
  snapshot.sequence_number = 1;
  snapshot.operation = "append";
  request.snapshots.push_back(snapshot);
  request.files.push_back({location, table, "metadata", 1, Sha256Of(location), {}, {}});
  request.metrics.push_back({table, "row_count", name, Day(1), true, 1, {}, {}});
  return request;
}

CommitRequest Drop(const std::string& name, const std::string& table, const std::string& expected) {
  CommitRequest request = Planned(name);
  request.drops.push_back({table, expected});
  return request;
}

CommitRequest Rename(const std::string& name, const std::string& from, const std::string& to,
                     const std::string& expected) {
  CommitRequest request = Planned(name);
  request.renames.push_back({from, to, expected});
  return request;
}

CommitRequest Namespace(const std::string& name, What what, const std::string& wanted,
                        std::map<std::string, std::string> properties = {}) {
  CommitRequest request = Planned(name);
  request.namespaces.push_back({what, {wanted, std::move(properties)}});
  return request;
}

std::vector<std::string> LocationsOf(Catalog& catalog, const std::string& table) {
  std::vector<std::string> locations;
  for (const FileRecord& file : ValueOf(catalog.Files(table))) locations.push_back(file.path);
  return locations;
}

// ---- A run that is planned by its own commit
TEST_P(CatalogConformance, ACommitMayPlanItsOwnRun) {
  const CommitAnswer answer =
      ValueOf(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  EXPECT_EQ(answer.seq, CommitSeq(1));
  const catalog::Run run = ValueOf(catalog_->GetRun(answer.run));
  EXPECT_EQ(run.state, RunState::kCommitted);
  EXPECT_EQ(run.plan.kind, "foreign");
  EXPECT_EQ(run.seq, CommitSeq(1));
  EXPECT_TRUE(ValueOf(catalog_->FindNode({"run", ToString(answer.run)})).has_value());
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, AskingAgainForAPlannedCommitGivesTheFirstAnswer) {
  const CommitRequest request = Change("c1", "processed.a", std::nullopt, "a1");
  const CommitAnswer first = ValueOf(catalog_->Commit(request));
  const CommitAnswer second = ValueOf(catalog_->Commit(request));
  EXPECT_TRUE(second.repeated);
  EXPECT_EQ(second.seq, first.seq);
  EXPECT_EQ(second.run, first.run);
  EXPECT_EQ(ValueOf(catalog_->Outcome(request.idempotency_key))->run, first.run);
  CommitRequest other = Change("c1", "processed.b", std::nullopt, "b1");
  EXPECT_EQ(catalog_->Commit(other).status().error_code(), "WH7004");
  CommitRequest other_step = request;
  other_step.plan->step_identity = Sha256Of("another step");
  EXPECT_EQ(catalog_->Commit(other_step).status().error_code(), "WH7004");
  CommitRequest other_key = request;
  other_key.idempotency_key = other_key.plan->idempotency_key = "another key";
  EXPECT_EQ(catalog_->Commit(other_key).status().error_code(), "WH7007");
}

TEST_P(CatalogConformance, APlannedCommitThatFailsLeavesNoRun) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  EXPECT_EQ(catalog_->Commit(Change("c2", "processed.a", "a0", "a2")).status().error_code(),
            "WH7002");
  EXPECT_EQ(ValueOf(catalog_->Runs({})).size(), 1U);
  CommitRequest both = Change("c3", "processed.a", "a1", "a2");
  both.run = RunId(1);
  EXPECT_EQ(catalog_->Commit(both).status().error_code(), "WH7085");
  CommitRequest two_keys = Change("c3", "processed.a", "a1", "a2");
  two_keys.idempotency_key = "another";
  EXPECT_EQ(catalog_->Commit(two_keys).status().error_code(), "WH7085");
}

TEST_P(CatalogConformance, ACommitResumesTheRunThatItsPlanNames) {
  CommitRequest request = Change("c1", "processed.a", std::nullopt, "a1");
  const catalog::Run run = ValueOf(catalog_->PlanRun(*request.plan));
  ASSERT_OK(catalog_->FailRun(run.id, Status(Code::kInternal, "x")));
  const CommitAnswer answer = ValueOf(catalog_->Commit(request));
  EXPECT_EQ(answer.run, run.id);
  EXPECT_EQ(ValueOf(catalog_->GetRun(run.id)).attempt, 2);
}

// ---- Drops
TEST_P(CatalogConformance, ADropNeedsThePointerToStandWhereItWasSeen) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  EXPECT_EQ(catalog_->Commit(Drop("c2", "processed.a", "a0")).status().error_code(), "WH7002");
  EXPECT_EQ(catalog_->Commit(Drop("c2", "processed.none", "a1")).status().error_code(), "WH7002");
  ASSERT_OK(catalog_->Commit(Drop("c2", "processed.a", "a1")));
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.a")), std::nullopt);
  EXPECT_EQ(catalog_->Commit(Drop("c3", "processed.a", "a1")).status().error_code(), "WH7002");
  // What it was stays recorded.
  EXPECT_EQ(ValueOf(catalog_->Snapshots("processed.a")).size(), 1U);
  EXPECT_THAT(LocationsOf(*catalog_, "processed.a"), ElementsAre("a1"));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ATableThatTakesTheNameOfADroppedOneHasAHistoryOfItsOwn) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  ASSERT_OK(catalog_->Commit(Drop("c2", "processed.a", "a1")));
  ASSERT_OK(catalog_->Commit(Change("c3", "processed.a", std::nullopt, "b1")));
  EXPECT_THAT(LocationsOf(*catalog_, "processed.a"), ElementsAre("b1"));
  EXPECT_EQ(ValueOf(catalog_->SeqOf("processed.a", 1)), CommitSeq(3));
  EXPECT_EQ(ValueOf(catalog_->SnapshotAsOf("processed.a", CommitSeq(2))), std::nullopt);
  EXPECT_EQ(ValueOf(catalog_->Files(std::nullopt)).size(), 2U);
  // Both in one commit, as `register … overwrite` does it.
  CommitRequest replaced = Change("c4", "processed.a", std::nullopt, "c1");
  replaced.drops.push_back({"processed.a", "b1"});
  ASSERT_OK(catalog_->Commit(replaced));
  EXPECT_THAT(LocationsOf(*catalog_, "processed.a"), ElementsAre("c1"));
  EXPECT_OK(catalog_->VerifyChain());
}

// ---- Renames
TEST_P(CatalogConformance, ARenameTakesSnapshotsFilesAndMetricsAlong) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  ASSERT_OK(catalog_->Commit(Rename("c2", "processed.a", "feature.b", "a1")));
  CommitRequest next = Change("c3", "feature.b", "a1", "a2");
  next.tables[0].uuid = "uuid of processed.a";
  next.snapshots[0].sequence_number = 2;
  next.metrics[0].batch_end = Day(0);
  ASSERT_OK(catalog_->Commit(next));
  Reopen();
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.a")), std::nullopt);
  EXPECT_EQ(ValueOf(catalog_->FindTable("feature.b"))->metadata_location, "a2");
  // The old name finds them too, as nothing else has it.
  for (const char* name : {"feature.b", "processed.a"}) {
    EXPECT_EQ(ValueOf(catalog_->SeqOf(name, 1)), CommitSeq(1)) << name;
  }
  EXPECT_THAT(LocationsOf(*catalog_, "feature.b"), ElementsAre("a1", "a2"));
  EXPECT_EQ(ValueOf(catalog_->SeqOf("feature.b", 2)), CommitSeq(3));
  EXPECT_EQ(ValueOf(catalog_->SnapshotAsOf("feature.b", CommitSeq(2)))->seq, CommitSeq(1));
  EXPECT_EQ(ValueOf(catalog_->SnapshotAsOf("feature.b", CommitSeq(9)))->seq, CommitSeq(3));
  const auto metrics = ValueOf(catalog_->Metrics("feature.b", "row_count", Day(0), Day(9)));
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_LT(metrics[0].batch_end, metrics[1].batch_end);
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, NamesMayGoRoundInACircle) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  ASSERT_OK(catalog_->Commit(Change("c2", "processed.b", std::nullopt, "b1")));
  CommitRequest swap = Planned("c3");
  swap.renames.push_back({"processed.a", "processed.c", "a1"});
  swap.renames.push_back({"processed.b", "processed.a", "b1"});
  swap.renames.push_back({"processed.c", "processed.b", "a1"});
  ASSERT_OK(catalog_->Commit(swap));
  EXPECT_THAT(LocationsOf(*catalog_, "processed.a"), ElementsAre("b1"));
  EXPECT_THAT(LocationsOf(*catalog_, "processed.b"), ElementsAre("a1"));
  ASSERT_OK(catalog_->Commit(Rename("c4", "processed.a", "processed.z", "b1")));
  ASSERT_OK(catalog_->Commit(Change("c5", "processed.a", std::nullopt, "n1")));
  EXPECT_THAT(LocationsOf(*catalog_, "processed.a"), ElementsAre("n1"));
  EXPECT_THAT(LocationsOf(*catalog_, "processed.z"), ElementsAre("b1"));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ARenameIsRefusedWhereTheNameIsTakenOrTheNamespaceAbsent) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  CommitRequest view = Change("c2", "processed.v", std::nullopt, "v1");
  view.tables[0].kind = PointerKind::kView;
  ASSERT_OK(catalog_->Commit(view));
  const auto code_of = [&](const std::string& from, const std::string& to,
                           const std::string& expected) {
    const Status status = catalog_->Commit(Rename("c3", from, to, expected)).status();
    return std::pair(status.code(), std::string(status.error_code()));
  };
  EXPECT_EQ(code_of("processed.a", "processed.v", "a1"),
            std::pair(Code::kConflict, std::string("WH7095")));
  EXPECT_EQ(code_of("processed.a", "nowhere.a", "a1"),
            std::pair(Code::kNotFound, std::string("WH7096")));
  EXPECT_EQ(code_of("processed.a", "processed.b", "a0"),
            std::pair(Code::kConflict, std::string("WH7002")));
  EXPECT_EQ(code_of("processed.none", "processed.b", "a1"),
            std::pair(Code::kConflict, std::string("WH7002")));
  EXPECT_EQ(code_of("processed.a", "b", "a1"), std::pair(Code::kInternal, std::string("WH7085")));
  EXPECT_THAT(ValueOf(catalog_->TableNames("processed", PointerKind::kTable, "", 10)),
              ElementsAre("processed.a"));
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(2));
}

// ---- Views
TEST_P(CatalogConformance, ViewsAndTablesShareTheirNamesAndAreListedApart) {
  ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
  CommitRequest view = Change("c2", "processed.v", std::nullopt, "v1");
  view.tables[0].kind = PointerKind::kView;
  ASSERT_OK(catalog_->Commit(view));
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.v"))->kind, PointerKind::kView);
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.a"))->kind, PointerKind::kTable);
  EXPECT_THAT(ValueOf(catalog_->TableNames("processed", PointerKind::kView, "", 10)),
              ElementsAre("processed.v"));
  EXPECT_THAT(ValueOf(catalog_->TableNames("processed", PointerKind::kTable, "", 10)),
              ElementsAre("processed.a"));
  const Status other_kind = catalog_->Commit(Change("c3", "processed.v", "v1", "v2")).status();
  EXPECT_EQ(other_kind.error_code(), "WH7002");
  EXPECT_THAT(other_kind.message(), HasSubstr("found a view"));
  view = Change("c4", "processed.a", std::nullopt, "v1");
  view.tables[0].kind = PointerKind::kView;
  EXPECT_EQ(catalog_->Commit(view).status().error_code(), "WH7002");
  EXPECT_OK(catalog_->VerifyChain());
}

// ---- Namespaces
TEST_P(CatalogConformance, TheNamespacesOfTheLayersExistFromTheBeginning) {
  std::vector<std::string> names;
  for (const auto& found : ValueOf(catalog_->Namespaces())) names.push_back(found.name);
  EXPECT_THAT(names,
              ElementsAre("feature", "processed", "quarantine", "raw", "system", "training_set"));
  EXPECT_TRUE(ValueOf(catalog_->FindNamespace("raw")).has_value());
  EXPECT_FALSE(ValueOf(catalog_->FindNamespace("row")).has_value());
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, NamespacesAreCreatedSetAndDropped) {
  ASSERT_OK(catalog_->Commit(Namespace("c1", What::kCreate, "a", {{"owner", "x"}, {"b", "1"}})));
  ASSERT_OK(catalog_->Commit(Namespace("c2", What::kCreate, "a.b")));
  EXPECT_EQ(ValueOf(catalog_->FindNamespace("a"))->properties,
            (std::map<std::string, std::string>{{"b", "1"}, {"owner", "x"}}));
  ASSERT_OK(catalog_->Commit(Namespace("c3", What::kSet, "a", {{"owner", "y"}})));
  Reopen();
  EXPECT_EQ(ValueOf(catalog_->FindNamespace("a"))->properties,
            (std::map<std::string, std::string>{{"owner", "y"}}));
  EXPECT_EQ(ValueOf(catalog_->Namespaces()).size(), 8U);
  ASSERT_OK(catalog_->Commit(Namespace("c4", What::kDrop, "a.b")));
  ASSERT_OK(catalog_->Commit(Namespace("c5", What::kDrop, "a")));
  EXPECT_FALSE(ValueOf(catalog_->FindNamespace("a")).has_value());
  ASSERT_OK(catalog_->Commit(Namespace("c6", What::kCreate, "a")));
  EXPECT_TRUE(ValueOf(catalog_->FindNamespace("a"))->properties.empty());
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, NamespaceChangesThatCannotBeAreRefusedByCode) {
  ASSERT_OK(catalog_->Commit(Namespace("c1", What::kCreate, "a")));
  ASSERT_OK(catalog_->Commit(Namespace("c2", What::kCreate, "a.b")));
  ASSERT_OK(catalog_->Commit(Change("c3", "own.t", std::nullopt, "t1")));
  ASSERT_OK(catalog_->Commit(Change("c4", "x.y.t", std::nullopt, "t2")));
  const std::vector<std::tuple<What, std::string, Code, std::string>> refusals{
      {What::kCreate, "a", Code::kConflict, "WH7097"},
      {What::kCreate, "raw", Code::kConflict, "WH7097"},
      {What::kCreate, "own", Code::kConflict, "WH7097"},
      {What::kCreate, "none.b", Code::kNotFound, "WH7096"},
      {What::kSet, "none", Code::kNotFound, "WH7096"},
      {What::kDrop, "none", Code::kNotFound, "WH7096"},
      {What::kDrop, "a", Code::kConflict, "WH7098"},
      {What::kDrop, "own", Code::kConflict, "WH7098"},
      {What::kDrop, "x.y", Code::kConflict, "WH7098"},
      {What::kCreate, "", Code::kInternal, "WH7085"},
      {What::kCreate, "a..b", Code::kInternal, "WH7085"},
  };
  for (const auto& [what, name, code, error] : refusals) {
    const Status status = catalog_->Commit(Namespace("c5", what, name)).status();
    EXPECT_EQ(status.code(), code) << name;
    EXPECT_EQ(status.error_code(), error) << name;
  }
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(4));
  // A namespace that only holds tables exists, and may be given properties.
  EXPECT_TRUE(ValueOf(catalog_->FindNamespace("own")).has_value());
  EXPECT_OK(catalog_->Commit(Namespace("c5", What::kSet, "own", {{"k", "v"}})));
  EXPECT_OK(catalog_->Commit(Drop("c6", "own.t", "t1")));
  EXPECT_EQ(ValueOf(catalog_->FindNamespace("own"))->properties.size(), 1U);
  EXPECT_OK(catalog_->Commit(Namespace("c7", What::kDrop, "own")));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ANamespaceIsMadeBeforeTheTablesOfItsCommitAndDroppedAfterThem) {
  CommitRequest request = Change("c1", "new.t", std::nullopt, "t1");
  request.namespaces.push_back({What::kCreate, {"new", {{"k", "v"}}}});
  ASSERT_OK(catalog_->Commit(request));
  CommitRequest gone = Drop("c2", "new.t", "t1");
  gone.namespaces.push_back({What::kDrop, {"new", {}}});
  ASSERT_OK(catalog_->Commit(gone));
  EXPECT_FALSE(ValueOf(catalog_->FindNamespace("new")).has_value());
  EXPECT_OK(catalog_->VerifyChain());
}

// ---- Listing
TEST_P(CatalogConformance, TenThousandNamesAreListedInPages) {
  CommitRequest request = Planned("c1");
  for (int i = 0; i < 10'000; ++i) {
    request.tables.push_back(
        {fmt::format("processed.t{:05}", (i * 7) % 10'000), "u", std::nullopt, "m"});
  }
  request.tables.push_back({"processed.t00005.below", "u", std::nullopt, "m"});
  request.tables.push_back({"feature.t00000", "u", std::nullopt, "m"});
  ASSERT_OK(catalog_->Commit(request));
  std::vector<std::string> all;
  std::string after;
  int pages = 0;
  while (true) {
    const auto page = ValueOf(catalog_->TableNames("processed", PointerKind::kTable, after, 999));
    if (page.empty()) break;
    ++pages;
    all.insert(all.end(), page.begin(), page.end());
    after = page.back();
  }
  EXPECT_EQ(pages, 11);
  ASSERT_EQ(all.size(), 10'000U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i], fmt::format("processed.t{:05}", i));
  }
  EXPECT_THAT(ValueOf(catalog_->TableNames("processed.t00005", PointerKind::kTable, "", 10)),
              ElementsAre("processed.t00005.below"));
  EXPECT_TRUE(ValueOf(catalog_->TableNames("none", PointerKind::kTable, "", 10)).empty());
}

TEST_P(CatalogConformance, NamesAreOrderedAsBytes) {
  CommitRequest request = Planned("c1");
  for (const char* name : {"processed.b", "processed.B", "processed.a_1", "processed.a1",
                           "processed.\xc3\xa9", "processed.Z"}) {
    request.tables.push_back({name, "u", std::nullopt, "m"});
  }
  ASSERT_OK(catalog_->Commit(request));
  EXPECT_THAT(ValueOf(catalog_->TableNames("processed", PointerKind::kTable, "", 10)),
              ElementsAre("processed.B", "processed.Z", "processed.a1", "processed.a_1",
                          "processed.b", "processed.\xc3\xa9"));
}

// ---- Settings
TEST_P(CatalogConformance, ASettingThatBecomesNullIsRemoved) {
  CommitRequest request = Planned("c1");
  request.settings.emplace_back(SettingKey("a"), 1);
  request.settings.emplace_back(SettingKey("b"), nlohmann::json::object());
  ASSERT_OK(catalog_->Commit(request));
  CommitRequest removal = Planned("c2");
  removal.settings.emplace_back(SettingKey("a"), nullptr);
  removal.settings.emplace_back(SettingKey("absent"), nullptr);
  ASSERT_OK(catalog_->Commit(removal));
  EXPECT_EQ(ValueOf(catalog_->Setting(SettingKey("a"))), std::nullopt);
  EXPECT_EQ(ValueOf(catalog_->Setting(SettingKey("b"))), nlohmann::json::object());
  CommitRequest refused = Planned("c3");
  refused.settings.emplace_back(SettingKey("project_id"), nullptr);
  EXPECT_EQ(catalog_->Commit(refused).status().error_code(), "WH7085");
}

// ---- The chain over names
TEST_P(CatalogConformance, EditsOfNamesFromOutsideAreFound) {
  const std::vector<std::string> edits{
      "UPDATE table_pointer SET kind = 'table' WHERE name = 'processed.v'",
      "UPDATE table_pointer SET name = 'processed.x' WHERE name = 'processed.b'",
      "DELETE FROM table_pointer WHERE name = 'processed.b'",
      "UPDATE namespace_property SET value = 'other' WHERE key = 'owner'",
      "DELETE FROM namespace_property",
      "DELETE FROM namespace WHERE name = 'a'",
      "INSERT INTO namespace (name, seq) VALUES ('sneaked', 0)",
      "DELETE FROM namespace WHERE name = 'raw'",
      "DELETE FROM table_span WHERE name = 'processed.b'",
      "UPDATE table_span SET after_seq = after_seq + 1 WHERE name = 'processed.b'",
  };
  for (const std::string& edit : edits) {
    SetUp();
    ASSERT_OK(catalog_->Commit(Change("c1", "processed.a", std::nullopt, "a1")));
    ASSERT_OK(catalog_->Commit(Rename("c2", "processed.a", "processed.b", "a1")));
    ASSERT_OK(catalog_->Commit(Namespace("c3", What::kCreate, "a", {{"owner", "x"}})));
    CommitRequest view = Change("c4", "processed.v", std::nullopt, "v1");
    view.tables[0].kind = PointerKind::kView;
    ASSERT_OK(catalog_->Commit(view));
    ASSERT_OK(catalog_->VerifyChain());
    place_->Edit(edit);
    EXPECT_EQ(catalog_->VerifyChain().error_code(), "WH7008") << edit;
  }
  catalog_.reset();  // what is left does not fit
}

// ---- Replies
StoredReply ReplyOf(const std::string& key, const std::string& request, ProcessTime until) {
  return {key, request, 200, "{\"ok\":true}", until};
}

TEST_P(CatalogConformance, AReplyIsStoredWithItsCommitAndFoundUntilItsTimeHasPassed) {
  const ProcessTime until = clock_.Now() + std::chrono::hours(1);
  CommitRequest request = Change("c1", "processed.a", std::nullopt, "a1");
  request.reply = ReplyOf("client 1", "digest 1", until);
  ASSERT_OK(catalog_->Commit(request));
  Reopen();
  const auto reply = ValueOf(catalog_->FindReply("client 1"));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->request, "digest 1");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "{\"ok\":true}");
  EXPECT_EQ(reply->kept_until, until);
  EXPECT_FALSE(ValueOf(catalog_->FindReply("client 2")).has_value());
  clock_.Advance(std::chrono::hours(1));
  EXPECT_FALSE(ValueOf(catalog_->FindReply("client 1")).has_value());
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, OfTwoCommitsWithOneReplyKeyOnlyTheFirstTakesPlace) {
  const ProcessTime until = clock_.Now() + std::chrono::hours(1);
  CommitRequest first = Change("c1", "processed.a", std::nullopt, "a1");
  first.reply = ReplyOf("client", "digest 1", until);
  CommitRequest second = Change("c2", "processed.b", std::nullopt, "b1");
  second.reply = ReplyOf("client", "digest 2", until);
  ASSERT_OK(catalog_->Commit(first));
  const Status status = catalog_->Commit(second).status();
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_EQ(status.error_code(), "WH7099");
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.b")), std::nullopt);
  EXPECT_EQ(ValueOf(catalog_->FindReply("client"))->request, "digest 1");
  // When the first is forgotten, the key is free.
  clock_.Advance(std::chrono::hours(2));
  second.reply->kept_until = clock_.Now() + std::chrono::hours(1);
  ASSERT_OK(catalog_->Commit(second));
  EXPECT_EQ(ValueOf(catalog_->FindReply("client"))->request, "digest 2");
}

TEST_P(CatalogConformance, AReplyWithoutACommitIsKeptAndTheFirstStays) {
  const ProcessTime until = clock_.Now() + std::chrono::hours(1);
  ASSERT_OK(catalog_->KeepReply(ReplyOf("client", "digest 1", until)));
  EXPECT_EQ(catalog_->KeepReply(ReplyOf("client", "digest 2", until)).error_code(), "WH7099");
  EXPECT_EQ(ValueOf(catalog_->FindReply("client"))->request, "digest 1");
  CommitRequest late = Change("c1", "processed.a", std::nullopt, "a1");
  late.reply = ReplyOf("client", "digest 1", until);
  EXPECT_EQ(catalog_->Commit(late).status().error_code(), "WH7099");
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(0));
}

TEST_P(CatalogConformance, ACommitThatIsRefusedStoresNoReply) {
  CommitRequest request = Change("c1", "processed.a", "a0", "a1");
  request.reply = ReplyOf("client", "digest", clock_.Now() + std::chrono::hours(1));
  EXPECT_EQ(catalog_->Commit(request).status().error_code(), "WH7002");
  EXPECT_FALSE(ValueOf(catalog_->FindReply("client")).has_value());
}

// ---- Writers at the same time
TEST_P(CatalogConformance, EightThreadsOnThreeTablesLoseNoUpdate) {
  constexpr int kThreads = 8;
  constexpr int kWins = 12;
  std::atomic<int> conflicts{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      int attempt = 0;
      for (int won = 0; won < kWins;) {
        // Each commit counts one up, in the location itself: a lost update would show in the sum.
        const std::string table = fmt::format("processed.t{}", (thread + won) % 3);
        const auto pointer = catalog_->FindTable(table);
        ASSERT_OK(pointer);
        std::optional<std::string> expected;
        if (*pointer) expected = (*pointer)->metadata_location;
        const int next = (expected ? std::stoi(*expected) : 0) + 1;
        CommitRequest request = Planned(fmt::format("{}/{}", thread, attempt++));
        request.tables.push_back({table, "uuid of " + table, expected, std::to_string(next)});
        request.offsets.push_back({fmt::format("c{}", thread), won, won + 1, 1});
        const auto answer = catalog_->Commit(request);
        if (answer.ok()) {
          ++won;
          continue;
        }
        ASSERT_EQ(answer.status().error_code(), "WH7002") << answer.status().ToString();
        ++conflicts;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int sum = 0;
  for (const TablePointer& table : ValueOf(catalog_->Tables())) {
    sum += std::stoi(table.metadata_location);
  }
  EXPECT_EQ(sum, kThreads * kWins);
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(kThreads * kWins));
  for (int thread = 0; thread < kThreads; ++thread) {
    EXPECT_EQ(ValueOf(catalog_->OffsetOf(fmt::format("c{}", thread))).position, kWins);
  }
  EXPECT_EQ(ValueOf(catalog_->Runs({.limit = 10'000})).size(),
            static_cast<std::size_t>(kThreads * kWins));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, TheSameKeyFromManyThreadsIsCommittedOnce) {
  const CommitRequest request = Change("c1", "processed.a", std::nullopt, "a1");
  std::atomic<int> first{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      const auto answer = catalog_->Commit(request);
      ASSERT_OK(answer);
      EXPECT_EQ(answer->seq, CommitSeq(1));
      if (!answer->repeated) ++first;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(first, 1);
  EXPECT_OK(catalog_->VerifyChain());
}
}  // namespace
}  // namespace weirhouse::catalog

#include <fmt/format.h>

#include <set>
#include <thread>

#include "ground/catalog/conformance.h"
#include "ground/catalog/known_arrivals.h"
#include "ground/catalog/moment.h"

namespace weirhouse::catalog {
namespace {
// ---- Reads over time
TEST_P(CatalogConformance, SnapshotsAreFoundByCommitAndBySequenceNumber) {
  std::optional<std::string> location;
  for (int day = 1; day <= 3; ++day) {
    const auto other = ValueOf(catalog_->PlanRun(PlanOf("other " + std::to_string(day))));
    ASSERT_OK(catalog_->Commit(
        SwapOf(other, "processed.other" + std::to_string(day), std::nullopt, "o")));
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("day" + std::to_string(day))));
    const std::string next = "m" + std::to_string(day);
    CommitRequest request = SwapOf(run, "processed.a", location, next);
    // Two snapshots in one commit: an append, then the deletes of the same upsert.
    for (int part = 0; part < 2; ++part) {
      request.snapshots.push_back({"processed.a",
                                   SnapshotId(day * 10 + part),
                                   day * 2 + part,
                                   "main",
                                   "append",
                                   1,
                                   0,
                                   day,
                                   {},
                                   {}});
    }
    ASSERT_OK(catalog_->Commit(request));
    location = next;
  }
  EXPECT_FALSE(ValueOf(catalog_->SnapshotAsOf("processed.a", CommitSeq(1))).has_value());
  EXPECT_EQ(ValueOf(catalog_->SnapshotAsOf("processed.a", CommitSeq(2)))->snapshot, SnapshotId(11));
  EXPECT_EQ(ValueOf(catalog_->SnapshotAsOf("processed.a", CommitSeq(5)))->snapshot, SnapshotId(21));
  EXPECT_EQ(ValueOf(catalog_->SnapshotAsOf("processed.a", CommitSeq(99)))->snapshot,
            SnapshotId(31));
  EXPECT_EQ(ValueOf(catalog_->SeqOf("processed.a", 2)), CommitSeq(2));
  EXPECT_EQ(ValueOf(catalog_->SeqOf("processed.a", 5)), CommitSeq(4));
  EXPECT_EQ(catalog_->SeqOf("processed.a", 99).status().code(), Code::kNotFound);
  const auto all = ValueOf(catalog_->Snapshots("processed.a"));
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all.front().snapshot, SnapshotId(10));
}

TEST_P(CatalogConformance, ReadsOfOneMomentAgreeWhateverIsCommittedBetweenThem) {
  const auto commit = [&](int day) {
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("day" + std::to_string(day), 10)));
    const auto before = ValueOf(catalog_->FindTable("processed.arrival"));
    std::optional<std::string> expected;
    if (before) expected = before->metadata_location;
    ASSERT_OK(catalog_->Commit(FullOf(run, expected, "m" + std::to_string(day))));
  };
  commit(1);
  const auto inner = [&]() -> Status {
    EXPECT_EQ(ValueOf(catalog_->Commits(CommitSeq(0), 10)).size(), 1U);
    return Status::Ok();
  };
  const auto outer = [&]() -> Status {
    EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(1));
    std::thread writer([&] { commit(2); });
    writer.join();
    EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(1));
    EXPECT_EQ(ValueOf(catalog_->CountObjects()).objects, 1);
    EXPECT_EQ(ValueOf(catalog_->FindTable("processed.arrival"))->metadata_location, "m1");
    EXPECT_EQ(ValueOf(catalog_->Files(std::nullopt)).size(), 1U);
    EXPECT_OK(catalog_->VerifyChain());  // of several statements itself
    EXPECT_OK(AtOneMoment(*catalog_, inner));
    EXPECT_EQ(ValueOf(catalog_->RecordStates()).size(), 2U);
    // Another thread sees what there is.
    std::thread reader([&] { EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(2)); });
    reader.join();
    return Status::Ok();
  };
  ASSERT_OK(AtOneMoment(*catalog_, outer));
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(2));
  const Status refused = AtOneMoment(
      *catalog_, []() -> Status { return Status(Code::kInvalidInput, "not like this"); });
  EXPECT_EQ(refused.message(), "not like this");
  EXPECT_EQ(ValueOf(catalog_->CountObjects()).objects, 2);
}

// ---- What is asked again and again
TEST_P(CatalogConformance, TotalsAreTheSumsOfWhatWasCommitted) {
  EXPECT_EQ(ValueOf(catalog_->CountObjects()).objects, 0);
  EXPECT_EQ(ValueOf(catalog_->RecordsSince(CommitSeq(0))), 0);
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1.json");
  ASSERT_FALSE(request.objects.empty());
  const CommitAnswer answer = ValueOf(catalog_->Commit(request));
  const auto failed = ValueOf(catalog_->PlanRun(PlanOf("day2")));
  ASSERT_OK(catalog_->FailRun(failed.id, Status(Code::kUnavailable, "no")));
  ASSERT_OK(catalog_->PlanRun(PlanOf("day3")));
  std::int64_t records = 0;
  for (const ObjectRecord& object : request.objects) records += object.record_count;
  const Catalog::ObjectTotals totals = ValueOf(catalog_->CountObjects());
  EXPECT_EQ(totals.objects, static_cast<std::int64_t>(request.objects.size()));
  EXPECT_EQ(totals.records, records);
  EXPECT_EQ(ValueOf(catalog_->RecordsSince(CommitSeq(0))), records);
  EXPECT_EQ(ValueOf(catalog_->RecordsSince(answer.seq)), 0);
  using Count = std::pair<RunState, std::int64_t>;
  EXPECT_THAT(
      ValueOf(catalog_->RunCounts()),
      ::testing::UnorderedElementsAre(Count{RunState::kCommitted, 1}, Count{RunState::kFailed, 1},
                                      Count{RunState::kPlanned, 1}));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ATotalThatIsNotTheSumOfItsRowsIsFound) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  ASSERT_OK(catalog_->Commit(FullOf(run, std::nullopt, "m1.json")));
  const std::pair<std::string, std::string> edits[] = {
      {"UPDATE counter SET next = next + 1 WHERE name = 'runs'",
       "UPDATE counter SET next = next - 1 WHERE name = 'runs'"},
      {"UPDATE counter SET next = next + 1 WHERE name = 'objects'",
       "UPDATE counter SET next = next - 1 WHERE name = 'objects'"},
      {"UPDATE counter SET next = next + 1 WHERE name = 'object_records'",
       "UPDATE counter SET next = next - 1 WHERE name = 'object_records'"},
      {"UPDATE counter SET next = next + 1 WHERE name = 'events'",
       "UPDATE counter SET next = next - 1 WHERE name = 'events'"},
      {"UPDATE record_total SET count = count + 1", "UPDATE record_total SET count = count - 1"},
      {"INSERT INTO record_total VALUES ('x', 'y', 'processed', 1)",
       "DELETE FROM record_total WHERE source = 'x'"}};
  for (const auto& [edit, undo] : edits) {
    place_->Edit(edit);
    EXPECT_EQ(catalog_->VerifyChain().error_code(), "WH7008") << edit;
    place_->Edit(undo);
    EXPECT_OK(catalog_->VerifyChain());
  }
}

TEST_P(CatalogConformance, TheNextCommitOfALayerIsTheFirstThatPublished) {
  EXPECT_FALSE(ValueOf(catalog_->NextCommit(Layer::kRaw, CommitSeq(0))).has_value());
  std::vector<CommitSeq> raw;
  for (int i = 0; i < 4; ++i) {
    const auto other =
        ValueOf(catalog_->PlanRun(PlanOf("p" + std::to_string(i), 0, RunKind::kPrediction)));
    ASSERT_OK(
        catalog_->Commit(SwapOf(other, "processed.p" + std::to_string(i), std::nullopt, "p")));
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("r" + std::to_string(i), 0, RunKind::kRaw)));
    CommitRequest request = SwapOf(run, "processed.r" + std::to_string(i), std::nullopt, "r");
    if (i == 1) request.run_state = RunState::kHalted;
    raw.push_back(ValueOf(catalog_->Commit(request)).seq);
  }
  EXPECT_EQ(ValueOf(catalog_->NextCommit(Layer::kRaw, CommitSeq(0)))->seq, raw[0]);
  EXPECT_EQ(ValueOf(catalog_->NextCommit(Layer::kRaw, raw[0]))->seq, raw[2]);
  EXPECT_EQ(ValueOf(catalog_->NextCommit(Layer::kRaw, raw[2]))->batch, "r3");
  EXPECT_FALSE(ValueOf(catalog_->NextCommit(Layer::kRaw, raw[3])).has_value());
}

TEST_P(CatalogConformance, LandingsAreFoundByTheirPaths) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  CommitRequest request = FullOf(run, std::nullopt, "m1.json");
  request.landings.clear();
  for (int i = 0; i < 250; ++i)
    request.landings.push_back(
        {fmt::format("/in/{}", i), i, 1, 1, "arrival", {}, LandingState::kStored, 1});
  ASSERT_OK(catalog_->Commit(request));
  EXPECT_TRUE(ValueOf(catalog_->FindLandings({})).empty());
  EXPECT_TRUE(ValueOf(catalog_->FindLandings({"/in/250"})).empty());
  std::vector<std::string> paths = {"/elsewhere"};
  for (int i = 0; i < 230; ++i) paths.push_back(fmt::format("/in/{}", i));
  const auto found = ValueOf(catalog_->FindLandings(paths));
  EXPECT_EQ(found.size(), 230U);
  for (const LandingRecord& landing : found)
    EXPECT_EQ(landing.path, fmt::format("/in/{}", landing.size_bytes));
}

TEST_P(CatalogConformance, ManyArrivalsAreFoundAtOnceAndRepeatsAreNone) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  CommitRequest request = FullOf(run, std::nullopt, "m1.json");
  const ObjectRecord model = request.objects.front();
  request.objects.clear();
  request.lineage = {};
  std::vector<Arrival> asked = {{"arrival", "elsewhere", Sha256Of("0")}};
  for (int i = 0; i < 250; ++i) {
    ObjectRecord object = model;
    object.name = fmt::format("f{}", i);
    object.digest = Sha256Of(object.name);
    object.state = i % 50 == 7 ? ObjectState::kDuplicate : ObjectState::kStored;
    request.objects.push_back(object);
    if (i >= 230) continue;
    asked.push_back({object.source, object.name, object.digest});
    asked.push_back({object.source, object.name, Sha256Of("others")});
  }
  ASSERT_OK(catalog_->Commit(request));
  EXPECT_TRUE(ValueOf(FindArrivals(*catalog_, {})).empty());
  EXPECT_TRUE(ValueOf(FindArrivals(*catalog_, {asked.front()})).empty());
  const auto found = ValueOf(FindArrivals(*catalog_, asked));
  EXPECT_EQ(found.size(), 225U);
  for (const ObjectRecord& object : found) EXPECT_EQ(object.digest, Sha256Of(object.name));
}

TEST_P(CatalogConformance, MetricsComeFromAHalfOpenWindowOldestFirst) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("days")));
  CommitRequest request = SwapOf(run, "processed.a", std::nullopt, "a1");
  for (const int day : {4, 1, 3, 2}) {
    request.metrics.push_back(
        {"processed.a", "row_count", "b", Day(day), day != 3, day * 0.5, {}, {}});
  }
  request.metrics.push_back({"processed.a", "profile", "b", Day(2), true, 0, {}, {}});
  request.metrics.push_back({"processed.b", "row_count", "b", Day(2), true, 0, {}, {}});
  ASSERT_OK(catalog_->Commit(request));
  const auto window = ValueOf(catalog_->Metrics("processed.a", "row_count", Day(2), Day(4)));
  ASSERT_EQ(window.size(), 2U);
  EXPECT_EQ(window[0].batch_end, Day(2));
  EXPECT_EQ(window[1].value, 1.5);
  EXPECT_FALSE(window[1].in_baseline);
  EXPECT_EQ(
      ValueOf(catalog_->Metrics("processed.a", "row_count", EventTime::min(), EventTime::max()))
          .size(),
      4U);
}

TEST_P(CatalogConformance, TheReplayClockIsTheGreatestPublishedBatchEnd) {
  EXPECT_EQ(ValueOf(catalog_->ReplayNow()), EventTime::min());
  int commits = 0;
  for (const int day : {3, 5, 4}) {
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("day" + std::to_string(day))));
    CommitRequest request =
        SwapOf(run, "processed.t" + std::to_string(++commits), std::nullopt, "m");
    request.batch_end = Day(day);
    ASSERT_OK(catalog_->Commit(request));
  }
  EXPECT_EQ(ValueOf(catalog_->ReplayNow()), Day(5));
}

// ---- Arrival
TEST_P(CatalogConformance, ARecordIsFoundInTheObjectWhoseRangeHoldsIt) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("raw", 15)));
  CommitRequest request = SwapOf(run, "raw.arrival", std::nullopt, "m");
  std::int64_t next = run.first_record_id.value();
  for (const std::int64_t count : {10, 0, 5}) {
    ObjectRecord object;
    object.source = "arrival";
    object.name = "object " + std::to_string(request.objects.size());
    object.digest = Sha256Of(object.name);
    object.record_count = count;
    object.first_record_id = RecordId(next);
    object.batch = "day1";
    next += count;
    request.objects.push_back(object);
  }
  const auto ids = ValueOf(catalog_->Commit(request)).objects;
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_EQ(ValueOf(catalog_->ObjectOfRecord(RecordId(1)))->id, ids[0]);
  EXPECT_EQ(ValueOf(catalog_->ObjectOfRecord(RecordId(10)))->id, ids[0]);
  EXPECT_EQ(ValueOf(catalog_->ObjectOfRecord(RecordId(11)))->id, ids[2]);
  EXPECT_EQ(ValueOf(catalog_->ObjectOfRecord(RecordId(15)))->id, ids[2]);
  EXPECT_FALSE(ValueOf(catalog_->ObjectOfRecord(RecordId(16))).has_value());
  EXPECT_FALSE(ValueOf(catalog_->ObjectOfRecord(RecordId(0))).has_value());
  EXPECT_EQ(ValueOf(catalog_->Objects({.source = "arrival", .batch = "day1"})).size(), 3U);
  EXPECT_EQ(ValueOf(catalog_->Objects({.seq = CommitSeq(2)})).size(), 0U);
  EXPECT_EQ(ValueOf(catalog_->Objects({.state = ObjectState::kStored})).size(), 3U);
}

TEST_P(CatalogConformance, TheSameArrivalIsStoredOnce) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("one", 10)));
  const auto two = ValueOf(catalog_->PlanRun(PlanOf("two", 10)));
  const CommitRequest first = FullOf(one, std::nullopt, "m1");
  ASSERT_OK(catalog_->Commit(first));
  const ObjectRecord& object = first.objects[0];
  EXPECT_TRUE(
      ValueOf(catalog_->FindArrival(object.source, object.name, object.digest)).has_value());
  EXPECT_FALSE(ValueOf(catalog_->FindArrival("weather", object.name, object.digest)).has_value());
  CommitRequest again = FullOf(two, "m1", "m2");
  again.objects = first.objects;
  EXPECT_EQ(catalog_->Commit(again).status().error_code(), "WH7006");
  again.objects[0].state = ObjectState::kDuplicate;
  EXPECT_OK(catalog_->Commit(again));
  EXPECT_EQ(ValueOf(catalog_->FindArrival(object.source, object.name, object.digest))->id,
            ObjectId(1));
}

TEST_P(CatalogConformance, ParseAttemptsAreForgottenByTheCommitThatTakesAnObjectBack) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  const ObjectRecord& object = request.objects[0];
  const Arrival arrival{object.source, object.name, object.digest};
  ASSERT_OK(catalog_->Commit(request));
  ASSERT_OK(catalog_->CountParseAttempts({arrival}));
  const auto again = ValueOf(catalog_->PlanRun(PlanOf("day2")));
  CommitRequest retry = SwapOf(again, "processed.a", std::nullopt, "a1");
  retry.forgotten_attempts.push_back(arrival);
  CommitRequest refused = retry;
  refused.offsets.push_back({"arrival/day1", 99, 100, 0});  // the offset has moved
  EXPECT_EQ(catalog_->Commit(refused).status().code(), Code::kConflict);
  EXPECT_EQ(ValueOf(catalog_->ParseAttempts(arrival)), 1);
  ASSERT_OK(catalog_->Commit(retry));
  EXPECT_EQ(ValueOf(catalog_->ParseAttempts(arrival)), 0);
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ParseAttemptsAreCountedBeforeAnObjectExistsAndAfter) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  const ObjectRecord& object = request.objects[0];
  EXPECT_EQ(ValueOf(catalog_->CountParseAttempt(object.source, object.name, object.digest)), 1);
  Reopen();
  EXPECT_EQ(ValueOf(catalog_->CountParseAttempts({{object.source, object.name, object.digest},
                                                  {"weather", object.name, object.digest}})),
            (std::vector<int>{2, 1}));
  ASSERT_OK(catalog_->Commit(request));
  EXPECT_EQ(ValueOf(catalog_->FindObject(ObjectId(1)))->attempts, 2);
  EXPECT_EQ(ValueOf(catalog_->CountParseAttempt(object.source, object.name, object.digest)), 3);
  EXPECT_EQ(ValueOf(catalog_->FindObject(ObjectId(1)))->attempts, 3);
  const Arrival arrival{object.source, object.name, object.digest};
  EXPECT_EQ(ValueOf(catalog_->ParseAttempts(arrival)), 3);
  EXPECT_EQ(ValueOf(catalog_->ParseAttempts({"weather", object.name, object.digest})), 1);
  ASSERT_OK(catalog_->ForgetParseAttempts(arrival));
  EXPECT_EQ(ValueOf(catalog_->ParseAttempts(arrival)), 0);
  EXPECT_EQ(ValueOf(catalog_->FindObject(ObjectId(1)))->attempts, 0);
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ALandingPathFilledAgainShowsWhatWasSeenLast) {
  for (int round = 1; round <= 2; ++round) {
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("round" + std::to_string(round))));
    CommitRequest request = SwapOf(run, "raw.t" + std::to_string(round), std::nullopt, "m");
    request.landings.push_back({"in/a.csv", round, round, 0xFFFF'FFFF'FFFF'FFFF, "arrival",
                                Sha256Of(std::to_string(round)), LandingState::kStored});
    ASSERT_OK(catalog_->Commit(request));
  }
  const auto seen = ValueOf(catalog_->FindLanding("in/a.csv"));
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->size_bytes, 2);
  EXPECT_EQ(seen->inode, 0xFFFF'FFFF'FFFF'FFFF);
  EXPECT_EQ(ValueOf(catalog_->Landings("arrival")).size(), 1U);
  EXPECT_FALSE(ValueOf(catalog_->FindLanding("in/b.csv")).has_value());
}

// ---- Lineage
TEST_P(CatalogConformance, LineageIsWalkedBothWays) {
  const auto raw = ValueOf(catalog_->PlanRun(PlanOf("day1", 10, RunKind::kRaw)));
  CommitRequest arrival = FullOf(raw, std::nullopt, "m1");
  ASSERT_OK(catalog_->Commit(arrival));
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  CommitRequest request = SwapOf(run, "feature.delay_v1", std::nullopt, "f1");
  request.idempotency_key = "feature";
  request.lineage.Flow(SnapshotNode("processed.arrival", CommitSeq(1)), EdgeKind::kRead,
                       RunNode(run.id));
  request.lineage.Read(ObjectId(1));
  request.lineage.Read(ObjectId(1));
  ASSERT_OK(catalog_->Commit(request));

  const auto into = ValueOf(catalog_->EdgesInto(RunNode(run.id)));
  ASSERT_EQ(into.size(), 2U);
  EXPECT_EQ(into[0].seq, CommitSeq(2));
  EXPECT_EQ(into[0].run, run.id);
  std::set<NodeRef> sources;
  for (const auto& edge : into) sources.insert(edge.from);
  EXPECT_EQ(sources, (std::set<NodeRef>{ObjectNode(ObjectId(1)),
                                        SnapshotNode("processed.arrival", CommitSeq(1))}));
  const auto out = ValueOf(catalog_->EdgesOutOf(ObjectNode(ObjectId(1))));
  ASSERT_EQ(out.size(), 2U);  // the raw run and the feature run
  EXPECT_EQ(out[0].to, RunNode(raw.id));
  const auto wrote = ValueOf(catalog_->EdgesInto(SnapshotNode("processed.arrival", CommitSeq(1))));
  ASSERT_EQ(wrote.size(), 1U);
  EXPECT_EQ(wrote[0].from, RunNode(raw.id));
  EXPECT_EQ(wrote[0].kind, EdgeKind::kWrote);
  EXPECT_EQ(ValueOf(catalog_->EdgesInto(CommitNode(CommitSeq(1)))).size(), 1U);
  EXPECT_EQ(ValueOf(catalog_->EdgesInto(RunNode(raw.id))).size(),
            2U);  // object, contract
  EXPECT_TRUE(ValueOf(catalog_->EdgesInto({NodeKind::kModel, "none"})).empty());
  EXPECT_EQ(ValueOf(catalog_->Nodes(NodeKind::kRun)).size(), 2U);
}

TEST_P(CatalogConformance, KeysThatOnlyTheCommitKnowsAreFilledIn) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  CommitRequest request = FullOf(run, std::nullopt, "m1");
  const NodeRef kept{NodeKind::kSnapshot, "quarantine.arrival@"};
  request.lineage.Describe(kept, {{"rows", 1}});
  request.lineage.Flow({NodeKind::kObject, "#0"}, EdgeKind::kQuarantinedTo, kept);
  request.lineage.Flow(ThisCommit(), EdgeKind::kUses, {NodeKind::kContract, "arrival 1.0.0"});
  ASSERT_OK(catalog_->Commit(request));
  const auto edges = ValueOf(catalog_->EdgesInto(SnapshotNode("quarantine.arrival", CommitSeq(1))));
  ASSERT_EQ(edges.size(), 1U);
  EXPECT_EQ(edges[0].from, ObjectNode(ObjectId(1)));
  EXPECT_EQ(ValueOf(catalog_->EdgesOutOf(CommitNode(CommitSeq(1)))).size(), 1U);
  EXPECT_EQ(ValueOf(catalog_->FindNode(ObjectNode(ObjectId(1))))->node.record.value("sha256", ""),
            request.objects[0].digest.ToHex());
}

TEST_P(CatalogConformance, AnEdgeNeedsBothItsEnds) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  for (const NodeRef& absent :
       {NodeRef{NodeKind::kObject, "o9"}, NodeRef{NodeKind::kObject, "#0"}}) {
    CommitRequest request = SwapOf(run, "processed.a", std::nullopt, "a1");
    request.lineage.Read(absent);
    const Status status = catalog_->Commit(request).status();
    EXPECT_EQ(status.code(), Code::kInvalidInput);
    EXPECT_EQ(status.error_code(), "WH7080");
  }
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(0));
  EXPECT_FALSE(ValueOf(catalog_->FindNode(RunNode(run.id))).has_value());
}

TEST_P(CatalogConformance, ANodeKeepsItsFirstRecord) {
  for (int round = 1; round <= 2; ++round) {
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("round" + std::to_string(round))));
    CommitRequest request = SwapOf(run, "raw.t" + std::to_string(round), std::nullopt, "m");
    request.lineage.Describe({NodeKind::kContract, "arrival 1.0.0"}, {{"round", round}});
    request.lineage.Describe(ThisRun(), {{"git", "abc"}});
    ASSERT_OK(catalog_->Commit(request));
  }
  const auto node = ValueOf(catalog_->FindNode({NodeKind::kContract, "arrival 1.0.0"}));
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->node.record, (nlohmann::json{{"round", 1}}));
  EXPECT_EQ(node->seq, CommitSeq(1));
  EXPECT_EQ(ValueOf(catalog_->FindNode(RunNode(RunId(2))))->node.record.value("git", ""), "abc");
}

}  // namespace
}  // namespace weirhouse::catalog

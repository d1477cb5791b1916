#include <set>

#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {
// ---- The one transaction
TEST_P(CatalogConformance, EveryPartOfACommitReadsBack) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1.json");
  const CommitAnswer answer = ValueOf(catalog_->Commit(request));
  EXPECT_EQ(answer.seq, CommitSeq(1));
  EXPECT_FALSE(answer.repeated);
  ASSERT_EQ(answer.objects, std::vector<ObjectId>{ObjectId(1)});
  Reopen();

  const auto pointer = ValueOf(catalog_->FindTable("processed.arrival"));
  ASSERT_TRUE(pointer.has_value());
  EXPECT_EQ(pointer->metadata_location, "m1.json");
  EXPECT_EQ(pointer->uuid, "uuid of processed.arrival");
  EXPECT_EQ(pointer->previous_metadata_location, std::nullopt);
  EXPECT_EQ(ValueOf(catalog_->Tables()).size(), 1U);
  const auto snapshots = ValueOf(catalog_->Snapshots("processed.arrival"));
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_EQ(snapshots[0].snapshot, SnapshotId(8'000'000'000'000'000'001));
  EXPECT_EQ(snapshots[0].seq, CommitSeq(1));
  EXPECT_EQ(snapshots[0].run, run.id);
  const auto files = ValueOf(catalog_->Files("processed.arrival"));
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].sha256, Sha256Of("m1.json"));
  EXPECT_EQ(ValueOf(catalog_->Files(std::nullopt)).size(), 1U);
  EXPECT_EQ(ValueOf(catalog_->FilesSince(CommitSeq(0))).size(), 1U);
  EXPECT_TRUE(ValueOf(catalog_->FilesSince(ValueOf(catalog_->LastSeq()))).empty());
  const auto object = ValueOf(catalog_->FindObject(ObjectId(1)));
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(object->digest, request.objects[0].digest);
  EXPECT_EQ(object->contract_version, "arrival 1.0.0");
  EXPECT_EQ(object->arrived_at, ProcessTimeOfMicros(5));
  EXPECT_EQ(ValueOf(catalog_->FindLanding("landing/day1.jsonl"))->mtime_us, 17);
  EXPECT_EQ(ValueOf(catalog_->Landings("arrival")).size(), 1U);
  const auto verdicts = ValueOf(catalog_->Verdicts({.gate = "arrival"}));
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].checks, request.verdicts[0].checks);
  EXPECT_EQ(verdicts[0].run, run.id);
  EXPECT_EQ(ValueOf(catalog_->OffsetOf("arrival/day1")).position, 10);
  EXPECT_EQ(ValueOf(catalog_->PendingEvents(10)).at(0).data, request.events[0].data);
  const auto prediction = ValueOf(catalog_->FindPrediction("p-day1"));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_EQ(prediction->vector, request.predictions[0].vector);
  EXPECT_EQ(prediction->output, request.predictions[0].output);
  EXPECT_EQ(prediction->vector_digest, Sha256Of("vector"));
  EXPECT_EQ(ValueOf(catalog_->Predictions(10)).size(), 1U);
  EXPECT_EQ(ValueOf(catalog_->Setting(SettingKey("last batch"))), nlohmann::json("day1"));
  EXPECT_EQ(ValueOf(catalog_->Setting(SettingKey("absent"))), std::nullopt);
  EXPECT_EQ(ValueOf(catalog_->Settings("last")).size(), 1U);
  const auto commits = ValueOf(catalog_->Commits(CommitSeq(0), 10));
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_EQ(commits[0].batch, "day1");
  EXPECT_EQ(commits[0].batch_end, Day(2));
  EXPECT_EQ(commits[0].committed_at, clock_.Now());
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(1));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, AFailingTableSwapLeavesNothingOfAnyPart) {
  const auto first = ValueOf(catalog_->PlanRun(PlanOf("day0")));
  ASSERT_OK(catalog_->Commit(SwapOf(first, "processed.plane", std::nullopt, "p1")));
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  CommitRequest request = FullOf(run, std::nullopt, "m1.json");
  request.tables.push_back({"processed.plane", "uuid of processed.plane", "p0", "p2"});
  EXPECT_EQ(catalog_->Commit(request).status().code(), Code::kConflict);
  for (int reopened = 0; reopened < 2; ++reopened) {
    EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(1));
    EXPECT_EQ(ValueOf(catalog_->FindTable("processed.arrival")), std::nullopt);
    EXPECT_EQ(ValueOf(catalog_->FindTable("processed.plane"))->metadata_location, "p1");
    EXPECT_TRUE(ValueOf(catalog_->Snapshots("processed.arrival")).empty());
    EXPECT_TRUE(ValueOf(catalog_->Files(std::nullopt)).empty());
    EXPECT_TRUE(ValueOf(catalog_->Objects({})).empty());
    EXPECT_TRUE(ValueOf(catalog_->Landings("arrival")).empty());
    EXPECT_TRUE(ValueOf(catalog_->Verdicts({})).empty());
    EXPECT_TRUE(
        ValueOf(catalog_->Metrics("processed.arrival", "row_count", Day(0), Day(9))).empty());
    EXPECT_TRUE(ValueOf(catalog_->RecordStates()).empty());
    EXPECT_FALSE(ValueOf(catalog_->FindNode({NodeKind::kContract, "arrival 1.0.0"})).has_value());
    EXPECT_FALSE(ValueOf(catalog_->FindNode(RunNode(run.id))).has_value());
    EXPECT_EQ(ValueOf(catalog_->OffsetOf("arrival/day1")).position, 0);
    EXPECT_TRUE(ValueOf(catalog_->PendingEvents(10)).empty());
    EXPECT_FALSE(ValueOf(catalog_->FindPrediction("p-day1")).has_value());
    EXPECT_EQ(ValueOf(catalog_->Setting(SettingKey("last batch"))), std::nullopt);
    EXPECT_FALSE(ValueOf(catalog_->Outcome(run.plan.idempotency_key)).has_value());
    EXPECT_EQ(ValueOf(catalog_->GetRun(run.id)).state, RunState::kPlanned);
    EXPECT_OK(catalog_->VerifyChain());
    Reopen();
  }
  request.tables.pop_back();
  EXPECT_OK(catalog_->Commit(request));
}

TEST_P(CatalogConformance, AConflictNamesTheTableWhatWasExpectedAndWhatWasFound) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("one")));
  const auto two = ValueOf(catalog_->PlanRun(PlanOf("two")));
  const auto three = ValueOf(catalog_->PlanRun(PlanOf("three")));
  ASSERT_OK(catalog_->Commit(SwapOf(one, "processed.a", std::nullopt, "a1")));
  ASSERT_OK(catalog_->Commit(SwapOf(two, "processed.a", "a1", "a2")));
  const Status status = catalog_->Commit(SwapOf(three, "processed.a", "a1", "a3")).status();
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_EQ(status.error_code(), "WH7002");
  EXPECT_THAT(status.message(), ::testing::AllOf(::testing::HasSubstr("\"processed.a\""),
                                                 ::testing::HasSubstr("expected \"a1\""),
                                                 ::testing::HasSubstr("found \"a2\"")));
  EXPECT_EQ(catalog_->Commit(SwapOf(three, "processed.a", std::nullopt, "a3")).status().code(),
            Code::kConflict);
  EXPECT_EQ(catalog_->Commit(SwapOf(three, "processed.b", "b1", "b2")).status().code(),
            Code::kConflict);
  CommitRequest replaced = SwapOf(three, "processed.a", "a2", "a3");
  replaced.tables[0].uuid = "another table";
  EXPECT_EQ(catalog_->Commit(replaced).status().error_code(), "WH7002");
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.a"))->previous_metadata_location, "a1");
}

TEST_P(CatalogConformance, TheSameKeyReturnsTheFirstAnswerEvenWithOtherStagedFiles) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitAnswer first = ValueOf(catalog_->Commit(FullOf(run, std::nullopt, "m1.json")));
  CommitRequest later = FullOf(run, std::nullopt, "m2.json");
  later.offsets[0].generation = 2;
  later.objects[0].arrived_at = ProcessTimeOfMicros(99);
  const CommitAnswer second = ValueOf(catalog_->Commit(later));
  EXPECT_TRUE(second.repeated);
  EXPECT_EQ(second.seq, first.seq);
  EXPECT_EQ(second.objects, first.objects);
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.arrival"))->metadata_location, "m1.json");
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(1));
  const auto outcome = ValueOf(catalog_->Outcome(run.plan.idempotency_key));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->seq, first.seq);
  EXPECT_EQ(outcome->objects, first.objects);
  EXPECT_EQ(ValueOf(catalog_->Outcome("another key")), std::nullopt);
}

TEST_P(CatalogConformance, TheSameKeyWithOtherContentIsRefused) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  ASSERT_OK(catalog_->Commit(FullOf(run, std::nullopt, "m1.json")));
  const std::vector<std::function<void(CommitRequest&)>> changes{
      [](CommitRequest& request) { request.batch = "day2"; },
      [](CommitRequest& request) { request.layer = Layer::kRaw; },
      [](CommitRequest& request) { request.tables[0].name = "processed.other"; },
      [](CommitRequest& request) { request.record_states[0].count = 8; },
      [](CommitRequest& request) { request.offsets[0].position = 11; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CommitRequest request = FullOf(run, std::nullopt, "m1.json");
    changes[i](request);
    const Status status = catalog_->Commit(request).status();
    EXPECT_EQ(status.code(), Code::kInvalidInput) << i;
    EXPECT_EQ(status.error_code(), "WH7004") << i;
  }
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(1));
}

TEST_P(CatalogConformance, OnlyAPlannedRunMayPublish) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  ASSERT_OK(catalog_->FailRun(run.id, Status(Code::kInternal, "x")));
  const Status failed = catalog_->Commit(SwapOf(run, "processed.a", std::nullopt, "a1")).status();
  EXPECT_EQ(failed.code(), Code::kConflict);
  EXPECT_EQ(failed.error_code(), "WH7007");
  auto absent = run;
  absent.id = RunId(99);
  EXPECT_EQ(catalog_->Commit(SwapOf(absent, "processed.a", std::nullopt, "a1")).status().code(),
            Code::kNotFound);
  EXPECT_TRUE(ValueOf(catalog_->Tables()).empty());
}

TEST_P(CatalogConformance, ARequestThatContradictsItselfIsABug) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  const std::vector<std::function<void(CommitRequest&)>> changes{
      [](CommitRequest& request) { request.idempotency_key.clear(); },
      [](CommitRequest& request) { request.run_state = RunState::kPlanned; },
      [](CommitRequest& request) {
        request.run_state = RunState::kHalted;
        request.offsets.push_back({"c", 0, 1, 0});
      },
      [](CommitRequest& request) { request.also_closes = RunId(1); },
      [](CommitRequest& request) {
        request.also_closes = RunId(1);
        request.also_state = RunState::kFailed;
      },
      [](CommitRequest& request) { request.tables[0].name = "no_namespace"; },
      [](CommitRequest& request) {
        request.settings.emplace_back(SettingKey("project_id"), "mine");
      },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CommitRequest request = SwapOf(run, "processed.a", std::nullopt, "a1");
    changes[i](request);
    EXPECT_EQ(catalog_->Commit(request).status().code(), Code::kInternal) << i;
  }
  EXPECT_EQ(ValueOf(catalog_->LastSeq()), CommitSeq(0));
}

TEST_P(CatalogConformance, AFileCommittedTwiceMustHoldTheSameBytes) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("one")));
  const auto two = ValueOf(catalog_->PlanRun(PlanOf("two")));
  CommitRequest request = SwapOf(one, "processed.a", std::nullopt, "a1");
  request.files.push_back(
      {"data.parquet", "processed.a", FileKind::kData, 5, Sha256Of("x"), {}, {}});
  ASSERT_OK(catalog_->Commit(request));
  CommitRequest again = SwapOf(two, "processed.a", "a1", "a2");
  again.files.push_back({"data.parquet", "processed.a", FileKind::kData, 5, Sha256Of("y"), {}, {}});
  const Status other_bytes = catalog_->Commit(again).status();
  EXPECT_EQ(other_bytes.code(), Code::kCorruption);
  EXPECT_EQ(other_bytes.error_code(), "WH7087");
  EXPECT_EQ(other_bytes.message(),
            fmt::format("the file was committed before with other bytes: data.parquet: SHA-256 {} "
                        "then, {} now",
                        Sha256Of("x").ToHex(), Sha256Of("y").ToHex()));
  EXPECT_THAT(other_bytes.hint(), ::testing::HasSubstr("`wh verify --deep`"));
  again.files[0].sha256 = Sha256Of("x");
  EXPECT_OK(catalog_->Commit(again));
  EXPECT_EQ(ValueOf(catalog_->Files("processed.a")).size(), 1U);
  EXPECT_OK(catalog_->VerifyChain());
}

// ---- Offsets
TEST_P(CatalogConformance, AZombieIsFencedOffAndMovesNothing) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("one")));
  const auto two = ValueOf(catalog_->PlanRun(PlanOf("two")));
  const auto three = ValueOf(catalog_->PlanRun(PlanOf("three")));
  CommitRequest request = SwapOf(one, "processed.a", std::nullopt, "a1");
  request.offsets.push_back({"consumer", 0, 10, 2});
  ASSERT_OK(catalog_->Commit(request));
  CommitRequest zombie = SwapOf(two, "processed.a", "a1", "a2");
  zombie.offsets.push_back({"consumer", 10, 20, 1});
  const Status fenced = catalog_->Commit(zombie).status();
  EXPECT_EQ(fenced.code(), Code::kConflict);
  EXPECT_EQ(fenced.error_code(), "WH7005");
  EXPECT_EQ(ValueOf(catalog_->FindTable("processed.a"))->metadata_location, "a1");
  CommitRequest stale = SwapOf(two, "processed.a", "a1", "a2");
  stale.offsets.push_back({"consumer", 9, 20, 2});
  EXPECT_EQ(catalog_->Commit(stale).status().error_code(), "WH7081");
  CommitRequest newer = SwapOf(three, "processed.a", "a1", "a2");
  newer.offsets.push_back({"consumer", 10, 20, 3});
  ASSERT_OK(catalog_->Commit(newer));
  EXPECT_EQ(ValueOf(catalog_->OffsetOf("consumer")).position, 20);
  EXPECT_EQ(ValueOf(catalog_->OffsetOf("consumer")).generation, 3);
  EXPECT_EQ(ValueOf(catalog_->OffsetOf("nobody")).position, 0);
}

// ---- Halt, override, discard
TEST_P(CatalogConformance, AHaltedRunWaitsAndIsClosedByTheCommitThatOverridesIt) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  CommitRequest halt = FullOf(run, std::nullopt, "m1.json");
  halt.run_state = RunState::kHalted;
  halt.offsets.clear();
  halt.objects.clear();
  halt.snapshots[0].ref = "staging/r1";
  ASSERT_OK(catalog_->Commit(halt));
  EXPECT_EQ(ValueOf(catalog_->GetRun(run.id)).state, RunState::kHalted);
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day1", 10))).state, RunState::kHalted);
  EXPECT_TRUE(ValueOf(catalog_->RecordStates()).empty());
  EXPECT_EQ(ValueOf(catalog_->ReplayNow()), EventTime::min());
  EXPECT_FALSE(ValueOf(catalog_->SnapshotAsOf("processed.arrival", CommitSeq(1))).has_value());

  const auto override_run =
      ValueOf(catalog_->PlanRun(PlanOf("override r1", 0, RunKind::kOverride)));
  CommitRequest publish = SwapOf(override_run, "processed.arrival", "m1.json", "m2.json");
  publish.snapshots = halt.snapshots;
  publish.snapshots[0].ref = "main";
  publish.record_states = halt.record_states;
  publish.batch_end = Day(2);
  publish.also_closes = run.id;
  publish.also_state = RunState::kCommitted;
  publish.lineage.Overrode(run.id);
  const CommitAnswer answer = ValueOf(catalog_->Commit(publish));
  EXPECT_EQ(ValueOf(catalog_->GetRun(run.id)).state, RunState::kCommitted);
  EXPECT_EQ(ValueOf(catalog_->GetRun(run.id)).seq, answer.seq);
  EXPECT_EQ(ValueOf(catalog_->RecordStates()).size(), 2U);
  EXPECT_EQ(ValueOf(catalog_->RecordStates()).at(0).count, 9);
  EXPECT_EQ(ValueOf(catalog_->SeqOf("processed.arrival", 1)), answer.seq);
  std::set<std::string> writers;
  for (const auto& edge :
       ValueOf(catalog_->EdgesInto(SnapshotNode("processed.arrival", CommitSeq(2))))) {
    writers.insert(edge.from.key);
  }
  EXPECT_EQ(writers, (std::set<std::string>{"r1", "r2"}));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, ADiscardedRunStaysDiscardedAndIsClosedOnce) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  CommitRequest halt = SwapOf(run, "processed.a", std::nullopt, "a1");
  halt.run_state = RunState::kHalted;
  ASSERT_OK(catalog_->Commit(halt));
  for (int round = 0; round < 2; ++round) {
    const auto closer = ValueOf(catalog_->PlanRun(PlanOf("discard " + std::to_string(round))));
    CommitRequest discard;
    discard.run = closer.id;
    discard.idempotency_key = closer.plan.idempotency_key;
    discard.layer = Layer::kProcessed;
    discard.offsets.push_back({"processed", round * 10, 10, 0});
    discard.also_closes = run.id;
    discard.also_state = RunState::kDiscarded;
    if (round == 0) {
      EXPECT_OK(catalog_->Commit(discard));
    } else {
      EXPECT_EQ(catalog_->Commit(discard).status().error_code(), "WH7007");
    }
  }
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day1"))).state, RunState::kDiscarded);
}

}  // namespace
}  // namespace weirhouse::catalog

#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {
// ---- Runs
TEST_P(CatalogConformance, APlannedRunIsResumedWithTheSameIdAndTheSameRecordIds) {
  const auto first = ValueOf(catalog_->PlanRun(PlanOf("day1", 100)));
  EXPECT_EQ(first.first_record_id, RecordId(1));
  EXPECT_EQ(first.attempt, 1);
  Reopen();
  clock_.Advance(std::chrono::seconds(9));
  const auto again = ValueOf(catalog_->PlanRun(PlanOf("day1", 100)));
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.attempt, 2);
  EXPECT_EQ(again.first_record_id, first.first_record_id);
  EXPECT_EQ(again.planned_at, first.planned_at);
  EXPECT_EQ(again.plan.inputs, first.plan.inputs);
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day2", 5))).first_record_id, RecordId(101));
}

TEST_P(CatalogConformance, ARunThatIsResumedAfterOthersReservedIdsGetsLaterOnes) {
  const auto first = ValueOf(catalog_->PlanRun(PlanOf("day1", 100)));
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day2", 5))).first_record_id, RecordId(101));
  // day2 may have published its records meanwhile, and numbers follow that order. So do the times at
  // which records arrived.
  clock_.Advance(std::chrono::seconds(9));
  const auto again = ValueOf(catalog_->PlanRun(PlanOf("day1", 100)));
  EXPECT_EQ(again.planned_at - first.planned_at, std::chrono::seconds(9));
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.first_record_id, RecordId(106));
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day1", 100))).first_record_id, RecordId(106));
  EXPECT_EQ(ValueOf(catalog_->GetRun(first.id)).first_record_id, RecordId(106));
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day3", 1))).first_record_id, RecordId(206));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, AStepPlannedAgainWithOtherRecordCountsGetsIdsAnew) {
  const auto first = ValueOf(catalog_->PlanRun(PlanOf("day1", 100)));
  const auto again = ValueOf(catalog_->PlanRun(PlanOf("day1", 101)));
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.attempt, 2);
  EXPECT_EQ(again.plan.record_ids_wanted, 101);
  EXPECT_EQ(again.first_record_id, RecordId(101));
  EXPECT_EQ(ValueOf(catalog_->GetRun(first.id)).first_record_id, RecordId(101));
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day1", 0))).first_record_id, RecordId());
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day2", 1))).first_record_id, RecordId(202));
  EXPECT_OK(catalog_->VerifyChain());
}

TEST_P(CatalogConformance, TheSameStepOfAnotherKindIsAnotherRun) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("day1", 0, RunKind::kProcessed)));
  RunPlan plan = PlanOf("day1", 0, RunKind::kProcessed);
  plan.kind = RunKind::kFeature;
  EXPECT_NE(ValueOf(catalog_->PlanRun(plan)).id, one.id);
}

TEST_P(CatalogConformance, AFailedRunKeepsItsErrorAndMayBePlannedAgain) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  ASSERT_OK(catalog_->FailRun(
      run.id, Status(Code::kUnavailable, "disk full").WithError("WH7010").WithHint("free space")));
  const auto failed = ValueOf(catalog_->GetRun(run.id));
  EXPECT_EQ(failed.state, RunState::kFailed);
  EXPECT_EQ(failed.error.value("message", ""), "disk full");
  EXPECT_EQ(failed.error.value("error", ""), "WH7010");
  EXPECT_TRUE(failed.finished_at.has_value());
  const auto again = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  EXPECT_EQ(again.id, run.id);
  EXPECT_EQ(again.state, RunState::kPlanned);
  EXPECT_TRUE(ValueOf(catalog_->GetRun(run.id)).error.is_null());
}

TEST_P(CatalogConformance, ACommittedRunIsReturnedAsItStandsAndCannotFail) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  ASSERT_OK(catalog_->Commit(SwapOf(run, "processed.a", std::nullopt, "a1")));
  const auto again = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  EXPECT_EQ(again.state, RunState::kCommitted);
  EXPECT_EQ(again.attempt, 1);
  EXPECT_EQ(again.seq, CommitSeq(1));
  EXPECT_EQ(catalog_->FailRun(run.id, Status(Code::kInternal, "x")).code(), Code::kConflict);
  EXPECT_EQ(ValueOf(catalog_->GetRun(run.id)).state, RunState::kCommitted);
}

TEST_P(CatalogConformance, RunsAreFoundByFilterNewestFirst) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("day1")));
  const auto two = ValueOf(catalog_->PlanRun(PlanOf("day2")));
  ASSERT_OK(catalog_->PlanRun(PlanOf("day2", 0, RunKind::kFeature)));
  ASSERT_OK(catalog_->FailRun(two.id, Status(Code::kInternal, "x")));
  const auto processed = ValueOf(catalog_->Runs({.kind = RunKind::kProcessed}));
  ASSERT_EQ(processed.size(), 2U);
  EXPECT_EQ(processed[0].id, two.id);
  EXPECT_EQ(ValueOf(catalog_->Runs({.state = RunState::kFailed})).size(), 1U);
  EXPECT_EQ(ValueOf(catalog_->Runs({.kind = RunKind::kProcessed, .name = "day1"})).at(0).id,
            one.id);
  EXPECT_EQ(ValueOf(catalog_->Runs({.limit = 1})).size(), 1U);
  EXPECT_EQ(ValueOf(catalog_->FindRun(RunKind::kProcessed, Sha256Of("processed/day2")))->id,
            two.id);
  EXPECT_FALSE(ValueOf(catalog_->FindRun(RunKind::kModel, Sha256Of("processed/day2"))).has_value());
  using Counts = std::vector<std::pair<RunState, std::int64_t>>;
  EXPECT_EQ(ValueOf(catalog_->RunCounts()),
            (Counts{{RunState::kFailed, 1}, {RunState::kPlanned, 2}}));
  EXPECT_EQ(catalog_->GetRun(RunId(99)).status().code(), Code::kNotFound);
}

TEST_P(CatalogConformance, SeveralPlansAreOneTransaction) {
  RunPlan wrong = PlanOf("day2");
  wrong.record_ids_wanted = -1;
  EXPECT_FALSE(catalog_->PlanRuns({PlanOf("day1", 10), wrong}).ok());
  EXPECT_TRUE(ValueOf(catalog_->Runs({})).empty());
  EXPECT_EQ(ValueOf(catalog_->PlanRun(PlanOf("day1", 10))).first_record_id, RecordId(1));
}

}  // namespace
}  // namespace weirhouse::catalog

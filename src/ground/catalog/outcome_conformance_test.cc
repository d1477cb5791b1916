#include "ground/catalog/conformance.h"
#include "ground/catalog/outcome.h"

namespace weirhouse::catalog {
namespace {
Status Unknown() {
  return Status(Code::kUnavailable, "the connection was lost").WithError(kOutcomeUnknown);
}

TEST_P(CatalogConformance, AnUnknownOutcomeIsLookedUpByItsKey) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  const auto before = SettleOutcome(*catalog_, request.idempotency_key, Unknown());
  EXPECT_TRUE(before.status().Is(kOutcomeUnknown));

  const CommitAnswer committed = ValueOf(CommitSettled(*catalog_, request));
  EXPECT_FALSE(committed.repeated);
  const CommitAnswer found = ValueOf(SettleOutcome(*catalog_, request.idempotency_key, Unknown()));
  EXPECT_EQ(found.seq, committed.seq);
  EXPECT_EQ(found.run, committed.run);
  EXPECT_EQ(found.objects, committed.objects);
}

TEST_P(CatalogConformance, AnOutcomeThatIsKnownIsNotAskedFor) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  ASSERT_OK(CommitSettled(*catalog_, request));
  const Status full = Status(Code::kUnavailable, "no room").WithError(kStorageFull);
  const auto answer = SettleOutcome(*catalog_, request.idempotency_key, full);
  EXPECT_TRUE(answer.status().Is(kStorageFull));
}

TEST_P(CatalogConformance, ARefusedCommitWroteNothingForCertain) {
  const auto one = ValueOf(catalog_->PlanRun(PlanOf("one")));
  const auto two = ValueOf(catalog_->PlanRun(PlanOf("two")));
  ASSERT_OK(catalog_->Commit(SwapOf(one, "processed.a", std::nullopt, "m1")));
  const Status moved = catalog_->Commit(SwapOf(two, "processed.a", std::nullopt, "m2")).status();
  EXPECT_TRUE(moved.Is(kPointerMoved));
  EXPECT_TRUE(WroteNothing(moved));
  EXPECT_FALSE(WroteNothing(Unknown()));
}
}  // namespace

// A word that is none's: nothing is made up for it.
TEST_P(TamperedConformance, AKindThatNobodyWroteIsCorruption) {
  const NodeRef run = RunNode(RunId(1));
  const auto read = [&](const std::string& table) -> Status {
    if (table == "run") return catalog_->GetRun(RunId(1)).status();
    if (table == "edge") return catalog_->EdgesInto(run).status();
    if (table == "file") return catalog_->Files(std::nullopt).status();
    if (table == "object") return catalog_->Objects({}).status();
    if (table == "landing") return catalog_->Landings("arrival").status();
    if (table == "verdict") return catalog_->Verdicts({}).status();
    if (table == "record_total") return catalog_->RecordStates().status();
    return catalog_->Commits(CommitSeq(0), 10).status();
  };
  const std::pair<const char*, const char*> columns[] = {
      {"run", "kind"},           {"edge", "kind"},       {"file", "kind"},
      {"object", "state"},       {"landing", "state"},   {"verdict", "state"},
      {"record_total", "state"}, {"commit_log", "layer"}};
  for (const auto& [table, column] : columns) {
    EXPECT_OK(read(table));
    place_->Edit(fmt::format("UPDATE {} SET {} = {} || '?'", table, column, column));
    const Status status = read(table);
    EXPECT_EQ(status.code(), Code::kCorruption) << table;
    EXPECT_EQ(status.error_code(), "WH7088") << table;
    place_->Edit(fmt::format("UPDATE {} SET {} = replace({}, '?', '')", table, column, column));
  }
}
}  // namespace weirhouse::catalog

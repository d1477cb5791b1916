// A COMMIT whose fsync fails: the reported outcome still holds after a crash.
#include <filesystem>
#include <thread>

#include "ground/catalog/conformance.h"
#include "testing/fsync_probe.h"
#include "testing/testing.h"

namespace weirhouse::catalog {
namespace {
using testing::FsyncProbe;
using testing::ScratchFolder;

// What a crash leaves: the files as they are, without what SQLite shares in memory.
Result<std::unique_ptr<Catalog>> AfterACrash(const std::string& path, const std::string& copy) {
  std::filesystem::copy_file(path, copy);
  std::filesystem::copy_file(path + "-wal", copy + "-wal");
  return OpenSqliteCatalog(copy);
}

TEST(Settle, WhatDidNotTakePlaceDoesNotComeBackAfterACrash) {
  const ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  ASSERT_OK_AND(const auto catalog, OpenSqliteCatalog(path));
  const auto before = ValueOf(catalog->PlanRun(PlanOf("day0", 10)));
  ASSERT_OK(catalog->Commit(FullOf(before, std::nullopt, "m0.json")));
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  CommitRequest request = FullOf(run, "m0.json", "m1.json");
  request.offsets.clear();
  FsyncProbe probe;
  probe.FailNext("-wal");
  const Status failed = catalog->Commit(request).status();
  ASSERT_TRUE(probe.has_failed());
  EXPECT_EQ(failed.error_code(), "WH7084") << failed.ToString();
  EXPECT_FALSE(ValueOf(catalog->Outcome(run.plan.idempotency_key)).has_value());
  ASSERT_OK_AND(const auto left, AfterACrash(path, scratch / "left.db"));
  EXPECT_FALSE(ValueOf(left->Outcome(run.plan.idempotency_key)).has_value());
  EXPECT_EQ(ValueOf(left->LastSeq()), CommitSeq(1));
  EXPECT_OK(left->VerifyChain());
}

TEST(Settle, WhatCannotBeSettledIsSaidToBeUnknown) {
  const ScratchFolder scratch;
  ASSERT_OK_AND(const auto catalog, OpenSqliteCatalog(scratch / "catalog.db"));
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  FsyncProbe probe;
  probe.FailNext("-wal", 2);
  const Status failed = catalog->Commit(FullOf(run, std::nullopt, "m1.json")).status();
  EXPECT_EQ(failed.error_code(), "WH7003") << failed.ToString();
  // By its key it is done once, whatever became of the first try.
  ASSERT_OK(catalog->Commit(FullOf(run, std::nullopt, "m1.json")));
  EXPECT_EQ(ValueOf(catalog->LastSeq()), CommitSeq(1));
  EXPECT_OK(catalog->VerifyChain());
}

TEST(Settle, EachOfAGroupIsToldWhatHoldsAfterACrash) {
  const ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  ASSERT_OK_AND(const auto catalog, OpenSqliteCatalog(path));
  constexpr std::size_t kWriters = 8;
  std::vector<CommitRequest> requests(kWriters);
  for (std::size_t i = 0; i < kWriters; ++i) {
    requests[i].plan = PlanOf("writer" + std::to_string(i), 0, RunKind::kForeign);
    requests[i].idempotency_key = requests[i].plan->idempotency_key;
    requests[i].layer = Layer::kOpen;
    requests[i].settings.emplace_back(SettingKey("key" + std::to_string(i)), i);
  }
  std::vector<Status> told(kWriters);
  {
    FsyncProbe probe;
    probe.FailNext("-wal");
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kWriters; ++i) {
      threads.emplace_back([&, i] { told[i] = catalog->Commit(requests[i]).status(); });
    }
    threads.clear();
    ASSERT_TRUE(probe.has_failed());
  }
  ASSERT_OK_AND(const auto left, AfterACrash(path, scratch / "left.db"));
  int refused = 0;
  for (std::size_t i = 0; i < kWriters; ++i) {
    const bool there = ValueOf(left->Outcome(requests[i].idempotency_key)).has_value();
    EXPECT_EQ(there, told[i].ok()) << told[i].ToString();
    refused += told[i].ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 0);
  EXPECT_OK(left->VerifyChain());
}

TEST(Settle, ARunWhosePlanningFailedDoesNotComeBackEither) {
  const ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  ASSERT_OK_AND(const auto catalog, OpenSqliteCatalog(path));
  FsyncProbe probe;
  probe.FailNext("-wal");
  EXPECT_FALSE(catalog->PlanRun(PlanOf("day1", 10)).ok());
  ASSERT_TRUE(probe.has_failed());
  ASSERT_OK_AND(const auto left, AfterACrash(path, scratch / "left.db"));
  EXPECT_TRUE(ValueOf(left->RunCounts()).empty());
}
}  // namespace
}  // namespace weirhouse::catalog

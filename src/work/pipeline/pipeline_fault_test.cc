// A run whose N-th call to the disk fails, for N = 1, 2, 3 …: nothing is lost, nothing is there twice.
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "testing/projects/shop_fixture.h"
#include "work/pipeline/pipeline.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {

struct PipelineFaultTest : ShopTest {
  static std::string DateOf(int number) {
    return fmt::format("20{:02}-{:02}-{:02}", 24 + number / 336, 1 + number / 28 % 12,
                       1 + number % 28);
  }
  void LandDay(int number) { Land(DateOf(number) + ".jsonl", Day(number)); }
  static std::string Day(int number) {
    const std::string at = DateOf(number) + "T10:00:00Z";
    std::string bytes;
    for (int i = 0; i < 3; ++i)
      bytes += Order(fmt::format("{}-{}", number, i), i, at, at, i == 0 ? "a" : "b");
    // And an order of before, corrected.
    if (number > 0) bytes += Order(fmt::format("{}-0", number - 1), 50, at, at);
    return bytes;
  }
  void ReopenOn(platform::ObjectStore& store) {
    workspace.reset();
    ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
    ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite, {}, {.store = store}));
  }
};

TEST_F(PipelineFaultTest, ACallThatFailsLosesNothingAndCountsNothingTwice) {
  LandDay(0);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  int days = 1;
  bool fired = true;
  int refused = 0;
  for (int nth = 1; fired; ++nth, ++days) {
    ASSERT_LT(nth, 400) << "a run of a few records does not touch the disk so often";
    SCOPED_TRACE(fmt::format("call {}", nth));
    LandDay(days);
    platform::FaultyStore faulty(platform::LocalStore(), nth,
                                 nth % 2 == 0 ? Code::kUnavailable : Code::kCorruption);
    workspace.reset();
    ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
    auto opened = Workspace::Open(project, Access::kWrite, {}, {.store = faulty});
    if (opened.ok()) {
      workspace = std::move(*opened);
      if (!RunPending(*workspace, NoProgress()).ok()) ++refused;
    } else {
      ++refused;
    }
    fired = faulty.fault_fired();
    ReopenOn(platform::LocalStore());
    ASSERT_OK(RunPending(*workspace, NoProgress()));
    ASSERT_EQ(Rows("processed.order"), 3 * (days + 1));
    ASSERT_EQ(States()["superseded"], days);
    ASSERT_EQ(Rows("processed.order_history"), 4 * days + 3);
  }
  EXPECT_GT(refused, 10);
}

TEST_F(PipelineFaultTest, ADiskThatFailsForAWhileIsNoReasonToStop) {
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  for (int attempt = 0; attempt < 4; ++attempt) {
    LandDay(attempt);
    platform::FaultyStore full(platform::LocalStore(), 12 + attempt, Code::kUnavailable,
                               /*for_ever=*/true);
    ReopenOn(full);
    const auto summary = RunPending(*workspace, NoProgress());
    EXPECT_FALSE(summary.ok());
    EXPECT_EQ(summary.status().code(), Code::kUnavailable) << summary.status().message();
  }
  ReopenOn(platform::LocalStore());
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 12);
}

// Of equal records the first stands, in a rebuild too: one that was planned first and published
// later is not the first.
TEST_F(PipelineFaultTest, RecordsAreNumberedInTheOrderInWhichTheyWerePublished) {
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  const std::string order = Order("1", 5, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z");
  const std::string other = Order("2", 5, "2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z");
  Land("2024-01-02.jsonl", order + other);
  catalog::RunFilter raw;
  raw.kind = catalog::RunKind::kRaw;
  bool planned = false;
  for (int nth = 2; !planned && nth < 100; ++nth) {
    platform::FaultyStore faulty(platform::LocalStore(), nth, Code::kUnavailable,
                                 /*for_ever=*/true);
    workspace.reset();
    ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
    auto opened = Workspace::Open(project, Access::kWrite, {}, {.store = faulty});
    if (opened.ok()) {
      ASSERT_FALSE(RunPending(**opened, NoProgress()).ok());
    }
    opened = Status(Code::kUnavailable, "closed");
    ReopenOn(platform::LocalStore());
    ASSERT_OK_AND(const auto runs, workspace->catalog().Runs(raw));
    planned = !runs.empty();
  }
  ASSERT_TRUE(planned);
  Land("2024-01-01.jsonl", order);  // of an earlier batch: published first
  ASSERT_OK(RunPending(*workspace, NoProgress()));
  ASSERT_OK_AND(auto objects, workspace->catalog().Objects({}));
  ASSERT_EQ(objects.size(), 2U);
  if (objects[0].name > objects[1].name) std::swap(objects[0], objects[1]);
  EXPECT_LT(objects[0].seq, objects[1].seq);
  EXPECT_LT(objects[0].first_record_id, objects[1].first_record_id);
  EXPECT_EQ(States()["duplicate"], 1);
}

TEST_F(PipelineFaultTest, TheSqlEngineIsTheOneThatItWasGiven) {
  workspace.reset();
  ASSERT_OK_AND(std::shared_ptr<platform::SqlEngine> engine, platform::SqlEngine::Open({}));
  ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
  ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite, {}, {.sql = engine}));
  EXPECT_EQ(&workspace->sql(), engine.get());
  LandDay(0);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  EXPECT_EQ(Rows("processed.order"), 3);
}

TEST_F(PipelineFaultTest, TheClockIsTheOneThatItWasGiven) {
  ManualClock clock(ProcessTimeOfMicros(1'900'000'000'000'000));
  workspace.reset();
  ASSERT_OK_AND(auto project, LoadProject(scratch.path().string(), ""));
  ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite, {}, {.clock = clock}));
  LandDay(0);
  ASSERT_OK(Apply(*workspace, "", NoProgress()));
  ASSERT_OK_AND(const CommitSeq last, workspace->catalog().LastSeq());
  ASSERT_OK_AND(const auto commits, workspace->catalog().Commits(CommitSeq(last.value() - 1), 1));
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_EQ(commits[0].committed_at, clock.Now());
}
}  // namespace
}  // namespace weirhouse::work

// The catalog on a PostgreSQL server that goes away at the worst moment. Skipped only where
// WEIRHOUSE_TEST_POSTGRES names no server; tools/test starts one.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "ground/catalog/conformance.h"
#include "ground/platform/db/postgres.h"
#include "testing/tcp_proxy.h"

namespace weirhouse::catalog {
namespace {
using testing::Cut;
using testing::TcpProxy;
// With its end, so that "READ COMMITTED" is not meant.
const std::string kCommitMessage("COMMIT\0", 7);
constexpr const char* kChildSchema = "WEIRHOUSE_TEST_SCHEMA";

const char* TestServerUrl() { return std::getenv("WEIRHOUSE_TEST_POSTGRES"); }

class PostgresCatalog : public ::testing::Test {
 protected:
  void SetUp() override {
    if (TestServerUrl() == nullptr) GTEST_SKIP() << "WEIRHOUSE_TEST_POSTGRES names no server";
    static int count = 0;
    schema_ = fmt::format("catalog_{}_{}", getpid(), ++count);
    const std::string url = TestServerUrl();
    const std::size_t port = url.rfind(':') + 1;
    proxy_ = std::make_unique<TcpProxy>(std::atoi(url.c_str() + port));
    through_proxy_ = url;
    through_proxy_.replace(port, url.find('/', port) - port, std::to_string(proxy_->port()));
  }
  void TearDown() override {
    if (proxy_ == nullptr) return;
    proxy_->Restore();
    const auto address = platform::ParsePostgresUrl(TestServerUrl(), schema_);
    ASSERT_OK(address);
    auto db = platform::Postgres::Open(*address, false);
    ASSERT_OK(db);
    EXPECT_OK((*db)->Script(fmt::format("DROP SCHEMA {} CASCADE", schema_)));
  }
  // Past the proxy: what really is there.
  std::unique_ptr<Catalog> OpenDirectly(bool read_only = false) const {
    return ValueOf(OpenPostgresCatalog(TestServerUrl(), schema_, {.read_only = read_only}));
  }
  std::unique_ptr<Catalog> OpenThroughProxy() const {
    return ValueOf(OpenPostgresCatalog(through_proxy_, schema_));
  }

  std::string schema_;
  std::unique_ptr<TcpProxy> proxy_;
  std::string through_proxy_;
};

TEST_F(PostgresCatalog, FindsACommitWhoseReplyWasLostByItsKey) {
  const auto catalog = OpenThroughProxy();
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  proxy_->CutAt(kCommitMessage, Cut::kLoseReply);
  const auto answer = catalog->Commit(request);
  ASSERT_OK(answer);
  EXPECT_EQ(proxy_->cuts(), 1);
  EXPECT_EQ(answer->seq, CommitSeq(1));
  EXPECT_FALSE(answer->repeated);
  EXPECT_EQ(answer->objects.size(), 1U);
  EXPECT_EQ(ValueOf(catalog->LastSeq()), CommitSeq(1));
  EXPECT_TRUE(ValueOf(catalog->Commit(request)).repeated);
  EXPECT_EQ(ValueOf(catalog->PendingEvents(10)).size(), 1U);
  EXPECT_OK(catalog->VerifyChain());
}

TEST_F(PostgresCatalog, WaitsForACommitThatIsStillOnItsWay) {
  const auto catalog = OpenThroughProxy();
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  proxy_->CutAt(kCommitMessage, Cut::kDelayMessage);
  const auto answer = catalog->Commit(FullOf(run, std::nullopt, "m1"));
  ASSERT_OK(answer);  // a look-up that did not wait would have reported "absent" as certain
  EXPECT_EQ(proxy_->cuts(), 1);
  EXPECT_EQ(ValueOf(OpenDirectly()->LastSeq()), CommitSeq(1));
}

TEST_F(PostgresCatalog, KnowsThatACommitThatNeverArrivedDidNotTakePlace) {
  const auto catalog = OpenThroughProxy();
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  proxy_->CutAt(kCommitMessage, Cut::kLoseMessage);
  const Status lost = catalog->Commit(request).status();
  EXPECT_EQ(lost.code(), Code::kUnavailable);
  EXPECT_EQ(lost.error_code(), "WH7084") << lost.ToString();
  EXPECT_EQ(ValueOf(catalog->LastSeq()), CommitSeq(0));
  EXPECT_FALSE(ValueOf(catalog->Outcome(request.idempotency_key)).has_value());
  const auto again = catalog->Commit(request);
  ASSERT_OK(again);
  EXPECT_FALSE(again->repeated);
  EXPECT_EQ(again->seq, CommitSeq(1));
  EXPECT_OK(catalog->VerifyChain());
}

TEST_F(PostgresCatalog, KnowsThatALossBeforeCommitWroteNothing) {
  const auto catalog = OpenThroughProxy();
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  proxy_->CutAt("processed.arrival", Cut::kLoseReply);
  const Status lost = catalog->Commit(request).status();
  EXPECT_EQ(lost.code(), Code::kUnavailable);
  EXPECT_EQ(lost.error_code(), "WH7041") << lost.ToString();
  const auto again = catalog->Commit(request);
  ASSERT_OK(again);
  EXPECT_EQ(again->seq, CommitSeq(1));
}

TEST_F(PostgresCatalog, SaysThatTheOutcomeIsUnknownWhileTheServerIsAway) {
  const auto catalog = OpenThroughProxy();
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  const CommitRequest request = FullOf(run, std::nullopt, "m1");
  proxy_->CutAt(kCommitMessage, Cut::kLoseReply, /*then_down=*/true);
  const Status unknown = catalog->Commit(request).status();
  EXPECT_EQ(unknown.code(), Code::kUnavailable);
  EXPECT_EQ(unknown.error_code(), "WH7003") << unknown.ToString();
  EXPECT_EQ(catalog->Outcome(request.idempotency_key).status().code(), Code::kUnavailable);
  EXPECT_EQ(catalog->Tables().status().error_code(), "WH7040");
  proxy_->Restore();
  const auto outcome = ValueOf(catalog->Outcome(request.idempotency_key));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->seq, CommitSeq(1));
}

TEST_F(PostgresCatalog, OpensConnectionsAnewThatEndedWhileNobodyUsedThem) {
  const auto catalog = OpenThroughProxy();
  const auto run = ValueOf(catalog->PlanRun(PlanOf("day1", 10)));
  for (int round = 0; round < 2; ++round) {
    proxy_->GoDown();
    proxy_->Restore();
    EXPECT_OK(catalog->Tables());
    proxy_->GoDown();
    proxy_->Restore();
    EXPECT_OK(catalog->Outcome("none"));
    EXPECT_OK(catalog->VerifyChain());
    EXPECT_OK(catalog->CountParseAttempt("arrival", "x", Sha256Of("x")));
  }
  EXPECT_OK(catalog->Commit(FullOf(run, std::nullopt, "m1")));
}

TEST_F(PostgresCatalog, DoublesAndLosesNothingHoweverOftenRepliesAreLost) {
  constexpr int kCommits = 24;
  const auto catalog = OpenThroughProxy();
  std::optional<std::string> location;
  int cut = 0;
  for (int number = 1; number <= kCommits; ++number) {
    const auto run = ValueOf(OpenDirectly()->PlanRun(PlanOf(fmt::format("day{}", number), 10)));
    const std::string next = fmt::format("m{}", number);
    const CommitRequest request = FullOf(run, location, next);
    // Every way to lose it in turn, and sometimes none.
    if (number % 4 != 0) {
      proxy_->CutAt(kCommitMessage,
                    std::array{Cut::kLoseReply, Cut::kLoseMessage,
                               Cut::kDelayMessage}[static_cast<std::size_t>(cut++ % 3)]);
    }
    auto answer = catalog->Commit(request);
    if (!answer.ok()) {
      ASSERT_EQ(answer.status().error_code(), "WH7084") << answer.status().ToString();
      answer = catalog->Commit(request);
    }
    ASSERT_OK(answer);
    ASSERT_EQ(answer->seq, CommitSeq(number));
    location = next;
  }
  EXPECT_EQ(proxy_->cuts(), cut);
  const auto direct = OpenDirectly();
  EXPECT_EQ(ValueOf(direct->LastSeq()), CommitSeq(kCommits));
  EXPECT_EQ(ValueOf(direct->Snapshots("processed.arrival")).size(), std::size_t{kCommits});
  EXPECT_EQ(ValueOf(direct->PendingEvents(1'000)).size(), std::size_t{kCommits});
  EXPECT_OK(direct->VerifyChain());
}

TEST_F(PostgresCatalog, SettlesEachCommitOfAGroupWhoseConnectionEnded) {
  constexpr int kWriters = 6;
  constexpr int kEach = 8;
  const auto catalog = OpenThroughProxy();
  std::atomic<int> working = kWriters;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      std::optional<std::string> location;
      for (int i = 0; i < kEach; ++i) {
        const std::string name = fmt::format("w{}.{}", writer, i);
        auto run = catalog->PlanRun(PlanOf(name));
        while (!run.ok()) run = catalog->PlanRun(PlanOf(name));
        const auto request = SwapOf(*run, fmt::format("processed.t{}", writer), location, name);
        auto answer = catalog->Commit(request);
        while (!answer.ok() && answer.status().code() == Code::kUnavailable) {
          answer = catalog->Commit(request);
        }
        EXPECT_OK(answer);
        location = name;
      }
      --working;
    });
  }
  constexpr std::array kCuts{Cut::kLoseReply, Cut::kLoseMessage};
  for (std::size_t cut = 0; working > 0; ++cut) {
    proxy_->CutAt(kCommitMessage, kCuts[cut % kCuts.size()]);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_GT(proxy_->cuts(), 3);
  const auto direct = OpenDirectly();
  EXPECT_EQ(ValueOf(direct->LastSeq()), CommitSeq(kWriters * kEach));
  EXPECT_EQ(ValueOf(direct->Tables()).size(), std::size_t{kWriters});
  EXPECT_OK(direct->VerifyChain());
}

TEST_F(PostgresCatalog, SerializesWritersOfSeveralProcesses) {
  constexpr int kWriters = 4;
  constexpr int kEach = 10;
  OpenDirectly();
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      const auto catalog = OpenDirectly();  // separate connections, as in another process
      std::optional<std::string> location;
      for (int i = 0; i < kEach; ++i) {
        const std::string name = fmt::format("w{}.{}", writer, i);
        const auto run = ValueOf(catalog->PlanRun(PlanOf(name)));
        EXPECT_OK(
            catalog->Commit(SwapOf(run, fmt::format("processed.t{}", writer), location, name)));
        location = name;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const auto catalog = OpenDirectly(/*read_only=*/true);
  EXPECT_EQ(ValueOf(catalog->LastSeq()), CommitSeq(kWriters * kEach));
  EXPECT_OK(catalog->VerifyChain());
  EXPECT_EQ(catalog->PlanRun(PlanOf("x")).status().error_code(), "WH7082");
}

TEST_F(PostgresCatalog, KeepsTheCatalogsOfProjectsApart) {
  const auto first = OpenDirectly();
  const auto run = ValueOf(first->PlanRun(PlanOf("day1", 10)));
  ASSERT_OK(first->Commit(FullOf(run, std::nullopt, "m1")));
  const std::string url = std::string(TestServerUrl()) + "?schema=" + schema_ + "_other";
  const auto absent = OpenPostgresCatalog(url, schema_, {.create = false});
  EXPECT_EQ(absent.status().code(), Code::kNotFound);
  {
    const auto second = OpenPostgresCatalog(url, schema_);
    ASSERT_OK(second);
    EXPECT_EQ(ValueOf((*second)->LastSeq()), CommitSeq(0));
    EXPECT_NE(ValueOf((*second)->Setting(SettingKey("project_id"))),
              ValueOf(first->Setting(SettingKey("project_id"))));
  }
  const auto address = platform::ParsePostgresUrl(url, schema_);
  ASSERT_OK(address);
  auto db = platform::Postgres::Open(*address, false);
  ASSERT_OK(db);
  EXPECT_OK((*db)->Script(fmt::format("DROP SCHEMA {}_other CASCADE", schema_)));
}

#ifdef WEIRHOUSE_FAILPOINTS
// Plans and commits one run, in a process of its own that a failpoint ends.
TEST(CrashingPostgresChild, DISABLED_CommitsOneRun) {
  auto catalog = OpenPostgresCatalog(TestServerUrl(), std::getenv(kChildSchema));
  ASSERT_OK(catalog);
  const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1", 10)));
  ASSERT_OK((*catalog)->Commit(FullOf(run, std::nullopt, "m1")));
}

TEST_F(PostgresCatalog, CommitIsAllOrNothingWhereverTheProcessEnds) {
  OpenDirectly();
  const std::vector<std::pair<std::string, bool>> points{
      {"catalog.plan.after", false},           {"catalog.commit.begin", false},
      {"catalog.commit.pointers", false},      {"catalog.commit.outbox", false},
      {"catalog.commit.before_commit", false}, {"catalog.commit.after_commit", true},
  };
  for (const auto& [point, there] : points) {
    const std::string command = fmt::format(
        "WEIRHOUSE_FAILPOINT={} {}={} {} --gtest_also_run_disabled_tests "
        "--gtest_filter=CrashingPostgresChild.DISABLED_CommitsOneRun >/dev/null 2>&1",
        point, kChildSchema, schema_, std::filesystem::read_symlink("/proc/self/exe").string());
    const int status = std::system(command.c_str());
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 137) << point;
    const auto catalog = OpenDirectly();
    EXPECT_EQ(ValueOf(catalog->LastSeq()), CommitSeq(there ? 1 : 0)) << point;
    EXPECT_EQ(ValueOf(catalog->Tables()).size(), there ? 1U : 0U) << point;
    EXPECT_EQ(ValueOf(catalog->OffsetOf("arrival/day1")).position, there ? 10 : 0) << point;
    EXPECT_EQ(ValueOf(catalog->PlanRun(PlanOf("day1", 10))).id, RunId(1)) << point;
    EXPECT_OK(catalog->VerifyChain());
  }
}
#endif
}  // namespace
}  // namespace weirhouse::catalog

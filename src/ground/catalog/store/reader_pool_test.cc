// Long reads do not delay others: each has its own connection, up to a limit.
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "ground/catalog/conformance.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/platform/db/sqlite.h"
#include "testing/testing.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::DatabaseValue;
using testing::ScratchFolder;
using namespace std::chrono_literals;

constexpr auto kSoon = 20s;         // for what must not wait
constexpr int kReadersAtWork = 16;  // SqlCatalog::kReadersMax

// Where reads of runs stop until they are let go.
class Barrier {
 public:
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  bool WaitFor(int readers) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kSoon, [&] { return waiting_ >= readers; });
  }
  void Open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int waiting() {
    const std::scoped_lock lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

// A connection whose reads of runs take as long as the barrier is closed.
class SlowDatabase final : public Database {
 public:
  SlowDatabase(std::unique_ptr<Database> inner, Barrier& barrier)
      : inner_(std::move(inner)), barrier_(barrier) {}

  platform::Dialect dialect() const override { return inner_->dialect(); }
  Status Run(std::string_view sql, const std::vector<DatabaseValue>& parameters) override {
    return inner_->Run(sql, parameters);
  }
  Status Each(std::string_view sql, const std::vector<DatabaseValue>& parameters,
              const std::function<Status(const DatabaseRow&)>& visit) override {
    if (sql.find("FROM run ") != std::string_view::npos) barrier_.Pass();
    return inner_->Each(sql, parameters, visit);
  }
  Status Stream(std::string_view sql,
                const std::function<Status(const DatabaseRow&)>& visit) override {
    return inner_->Stream(sql, visit);
  }
  Status Script(std::string_view sql) override { return inner_->Script(sql); }
  std::int64_t Changes() const override { return inner_->Changes(); }
  Result<bool> HasTable(std::string_view name) override { return inner_->HasTable(name); }
  Status Begin() override { return inner_->Begin(); }
  Status BeginRead() override { return inner_->BeginRead(); }
  Status Commit() override { return inner_->Commit(); }
  void Rollback() override { inner_->Rollback(); }
  Status Savepoint() override { return inner_->Savepoint(); }
  Status RollbackToSavepoint() override { return inner_->RollbackToSavepoint(); }
  Status ReleaseSavepoint() override { return inner_->ReleaseSavepoint(); }
  Status WaitForWriters() override { return inner_->WaitForWriters(); }
  bool lost() const override { return inner_->lost(); }

 private:
  std::unique_ptr<Database> inner_;
  Barrier& barrier_;
};

class ReaderPool : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto open = [this](bool read_only) -> Result<std::unique_ptr<Database>> {
      WEIRHOUSE_TRY(std::unique_ptr<Database> inner,
                    platform::Sqlite::Open(scratch_ / "catalog.db", read_only));
      if (!read_only) return inner;
      return std::unique_ptr<Database>(std::make_unique<SlowDatabase>(std::move(inner), barrier_));
    };
    auto opened = SqlCatalog::Open(open, "catalog.db", {});
    ASSERT_OK(opened);
    catalog_ = std::move(opened).value();
    const auto run = ValueOf(catalog_->PlanRun(PlanOf("day1")));
    ASSERT_OK(catalog_->Commit(SwapOf(run, "processed.t", std::nullopt, "m0.json")));
  }
  // Starts this many long reads, each on its own thread.
  void ReadLong(int readers) {
    for (int i = 0; i < readers; ++i) {
      long_reads_.push_back(
          std::async(std::launch::async, [this] { return catalog_->Runs({}).status(); }));
    }
  }
  template <typename Read>
  bool EndsSoon(Read&& read) {
    auto done = std::async(std::launch::async, std::forward<Read>(read));
    const bool soon = done.wait_for(kSoon) == std::future_status::ready;
    if (!soon) barrier_.Open();  // so that the test ends
    EXPECT_OK(done.get());
    return soon;
  }
  void TearDown() override {
    barrier_.Open();
    for (auto& read : long_reads_) EXPECT_OK(read.get());
  }

  const ScratchFolder scratch_;
  Barrier barrier_;
  std::unique_ptr<Catalog> catalog_;
  std::vector<std::future<Status>> long_reads_;
};

TEST_F(ReaderPool, ALongReadHoldsUpNeitherReadersNorTheWriter) {
  ReadLong(3);
  ASSERT_TRUE(barrier_.WaitFor(3));  // all three are at it at once
  EXPECT_TRUE(EndsSoon([this] { return catalog_->Tables().status(); }));
  EXPECT_TRUE(EndsSoon([this] { return catalog_->Settings("token/").status(); }));
  EXPECT_TRUE(EndsSoon([this] { return catalog_->RecordStates().status(); }));
  EXPECT_TRUE(EndsSoon([this]() -> Status {
    WEIRHOUSE_TRY(const catalog::Run run, catalog_->PlanRun(PlanOf("day2")));
    return catalog_->Commit(SwapOf(run, "processed.t", "m0.json", "m1.json")).status();
  }));
  EXPECT_TRUE(EndsSoon([this]() -> Status {
    WEIRHOUSE_TRY(const auto table, catalog_->FindTable("processed.t"));
    EXPECT_EQ(table->metadata_location, "m1.json");
    return Status();
  }));
}

TEST_F(ReaderPool, ReadersBeyondTheBoundWaitForTheirTurnAndGetIt) {
  ReadLong(kReadersAtWork + 4);
  ASSERT_TRUE(barrier_.WaitFor(kReadersAtWork));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(barrier_.waiting(), kReadersAtWork);
  barrier_.Open();
  for (auto& read : long_reads_) EXPECT_OK(read.get());
  long_reads_.clear();
  EXPECT_EQ(barrier_.waiting(), kReadersAtWork + 4);
}
}  // namespace
}  // namespace weirhouse::catalog

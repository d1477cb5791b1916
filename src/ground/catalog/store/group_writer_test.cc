#include "ground/catalog/store/group_writer.h"

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ground/platform/db/sqlite.h"
#include "testing/testing.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;

class Writers {
 public:
  explicit Writers(const std::string& path)
      : path_(path), writer_([path]() -> Result<std::unique_ptr<Database>> {
          WEIRHOUSE_TRY(auto opened, platform::Sqlite::Open(path, /*read_only=*/false));
          return std::unique_ptr<Database>(std::move(opened));
        }) {
    EXPECT_OK(Write([](Database& db) { return db.Run("CREATE TABLE note (text TEXT)", {}); }));
  }
  Status Write(std::function<Status(Database&)> body) {
    return writer_.Write({.body = std::move(body), .what = "a note"});
  }
  Status Write(const WriteWork& work) { return writer_.Write(work); }
  std::int64_t Notes() const {
    std::int64_t count = -1;
    auto opened = platform::Sqlite::Open(path_, /*read_only=*/true);
    if (!opened.ok()) return count;
    const std::unique_ptr<platform::Sqlite> reader = std::move(opened).value();
    EXPECT_OK(reader->Each("SELECT count(*) FROM note", {}, [&](const auto& row) {
      count = row.Int(0);
      return Status();
    }));
    return count;
  }

 private:
  const std::string path_;
  GroupWriter writer_;
};

Status Note(Database& db) { return db.Run("INSERT INTO note VALUES ('x')", {}); }

TEST(GroupWriter, WhatABodyThrowsIsItsOwnErrorAndTheNextOneWrites) {
  const testing::ScratchFolder folder;
  Writers writers(folder / "a.db");
  const Status thrown = writers.Write([](Database& db) -> Status {
    WEIRHOUSE_TRY_STATUS(Note(db));
    throw std::bad_alloc();
  });
  EXPECT_EQ(thrown.error_code(), "WH8050");
  EXPECT_EQ(writers.Notes(), 0);
  EXPECT_OK(writers.Write(Note));
  EXPECT_EQ(writers.Notes(), 1);
}

TEST(GroupWriter, WhatIsThrownAfterCommitUndoesNothing) {
  const testing::ScratchFolder folder;
  Writers writers(folder / "a.db");
  WriteWork work{.body = Note, .what = "a note"};
  work.after = [](Database&) -> Status { throw std::runtime_error("x"); };
  EXPECT_EQ(writers.Write(work).error_code(), "WH8035");
  EXPECT_EQ(writers.Notes(), 1);
  EXPECT_OK(writers.Write(Note));
}

// If the leader throws, no other caller waits for ever or fails because of it.
TEST(GroupWriter, OneThatThrowsHarmsNoneOfItsGroup) {
  const testing::ScratchFolder folder;
  Writers writers(folder / "a.db");
  constexpr int kThreads = 8;
  constexpr int kEach = 20;
  std::atomic<int> failed{0};
  std::atomic<int> written{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          const bool throws = (thread + i) % 4 == 0;
          const Status status = writers.Write([&](Database& db) -> Status {
            WEIRHOUSE_TRY_STATUS(Note(db));
            if (throws) throw std::bad_alloc();
            return Status();
          });
          EXPECT_EQ(status.ok(), !throws) << status.ToString();
          ++(status.ok() ? written : failed);
        }
      });
    }
  }
  EXPECT_EQ(failed + written, kThreads * kEach);
  EXPECT_EQ(writers.Notes(), written);
}

TEST(GroupWriter, AConnectionThatCannotBeHadIsAnErrorOfThoseWhoWait) {
  std::atomic<int> opened{0};
  const testing::ScratchFolder folder;
  GroupWriter writer([&]() -> Result<std::unique_ptr<Database>> {
    if (++opened == 1) throw std::bad_alloc();
    WEIRHOUSE_TRY(auto made, platform::Sqlite::Open(folder / "a.db", /*read_only=*/false));
    return std::unique_ptr<Database>(std::move(made));
  });
  const WriteWork work{.body = [](Database& db) { return db.Run("CREATE TABLE t (x)", {}); }};
  EXPECT_EQ(writer.Write(work).error_code(), "WH8050");
  EXPECT_OK(writer.Write(work));
}
}  // namespace
}  // namespace weirhouse::catalog

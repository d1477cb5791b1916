#include "ground/platform/db/sqlite.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <thread>

#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

class SqliteDatabase : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(db_, Sqlite::Open(path_, false));
    ASSERT_OK(
        db_->Script("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, v);"
                    "CREATE TABLE child (t INTEGER REFERENCES t (id));"));
  }
  static std::vector<std::string> Names(Sqlite& db) {
    std::vector<std::string> names;
    EXPECT_OK(db.Each("SELECT name FROM t ORDER BY id", {}, [&](const DatabaseRow& row) {
      names.push_back(row.Text(0));
      return Status::Ok();
    }));
    return names;
  }
  ScratchFolder scratch_;
  std::string path_ = scratch_ / "catalog.db";
  std::unique_ptr<Sqlite> db_;
};

TEST_F(SqliteDatabase, GivesBackEveryTypeItWasGiven) {
  const std::string bytes("\0\xFFz", 3);
  const std::string text("a\0b", 3);
  const std::vector<DatabaseValue> values = {std::monostate(),
                                             std::numeric_limits<std::int64_t>::min(),
                                             0.1,
                                             text,
                                             std::string(),
                                             Blob{bytes},
                                             Blob{}};
  for (const DatabaseValue& value : values) {
    ASSERT_OK(db_->Run("INSERT INTO t (v) VALUES (?)", {value}));
  }
  EXPECT_EQ(db_->Changes(), 1);
  std::vector<std::string> types;
  int at = 0;
  ASSERT_OK(db_->Each("SELECT v, typeof(v) FROM t ORDER BY id", {}, [&](const DatabaseRow& row) {
    types.push_back(row.Text(1));
    EXPECT_EQ(row.IsNull(0), at == 0);
    if (at == 1) {
      EXPECT_EQ(row.Int(0), std::numeric_limits<std::int64_t>::min());
    }
    if (at == 2) {
      EXPECT_EQ(row.Double(0), 0.1);
    }
    if (at == 3) {
      EXPECT_EQ(row.Text(0), text);
    }
    if (at == 5) {
      EXPECT_EQ(row.Text(0), bytes);
    }
    ++at;
    return Status::Ok();
  }));
  EXPECT_THAT(types, ElementsAre("null", "integer", "real", "text", "text", "blob", "blob"));
}

// What a column may hold, what is read from it, and whether that is right.
TEST_F(SqliteDatabase, TellsAValueOfAnotherKindThanIsStoredThere) {
  ASSERT_OK(db_->Script("CREATE TABLE k (i INTEGER, r REAL, t TEXT, b BLOB);"));
  enum class As { kInt, kDouble, kText };
  struct Case {
    const char* column;
    DatabaseValue stored;
    As as;
    bool right;
  };
  const std::vector<Case> cases = {
      {"i", std::int64_t{7}, As::kInt, true},
      {"i", std::monostate(), As::kInt, true},
      {"i", std::string("seven"), As::kInt, false},
      {"i", std::string("7 objects"), As::kInt, false},  // SQLite itself would say 7
      {"i", 7.5, As::kInt, false},
      {"i", Blob{"7"}, As::kInt, false},
      {"r", 7.5, As::kDouble, true},
      {"r", std::int64_t{7}, As::kDouble, true},
      {"r", std::string("seven"), As::kDouble, false},
      {"r", Blob{"7"}, As::kDouble, false},
      {"t", std::string("seven"), As::kText, true},
      {"t", std::string("7"), As::kText, true},
      {"t", std::monostate(), As::kText, true},
      {"t", Blob{"seven"}, As::kText, false},
      {"b", Blob{"seven"}, As::kText, true},
      {"b", std::int64_t{7}, As::kText, false},
      {"b", 7.5, As::kText, false},
  };
  for (const Case& one : cases) {
    ASSERT_OK(db_->Run("DELETE FROM k"));
    ASSERT_OK(db_->Run(fmt::format("INSERT INTO k ({}) VALUES (?)", one.column), {one.stored}));
    bool visitor_fails = false;
    const auto visit = [&](const DatabaseRow& row) {
      if (one.as == As::kInt) row.Int(0);
      if (one.as == As::kDouble) row.Double(0);
      if (one.as == As::kText) row.Text(0);
      return visitor_fails ? Status(Code::kNotFound, "of no use") : Status::Ok();
    };
    const std::string sql = fmt::format("SELECT {} FROM k", one.column);
    const std::string what = fmt::format("{} {}", one.column, one.stored.index());
    const Status status = db_->Each(sql, {}, visit);
    EXPECT_EQ(status.ok(), one.right) << what;
    if (one.right) continue;
    EXPECT_EQ(status.code(), Code::kCorruption) << what;
    EXPECT_EQ(status.error_code(), "WH7021") << what;
    EXPECT_THAT(status.message(), HasSubstr(fmt::format("column \"{}\"", one.column)));
    visitor_fails = true;  // over a value that was not there
    EXPECT_EQ(db_->Each(sql, {}, visit).code(), Code::kCorruption) << what;
    // Digests are made of whatever is there, and one more row may be read as it is.
    EXPECT_OK(db_->Each(sql, {}, [](const DatabaseRow& row) {
      EXPECT_FALSE(row.AnyAsText(0).empty());
      return Status::Ok();
    }));
  }
}

TEST_F(SqliteDatabase, TellsANullWhereTheTableHasNone) {
  ASSERT_OK(db_->Script(
      "CREATE TABLE n (i INTEGER, r REAL, t TEXT); INSERT INTO n VALUES (NULL, NULL, NULL);"
      "CREATE TABLE other (i INTEGER NOT NULL, t TEXT NOT NULL);"));
  const auto read = [&](const std::string& sql) {
    return db_->Each(sql, {}, [](const DatabaseRow& row) {
      row.Int(0);
      row.Double(1);
      row.Text(2);
      return Status::Ok();
    });
  };
  EXPECT_OK(read("SELECT i, r, t FROM n"));
  // As a damaged page would: the rows stay, and the declaration says that they cannot be.
  ASSERT_OK(db_->Script(
      "PRAGMA writable_schema = ON;"
      "UPDATE sqlite_master SET sql = 'CREATE TABLE n (i INTEGER NOT NULL, r REAL NOT NULL, "
      "t TEXT NOT NULL)' WHERE name = 'n';"
      "PRAGMA writable_schema = RESET;"));
  for (const char* sql : {"SELECT i, 1.0, 'x' FROM n", "SELECT 1, r, 'x' FROM n",
                          "SELECT 1, 1.0, t FROM n", "SELECT 1, 1.0, a.t FROM n AS a"}) {
    const Status status = read(sql);
    EXPECT_EQ(status.code(), Code::kCorruption) << sql;
    EXPECT_EQ(status.error_code(), "WH7021") << sql;
    EXPECT_THAT(status.message(), HasSubstr("holds NULL where")) << sql;
  }
  EXPECT_OK(read("SELECT max(i), sum(i), max(t) FROM other"));  // of no rows
}

TEST_F(SqliteDatabase, CommitsAndRollsBack) {
  ASSERT_OK(db_->Begin());
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES (?)", {"kept"}));
  ASSERT_OK(db_->Commit());
  ASSERT_OK(db_->Begin());
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES (?)", {"dropped"}));
  db_->Rollback();
  db_->Rollback();  // nothing open: nothing happens
  EXPECT_THAT(Names(*db_), ElementsAre("kept"));
}

TEST_F(SqliteDatabase, GivesTheIdOfAnInsertedRowAndNothingWhereItWasThere) {
  const std::string insert =
      "INSERT INTO t (name) VALUES (?) ON CONFLICT (name) DO NOTHING RETURNING id";
  ASSERT_OK_AND(const auto first, db_->Insert(insert, {"a"}));
  EXPECT_EQ(first, 1);
  ASSERT_OK_AND(const auto again, db_->Insert(insert, {"a"}));
  EXPECT_EQ(again, std::nullopt);
  EXPECT_EQ(db_->Changes(), 0);
  ASSERT_OK_AND(const bool there, db_->HasTable("t"));
  EXPECT_TRUE(there);
}

TEST_F(SqliteDatabase, SavepointsUndoAFailedStepAndKeepTheRest) {
  ASSERT_OK(db_->Begin());
  ASSERT_OK(db_->Savepoint());
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('kept')"));
  ASSERT_OK(db_->ReleaseSavepoint());
  ASSERT_OK(db_->Savepoint());
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('undone')"));
  ASSERT_OK(db_->RollbackToSavepoint());
  ASSERT_OK(db_->Commit());
  EXPECT_THAT(Names(*db_), ElementsAre("kept"));
}

TEST_F(SqliteDatabase, CallsABrokenConstraintAConflict) {
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES (?)", {"a"}));
  const Status twice = db_->Run("INSERT INTO t (name) VALUES (?)", {"a"});
  EXPECT_EQ(twice.code(), Code::kConflict);
  EXPECT_EQ(twice.error_code(), "WH7022");
  EXPECT_EQ(db_->Run("INSERT INTO child (t) VALUES (77)").code(), Code::kConflict);
  EXPECT_OK(db_->Run("INSERT INTO t (name) VALUES (?)", {"b"}));  // the statement still works
}

TEST_F(SqliteDatabase, TellsWrongSqlAndWrongParametersAsBugs) {
  for (const std::string_view sql : {"SELEC 1", "SELECT ?", ""}) {
    EXPECT_EQ(db_->Run(sql).code(), Code::kInternal) << sql;
    EXPECT_EQ(db_->Run(sql).error_code(), "WH7025") << sql;
  }
  EXPECT_EQ(db_->Run("SELECT ?").message(), "wrong number of parameters: 0 for \"SELECT ?\"");
  EXPECT_THAT(db_->Run("SELECT * FROM absent").message(), HasSubstr("absent"));
}

TEST_F(SqliteDatabase, StopsAtTheVisitorsError) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(db_->Run("INSERT INTO t (v) VALUES (1)"));
  int visited = 0;
  const auto visit = [&](const DatabaseRow&) {
    return ++visited == 2 ? Status(Code::kNotFound, "enough") : Status::Ok();
  };
  EXPECT_EQ(db_->Each("SELECT id FROM t", {}, visit).code(), Code::kNotFound);
  EXPECT_EQ(visited, 2);
  EXPECT_OK(db_->Begin());  // the statement was reset: no read is left open
  EXPECT_OK(db_->Commit());
}

TEST_F(SqliteDatabase, NestsTheSameStatement) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(db_->Run("INSERT INTO t (v) VALUES (1)"));
  int pairs = 0;
  const std::string sql = "SELECT id FROM t";
  ASSERT_OK(db_->Each(sql, {}, [&](const DatabaseRow&) {
    return db_->Each(sql, {}, [&](const DatabaseRow&) {
      ++pairs;
      return Status::Ok();
    });
  }));
  EXPECT_EQ(pairs, 9);
}

TEST_F(SqliteDatabase, ServesManyDifferentStatements) {
  for (int i = 0; i < 1000; ++i) ASSERT_OK(db_->Run("SELECT " + std::to_string(i)));
}

TEST_F(SqliteDatabase, LetsAReaderSeeCommitsOfAWriter) {
  ASSERT_OK_AND(auto reader, Sqlite::Open(path_, true));
  EXPECT_THAT(Names(*reader), ElementsAre());
  ASSERT_OK(db_->Begin());
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('a')"));
  EXPECT_THAT(Names(*reader), ElementsAre());
  ASSERT_OK(db_->Commit());
  EXPECT_THAT(Names(*reader), ElementsAre("a"));
  EXPECT_EQ(reader->Run("INSERT INTO t (name) VALUES ('b')").code(), Code::kPermissionDenied);
  // And the other way round: an open read does not stop a commit.
  ASSERT_OK(reader->Each("SELECT name FROM t", {}, [&](const DatabaseRow&) {
    return db_->Run("INSERT INTO t (name) VALUES ('c')");
  }));
  EXPECT_THAT(Names(*reader), ElementsAre("a", "c"));
}

TEST_F(SqliteDatabase, OpensForReadingAfterTheWriterIsGone) {
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('a')"));
  db_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_ + "-shm"));
  ASSERT_OK_AND(auto reader, Sqlite::Open(path_, true));
  EXPECT_THAT(Names(*reader), ElementsAre("a"));
}

TEST_F(SqliteDatabase, WritesNothingWhereItWasOpenedForReading) {
  ASSERT_OK_AND(auto reader, Sqlite::Open(path_, true));
  const Status status = reader->Run("INSERT INTO t (name) VALUES ('a')");
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_EQ(status.error_code(), "WH7023");
  EXPECT_THAT(status.message(), HasSubstr("attempt to write a readonly database: " + path_));
  EXPECT_THAT(status.hint(), HasSubstr("opened for reading"));
}

TEST_F(SqliteDatabase, WritesNothingToAFileThatIsNotInItsPlace) {
  std::filesystem::rename(path_, scratch_ / "moved.db");
  EXPECT_EQ(db_->Begin().error_code(), "WH7069");
  EXPECT_EQ(Names(*db_).size(), 0U) << "it can be read all the same";
  WriteFile(path_, "another");
  EXPECT_EQ(db_->Begin().error_code(), "WH7069");
  std::filesystem::rename(scratch_ / "moved.db", path_);
  ASSERT_OK(db_->Begin());
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('back')"));
  ASSERT_OK(db_->Commit());
  std::filesystem::remove(path_);
  EXPECT_EQ(db_->Begin().error_code(), "WH7069");
}

TEST_F(SqliteDatabase, WaitsForAnotherWriter) {
  ASSERT_OK_AND(auto other, Sqlite::Open(path_, false));
  ASSERT_OK(db_->Begin());
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_OK(db_->Commit());
  });
  EXPECT_OK(other->Begin());
  later.join();
  EXPECT_OK(other->Commit());
}

TEST_F(SqliteDatabase, KeepsCommitsWhenTheProcessDies) {
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('a')"));
  // What a killed process leaves: the files as they are now, never closed.
  std::filesystem::copy(path_, path_ + ".copy");
  std::filesystem::copy(path_ + "-wal", path_ + ".copy-wal");
  ASSERT_OK_AND(auto copy, Sqlite::Open(path_ + ".copy", false));
  EXPECT_THAT(Names(*copy), ElementsAre("a"));
}

// SQLite takes a corrupted bit for the end of the log, and every commit behind it would be lost.
TEST_F(SqliteDatabase, RefusesALogThatLostABitBeforeItsLastTransaction) {
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES (?)", {std::string(name)}));
  }
  const std::string database = ReadFile(path_);
  const std::string log = ReadFile(path_ + "-wal");
  const std::size_t frame = 24 + 4096;
  const std::size_t frames = (log.size() - 32) / frame;
  ASSERT_GT(frames, 3U);
  int told = 0;
  const auto hurt = [&](std::size_t at, int bit) {
    const std::string copy = scratch_ / fmt::format("copy{}-{}", at, bit);
    std::string bytes = log;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    WriteFile(copy, database);
    WriteFile(copy + "-wal", bytes);
    for (const bool read_only : {true, false}) {
      const auto opened = Sqlite::Open(copy, read_only);
      if (opened.ok()) return read_only ? 0 : -1;
      EXPECT_EQ(opened.status().error_code(), "WH7021");
      EXPECT_THAT(opened.status().message(), HasSubstr(copy + "-wal"));
    }
    return 1;
  };
  // Three inserts are three transactions: damage up to the second one is reported.
  for (const std::size_t at :
       {0UL, 3UL, 9UL, 17UL, 30UL, 36UL, 42UL, 50UL, 100UL, 32 + frame + 777}) {
    const int seen = hurt(at, at == 3 ? 0 : 3);
    EXPECT_EQ(seen, 1) << at;
    told += seen;
  }
  EXPECT_EQ(told, 10);
  // The last transaction may have been cut short by a power cut, and so may what comes after it.
  EXPECT_EQ(hurt(log.size() - 9, 1), 0);
  WriteFile(scratch_ / "cut", database);
  WriteFile(scratch_ / "cut-wal", log.substr(0, log.size() - 100));
  ASSERT_OK_AND(auto cut, Sqlite::Open(scratch_ / "cut", false));
  EXPECT_THAT(Names(*cut), ElementsAre("a", "b"));
}

// A commit that failed leaves its frames, and a shorter one takes the place of the first of them.
TEST_F(SqliteDatabase, TakesALogInWhichFailedCommitsLeftTheirFrames) {
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('a')"));
  const std::string database = ReadFile(path_);
  const std::string begun = ReadFile(path_ + "-wal");
  std::string log;
  for (const int rows : {1, 300, 900}) {
    const std::string copy = scratch_ / fmt::format("copy{}", rows);
    WriteFile(copy, database);
    WriteFile(copy + "-wal", begun);
    ASSERT_OK_AND(auto db, Sqlite::Open(copy, false));
    ASSERT_OK(db->Begin());
    for (int i = 0; i < rows; ++i) {
      ASSERT_OK(db->Run("INSERT INTO t (v) VALUES (?)", {std::string(100, 'x')}));
    }
    ASSERT_OK(db->Commit());
    const std::string longer = ReadFile(copy + "-wal");
    ASSERT_GT(longer.size(), log.size());
    log += longer.substr(log.size());
  }
  WriteFile(scratch_ / "left", database);
  WriteFile(scratch_ / "left-wal", log);
  ASSERT_OK_AND(auto left, Sqlite::Open(scratch_ / "left", false));
  std::int64_t found = 0;
  ASSERT_OK(left->Each("SELECT count(*) FROM t", {}, [&](const DatabaseRow& row) {
    found = row.Int(0);
    return Status::Ok();
  }));
  EXPECT_EQ(found, 2);
}

TEST_F(SqliteDatabase, TakesALogThatWasBegunAnewOverAnOlderOne) {
  for (int i = 0; i < 20; ++i) ASSERT_OK(db_->Run("INSERT INTO t (v) VALUES (?)", {i}));
  ASSERT_OK(db_->Script("PRAGMA wal_checkpoint(RESTART)"));
  ASSERT_OK(db_->Run("INSERT INTO t (name) VALUES ('new')"));
  for (const bool read_only : {true, false}) ASSERT_OK(Sqlite::Open(path_, read_only));
}

TEST_F(SqliteDatabase, WritesAheadAndSyncsFully) {
  const auto setting = [&](const std::string& name) {
    std::string value;
    EXPECT_OK(db_->Each("PRAGMA " + name, {}, [&](const DatabaseRow& row) {
      value = row.AnyAsText(0);
      return Status::Ok();
    }));
    return value;
  };
  EXPECT_EQ(setting("journal_mode"), "wal");
  EXPECT_EQ(setting("synchronous"), "2");
  EXPECT_EQ(setting("foreign_keys"), "1");
  EXPECT_EQ(setting("busy_timeout"), "5000");
}

TEST(SqliteOpen, RefusesWhatIsNoDatabase) {
  const ScratchFolder scratch;
  WriteFile(scratch / "text", std::string(8192, 'x'));
  EXPECT_EQ(Sqlite::Open(scratch / "text", false).status().code(), Code::kCorruption);
  EXPECT_EQ(Sqlite::Open(scratch / "text", true).status().code(), Code::kCorruption);
  EXPECT_EQ(Sqlite::Open(scratch / "absent", true).status().code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(scratch / "absent"));
  const Status no_folder = Sqlite::Open(scratch / "no/folder/db", false).status();
  EXPECT_EQ(no_folder.code(), Code::kUnavailable);
  EXPECT_EQ(no_folder.error_code(), "WH7024");
  EXPECT_THAT(no_folder.message(), HasSubstr("could not open the database: "));
  EXPECT_THAT(no_folder.message(), HasSubstr(scratch / "no/folder/db"));
  EXPECT_THAT(no_folder.hint(), HasSubstr("check that the folder exists"));
}

TEST(SqliteOpen, FindsDamagedPages) {
  const ScratchFolder scratch;
  const std::string path = scratch / "db";
  {
    ASSERT_OK_AND(auto db, Sqlite::Open(path, false));
    ASSERT_OK(db->Script("CREATE TABLE t (v)"));
    ASSERT_OK(db->Begin());
    for (int i = 0; i < 1000; ++i)
      ASSERT_OK(db->Run("INSERT INTO t VALUES (?)", {std::string(100, 'v')}));
    ASSERT_OK(db->Commit());
  }
  std::string bytes = ReadFile(path);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = '\xAA';
  WriteFile(path, bytes);
  ASSERT_OK_AND(auto db, Sqlite::Open(path, false));
  const Status status = db->Run("SELECT sum(length(v)) FROM t");
  EXPECT_EQ(status.code(), Code::kCorruption) << status.ToString();
  EXPECT_EQ(status.error_code(), "WH7021");
}

TEST(SqliteOpen, SaysSoWhenTheDatabaseIsFull) {
  const ScratchFolder scratch;
  ASSERT_OK_AND(auto db, Sqlite::Open(scratch / "db", false));
  ASSERT_OK(db->Script("PRAGMA max_page_count = 4; CREATE TABLE t (v)"));
  ASSERT_OK(db->Begin());
  Status status;
  for (int i = 0; i < 100 && status.ok(); ++i) {
    status = db->Run("INSERT INTO t VALUES (?)", {std::string(1000, 'v')});
  }
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH7010");
  db->Rollback();
  EXPECT_OK(db->Run("INSERT INTO t VALUES (1)"));
}
}  // namespace
}  // namespace weirhouse::platform

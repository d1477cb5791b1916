// Against a real server: tools/test starts one and names it in WEIRHOUSE_TEST_POSTGRES.
#include "ground/platform/db/postgres.h"

#include <cstdlib>
#include <limits>
#include <thread>

#include "ground/base/random.h"
#include "ground/platform/db/postgres_text.h"
#include "testing/tcp_proxy.h"
#include "testing/testing.h"
#include "testing/wait.h"

namespace weirhouse::platform {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using weirhouse::testing::Cut;
using weirhouse::testing::TcpProxy;

// ---- Without a server
TEST(NumberParameters, LeavesLiteralsNamesAndCommentsAlone) {
  const NumberedSql numbered =
      NumberParameters("SELECT '?', \"?\", ?, 'it''s ?' -- ?\n, ? /* ? */ FROM t WHERE a = ?");
  EXPECT_EQ(numbered.text,
            "SELECT '?', \"?\", $1, 'it''s ?' -- ?\n, $2 /* ? */ FROM t WHERE a = $3");
  EXPECT_EQ(numbered.parameters, 3);
  EXPECT_EQ(NumberParameters("SELECT 'open ?").text, "SELECT 'open ?");
  EXPECT_EQ(NumberParameters("SELECT /* open ?").text, "SELECT /* open ?");
}

TEST(StoredText, KeepsEveryByteAndIsAlwaysUtf8) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::vector<std::string> texts{"",
                                       "plain",
                                       "mit Umläuten, 漢字, 🚂",
                                       all,
                                       std::string("a\0b", 3),
                                       "\xC0\xAF",          // longer than needed
                                       "\xED\xA0\x80",      // a surrogate
                                       "\xF4\x90\x80\x80",  // beyond the last character
                                       "\xF4\x8F\x9C\x80",  // what an escape looks like
                                       "\xF4\x8F\x9B\xBF",  // the character before those
                                       "\xF4\x8F\xBF\xBD",  // one after
                                       "cut \xE6\xBC"};
  for (const std::string& text : texts) {
    const std::string stored = ToStoredText(text);
    EXPECT_EQ(stored.find('\0'), std::string::npos);
    EXPECT_EQ(FromStoredText(stored), text);
    EXPECT_EQ(ToStoredText(FromStoredText(stored)), stored);
  }
  EXPECT_EQ(ToStoredText("mit Umläuten"), "mit Umläuten");
  EXPECT_NE(ToStoredText("\xF4\x8F\x9C\x80"), ToStoredText(std::string("\0", 1)));
}

TEST(ParsePostgresUrl, TakesTheSchemaOutAndNeverShowsThePassword) {
  const auto address = ParsePostgresUrl(
      "postgresql://me:secret@db.example:6432/lake?schema=my%20project&sslmode=require", "flights");
  ASSERT_OK(address);
  EXPECT_EQ(address->schema, "my project");
  EXPECT_EQ(address->url, "postgresql://me:secret@db.example:6432/lake?sslmode=require");
  EXPECT_EQ(address->shown, "postgresql://db.example:6432/lake?schema=my project");
  const auto plain = ParsePostgresUrl("postgres://db/lake", "flights");
  ASSERT_OK(plain);
  EXPECT_EQ(plain->schema, "flights");
  EXPECT_EQ(plain->url, "postgres://db/lake");
}

TEST(ParsePostgresUrl, RefusesWhatIsNoAddressWithoutRepeatingIt) {
  const std::vector<std::string> wrong{
      "",
      "mysql://me:secret@db/lake",
      "postgresql://me:secret@db:port/lake?schema=%zz",
      "postgresql://me:secret@db/lake?schema=",
      "postgresql://me:secret@db/lake?schema=pg_catalog",
      "postgresql://me:secret@db/lake?nonsense=secret",
      "postgresql://me:secret@db/lake?schema=" + std::string(64, 'x')};
  for (const std::string& url : wrong) {
    const Status status = ParsePostgresUrl(url, "flights").status();
    EXPECT_EQ(status.error_code(), "WH7044") << url;
    EXPECT_EQ(status.message().find("secret"), std::string::npos) << status.message();
  }
}

TEST(Postgres, SaysSoWhenNoServerAnswers) {
  const auto address = ParsePostgresUrl("postgresql://me:secret@127.0.0.1:1/lake", "s");
  ASSERT_OK(address);
  const Status status = Postgres::Open(*address, false).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH7040");
  EXPECT_EQ(status.message().find("secret"), std::string::npos);
  EXPECT_FALSE(status.hint().empty());
}

// ---- With one
const char* ServerUrl() { return std::getenv("WEIRHOUSE_TEST_POSTGRES"); }

class PostgresDatabase : public ::testing::Test {
 protected:
  void SetUp() override {
    if (ServerUrl() == nullptr) GTEST_SKIP() << "WEIRHOUSE_TEST_POSTGRES names no server";
    const std::string name =
        ::testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(getpid());
    const auto address = ParsePostgresUrl(ServerUrl(), name);
    ASSERT_OK(address);
    address_ = *address;
    ASSERT_OK_AND(db_, Postgres::Open(address_, false));
    ASSERT_OK(
        db_->Script("CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT "
                    "COLLATE \"C\" UNIQUE, i BIGINT, d DOUBLE PRECISION, b BYTEA);"
                    "CREATE TABLE child (t BIGINT REFERENCES t (id))"));
  }
  void TearDown() override {
    if (ServerUrl() == nullptr) return;
    auto db = Postgres::Open(address_, false);
    ASSERT_OK(db);
    EXPECT_OK((*db)->Script("DROP SCHEMA \"" + address_.schema + "\" CASCADE"));
  }
  static std::vector<std::string> Names(Database& db) {
    std::vector<std::string> names;
    EXPECT_OK(db.Each("SELECT name FROM t ORDER BY id", {}, [&](const DatabaseRow& row) {
      names.push_back(row.Text(0));
      return Status::Ok();
    }));
    return names;
  }
  static Status AddName(Database& db, const std::string& name) {
    return db.Run("INSERT INTO t (name) VALUES (?)", {name});
  }
  static std::int64_t BackendOf(Database& db) {
    std::int64_t backend = 0;
    EXPECT_OK(db.Each("SELECT pg_backend_pid()", {}, [&](const DatabaseRow& row) {
      backend = row.Int(0);
      return Status::Ok();
    }));
    return backend;
  }
  // Until the server's process `backend` waits for a lock.
  bool WaitUntilItWaits(std::int64_t backend) {
    const auto observer = Postgres::Open(address_, false);
    EXPECT_OK(observer);
    return weirhouse::testing::WaitUntil([&] {
      std::int64_t waiting = 0;
      EXPECT_OK((*observer)->Each("SELECT count(*) FROM pg_locks WHERE pid = ? AND NOT granted",
                                  {backend}, [&](const DatabaseRow& row) {
                                    waiting = row.Int(0);
                                    return Status::Ok();
                                  }));
      return waiting > 0;
    });
  }
  // The same server with another word in its URL.
  PostgresAddress AddressOf(const std::string& word, const std::string& other) const {
    PostgresAddress address = address_;
    const std::size_t at = address.url.find(word);
    EXPECT_NE(at, std::string::npos) << address.url;
    if (at != std::string::npos) address.url.replace(at, word.size(), other);
    return address;
  }
  // The same database by a way that can be cut.
  PostgresAddress Through(const TcpProxy& proxy) const {
    PostgresAddress address = address_;
    const std::string port = std::to_string(ServerPort());
    address.url.replace(address.url.find(":" + port) + 1, port.size(),
                        std::to_string(proxy.port()));
    return address;
  }
  int ServerPort() const {
    const std::size_t at = address_.url.rfind(':');
    return std::atoi(address_.url.c_str() + at + 1);
  }

  PostgresAddress address_;
  std::unique_ptr<Database> db_;
};

TEST_F(PostgresDatabase, GivesBackEveryTypeItWasGiven) {
  const std::string bytes("\0\xFFz", 3);
  const std::string text("a\0b\xFF", 4);
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  ASSERT_OK(db_->Run("INSERT INTO t (name, i, d, b) VALUES (?, ?, ?, ?)",
                     {text, kLeast, 0.1, Blob{bytes}}));
  EXPECT_EQ(db_->Changes(), 1);
  ASSERT_OK(db_->Run("INSERT INTO t (name, i, d, b) VALUES (?, ?, ?, ?)",
                     {std::string(), std::monostate(), std::monostate(), Blob{}}));
  int at = 0;
  const auto check = [&](const DatabaseRow& row) {
    const bool second = ++at == 2;
    EXPECT_EQ(row.Text(0), second ? "" : text);
    EXPECT_FALSE(row.IsNull(0));
    EXPECT_EQ(row.IsNull(1), second);
    EXPECT_EQ(row.Int(1), second ? 0 : kLeast);
    EXPECT_EQ(row.Double(2), second ? 0 : 0.1);
    EXPECT_EQ(row.Text(3), second ? "" : bytes);
    EXPECT_FALSE(row.IsNull(3));
    EXPECT_EQ(row.Int(4), second ? 1 : 0);
    return Status::Ok();
  };
  ASSERT_OK(db_->Each("SELECT name, i, d, b, i IS NULL FROM t ORDER BY id", {}, check));
  EXPECT_EQ(at, 2);
}

TEST_F(PostgresDatabase, TellsAValueOfAnotherKindThanIsAskedFor) {
  struct Case {
    const char* sql;
    bool as_int;
    bool right;
  };
  for (const Case& one :
       {Case{"SELECT 7::bigint", true, true}, Case{"SELECT 7::numeric", true, true},
        Case{"SELECT NULL::bigint", true, true}, Case{"SELECT true", true, true},
        Case{"SELECT 'seven'::text", true, false}, Case{"SELECT '7 objects'::text", true, false},
        Case{"SELECT ''::text", true, false}, Case{"SELECT 7.5::real", true, false},
        Case{"SELECT 'seven'::text", false, true}, Case{"SELECT NULL::text", false, true},
        Case{"SELECT 'seven'::bytea", false, true}, Case{"SELECT 7::bigint", false, false},
        Case{"SELECT 7::numeric", false, false}, Case{"SELECT 7::integer", false, false}}) {
    const Status status = db_->Each(one.sql, {}, [&](const DatabaseRow& row) {
      if (one.as_int) {
        row.Int(0);
      } else {
        row.Text(0);
      }
      return Status::Ok();
    });
    EXPECT_EQ(status.ok(), one.right) << one.sql << " " << one.as_int;
    if (!one.right) {
      EXPECT_EQ(status.error_code(), "WH7021") << one.sql;
    }
  }
}

TEST_F(PostgresDatabase, CommitsRollsBackAndGivesIds) {
  ASSERT_OK(db_->Begin());
  const auto id = db_->Insert("INSERT INTO t (name) VALUES (?) RETURNING id", {"kept"});
  ASSERT_OK(id);
  EXPECT_EQ(*id, 1);
  const auto none = db_->Insert(
      "INSERT INTO t (name) VALUES (?) ON CONFLICT (name) DO NOTHING RETURNING id", {"kept"});
  ASSERT_OK(none);
  EXPECT_EQ(*none, std::nullopt);
  EXPECT_EQ(db_->Changes(), 0);
  ASSERT_OK(db_->Commit());
  ASSERT_OK(db_->Begin());
  ASSERT_OK(AddName(*db_, "dropped"));
  db_->Rollback();
  db_->Rollback();  // nothing open: nothing happens
  EXPECT_THAT(Names(*db_), ElementsAre("kept"));
}

TEST_F(PostgresDatabase, SavepointsUndoAFailedStepAndKeepTheRest) {
  ASSERT_OK(db_->Begin());
  ASSERT_OK(AddName(*db_, "a"));
  ASSERT_OK(db_->Savepoint());
  ASSERT_OK(AddName(*db_, "b"));
  EXPECT_EQ(AddName(*db_, "a").code(), Code::kConflict);
  ASSERT_OK(db_->RollbackToSavepoint());
  ASSERT_OK(db_->Savepoint());
  ASSERT_OK(AddName(*db_, "c"));
  ASSERT_OK(db_->ReleaseSavepoint());
  ASSERT_OK(db_->Commit());
  EXPECT_THAT(Names(*db_), ElementsAre("a", "c"));
}

TEST_F(PostgresDatabase, CallsABrokenConstraintAConflict) {
  ASSERT_OK(AddName(*db_, "a"));
  const Status twice = AddName(*db_, "a");
  EXPECT_EQ(twice.code(), Code::kConflict);
  EXPECT_EQ(twice.error_code(), "WH7022");
  EXPECT_EQ(db_->Run("INSERT INTO child (t) VALUES (77)").code(), Code::kConflict);
  EXPECT_OK(AddName(*db_, "b"));
}

TEST_F(PostgresDatabase, SaysThatAFailedTransactionWasNotCommitted) {
  ASSERT_OK(db_->Begin());
  ASSERT_OK(AddName(*db_, "a"));
  EXPECT_FALSE(AddName(*db_, "a").ok());
  const Status commit = db_->Commit();
  EXPECT_EQ(commit.code(), Code::kInternal);
  EXPECT_EQ(commit.error_code(), "WH7025");
  EXPECT_THAT(commit.message(), HasSubstr("transaction was rolled back"));
  EXPECT_THAT(Names(*db_), ElementsAre());
}

TEST_F(PostgresDatabase, TellsWrongSqlAndWrongParametersAsBugs) {
  for (const std::string_view sql : {"SELEC 1", "SELECT i FROM t WHERE i = ?", ""}) {
    EXPECT_EQ(db_->Run(sql).code(), Code::kInternal) << sql;
    EXPECT_EQ(db_->Run(sql).error_code(), "WH7025") << sql;
  }
  EXPECT_THAT(db_->Run("SELECT * FROM absent").message(), HasSubstr("absent"));
  EXPECT_FALSE(db_->lost());
}

TEST_F(PostgresDatabase, SaysWhichUserHasNoRight) {
  const std::string user = "guest" + std::to_string(getpid());
  ASSERT_OK(db_->Script("CREATE ROLE " + user + " LOGIN"));
  PostgresAddress address = AddressOf("weirhouse@", user + "@");
  address.schema += "_other";
  const Status denied = Postgres::Open(address, false).status();
  EXPECT_OK(db_->Script("DROP ROLE " + user));
  EXPECT_EQ(denied.code(), Code::kPermissionDenied) << denied.ToString();
  EXPECT_EQ(denied.error_code(), "WH7043");
  EXPECT_THAT(denied.message(), HasSubstr("permission denied for database"));
  EXPECT_THAT(denied.hint(), HasSubstr("the right to create a schema"));
}

TEST_F(PostgresDatabase, SaysThatThereIsNoSuchDatabase) {
  const Status absent = Postgres::Open(AddressOf("/postgres", "/absent"), false).status();
  EXPECT_EQ(absent.code(), Code::kNotFound) << absent.ToString();
  EXPECT_EQ(absent.error_code(), "WH7024");
  EXPECT_THAT(absent.message(), HasSubstr("database \"absent\" does not exist"));
  EXPECT_THAT(absent.hint(), HasSubstr("create the database"));
}

TEST_F(PostgresDatabase, RefusesADatabaseOfAnotherEncoding) {
  const std::string name = "latin" + std::to_string(getpid());
  ASSERT_OK(db_->Script("CREATE DATABASE " + name +
                        " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"));
  const Status status = Postgres::Open(AddressOf("/postgres", "/" + name), false).status();
  EXPECT_OK(db_->Script("DROP DATABASE " + name + " WITH (FORCE)"));
  EXPECT_EQ(status.code(), Code::kInvalidInput) << status.ToString();
  EXPECT_EQ(status.error_code(), "WH7045");
  EXPECT_THAT(status.message(), HasSubstr("has the encoding SQL_ASCII, not UTF8"));
  EXPECT_THAT(status.hint(), HasSubstr("encoding 'UTF8'"));
}

TEST_F(PostgresDatabase, SaysThatANameIsTooLongForItsIndex) {
  SeededRandom random(1);
  std::string name;  // nothing that the server could compress
  while (name.size() < 10'000) name += random.Uuid4();
  const Status status = AddName(*db_, name);
  EXPECT_EQ(status.code(), Code::kInvalidInput) << status.ToString();
  EXPECT_EQ(status.error_code(), "WH7046");
  EXPECT_THAT(status.message(), HasSubstr("index row"));
  EXPECT_EQ(status.hint(), "shorten the name");
}

TEST_F(PostgresDatabase, StopsAtTheVisitorsErrorAndNestsStatements) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(db_->Run("INSERT INTO t (i) VALUES (1)"));
  int visited = 0;
  const auto stop = [&](const DatabaseRow&) {
    return ++visited == 2 ? Status(Code::kNotFound, "enough") : Status::Ok();
  };
  EXPECT_EQ(db_->Each("SELECT id FROM t", {}, stop).code(), Code::kNotFound);
  EXPECT_EQ(visited, 2);
  int pairs = 0;
  ASSERT_OK(db_->Each("SELECT id FROM t", {}, [&](const DatabaseRow&) {
    return db_->Each("SELECT id FROM t", {}, [&](const DatabaseRow&) {
      ++pairs;
      return Status::Ok();
    });
  }));
  EXPECT_EQ(pairs, 9);
}

TEST_F(PostgresDatabase, ServesManyDifferentStatements) {
  for (int i = 0; i < 600; ++i) ASSERT_OK(db_->Run("SELECT " + std::to_string(i)));
}

TEST_F(PostgresDatabase, StreamsLongResultsInPartsAndNests) {
  ASSERT_OK(db_->Script("INSERT INTO t (i) SELECT g FROM generate_series(1, 1000) g"));
  ASSERT_OK(db_->BeginRead());
  std::int64_t sum = 0;
  int outer = 0;
  ASSERT_OK(db_->Stream("SELECT i FROM t ORDER BY i", [&](const DatabaseRow& row) -> Status {
    sum += row.Int(0);
    if (++outer % 500 != 0) return Status::Ok();
    return db_->Stream("SELECT i FROM t", [&](const DatabaseRow&) {
      ++sum;
      return Status::Ok();
    });
  }));
  EXPECT_EQ(outer, 1000);
  EXPECT_EQ(sum, 500'500 + 2'000);
  EXPECT_EQ(db_->Stream("SELECT i FROM t",
                        [](const DatabaseRow&) { return Status(Code::kNotFound, "enough"); })
                .code(),
            Code::kNotFound);
  db_->Rollback();
  EXPECT_EQ(db_->Stream("SELECT 1", [](const DatabaseRow&) { return Status::Ok(); }).code(),
            Code::kInternal);  // outside of a transaction
}

TEST_F(PostgresDatabase, ReadsOneStateHoweverManyStatements) {
  ASSERT_OK_AND(auto reader, Postgres::Open(address_, true));
  ASSERT_OK(reader->BeginRead());
  EXPECT_THAT(Names(*reader), ElementsAre());
  ASSERT_OK(AddName(*db_, "a"));
  EXPECT_THAT(Names(*reader), ElementsAre());
  reader->Rollback();
  EXPECT_THAT(Names(*reader), ElementsAre("a"));
  EXPECT_EQ(AddName(*reader, "b").code(), Code::kPermissionDenied);
}

TEST_F(PostgresDatabase, LetsOneWriterInAtATimeAndShowsItWhatWasCommittedBefore) {
  ASSERT_OK_AND(auto other, Postgres::Open(address_, false));
  ASSERT_OK(db_->Begin());
  ASSERT_OK(AddName(*db_, "first"));
  std::vector<std::string> seen;
  const std::int64_t backend = BackendOf(*other);
  std::thread second([&] {
    ASSERT_OK(other->Begin());
    seen = Names(*other);
    ASSERT_OK(AddName(*other, "second"));
    ASSERT_OK(other->Commit());
  });
  EXPECT_TRUE(WaitUntilItWaits(backend));
  ASSERT_OK(db_->Commit());
  second.join();
  EXPECT_THAT(seen, ElementsAre("first"));
  EXPECT_THAT(Names(*db_), ElementsAre("first", "second"));
}

TEST_F(PostgresDatabase, WaitsForALockedOneOnlySoLong) {
  ASSERT_OK_AND(auto other, Postgres::Open(address_, false));
  ASSERT_OK(other->Script("SET lock_timeout TO '50ms'"));
  ASSERT_OK(db_->Begin());
  const Status late = other->Begin();
  EXPECT_EQ(late.code(), Code::kUnavailable);
  EXPECT_EQ(late.error_code(), "WH7018");
  EXPECT_EQ(other->WaitForWriters().error_code(), "WH7018");
  ASSERT_OK(db_->Commit());
  EXPECT_OK(other->WaitForWriters());
  EXPECT_OK(other->Begin());
  EXPECT_OK(other->Commit());
}

TEST_F(PostgresDatabase, KeepsSchemasApart) {
  PostgresAddress elsewhere = address_;
  elsewhere.schema += " \"2\"";
  EXPECT_EQ(Postgres::Open(elsewhere, true).status().code(), Code::kNotFound);
  ASSERT_OK_AND(auto other, Postgres::Open(elsewhere, false));
  ASSERT_OK_AND(const bool there, other->HasTable("t"));
  EXPECT_FALSE(there);
  ASSERT_OK_AND(const bool here, db_->HasTable("t"));
  EXPECT_TRUE(here);
  ASSERT_OK(db_->Begin());
  EXPECT_OK(other->Begin());  // a lock of its own
  EXPECT_OK(other->Commit());
  db_->Rollback();
  EXPECT_OK(other->Script("DROP SCHEMA \"" + address_.schema + " \"\"2\"\"\""));
}

TEST_F(PostgresDatabase, CallsADeadlockAConflictForCertain) {
  ASSERT_OK(db_->Script("INSERT INTO t (name) VALUES ('a'), ('b')"));
  ASSERT_OK_AND(auto other, Postgres::Open(address_, false));
  const std::string update = "UPDATE t SET i = 1 WHERE name = ?";
  // Around the one-writer lock, as two programs that know nothing of it.
  ASSERT_OK(db_->Script("SET deadlock_timeout TO '50ms'; BEGIN"));
  ASSERT_OK(other->Script("SET deadlock_timeout TO '2s'; BEGIN"));
  ASSERT_OK(db_->Run(update, {"a"}));
  ASSERT_OK(other->Run(update, {"b"}));
  Status second = Status::Ok();
  const std::int64_t backend = BackendOf(*other);
  std::thread crossing([&] { second = other->Run(update, {"a"}); });
  EXPECT_TRUE(WaitUntilItWaits(backend));
  const Status first = db_->Run(update, {"b"});
  db_->Rollback();
  crossing.join();
  other->Rollback();
  EXPECT_EQ(first.code(), Code::kConflict) << first.ToString();
  EXPECT_EQ(first.error_code(), "WH7042");
  EXPECT_OK(second);
}

// ---- Connections that end
TEST_F(PostgresDatabase, CallsALossBeforeCommitCertain) {
  TcpProxy proxy(ServerPort());
  ASSERT_OK_AND(auto db, Postgres::Open(Through(proxy), false));
  ASSERT_OK(db->Begin());
  proxy.CutAt("INSERT", Cut::kLoseReply);
  const Status lost = AddName(*db, "a");
  EXPECT_EQ(lost.code(), Code::kUnavailable);
  EXPECT_EQ(lost.error_code(), "WH7041");
  EXPECT_TRUE(db->lost());
  db->Rollback();
  EXPECT_EQ(AddName(*db, "b").code(), Code::kUnavailable);
  ASSERT_OK(db_->WaitForWriters());
  EXPECT_THAT(Names(*db_), ElementsAre());
}

TEST_F(PostgresDatabase, SeesThatTheConnectionEndedBeforeItSendsCommit) {
  TcpProxy proxy(ServerPort());
  ASSERT_OK_AND(auto db, Postgres::Open(Through(proxy), false));
  ASSERT_OK(db->Begin());
  ASSERT_OK(AddName(*db, "a"));
  proxy.GoDown();
  EXPECT_EQ(db->Commit().error_code(), "WH7041");
  EXPECT_TRUE(db->lost());
}

TEST_F(PostgresDatabase, DoesNotKnowWhatBecameOfACommitWithoutAnAnswer) {
  TcpProxy proxy(ServerPort());
  int round = 0;
  for (const Cut cut : {Cut::kLoseMessage, Cut::kLoseReply, Cut::kDelayMessage}) {
    ASSERT_OK_AND(auto db, Postgres::Open(Through(proxy), false));
    ASSERT_OK(db->Begin());
    ASSERT_OK(AddName(*db, "name" + std::to_string(++round)));
    proxy.CutAt(std::string("COMMIT\0", 7), cut);
    const Status unknown = db->Commit();
    EXPECT_EQ(unknown.code(), Code::kUnavailable);
    EXPECT_EQ(unknown.error_code(), "WH7003");
    EXPECT_TRUE(db->lost());
    // Whoever waits for the writers knows it, even while COMMIT is still on its way.
    ASSERT_OK(db_->WaitForWriters());
    EXPECT_EQ(static_cast<int>(Names(*db_).size()), cut == Cut::kLoseMessage ? 0 : round - 1);
  }
  EXPECT_EQ(proxy.cuts(), 3);
}

TEST_F(PostgresDatabase, DoesNotKnowWhatBecameOfAWriteOutsideOfATransaction) {
  TcpProxy proxy(ServerPort());
  ASSERT_OK_AND(auto db, Postgres::Open(Through(proxy), false));
  ASSERT_OK(AddName(*db, "a"));  // prepared
  proxy.CutAt("name of b", Cut::kLoseReply);
  EXPECT_EQ(AddName(*db, "name of b").error_code(), "WH7003");
  EXPECT_THAT(Names(*db_), ElementsAre("a", "name of b"));
}

TEST_F(PostgresDatabase, EndsAWriterThatTheServerCutOff) {
  ASSERT_OK_AND(auto db, Postgres::Open(address_, false));
  ASSERT_OK(db->Begin());
  ASSERT_OK(AddName(*db, "a"));
  std::int64_t session = 0;
  ASSERT_OK(db->Each("SELECT pg_backend_pid()", {}, [&](const DatabaseRow& row) {
    session = row.Int(0);
    return Status::Ok();
  }));
  ASSERT_OK(db_->Run("SELECT pg_terminate_backend(CAST(? AS INTEGER))", {session}));
  ASSERT_OK(db_->WaitForWriters());
  EXPECT_THAT(db->Commit().error_code(), ::testing::AnyOf("WH7041", "WH7003"));
  EXPECT_THAT(Names(*db_), ElementsAre());
}
}  // namespace
}  // namespace weirhouse::platform

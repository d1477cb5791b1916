// The transaction under the worst: the process ends in its middle, the disk is full at COMMIT, the
// file is of another program or from the future; and what pyiceberg reads of it.
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <thread>

#include "ground/catalog/conformance.h"
#include "ground/catalog/store/schema.h"
#include "ground/platform/db/sqlite.h"
#include "testing/testing.h"

namespace weirhouse::catalog {
namespace {
constexpr const char* kChildDatabase = "WEIRHOUSE_TEST_CATALOG";

std::filesystem::path ThisProgram() { return std::filesystem::read_symlink("/proc/self/exe"); }

// Plans and commits one run, in a process of its own that a failpoint ends.
TEST(CrashingChild, DISABLED_CommitsOneRun) {
  const char* path = std::getenv(kChildDatabase);
  ASSERT_NE(path, nullptr);
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1", 10)));
  ASSERT_OK((*catalog)->CountParseAttempt("arrival", "x", Sha256Of("x")));
  ASSERT_OK((*catalog)->Commit(FullOf(run, std::nullopt, "m1.json")));
}

// A commit that has all that other engines ask for: a view, a namespace, a rename, a drop, a reply.
CommitRequest ForeignOf(const std::string& name) {
  CommitRequest request;
  request.plan = PlanOf(name, 0, RunKind::kForeign);
  request.idempotency_key = request.plan->idempotency_key;
  request.layer = Layer::kProcessed;
  request.batch = name;
  request.tables.push_back({"own." + name, "u", std::nullopt, "m of " + name});
  request.tables.push_back({"own.v" + name, "u", std::nullopt, "v", PointerKind::kView});
  request.namespaces.push_back({NamespaceChange::What::kCreate, {"of_" + name, {{"owner", name}}}});
  request.offsets.push_back({name, 0, 1, 1});
  request.reply = StoredReply{"client " + name, "digest", 200, "{}",
                              ProcessTimeOfMicros(4'000'000'000'000'000)};
  return request;
}

// Writers whose commits share transactions, in a process that a failpoint ends. Each writes down
// the answer that it got.
TEST(CrashingChild, DISABLED_CommitsFromSixThreads) {
  const char* path = std::getenv(kChildDatabase);
  ASSERT_NE(path, nullptr);
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 4; ++i) {
        const std::string name = "t" + std::to_string(thread) + "_" + std::to_string(i);
        ASSERT_OK((*catalog)->Commit(ForeignOf(name)));
        testing::WriteFile(std::string(path) + ".told." + name, "");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int RunChild(const std::string& database, const std::string& environment,
             const std::string& child = "CommitsOneRun") {
  const std::string command = environment + " " + kChildDatabase + "=" + database + " " +
                              ThisProgram().string() +
                              " --gtest_also_run_disabled_tests "
                              "--gtest_filter=CrashingChild.DISABLED_" +
                              child + " >/dev/null 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#ifdef WEIRHOUSE_FAILPOINTS
TEST(Commit, IsAllOrNothingWhereverTheProcessEnds) {
  const std::vector<std::pair<std::string, bool>> points{
      {"catalog.plan.before", false},           {"catalog.plan.after", false},
      {"catalog.attempt.after", false},         {"catalog.commit.begin", false},
      {"catalog.commit.pointers", false},       {"catalog.commit.lineage", false},
      {"catalog.commit.outbox", false},         {"catalog.commit.before_commit", false},
      {"catalog.group.before_commit:3", false}, {"catalog.group.after_commit:3", true},
      {"catalog.commit.after_commit", true},
  };
  for (const auto& [point, there] : points) {
    const testing::ScratchFolder scratch;
    const std::string path = scratch / "catalog.db";
    ASSERT_EQ(RunChild(path, "WEIRHOUSE_FAILPOINT=" + point), 137) << point;
    auto catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(there ? 1 : 0)) << point;
    EXPECT_EQ(ValueOf((*catalog)->Tables()).size(), there ? 1U : 0U) << point;
    EXPECT_EQ(ValueOf((*catalog)->OffsetOf("arrival/day1")).position, there ? 10 : 0) << point;
    EXPECT_EQ(ValueOf((*catalog)->PendingEvents(10)).size(), there ? 1U : 0U) << point;
    // Starting over ends in the same state, under the same run and record ids.
    const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1", 10)));
    EXPECT_EQ(run.id, RunId(1)) << point;
    EXPECT_EQ(run.first_record_id, RecordId(1)) << point;
    const auto answer = (*catalog)->Commit(FullOf(run, std::nullopt, "m2.json"));
    ASSERT_OK(answer);
    EXPECT_EQ(answer->repeated, there) << point;
    EXPECT_EQ(answer->seq, CommitSeq(1)) << point;
    EXPECT_OK((*catalog)->VerifyChain());
  }
}

// Every part of `name`'s commit is there, or none is.
void ExpectWholeOrAbsent(Catalog& catalog, const std::string& name, bool there) {
  EXPECT_EQ(ValueOf(catalog.FindTable("own." + name)).has_value(), there) << name;
  EXPECT_EQ(ValueOf(catalog.FindTable("own.v" + name)).has_value(), there) << name;
  EXPECT_EQ(ValueOf(catalog.FindNamespace("of_" + name)).has_value(), there) << name;
  EXPECT_EQ(ValueOf(catalog.FindReply("client " + name)).has_value(), there) << name;
  EXPECT_EQ(ValueOf(catalog.OffsetOf(name)).position, there ? 1 : 0) << name;
  EXPECT_EQ(ValueOf(catalog.FindRun(RunKind::kForeign, Sha256Of("foreign/" + name))).has_value(),
            there)
      << name;
}

TEST(GroupCommit, LeavesEachCommitWholeOrAbsentWhereverTheProcessEnds) {
  for (const char* point : {"catalog.commit.begin:9", "catalog.commit.pointers:7",
                            "catalog.commit.lineage:11", "catalog.commit.outbox:10",
                            "catalog.commit.before_commit:8", "catalog.group.before_commit:4",
                            "catalog.group.after_commit:3", "catalog.commit.after_commit:5"}) {
    const testing::ScratchFolder scratch;
    const std::string path = scratch / "catalog.db";
    ASSERT_EQ(RunChild(path, std::string("WEIRHOUSE_FAILPOINT=") + point, "CommitsFromSixThreads"),
              137)
        << point;
    auto catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    std::int64_t there = 0;
    for (int thread = 0; thread < 6; ++thread) {
      for (int i = 0; i < 4; ++i) {
        const std::string name = "t" + std::to_string(thread) + "_" + std::to_string(i);
        const bool answered =
            ValueOf((*catalog)->Outcome(ForeignOf(name).idempotency_key)).has_value();
        there += answered ? 1 : 0;
        ExpectWholeOrAbsent(**catalog, name, answered);
        if (std::filesystem::exists(path + ".told." + name)) {
          EXPECT_TRUE(answered) << name;
        }
      }
    }
    EXPECT_LT(there, 24) << point;
    EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(there)) << point;
    EXPECT_OK((*catalog)->VerifyChain());
    ASSERT_OK((*catalog)->Commit(ForeignOf("next")));
    EXPECT_OK((*catalog)->VerifyChain());
  }
}

TEST(Commit, ThePlantedOffsetOutsideTheTransactionShowsAfterACrash) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  ASSERT_EQ(RunChild(path,
                     "WEIRHOUSE_PLANT=offset_outside WEIRHOUSE_FAILPOINT=catalog.commit."
                     "offset_gap"),
            137);
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(1));
  EXPECT_EQ(ValueOf((*catalog)->OffsetOf("arrival/day1")).position, 0);
  EXPECT_EQ((*catalog)->VerifyChain().code(), Code::kCorruption);
}
#endif

// No file may grow beyond `bytes` while this lives: what a full disk does, without one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    former_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &former_);
    const rlimit limit{bytes, former_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &former_);
    std::signal(SIGXFSZ, former_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit former_{};
  void (*former_handler_)(int) = nullptr;
};

TEST(Commit, SaysSoWhenTheDiskIsFullAndGoesOnWhenThereIsSpace) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1", 10)));
  Status full = Status::Ok();
  {
    const FileSizeLimit limit(std::filesystem::file_size(path + "-wal") + 5'000);
    full = (*catalog)->Commit(FullOf(run, std::nullopt, "m1.json")).status();
    EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(0));
  }
  EXPECT_EQ(full.code(), Code::kUnavailable) << full.ToString();
  EXPECT_THAT(full.error_code(), ::testing::AnyOf("WH7003", "WH7084")) << full.ToString();
  EXPECT_FALSE(ValueOf((*catalog)->Outcome(run.plan.idempotency_key)).has_value());
  const auto answer = (*catalog)->Commit(FullOf(run, std::nullopt, "m1.json"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->seq, CommitSeq(1));
  EXPECT_OK((*catalog)->VerifyChain());
}

TEST(Commit, IsAllOrNothingWhereverTheFileStopsGrowing) {
  const testing::ScratchFolder scratch;
  bool went_through = false;
  for (rlim_t room = 0; !went_through; room += 8'192) {
    const std::string path = scratch / ("catalog" + std::to_string(room) + ".db");
    auto catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1", 10)));
    Status status = Status::Ok();
    {
      const FileSizeLimit limit(std::filesystem::file_size(path + "-wal") + room);
      status = (*catalog)->Commit(FullOf(run, std::nullopt, "m1.json")).status();
    }
    went_through = status.ok();
    catalog->reset();
    catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    const bool there = ValueOf((*catalog)->Outcome(run.plan.idempotency_key)).has_value();
    EXPECT_EQ(there, status.ok()) << "room=" << room;
    EXPECT_EQ(ValueOf((*catalog)->Tables()).size(), there ? 1U : 0U) << "room=" << room;
    EXPECT_OK((*catalog)->VerifyChain());
    ASSERT_LT(room, rlim_t{4} << 20);
  }
}

// ---- Commits that share one COMMIT
// How many COMMITs the write-ahead log holds: frames that state the size of the database after
// them.
int CommitsInLog(const std::string& path) {
  const std::string log = testing::ReadFile(path + "-wal");
  const auto number_at = [&](std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      number = (number << 8) | static_cast<std::uint8_t>(log.at(at + i));
    }
    return number;
  };
  if (log.size() < 32) return 0;
  const std::size_t page_bytes = number_at(8);
  int commits = 0;
  for (std::size_t at = 32; at + 24 + page_bytes <= log.size(); at += 24 + page_bytes) {
    // Frames of an earlier round of the log carry another salt.
    if (number_at(at + 8) != number_at(16) || number_at(at + 12) != number_at(20)) break;
    if (number_at(at + 4) != 0) ++commits;
  }
  return commits;
}

// Threads that commit while another connection holds the write lock, and so wait together.
class WaitingTogether {
 public:
  explicit WaitingTogether(const std::string& path) {
    auto opened = platform::Sqlite::Open(path, /*read_only=*/false);
    EXPECT_OK(opened);
    blocker_ = std::move(opened).value();
    EXPECT_OK(blocker_->Begin());
  }
  void Commit(Catalog& catalog, CommitRequest request) {
    answers_.emplace_back(Status(Code::kInternal, "no answer"));
    auto& answer = answers_.back();
    threads_.emplace_back(
        [&catalog, &answer, request = std::move(request)] { answer = catalog.Commit(request); });
  }
  // Lets them go; their answers in the order of Commit.
  std::deque<Result<CommitAnswer>> Release() {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    blocker_->Rollback();
    for (std::thread& thread : threads_) thread.join();
    return std::move(answers_);
  }

 private:
  std::unique_ptr<platform::Sqlite> blocker_;
  std::deque<Result<CommitAnswer>> answers_;  // which keeps its elements where they are
  std::vector<std::thread> threads_;
};

TEST(GroupCommit, ThoseThatWaitAtTheSameTimeShareOneCommit) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  const int before = CommitsInLog(path);
  WaitingTogether waiting(path);
  for (int i = 0; i < 8; ++i) waiting.Commit(**catalog, ForeignOf("t" + std::to_string(i)));
  for (const auto& answer : waiting.Release()) EXPECT_OK(answer);
  EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(8));
  EXPECT_EQ(CommitsInLog(path) - before, 1);
  EXPECT_OK((*catalog)->VerifyChain());
}

TEST(GroupCommit, OneThatIsRefusedTakesNobodyWithIt) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  const int before = CommitsInLog(path);
  WaitingTogether waiting(path);
  for (int i = 0; i < 6; ++i) {
    CommitRequest request = ForeignOf("t" + std::to_string(i));
    // Refused at the very end of the pointers, when much of it is written.
    if (i % 2 == 1) request.tables.push_back({"own.none", "u", "m0", "m1"});
    waiting.Commit(**catalog, std::move(request));
  }
  const auto answers = waiting.Release();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].status().error_code(), i % 2 == 1 ? "WH7002" : "") << i;
    const std::string name = "t" + std::to_string(i);
    EXPECT_EQ(ValueOf((*catalog)->FindTable("own." + name)).has_value(), i % 2 == 0) << i;
    EXPECT_EQ(ValueOf((*catalog)->FindReply("client " + name)).has_value(), i % 2 == 0) << i;
  }
  EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(3));
  EXPECT_EQ(CommitsInLog(path) - before, 1);
  EXPECT_OK((*catalog)->VerifyChain());
}

TEST(GroupCommit, IsSettledOneByOneWhenTheDiskIsFull) {
  bool went_through = false;
  for (rlim_t room = 0; !went_through; room += 40'960) {
    const testing::ScratchFolder scratch;
    const std::string path = scratch / "catalog.db";
    auto catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    std::deque<Result<CommitAnswer>> answers;
    {
      WaitingTogether waiting(path);
      for (int i = 0; i < 4; ++i) waiting.Commit(**catalog, ForeignOf("t" + std::to_string(i)));
      const FileSizeLimit limit(std::filesystem::file_size(path + "-wal") + room);
      answers = waiting.Release();
    }
    went_through = true;
    catalog->reset();
    catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    std::int64_t there = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const CommitRequest request = ForeignOf("t" + std::to_string(i));
      const bool found = ValueOf((*catalog)->Outcome(request.idempotency_key)).has_value();
      EXPECT_EQ(found, answers[i].ok())
          << "room=" << room << ": " << answers[i].status().ToString();
      went_through = went_through && answers[i].ok();
      there += found ? 1 : 0;
    }
    EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(there)) << "room=" << room;
    EXPECT_OK((*catalog)->VerifyChain());
    ASSERT_LT(room, rlim_t{4} << 20);
  }
}

TEST(OpenSqliteCatalog, KeepsTheChainOfACatalogFromBeforeNamesWereRecorded) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  {
    auto catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1", 10)));
    ASSERT_OK((*catalog)->Commit(FullOf(run, std::nullopt, "m1.json")));
  }
  {
    auto db = platform::Sqlite::Open(path, false);
    ASSERT_OK(db);
    // What migrations 4 and later added is taken away, and what they took away put back.
    ASSERT_OK((*db)->Script(
        "DROP VIEW iceberg_tables; DROP VIEW iceberg_namespace_properties;"
        "DROP INDEX table_pointer_listing; ALTER TABLE table_pointer DROP COLUMN kind;"
        "ALTER TABLE landing DROP COLUMN ctime_us;"
        "DROP TABLE table_span; DROP TABLE namespace; DROP TABLE namespace_property;"
        "DROP TABLE reply; DROP TABLE released_file; DROP TABLE tally; DROP TABLE delivery;"
        "DROP TABLE table_place;"
        "DROP TABLE record_total; DROP INDEX commit_by_layer; DROP INDEX outbox_dead;"
        "DROP INDEX object_refused; DROP INDEX object_attempted; DROP INDEX file_held;"
        "ALTER TABLE file DROP COLUMN released;"
        "CREATE INDEX file_by_table ON file (table_name, id);"
        "DELETE FROM counter WHERE name IN ('commit', 'outbox', 'runs', 'objects', 'events', "
        "'object_records');"
        "CREATE VIEW iceberg_tables AS SELECT name FROM table_pointer;"
        "CREATE VIEW iceberg_namespace_properties AS SELECT name FROM table_pointer;"
        "DELETE FROM migration WHERE version >= 4"));
  }
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  EXPECT_OK((*catalog)->VerifyChain());
  EXPECT_EQ(ValueOf((*catalog)->FindTable("processed.arrival"))->kind, PointerKind::kTable);
  EXPECT_EQ(ValueOf((*catalog)->Snapshots("processed.arrival")).size(), 1U);
  ASSERT_OK((*catalog)->Commit(ForeignOf("next")));
  EXPECT_EQ(ValueOf((*catalog)->LastSeq()), CommitSeq(2));
  EXPECT_OK((*catalog)->VerifyChain());
}

TEST(OpenSqliteCatalog, RefusesAFileFromANewerProgram) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  ASSERT_OK(OpenSqliteCatalog(path));
  {
    auto db = platform::Sqlite::Open(path, false);
    ASSERT_OK(db);
    ASSERT_OK((*db)->Script("INSERT INTO migration VALUES (99, 'later', 0)"));
  }
  for (const bool read_only : {false, true}) {
    const Status status = OpenSqliteCatalog(path, {.read_only = read_only}).status();
    EXPECT_EQ(status.code(), Code::kInvalidInput);
    EXPECT_EQ(status.error_code(), "WH7083");
  }
}

TEST(OpenSqliteCatalog, BringsAnOlderFileUpToDateAndRefusesItForReading) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  {
    auto db = platform::Sqlite::Open(path, false);
    ASSERT_OK(db);
    ASSERT_OK(
        (*db)->Script("CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT "
                      "NULL, applied_at BIGINT NOT NULL)"));
    ASSERT_OK((*db)->Script(Migrations().front().sql));
    ASSERT_OK(
        (*db)->Script("INSERT INTO migration VALUES (1, 'first', 0);"
                      "INSERT INTO setting VALUES ('project_id', '\"p\"')"));
  }
  EXPECT_EQ(OpenSqliteCatalog(path, {.read_only = true}).status().error_code(), "WH7083");
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  EXPECT_TRUE(ValueOf((*catalog)->Tables()).empty());
  EXPECT_EQ(ValueOf((*catalog)->Setting(SettingKey("project_id"))), nlohmann::json("p"));
}

TEST(OpenSqliteCatalog, RefusesAFileThatIsNoDatabaseAndAnAbsentOneForReading) {
  const testing::ScratchFolder scratch;
  testing::WriteFile(scratch / "text.db", std::string(5'000, 'x'));
  EXPECT_EQ(OpenSqliteCatalog(scratch / "text.db").status().code(), Code::kCorruption);
  EXPECT_EQ(OpenSqliteCatalog(scratch / "none.db", {.read_only = true}).status().code(),
            Code::kNotFound);
}

TEST(OpenSqliteCatalog, GivesAProjectItsIdOnce) {
  const testing::ScratchFolder scratch;
  SeededRandom random(7);
  std::optional<nlohmann::json> id;
  for (int round = 0; round < 2; ++round) {
    auto catalog = OpenSqliteCatalog(scratch / "catalog.db", {.random = &random});
    ASSERT_OK(catalog);
    const auto found = ValueOf((*catalog)->Setting(SettingKey("project_id")));
    ASSERT_TRUE(found.has_value());
    if (id) {
      EXPECT_EQ(found, id);
    }
    id = found;
  }
}

// ---- pyiceberg
TEST(IcebergViews, PyicebergListsTablesAndItsWritesAreRefused) {
  const std::filesystem::path python =
      std::filesystem::path(testing::SourceFolder()) / ".deps/venv/bin/python";
  if (!std::filesystem::exists(python)) GTEST_SKIP() << "no Python environment beside this build";
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  {
    auto catalog = OpenSqliteCatalog(path);
    ASSERT_OK(catalog);
    const auto run = ValueOf((*catalog)->PlanRun(PlanOf("day1")));
    CommitRequest request = SwapOf(run, "processed.arrival", std::nullopt, "/nowhere/m1.json");
    request.tables.push_back({"feature.delay_v1", "uuid", std::nullopt, "/nowhere/f1.json"});
    ASSERT_OK((*catalog)->Commit(request));
  }
  testing::WriteFile(scratch / "read.py", R"py(
import sys
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField
catalog = SqlCatalog("weirhouse", uri="sqlite:///" + sys.argv[1], warehouse="file://" + sys.argv[2])
namespaces = sorted(catalog.list_namespaces())
layers = ("feature", "processed", "quarantine", "raw", "system", "training_set")
assert namespaces == [(layer,) for layer in layers], namespaces
tables = catalog.list_tables("processed")
assert tables == [("processed", "arrival")], tables
try:
    catalog.load_table("processed.arrival")
    sys.exit("the metadata does not exist, yet it was loaded")
except FileNotFoundError as error:
    assert "/nowhere/m1.json" in str(error), error
schema = Schema(NestedField(1, "a", LongType(), required=False))
def drop(): catalog.drop_table("processed.arrival")
def create(): catalog.create_table("processed.mine", schema)
def rename(): catalog.rename_table("processed.arrival", "processed.mine")
def namespace(): catalog.create_namespace("mine")
for write in (create, drop, rename, namespace):
    try:
        write()
    except Exception as error:
        assert "view" in str(error), error
    else:
        sys.exit(f"{write.__name__} was not refused")
print("ok")
)py");
  const std::string command = python.string() + " " + scratch / "read.py" + " " + path + " " +
                              scratch.path().string() + " >" + scratch / "out.txt" + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << testing::ReadFile(scratch / "out.txt");
  auto catalog = OpenSqliteCatalog(path);
  ASSERT_OK(catalog);
  EXPECT_EQ(ValueOf((*catalog)->Tables()).size(), 2U);
  EXPECT_OK((*catalog)->VerifyChain());
}
}  // namespace
}  // namespace weirhouse::catalog

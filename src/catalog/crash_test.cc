// The transaction under the worst: the process ends in its middle, the disk is full at COMMIT, the
// file is of another program or from the future; and what pyiceberg reads of it.
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "catalog/conformance.h"
#include "catalog/schema.h"
#include "storage/sqlite.h"

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

int RunChild(const std::string& database, const std::string& environment) {
  const std::string command = environment + " " + kChildDatabase + "=" + database + " " +
                              ThisProgram().string() +
                              " --gtest_also_run_disabled_tests "
                              "--gtest_filter=CrashingChild.DISABLED_CommitsOneRun >/dev/null 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#ifdef WEIRHOUSE_FAILPOINTS
TEST(Commit, IsAllOrNothingWhereverTheProcessEnds) {
  const std::vector<std::pair<std::string, bool>> points{
      {"catalog.plan.before", false},        {"catalog.plan.after", false},
      {"catalog.attempt.after", false},      {"catalog.commit.begin", false},
      {"catalog.commit.pointers", false},    {"catalog.commit.lineage", false},
      {"catalog.commit.outbox", false},      {"catalog.commit.before_commit", false},
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

TEST(OpenSqliteCatalog, RefusesAFileFromANewerProgram) {
  const testing::ScratchFolder scratch;
  const std::string path = scratch / "catalog.db";
  ASSERT_OK(OpenSqliteCatalog(path));
  {
    auto db = storage::Sqlite::Open(path, false);
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
    auto db = storage::Sqlite::Open(path, false);
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
  EXPECT_EQ(ValueOf((*catalog)->Setting("project_id")), nlohmann::json("p"));
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
    const auto found = ValueOf((*catalog)->Setting("project_id"));
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
      std::filesystem::path(WEIRHOUSE_SOURCE_DIR) / ".deps/venv/bin/python";
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

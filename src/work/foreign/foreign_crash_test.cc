// The process ends at each step of a foreign commit, with and without what was never fsynced: the
// commit is whole or absent, and the client's files are as it wrote them.
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "testing/projects/foreign_fixture_test.h"

namespace weirhouse::work {
namespace {
#ifdef WEIRHOUSE_FAILPOINTS
constexpr const char* kChildProject = "WEIRHOUSE_TEST_PROJECT";

std::filesystem::path ThisProgram() { return std::filesystem::read_symlink("/proc/self/exe"); }

// Appends to two tables in one commit, in a process of its own that a failpoint ends.
struct CrashingForeignChild : ForeignTest {
  void SetUp() override {}
  void OpenAt(const std::string& root) {
    ASSERT_OK_AND(auto project, LoadProject(root, ""));
    ASSERT_OK_AND(workspace, Workspace::Open(project, Access::kWrite));
  }
};
TEST_F(CrashingForeignChild, DISABLED_CommitsToTwoTables) {
  const char* root = std::getenv(kChildProject);
  ASSERT_NE(root, nullptr);
  OpenAt(root);
  const Written trip = WriteAppend(Load("lab.trip"), 100, 3);
  const Written stop = WriteAppend(Load("lab.stop"), 100, 4);
  // What a client hands over it has written whole; its bytes reached the file, not the disk.
  ASSERT_OK(Commit({trip, stop}, Writer()));
}

using ForeignCrashTest = ForeignTest;

TEST_F(ForeignCrashTest, ACommitIsWholeOrAbsentWhereverTheProcessEnds) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  ASSERT_OK_AND(const auto stop, Create("lab", "stop"));
  ASSERT_OK(Commit({WriteAppend(trip, 1, 5), WriteAppend(stop, 1, 5)}, Writer()));
  const std::vector<std::pair<std::string, bool>> points{
      {"foreign.applied", false},        {"foreign.judged", false},
      {"foreign.staged", false},         {"foreign.before_sync", false},
      {"disk.sync.middle", false},       {"engine.publish.before_commit", false},
      {"catalog.commit.lineage", false}, {"foreign.after_commit", true},
  };
  std::int64_t trips = 5;
  std::int64_t stops = 5;
  for (const auto& [point, there] : points) {
    for (const char* lose : {"0", "1"}) {
      SCOPED_TRACE(point + " lose=" + lose);
      const CommitSeq seq = LastSeq();
      workspace.reset();
      const std::string command = fmt::format(
          "WEIRHOUSE_FAILPOINT={} WEIRHOUSE_FAILPOINT_LOSE={} {}={} {} "
          "--gtest_also_run_disabled_tests "
          "--gtest_filter=CrashingForeignChild.* >/dev/null 2>&1",
          point, lose, kChildProject, scratch.path().string(), ThisProgram().string());
      const int status = std::system(command.c_str());
      ASSERT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 137);
      Reopen();
      if (there) {
        trips += 3;
        stops += 4;
      }
      EXPECT_EQ(LastSeq().value(), seq.value() + (there ? 1 : 0));
      EXPECT_EQ(Rows("lab.trip"), trips);
      EXPECT_EQ(Rows("lab.stop"), stops);
      EXPECT_OK(workspace->catalog().VerifyChain());
    }
  }
  // What was left behind stands in nobody's way.
  ASSERT_OK(Commit({WriteAppend(Load("lab.trip"), 900, 1), WriteAppend(Load("lab.stop"), 900, 1)},
                   Writer()));
  EXPECT_EQ(Rows("lab.trip"), trips + 1);
}
#endif

using ForeignBytesTest = SharedForeignTest;

// Files that are not what they were: a refusal with a reason, which
// leaves no metadata of ours.
TEST_F(ForeignBytesTest, BytesThatAreNoManifestAreRefused) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto table, Create("lab", "trip"));
  for (const char* ending : {"-m0.avro", ".parquet", ".avro"}) {
    const Written written = WriteAppend(table, 1, 5);
    for (const std::string& path : written.files) {
      if (path.ends_with(ending)) {
        ASSERT_OK(workspace->store().Delete(path));
        weirhouse::testing::WriteFile(path, "not what it was");
      }
    }
    const auto metadata = MetadataFiles(table->location);
    const auto refused = Commit(written);
    EXPECT_FALSE(refused.ok()) << ending;
    EXPECT_NE(refused.status().code(), Code::kInternal) << refused.status().ToString();
    EXPECT_EQ(MetadataFiles(table->location), metadata) << ending;
  }
  EXPECT_EQ(Rows("lab.trip"), 0);
}
}  // namespace
}  // namespace weirhouse::work

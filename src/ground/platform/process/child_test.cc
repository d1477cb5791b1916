#include "ground/platform/process/child.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "testing/testing.h"
#include "testing/wait.h"

namespace weirhouse::platform {
namespace {
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;

// `script` by sh, in `folder`.
ChildCommand Shell(const std::string& script, const ScratchFolder& folder) {
  ChildCommand command;
  command.argv = {"sh", "-c", script};
  command.folder = folder.path().string();
  command.environment = ChildEnvironment();
  command.limits.wall_time = milliseconds(20'000);
  return command;
}

// Whether a process runs: a zombie, whose new parent has not looked yet, does not.
bool Runs(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return false;
  return text.at(text.rfind(')') + 2) != 'Z';
}

bool StopsSoon(pid_t pid) {
  return weirhouse::testing::WaitUntil([&] { return !Runs(pid); });
}

TEST(Child, ReportsHowItEnded) {
  ScratchFolder folder;
  ASSERT_OK_AND(ChildExit ok, RunChild(Shell("exit 0", folder)));
  EXPECT_TRUE(ok.ok());
  ASSERT_OK_AND(ChildExit failed, RunChild(Shell("echo one; echo two >&2; exit 3", folder)));
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(Describe(failed), "exited with 3");
  EXPECT_THAT(failed.last_lines, ElementsAre("one", "two"));
  EXPECT_GT(failed.rss_bytes_peak, 0);
  ASSERT_OK_AND(ChildExit killed, RunChild(Shell("kill -SEGV $$", folder)));
  EXPECT_EQ(killed.reason, ChildExit::Reason::kSignalled);
  EXPECT_EQ(killed.signal, SIGSEGV);
}

TEST(Child, SeesTheNamedVariablesAndNoOther) {
  ScratchFolder folder;
  setenv("WEIRHOUSE_TEST_SECRET", "hunter2", 1);
  ChildCommand command = Shell("env", folder);
  command.argv = {"env"};
  command.environment = ChildEnvironment({{"GIVEN", "a b"}});
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  std::set<std::string> names;
  for (const std::string& line : exit.last_lines) names.insert(line.substr(0, line.find('=')));
  EXPECT_THAT(names, ElementsAre("GIVEN", "HOME", "LANG", "LC_ALL", "OMP_NUM_THREADS",
                                 "OPENBLAS_NUM_THREADS", "PATH", "PYTHONHASHSEED", "TZ"));
  EXPECT_THAT(exit.last_lines, Contains("GIVEN=a b"));
  EXPECT_THAT(exit.last_lines, Contains("TZ=UTC"));
  unsetenv("WEIRHOUSE_TEST_SECRET");
}

TEST(Child, IsKilledWithItsGrandchildrenAtItsWallTime) {
  ScratchFolder folder;
  ChildCommand command = Shell("sleep 300 & echo $!; wait", folder);
  command.limits.wall_time = milliseconds(400);
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_EQ(exit.reason, ChildExit::Reason::kTimedOut);
  EXPECT_LT(exit.wall_seconds, 3.0);
  ASSERT_EQ(exit.last_lines.size(), 1u);
  EXPECT_TRUE(StopsSoon(std::stoi(exit.last_lines[0])));
}

TEST(Child, IsKilledWithItsGrandchildrenWhenItIsToldToStop) {
  ScratchFolder folder;
  ChildCommand command = Shell("trap '' TERM; sleep 300 & echo $!; wait; wait", folder);
  bool stop = false;
  command.on_line = [&stop](std::string_view) { stop = true; };
  command.limits.told_to_stop = [&stop] { return stop; };
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_EQ(exit.reason, ChildExit::Reason::kKilled);
  EXPECT_LT(exit.wall_seconds, 3.0);
  ASSERT_EQ(exit.last_lines.size(), 1u);
  EXPECT_TRUE(StopsSoon(std::stoi(exit.last_lines[0])));
}

TEST(Child, GoesWithAllOthersWhenTheProcessEndsItself) {
  ScratchFolder folder;
  ASSERT_OK_AND(const auto child, ChildProcess::Start(Shell("sleep 300 & echo $!; wait", folder)));
  int looks = 0;
  EXPECT_TRUE(weirhouse::testing::WaitUntil([&] {
    child->PumpOutput();
    if (++looks == 40) KillAllChildren();
    return child->Ended();
  }));
  const ChildExit exit = child->Finish();
  EXPECT_EQ(exit.reason, ChildExit::Reason::kSignalled);
  ASSERT_EQ(exit.last_lines.size(), 1u);
  EXPECT_TRUE(StopsSoon(std::stoi(exit.last_lines[0])));
}

TEST(Child, LeavesNoGrandchildBehindWhenItEndsByItself) {
  ScratchFolder folder;
  ASSERT_OK_AND(ChildExit exit, RunChild(Shell("sleep 300 & echo $!", folder)));
  EXPECT_TRUE(exit.ok());
  EXPECT_LT(exit.wall_seconds, 3.0);  // the grandchild holds our pipe open: it must not be awaited
  ASSERT_EQ(exit.last_lines.size(), 1u);
  EXPECT_TRUE(StopsSoon(std::stoi(exit.last_lines[0])));
}

TEST(Child, DiesWithItsOwner) {
  ScratchFolder folder;
  pid_t pid = 0;
  {
    ASSERT_OK_AND(auto child, ChildProcess::Start(Shell("sleep 300", folder)));
    pid = child->pid();
    EXPECT_TRUE(Runs(pid));
    EXPECT_FALSE(child->Ended());
  }
  EXPECT_TRUE(StopsSoon(pid));
}

TEST(Child, KeepsItsLogUnderTheCapAndGoesOn) {
  ScratchFolder folder;
  ChildCommand command = Shell("head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo last", folder);
  command.log_path = folder / "log";
  command.limits.log_bytes_max = 10'000;
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_TRUE(exit.ok());
  EXPECT_TRUE(exit.output_cut);
  EXPECT_EQ(exit.output_bytes, 3'000'006);
  const std::string log = ReadFile(folder / "log");
  EXPECT_EQ(log.substr(0, 10'000), std::string(10'000, 'x'));
  EXPECT_LT(log.size(), 10'100u);
  EXPECT_THAT(log, HasSubstr("dropped"));
  ASSERT_EQ(exit.last_lines.size(), 2u);
  EXPECT_EQ(exit.last_lines[0].size(), 4096u);
  EXPECT_EQ(exit.last_lines[1], "last");
}

TEST(Child, LogsExactlyTheCapWithoutAWordOfDropping) {
  ScratchFolder folder;
  ChildCommand command = Shell("printf 12345", folder);
  command.log_path = folder / "log";
  command.limits.log_bytes_max = 5;
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_FALSE(exit.output_cut);
  EXPECT_EQ(ReadFile(folder / "log"), "12345");
}

TEST(Child, ForwardsEachLineOnce) {
  ScratchFolder folder;
  std::vector<std::string> lines;
  ChildCommand command = Shell("echo a; printf 'b\\nc'", folder);
  command.on_line = [&lines](std::string_view line) { lines.emplace_back(line); };
  ASSERT_OK(RunChild(std::move(command)));
  EXPECT_THAT(lines, ElementsAre("a", "b", "c"));
}

TEST(Child, InheritsNoDescriptorButThoseHandedOver) {
  ScratchFolder folder;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int leaky = fcntl(null, F_DUPFD, 20);  // not close-on-exec, as a library might leave it
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ChildCommand command =
      Shell("for f in /proc/$$/fd/*; do echo ${f##*/}; done; echo hi >&5", folder);
  command.descriptors = {{ends[1], 5}};
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  close(leaky);
  close(null);
  close(ends[1]);
  // 3 is the shell's own, looking at the folder.
  EXPECT_THAT(exit.last_lines, ::testing::IsSupersetOf({"0", "1", "2", "5"}));
  EXPECT_THAT(exit.last_lines, ::testing::IsSubsetOf({"0", "1", "2", "3", "5"}));
  char text[8] = {};
  EXPECT_EQ(read(ends[0], text, sizeof text), 3);
  EXPECT_STREQ(text, "hi\n");
  close(ends[0]);
}

TEST(Child, GainsNoPrivilegesAndLeavesNoCore) {
  ScratchFolder folder;
  ASSERT_OK_AND(
      ChildExit exit,
      RunChild(Shell("grep NoNewPrivs /proc/self/status; ulimit -c; ulimit -n; cat", folder)));
  EXPECT_THAT(exit.last_lines, ElementsAre("NoNewPrivs:\t1", "0", "1024"));
}

TEST(Child, CannotWriteAFileAboveItsLimit) {
  ScratchFolder folder;
  ChildCommand command = Shell("head -c 200000 /dev/zero > big", folder);
  command.limits.file_bytes_max = 100'000;
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_FALSE(exit.ok());
  EXPECT_LE(std::filesystem::file_size(folder / "big"), 100'000u);
}

TEST(Child, IsStoppedAtItsProcessorTime) {
  ScratchFolder folder;
  ChildCommand command = Shell("while :; do :; done", folder);
  command.limits.processor_time = std::chrono::seconds(1);
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_EQ(exit.reason, ChildExit::Reason::kSignalled);
  EXPECT_EQ(exit.signal, SIGXCPU);
}

TEST(Child, IsStoppedAboveItsMemory) {
  ScratchFolder folder;
  ChildCommand command = Shell("", folder);
  command.argv = {"python3", "-c", "import time; x = b'x' * (200 << 20); time.sleep(60)"};
  command.limits.rss_bytes_max = 100 << 20;
  ASSERT_OK_AND(ChildExit exit, RunChild(std::move(command)));
  EXPECT_EQ(exit.reason, ChildExit::Reason::kOverMemory);
}

TEST(Child, NamesAProgramOrFolderThatIsNotThere) {
  ScratchFolder folder;
  ChildCommand command = Shell("", folder);
  command.argv = {"no-such-program-here"};
  Status status = RunChild(command).status();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH5007");
  EXPECT_THAT(status.message(), HasSubstr("no-such-program-here"));
  command = Shell("true", folder);
  command.folder = folder / "nowhere";
  status = RunChild(command).status();
  EXPECT_EQ(status.error_code(), "WH5007");
  EXPECT_THAT(status.message(), HasSubstr("working directory"));
}

TEST(Child, RefusesAFileThatIsNoProgram) {
  ScratchFolder folder;
  weirhouse::testing::WriteFile(folder / "x", "not a program");
  std::filesystem::permissions(folder / "x", std::filesystem::perms::owner_all);
  ChildCommand command = Shell("", folder);
  command.argv = {"./x"};
  EXPECT_EQ(RunChild(command).status().error_code(), "WH5007");
}
}  // namespace
}  // namespace weirhouse::platform

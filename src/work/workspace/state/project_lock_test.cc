#include "work/workspace/state/project_lock.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::work {
namespace {
using ::testing::HasSubstr;

TEST(ProjectLock, IsHeldOnceAndNamesItsHolder) {
  const testing::ScratchFolder scratch;
  const std::string folder = scratch / ".";
  {
    ASSERT_OK_AND(const auto lock, ProjectLock::Take(folder));
    const Status second = ProjectLock::Take(folder).status();
    EXPECT_EQ(second.error_code(), "WH8001");
    EXPECT_EQ(second.code(), Code::kUnavailable);
    EXPECT_THAT(second.message(), HasSubstr(fmt::format("process {}", getpid())));
  }
  EXPECT_OK(ProjectLock::Take(folder).status());
}

TEST(ProjectLock, IsNotLostWithItsFile) {
  const testing::ScratchFolder scratch;
  const std::string folder = scratch / ".";
  ASSERT_OK_AND(const auto lock, ProjectLock::Take(folder));
  std::filesystem::remove(scratch / "lock");
  const Status removed = ProjectLock::Take(folder).status();
  EXPECT_EQ(removed.error_code(), "WH8001");
  EXPECT_THAT(removed.message(), HasSubstr(fmt::format("process {}", getpid())));
  // Nor when another file stands in its place.
  ASSERT_OK(platform::LocalStore().Write(scratch / "lock", "1\n"));
  EXPECT_EQ(ProjectLock::Take(folder).status().error_code(), "WH8001");
}

TEST(ProjectLock, SaysThatItsHolderIsStopped) {
  const testing::ScratchFolder scratch;
  const std::string folder = scratch / ".";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = ProjectLock::Take(folder);
    const char said = lock.ok() ? 'y' : 'n';
    if (write(ready[1], &said, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char said = 0;
  ASSERT_EQ(read(ready[0], &said, 1), 1);
  ASSERT_EQ(said, 'y');
  kill(child, SIGSTOP);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  const Status taken = ProjectLock::Take(folder).status();
  EXPECT_THAT(taken.message(), HasSubstr(fmt::format("process {}", child)));
  EXPECT_THAT(taken.message(), HasSubstr("stopped"));
  EXPECT_THAT(taken.hint(), HasSubstr(fmt::format("kill -CONT {}", child)));
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  EXPECT_OK(ProjectLock::Take(folder).status());
  close(ready[0]);
  close(ready[1]);
}
}  // namespace
}  // namespace weirhouse::work

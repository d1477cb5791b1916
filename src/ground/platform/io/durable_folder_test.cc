// What is fsynced, and which fsyncs are believed.
#include <sys/stat.h>

#include <ctime>
#include <filesystem>

#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "testing/fsync_probe.h"
#include "testing/testing.h"
#include "testing/wait.h"

namespace weirhouse::platform {
namespace {
using testing::FsyncProbe;
using testing::ReadFile;
using testing::ScratchFolder;
using testing::WriteFile;

// Until the clock of which the kernel takes the times of files has ticked: what is changed from now
// on has another time than what was changed before, also by the 20 ms that the product allows for.
void WaitForTheKernelsClock() {
  const auto now_ns = [] {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  };
  const std::int64_t before = now_ns();
  EXPECT_TRUE(testing::WaitUntil([&] { return now_ns() > before + 30'000'000; }));
}

TEST(DurableFolder, AFileIsKeptWithEveryFolderAboveItWhoeverMadeThem) {
  const ScratchFolder scratch;
  std::filesystem::create_directories(scratch / "made/by/a/client");  // and never fsynced
  const std::string path = scratch / "made/by/a/client/rows.parquet";
  WriteFile(path, "rows");
  const FsyncProbe probe;
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{path}));
  for (const char* folder : {"made/by/a/client", "made/by/a", "made/by", "made"}) {
    EXPECT_TRUE(probe.synced().contains(scratch / folder)) << folder;
  }
  EXPECT_TRUE(probe.synced().contains(scratch.path().string()));
}

TEST(DurableFolder, ALevelIsSyncedOnceAndAgainWhenItIsAnotherFolder) {
  const ScratchFolder scratch;
  const std::string path = scratch / "a/b/file";
  FsyncProbe probe;
  ASSERT_OK(LocalStore().Write(path, "1"));
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{path}));
  EXPECT_TRUE(probe.synced().contains(scratch.path().string()));
  WaitForTheKernelsClock();
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{path}));
  probe.Forget();
  ASSERT_OK(LocalStore().Write(path + "2", "2"));
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{path + "2"}));
  EXPECT_FALSE(probe.synced().contains(scratch / "a"));
  EXPECT_TRUE(probe.synced().contains(scratch / "a/b"));
  // Removed and created again by another process, without an fsync.
  std::filesystem::remove_all(scratch / "a");
  std::filesystem::create_directories(scratch / "a/b");
  WriteFile(path, "3");
  probe.Forget();
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{path}));
  EXPECT_TRUE(probe.synced().contains(scratch / "a"));
  EXPECT_TRUE(probe.synced().contains(scratch.path().string()));
}

TEST(DurableFolder, AFolderIsMadeAgainWithThoseAboveItThatSomeoneRemoved) {
  const ScratchFolder scratch;
  ASSERT_OK(LocalStore().Write(scratch / "a/b/c/file", "1"));
  std::filesystem::remove_all(scratch / "a");
  ASSERT_OK(LocalStore().Write(scratch / "a/b/d/file", "2"));
  EXPECT_EQ(ReadFile(scratch / "a/b/d/file"), "2");
}

TEST(DurableFolder, AnObjectThatWasThereIsKeptWithItsFoldersToo) {
  const ScratchFolder scratch;
  std::filesystem::create_directories(scratch / "lake/raw/dt=1");  // of a process that died
  WriteFile(scratch / "lake/raw/dt=1/object", "bytes");
  const FsyncProbe probe;
  ASSERT_OK_AND(const bool created,
                LocalStore().PutIfAbsent(scratch / "lake/raw/dt=1/object", "bytes", 0444));
  EXPECT_FALSE(created);
  for (const char* folder : {"lake/raw/dt=1", "lake/raw", "lake"}) {
    EXPECT_TRUE(probe.synced().contains(scratch / folder)) << folder;
  }
}

TEST(DurableFolder, ThePathIsThatOfTheRealFolders) {
  const ScratchFolder scratch;
  std::filesystem::create_directories(scratch / "real/a");
  std::filesystem::create_directory_symlink(scratch / "real", scratch / "link");
  WriteFile(scratch / "link/a/file", "x");
  const FsyncProbe probe;
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{scratch / "link/a/file"}));
  EXPECT_TRUE(probe.synced().contains(scratch / "real/a"));
  EXPECT_TRUE(probe.synced().contains(scratch / "real"));
}

TEST(FailedFsync, OfAFileIsNotBelievedASecondTime) {
  const ScratchFolder scratch;
  const std::string path = scratch / "rows.parquet";
  WriteFile(path, "rows");
  FsyncProbe probe;
  probe.FailNext("rows.parquet");
  EXPECT_EQ(LocalStore().Flush(std::vector<std::string>{path}).error_code(), "WH7011");
  ASSERT_TRUE(probe.has_failed());
  EXPECT_EQ(LocalStore().Flush(std::vector<std::string>{path}).error_code(), "WH7034");
  // Nor under another name: it is the file, not the path.
  std::filesystem::rename(path, scratch / "other.parquet");
  EXPECT_EQ(LocalStore().Flush(std::vector<std::string>{scratch / "other.parquet"}).error_code(),
            "WH7034");
  // The same bytes, written to a new file.
  WriteFile(path, "rows");
  EXPECT_OK(LocalStore().Flush(std::vector<std::string>{path}));
}

TEST(FailedFsync, OfAFileIsForgottenWithTheFile) {
  const ScratchFolder scratch;
  const std::string path = scratch / "rows.parquet";
  FsyncProbe probe;
  for (int i = 0; i < 5; ++i) {  // the inode's number is given away again and again
    WriteFile(path, "rows");
    probe.FailNext("rows.parquet");
    EXPECT_EQ(LocalStore().Flush(std::vector<std::string>{path}).error_code(), "WH7011");
    std::filesystem::remove(path);
    WaitForTheKernelsClock();
    WriteFile(path, "rows");
    EXPECT_OK(LocalStore().Flush(std::vector<std::string>{path}));
    std::filesystem::remove(path);
  }
}

TEST(FailedFsync, OfAnObjectLeavesNothingBehind) {
  const ScratchFolder scratch;
  const std::string path = scratch / "object";
  FsyncProbe probe;
  probe.FailNext(".tmp");
  EXPECT_EQ(LocalStore().PutIfAbsent(path, "bytes", 0444).status().error_code(), "WH7011");
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
  ASSERT_OK_AND(const bool created, LocalStore().PutIfAbsent(path, "bytes", 0444));
  EXPECT_TRUE(created);
}

TEST(FailedFsync, OfAFolderIsAnErrorOnce) {
  const ScratchFolder scratch;
  const std::string path = scratch / "a/rows.parquet";
  ASSERT_OK(LocalStore().Write(path, "rows"));
  FsyncProbe probe;
  probe.FailNext("/a");
  EXPECT_EQ(LocalStore().Flush(std::vector<std::string>{path}).error_code(), "WH7011");
  EXPECT_OK(LocalStore().Flush(std::vector<std::string>{path}));
}
}  // namespace
}  // namespace weirhouse::platform

#include "ground/platform/io/local_store.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/power_loss.h"
#include "ground/platform/io/put_together.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(LocalStore, ObjectsPutTogetherAreSealedDurableAndLeaveNoTemporaries) {
  const ScratchFolder scratch;
  std::vector<NewObject> objects;
  for (int i = 0; i < 300; ++i) {
    objects.push_back(
        {scratch / ("raw/" + std::to_string(i)), [i]() -> Result<std::unique_ptr<ByteStream>> {
           if (i == 299) return Status(Code::kConflict, "its file changed");
           return std::unique_ptr<ByteStream>(new StreamOfBytes("raw bytes"));
         }});
  }
  EXPECT_EQ(PutAllIfAbsent(LocalStore(), objects, 0444).status().code(), Code::kConflict);
  EXPECT_THAT(NamesIn(scratch / "raw"), IsEmpty());
  objects.pop_back();
  ASSERT_OK(PutAllIfAbsent(LocalStore(), objects, 0444));
  EXPECT_EQ(NamesIn(scratch / "raw").size(), 299u);
  struct stat found{};
  ASSERT_EQ(stat((scratch / "raw/7").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0444U);
#ifdef WEIRHOUSE_FAILPOINTS
  LoseUnsynced();
#endif
  EXPECT_EQ(ReadFile(scratch / "raw/7"), "raw bytes");
  EXPECT_EQ(NamesIn(scratch / "raw").size(), 299u);
}

TEST(LocalStore, WritesReadsAndSyncs) {
  const ScratchFolder scratch;
  const std::string path = scratch / "a/b/c/file";
  const std::string bytes = std::string("x\0y", 3) + std::string(100'000, 'z');
  ASSERT_OK(LocalStore().Write(path, bytes));
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{path, path}));
  ASSERT_OK_AND(const std::string read, LocalStore().Read(path));
  EXPECT_EQ(read, bytes);
  ASSERT_OK_AND(const std::string part, LocalStore().ReadRange(path, 1, 3));
  EXPECT_EQ(part, std::string("\0yz", 3));
  ASSERT_OK_AND(const FileInfo info, LocalStore().Stat(path));
  EXPECT_EQ(info.size_bytes, static_cast<std::int64_t>(bytes.size()));
  EXPECT_FALSE(info.is_folder);
  EXPECT_NE(info.inode, 0U);
  EXPECT_GT(info.mtime_us, 1'500'000'000'000'000);
}

TEST(LocalStore, ReadsNothingButFilesAndWaitsForNobody) {
  const ScratchFolder scratch;
  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink(scratch / "pipe", scratch / "link");
  for (const std::string& path : {scratch / "pipe", scratch / "link", std::string("/dev/zero")}) {
    const Status whole = LocalStore().Read(path).status();
    EXPECT_EQ(whole.error_code(), "WH7016") << path;
    EXPECT_THAT(whole.message(), HasSubstr(path));
    EXPECT_EQ(LocalStore().ReadRange(path, 0, 1).status().error_code(), "WH7016") << path;
  }
  EXPECT_EQ(LocalStore().ReadRange(scratch / "", 0, 1).status().error_code(), "WH7016");
}

TEST(LocalStore, SyncsManyFilesInManyFolders) {
  const ScratchFolder scratch;
  std::vector<std::string> paths;
  for (int i = 0; i < 50; ++i) {
    paths.push_back(scratch / ("d" + std::to_string(i % 7) + "/f" + std::to_string(i)));
    ASSERT_OK(LocalStore().Write(paths.back(), "x"));
  }
  EXPECT_OK(LocalStore().Flush(paths));
  EXPECT_OK(LocalStore().Flush({}));
  paths.push_back(scratch / "never-written");
  EXPECT_EQ(LocalStore().Flush(paths).code(), Code::kNotFound);
}

TEST(LocalStore, MakesAFolderAgainThatWasRemovedBehindIt) {
  const ScratchFolder scratch;
  ASSERT_OK(LocalStore().Write(scratch / "a/b/c/one", "1"));
  std::filesystem::remove_all(scratch / "a");
  ASSERT_OK(LocalStore().Write(scratch / "a/b/c/two", "2"));
  EXPECT_EQ(ReadFile(scratch / "a/b/c/two"), "2");
  std::filesystem::remove_all(scratch / "a");
  ASSERT_OK(LocalStore().MakeFolder(scratch / "a/b"));
  EXPECT_TRUE(std::filesystem::is_directory(scratch / "a/b"));
}

TEST(LocalStore, NamesThePathInEveryError) {
  const ScratchFolder scratch;
  WriteFile(scratch / "file", "abc");
  const std::string absent = scratch / "absent";
  for (const Status& status :
       {LocalStore().Read(absent).status(), LocalStore().ReadRange(absent, 0, 1).status(),
        LocalStore().Stat(absent).status(), ListFolder(absent).status()}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_THAT(status.message(), HasSubstr(absent));
    EXPECT_EQ(status.error_code(), "WH7012");
  }
  EXPECT_EQ(LocalStore().Read(scratch.path().string()).status().code(), Code::kInvalidInput);
  EXPECT_EQ(LocalStore().Write(scratch / "file/under", "x").code(), Code::kNotFound);
  EXPECT_FALSE(LocalStore().MakeFolder(scratch / "file").ok());
}

// As a user who has no right to the file: the owner of another, or the superuser without its rights.
TEST(LocalStore, SaysSoWhereTheUserHasNoRight) {
  const ScratchFolder scratch;
  WriteFile(scratch / "secret", "abc");
  std::filesystem::permissions(scratch / "secret", std::filesystem::perms::none);
  const uid_t me = geteuid();
  if (me == 0) {
    ASSERT_EQ(seteuid(65'534), 0);
  }
  const Status status = LocalStore().Read(scratch / "secret").status();
  if (me == 0) {
    ASSERT_EQ(seteuid(me), 0);
  }
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_EQ(status.error_code(), "WH7013");
  EXPECT_THAT(status.message(), HasSubstr("Permission denied: "));
  EXPECT_THAT(status.message(), HasSubstr("/secret"));
  EXPECT_EQ(status.hint(), "give this user access to the file and its folder");
}

TEST(LocalStore, SaysSoWhenTooManyFilesAreOpen) {
  const ScratchFolder scratch;
  WriteFile(scratch / "file", "abc");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Status status = LocalStore().Read(scratch / "file").status();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.error_code(), "WH7015");
  EXPECT_THAT(status.message(), HasSubstr("Too many open files: " + scratch / "file"));
  EXPECT_THAT(status.hint(), HasSubstr("ulimit -n"));
}

TEST(LocalStore, SaysSoWhenTheDiskIsFull) {
  const ScratchFolder scratch;
  ASSERT_EQ(mkdir((scratch / "small").c_str(), 0755), 0);
  const std::string mount =
      "mount -t tmpfs -o size=256k tmpfs " + scratch / "small" + " 2>/dev/null";
  if (std::system(mount.c_str()) != 0) GTEST_SKIP() << "tmpfs cannot be mounted: not tried";
  const std::string much(1 << 20, 'x');
  const Status write = LocalStore().Write(scratch / "small/f", much);
  const Status replace = LocalStore().Replace(scratch / "small/g", much);
  const Status put = LocalStore().PutIfAbsent(scratch / "small/h", much, 0444).status();
  const auto left = NamesIn(scratch / "small");
  ASSERT_EQ(std::system(("umount " + scratch / "small").c_str()), 0);
  for (const Status& status : {write, replace, put}) {
    EXPECT_EQ(status.code(), Code::kUnavailable);
    EXPECT_EQ(status.error_code(), "WH7010");
    EXPECT_THAT(status.hint(), HasSubstr("free"));
  }
  EXPECT_THAT(left, IsEmpty());
}

TEST(LocalStore, ReplacesWhole) {
  const ScratchFolder scratch;
  ASSERT_OK(LocalStore().Replace(scratch / "d/f", "one"));
  ASSERT_OK(LocalStore().Replace(scratch / "d/f", "two"));
  EXPECT_EQ(ReadFile(scratch / "d/f"), "two");
  EXPECT_THAT(NamesIn(scratch / "d"), ElementsAre("f"));
}

TEST(LocalStore, PutsOnceWithItsMode) {
  const ScratchFolder scratch;
  ASSERT_OK_AND(const bool first, LocalStore().PutIfAbsent(scratch / "d/f", "one", 0444));
  ASSERT_OK_AND(const bool second, LocalStore().PutIfAbsent(scratch / "d/f", "two", 0444));
  EXPECT_TRUE(first);
  EXPECT_FALSE(second);
  EXPECT_EQ(ReadFile(scratch / "d/f"), "one");
  struct stat info{};
  ASSERT_EQ(stat((scratch / "d/f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0444U);
  EXPECT_THAT(NamesIn(scratch / "d"), ElementsAre("f"));
}

TEST(LocalStore, ListsDirectEntriesInOrder) {
  const ScratchFolder scratch;
  WriteFile(scratch / "b", "12");
  WriteFile(scratch / "a/inner", "");
  WriteFile(scratch / "c", "");
  ASSERT_EQ(symlink("/nowhere", (scratch / "dangling").c_str()), 0);
  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  ASSERT_OK_AND(const auto entries, ListFolder(scratch.path().string()));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].path, scratch / "a");
  EXPECT_TRUE(entries[0].is_folder);
  EXPECT_EQ(entries[1].path, scratch / "b");
  EXPECT_EQ(entries[1].size_bytes, 2);
}

TEST(LocalStore, ListsNoLinksPipesNorWhatIsBeingPut) {
  const ScratchFolder scratch;
  WriteFile(scratch / "d/f", "12");
  WriteFile(scratch / "d/.g.1-1.tmp", "half");
  ASSERT_EQ(symlink((scratch / "d").c_str(), (scratch / "link").c_str()), 0);
  ASSERT_EQ(symlink("f", (scratch / "d/l").c_str()), 0);
  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  ASSERT_OK_AND(const ObjectPage page, LocalStore().List(scratch / "", "", 10));
  ASSERT_EQ(page.objects.size(), 1U);
  EXPECT_EQ(page.objects[0].path, scratch / "d/f");
  EXPECT_NE(page.objects[0].inode, 0U);
  EXPECT_EQ(LocalStore().List("no/absolute/prefix", "", 1).status().error_code(), "WH7016");
}

TEST(LocalStore, RemovesWhatIsThereAndForgivesWhatIsNot) {
  const ScratchFolder scratch;
  WriteFile(scratch / "d/f", "x");
  EXPECT_FALSE(LocalStore().Delete(scratch / "d").ok());  // not empty
  EXPECT_OK(LocalStore().Delete(scratch / "d/f"));
  EXPECT_OK(LocalStore().Delete(scratch / "d/f"));
  EXPECT_OK(LocalStore().Delete(scratch / "d"));
  EXPECT_THAT(NamesIn(scratch.path().string()), IsEmpty());
}

TEST(LocalStore, MeasuresFsync) {
  const ScratchFolder scratch;
  ASSERT_OK_AND(const double seconds, MeasureFsyncSeconds(scratch.path().string(), 5));
  EXPECT_GT(seconds, 0);
  EXPECT_LT(seconds, 5);
  EXPECT_THAT(NamesIn(scratch.path().string()), IsEmpty());
  EXPECT_FALSE(MeasureFsyncSeconds(scratch / "absent", 5).ok());
}

// Writes two files, makes them durable and points at them: the order of every commit here.
Status PublishPair(ObjectStore& store, const std::string& folder) {
  WEIRHOUSE_TRY_STATUS(store.MakeFolder(folder));
  const std::vector<std::string> paths = {folder + "/one", folder + "/two"};
  for (const std::string& path : paths) {
    WEIRHOUSE_TRY_STATUS(store.Delete(path));
    WEIRHOUSE_TRY_STATUS(store.Write(path, "content of " + path));
  }
  WEIRHOUSE_TRY_STATUS(store.Flush(paths));
  WEIRHOUSE_TRY(const std::string check, store.Read(paths[0]));
  WEIRHOUSE_TRY(const FileInfo info, store.Stat(paths[1]));
  if (check.empty() || info.size_bytes == 0) return Status(Code::kInternal, "empty");
  return store.Replace(folder + "/pointer", "one two");
}

TEST(FaultyStore, FailsEachCallOnceUntilNoneIsLeft) {
  for (int fail_at = 1;; ++fail_at) {
    ASSERT_LT(fail_at, 50);
    const ScratchFolder scratch;
    FaultyStore store(LocalStore(), fail_at, Code::kUnavailable);
    const Status status = PublishPair(store, scratch / "d");
    EXPECT_EQ(status.ok(), !store.fault_fired()) << fail_at;
    const bool published = std::filesystem::exists(scratch / "d/pointer");
    EXPECT_EQ(published, status.ok()) << fail_at;
    if (status.ok()) {
      EXPECT_EQ(fail_at, 10);  // nine calls touch the disk
      break;
    }
    EXPECT_EQ(status.code(), Code::kUnavailable);
    EXPECT_OK(PublishPair(store, scratch / "d"));  // the fault was for once: a retry gets through
  }
}

TEST(FaultyStore, FailsForEverWhenAsked) {
  const ScratchFolder scratch;
  FaultyStore store(LocalStore(), 3, Code::kCorruption, /*for_ever=*/true);
  EXPECT_OK(store.Write(scratch / "1", ""));
  EXPECT_OK(store.PutIfAbsent(scratch / "2", "", 0444).status());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(store.Read(scratch / "1").status().code(), Code::kCorruption);
    EXPECT_EQ(store.ReadRange(scratch / "1", 0, 0).status().code(), Code::kCorruption);
    EXPECT_EQ(store.List(scratch.path().string(), "", 1).status().code(), Code::kCorruption);
  }
}

#ifdef WEIRHOUSE_FAILPOINTS
TEST(PowerLoss, TakesWhatWasNeverSynced) {
  const ScratchFolder scratch;
  ASSERT_OK(LocalStore().Write(scratch / "synced", "kept"));
  ASSERT_OK(LocalStore().Flush(std::vector<std::string>{scratch / "synced"}));
  ASSERT_OK(LocalStore().Replace(scratch / "replaced", "kept"));
  ASSERT_OK(LocalStore().PutIfAbsent(scratch / "put", "kept", 0444).status());
  ASSERT_OK(LocalStore().Write(scratch / "unsynced", "lost"));
  LoseUnsynced();
  EXPECT_EQ(ReadFile(scratch / "synced"), "kept");
  EXPECT_EQ(ReadFile(scratch / "replaced"), "kept");
  EXPECT_EQ(ReadFile(scratch / "put"), "kept");
  EXPECT_EQ(ReadFile(scratch / "unsynced"), "");
}

// Runs this program again as `PowerLossChild.Works` with failpoints armed; its exit code.
int RunChild(const std::string& folder, const std::string& failpoint, const std::string& planted) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("WEIRHOUSE_TEST_FOLDER", folder.c_str(), 1);
    setenv("WEIRHOUSE_FAILPOINT", failpoint.c_str(), 1);
    setenv("WEIRHOUSE_FAILPOINT_LOSE", "1", 1);
    setenv("WEIRHOUSE_PLANT", planted.c_str(), 1);
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    execl("/proc/self/exe", "platform_test", "--gtest_filter=PowerLossChild.Works",
          static_cast<char*>(nullptr));
    _exit(99);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(PowerLossChild, Works) {
  const char* folder = std::getenv("WEIRHOUSE_TEST_FOLDER");
  if (folder == nullptr) return;  // it works only as a child of the tests below
  const std::string base = folder;
  ASSERT_OK(PublishPair(LocalStore(), base));
  ASSERT_OK(LocalStore().PutIfAbsent(base + "/object", "object", 0444).status());
}

// The invariant whenever the machine stops: a pointer is whole, and so is its target.
void ExpectConsistent(const std::string& folder, const std::string& failpoint) {
  if (std::filesystem::exists(folder + "/pointer")) {
    EXPECT_EQ(ReadFile(folder + "/pointer"), "one two") << failpoint;
    EXPECT_EQ(ReadFile(folder + "/one"), "content of " + folder + "/one") << failpoint;
    EXPECT_EQ(ReadFile(folder + "/two"), "content of " + folder + "/two") << failpoint;
  }
  if (std::filesystem::exists(folder + "/object")) {
    EXPECT_EQ(ReadFile(folder + "/object"), "object") << failpoint;
  }
}

TEST(PowerLoss, LeavesAllOrNothingAtEveryFailpoint) {
  for (const std::string failpoint :
       {"disk.write.before", "disk.write.after", "disk.write.after:2", "disk.sync.before",
        "disk.sync.middle", "disk.sync.after", "disk.replace.before_rename",
        "disk.replace.after_rename", "disk.put.before_link", "disk.put.after_link"}) {
    const ScratchFolder scratch;
    ASSERT_EQ(RunChild(scratch / "d", failpoint, ""), 137) << failpoint;
    ExpectConsistent(scratch / "d", failpoint);
    ASSERT_EQ(RunChild(scratch / "d", "", ""), 0) << failpoint;  // and recovery gets through
    ExpectConsistent(scratch / "d", "after " + failpoint);
    EXPECT_TRUE(std::filesystem::exists(scratch / "d/pointer"));
  }
}

TEST(PowerLoss, ShowsADroppedFsync) {
  const ScratchFolder scratch;
  ASSERT_EQ(RunChild(scratch / "d", "disk.replace.after_rename", "drop_fsync"), 137);
  EXPECT_EQ(ReadFile(scratch / "d/pointer"), "one two");
  EXPECT_EQ(ReadFile(scratch / "d/one"), "");  // the planted bug is seen
}
#endif
}  // namespace
}  // namespace weirhouse::platform

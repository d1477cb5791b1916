#include "ground/platform/io/open_folder.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using ::testing::HasSubstr;
using testing::ReadFile;
using testing::ScratchFolder;
using testing::WriteFile;

TEST(OpenFolder, SaysWhatStandsUnderEachNameAndFollowsNoLink) {
  const ScratchFolder scratch;
  WriteFile(scratch / "file", "12345");
  std::filesystem::create_directory(scratch / "folder");
  std::filesystem::create_symlink("/nonexistent", scratch / "link");
  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  ASSERT_OK_AND(const OpenFolder folder, OpenFolder::Open(scratch.path().string()));
  ASSERT_OK_AND(const std::vector<Entry> entries, folder.List());
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].kind, EntryKind::kFile);
  EXPECT_EQ(entries[0].size_bytes, 5);
  EXPECT_EQ(entries[1].kind, EntryKind::kFolder);
  EXPECT_EQ(entries[2].kind, EntryKind::kLink);
  EXPECT_EQ(entries[3].kind, EntryKind::kPipe);
}

TEST(OpenFolder, IsListedSomeEntriesAtATime) {
  const ScratchFolder scratch;
  for (int i = 0; i < 10; ++i) WriteFile(scratch / ("in/" + std::to_string(i)), "x");
  ASSERT_OK_AND(const OpenFolder folder, OpenFolder::Open(scratch / "in"));
  ASSERT_OK_AND(FolderListing listing, folder.Begin());
  std::set<std::string> names;
  for (const std::size_t expected : {4U, 4U, 2U, 0U}) {
    ASSERT_OK_AND(const std::vector<Entry> some, listing.Next(4));
    EXPECT_EQ(some.size(), expected);
    for (const Entry& entry : some) names.insert(entry.name);
  }
  EXPECT_EQ(names.size(), 10u);
}

TEST(OpenFolder, APrivateFolderIsNobodyElses) {
  const ScratchFolder scratch;
  ASSERT_OK_AND(const OpenFolder folder, OpenFolder::Open(scratch.path().string()));
  EXPECT_OK(folder.MakePrivate("mine").status());
  EXPECT_OK(folder.MakePrivate("mine").status());
  std::filesystem::permissions(scratch / "mine", std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  const Status open = folder.MakePrivate("mine").status();
  EXPECT_EQ(open.code(), Code::kPermissionDenied);
  EXPECT_EQ(open.error_code(), "WH7013");
  EXPECT_THAT(open.message(), HasSubstr("accessible to other users: " + scratch / "mine"));
  EXPECT_THAT(open.hint(), HasSubstr("its mode to 0700"));
}

TEST(OpenFolder, DoesNotWalkThroughALink) {
  const ScratchFolder scratch;
  WriteFile(scratch / "outside/secret", "x");
  std::filesystem::create_directory(scratch / "in");
  std::filesystem::create_directory_symlink(scratch / "outside", scratch / "in/link");
  ASSERT_OK_AND(const OpenFolder folder, OpenFolder::Open(scratch / "in"));
  EXPECT_FALSE(folder.Walk("link").ok());
  std::filesystem::create_symlink(scratch / "outside/secret", scratch / "in/file");
  EXPECT_FALSE(folder.OpenFile("file").ok());
}

TEST(OpenFolder, OpeningAPipeDoesNotWaitForAWriter) {
  const ScratchFolder scratch;
  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  ASSERT_OK_AND(const OpenFolder folder, OpenFolder::Open(scratch.path().string()));
  ASSERT_OK_AND(const Descriptor pipe, folder.OpenFile("pipe"));
  ASSERT_OK_AND(const Entry entry, StatDescriptor(pipe.get(), "pipe"));
  EXPECT_EQ(entry.kind, EntryKind::kPipe);
}

TEST(OpenFolder, MovesWithoutReplacing) {
  const ScratchFolder scratch;
  WriteFile(scratch / "a/one", "1");
  WriteFile(scratch / "b/one", "2");
  ASSERT_OK_AND(const OpenFolder a, OpenFolder::Open(scratch / "a"));
  ASSERT_OK_AND(const OpenFolder b, OpenFolder::Open(scratch / "b"));
  EXPECT_EQ(a.Move("one", b, "one").code(), Code::kConflict);
  EXPECT_EQ(ReadFile(scratch / "b/one"), "2");
  EXPECT_OK(a.Move("one", b, "two"));
  EXPECT_EQ(ReadFile(scratch / "b/two"), "1");
}

TEST(OpenFolder, AFolderHeldOpenStaysTheSameWhateverIsMoved) {
  const ScratchFolder scratch;
  WriteFile(scratch / "in/file", "first");
  ASSERT_OK_AND(const OpenFolder folder, OpenFolder::Open(scratch / "in"));
  std::filesystem::rename(scratch / "in", scratch / "away");
  WriteFile(scratch / "in/file", "second");
  ASSERT_OK_AND(const Descriptor file, folder.OpenFile("file"));
  std::string bytes;
  ASSERT_OK(ReadPieces(file.get(), "file", 100, [&](std::string_view piece) { bytes += piece; }));
  EXPECT_EQ(bytes, "first");
}

TEST(Writers, AreSeenWhileTheyHoldTheFileOpen) {
  const ScratchFolder scratch;
  WriteFile(scratch / "file", "x");
  const Descriptor reader(open((scratch / "file").c_str(), O_RDONLY));
  EXPECT_EQ(FindWriters(reader.get()), Writers::kNone);
  {
    const Descriptor writer(open((scratch / "file").c_str(), O_WRONLY));
    EXPECT_EQ(FindWriters(reader.get()), Writers::kSome);
  }
  EXPECT_EQ(FindWriters(reader.get()), Writers::kNone);
}
}  // namespace
}  // namespace weirhouse::platform

#include "ground/platform/io/moved_store.h"

#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::WriteFile;

TEST(MapLocation, TakesOnlyWhatLiesInAFormerPlace) {
  const std::vector<std::string> former = {"/old/lake", "/older"};
  EXPECT_EQ(MapLocation("/old/lake/a/b", former, "/new"), "/new/a/b");
  EXPECT_EQ(MapLocation("/old/lake", former, "/new"), "/new");
  EXPECT_EQ(MapLocation("/older//a/./b", former, "/new"), "/new/a/b");
  EXPECT_EQ(MapLocation("file:///old/lake/a", former, "/new"), "file:///new/a");
  EXPECT_EQ(MapLocation("file:/old/lake/a", former, "/new"), "file:///new/a");
  for (const char* other :
       {"/old/lakes/a", "/old", "/new/a", "s3://old/lake/a", "old/lake/a", ""}) {
    EXPECT_EQ(MapLocation(other, former, "/new"), other);
  }
}

TEST(MovedStore, FindsBothSpellingsOfAPlaceAndComparesThemAsOne) {
  const ScratchFolder scratch;
  MovedStore store(LocalStore(), {scratch / "old"}, scratch / "new");
  ASSERT_OK(store.Write(scratch / "old/f", "bytes"));
  EXPECT_EQ(ReadFile(scratch / "new/f"), "bytes");
  EXPECT_EQ(store.Read(scratch / "new/f").value(), "bytes");
  EXPECT_EQ(store.Spelling(scratch / "old/f"), store.Spelling(scratch / "new/f"));
  ASSERT_OK(store.Flush(std::vector<std::string>{scratch / "old/f", scratch / "new/f"}));
}

TEST(MovedStore, LeavesAloneWhoeverLivesAtTheFormerPlaceNow) {
  const ScratchFolder scratch;
  WriteFile(scratch / "old/f", "another project's");
  MovedStore store(LocalStore(), {scratch / "old"}, scratch / "new");
  EXPECT_EQ(store.Read(scratch / "old/f").status().code(), Code::kNotFound);
  ASSERT_OK(store.Delete(scratch / "old/f"));
  EXPECT_EQ(ReadFile(scratch / "old/f"), "another project's");
}
}  // namespace
}  // namespace weirhouse::platform

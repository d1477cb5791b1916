#include "ground/platform/io/location.h"

#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
TEST(CanonicalPath, IsOneForAllSpellings) {
  for (const char* spelling :
       {"/lake/a/b", "//lake/a/b", "/lake//a///b", "/lake/./a/b/", "/lake/c/../a/b/.",
        "file:/lake/a/b", "file:///lake/a/b", "file:////lake/a/b", "file:///lake//a/./b",
        "file://localhost/lake/a/b", "/../lake/a/b"}) {
    EXPECT_EQ(CanonicalPath(spelling), "/lake/a/b") << spelling;
  }
  EXPECT_EQ(CanonicalPath("/"), "/");
  EXPECT_EQ(CanonicalPath("///"), "/");
  EXPECT_EQ(CanonicalPath("/.."), "/");
}

TEST(CanonicalPath, LeavesWhatIsNoPathOfThisMachine) {
  for (const char* other : {"s3://bucket//a", "a//b", "", "file://host/a//b", "file:a"}) {
    EXPECT_EQ(CanonicalPath(other), other);
  }
}

TEST(CanonicalPath, KeepsNamesThatOnlyLookSpecial) {
  for (const char* path : {"/lake/...", "/lake/.a", "/lake/a..", "/lake/a%2Fb", "/lake/a b"}) {
    EXPECT_EQ(CanonicalPath(path), path);
  }
  EXPECT_EQ(DecodedPath("/lake/a%20b%2"), "/lake/a b%2");
}

TEST(IsInFolder, GoesByNamesNotByLetters) {
  EXPECT_TRUE(IsInFolder("/lake/a", "/lake"));
  EXPECT_TRUE(IsInFolder("/lake", "/lake"));
  EXPECT_FALSE(IsInFolder("/lakes/a", "/lake"));
  EXPECT_TRUE(IsInFolder("/a", "/"));
}
}  // namespace
}  // namespace weirhouse::platform

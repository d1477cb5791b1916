#include "raw/landing.h"

#include <fcntl.h>
#include <unistd.h>

#include "testing/testing.h"

namespace weirhouse::raw {
namespace {
using testing::ScratchFolder;
using testing::WriteFile;

struct LandingTest : ::testing::Test {
  ScratchFolder scratch;
  std::unique_ptr<catalog::Catalog> catalog;
  LandingRule rule;

  void SetUp() override {
    auto opened = catalog::OpenSqliteCatalog(scratch / "catalog.db");
    ASSERT_OK(opened);
    catalog = std::move(opened).value();
    rule = {"arrival", scratch / "landing", {"{date}"}, false};
  }
  Result<Landing> List() {
    return ListLanding(storage::LocalDisk(), rule, *catalog, SystemClock().Now());
  }
};

TEST(BatchOfName, FindsTheDateWhereThePatternPutsIt) {
  EXPECT_EQ(BatchOfName("2013-01-05.jsonl", "{date}"), "2013-01-05");
  EXPECT_EQ(BatchOfName("flights-2013-01-05.csv.gz", "flights-{date}"), "2013-01-05");
  EXPECT_EQ(BatchOfName("flights-2013-13-05.csv", "{date}"), std::nullopt);
  EXPECT_EQ(BatchOfName("readme.txt", "{date}"), std::nullopt);
}

TEST(EndOfBatch, IsMidnightAfterTheDay) {
  EXPECT_EQ(FormatTime(*EndOfBatch("2013-12-31")), "2014-01-01T00:00:00Z");
  EXPECT_EQ(EndOfBatch("a1"), std::nullopt);
}

TEST_F(LandingTest, ListsWholeFilesInBatchOrderAndSkipsHiddenAndTemporaryOnes) {
  WriteFile(scratch / "landing/2013-01-02.jsonl", "{}\n");
  WriteFile(scratch / "landing/deep/2013-01-01.jsonl", "{}\n");
  WriteFile(scratch / "landing/.2013-01-03.jsonl", "{}\n");
  WriteFile(scratch / "landing/2013-01-03.jsonl.tmp", "{}\n");
  WriteFile(scratch / "landing/2013-01-03.jsonl.part", "{}\n");
  ASSERT_OK_AND(const Landing landing, List());
  ASSERT_EQ(landing.complete.size(), 2u);
  EXPECT_EQ(landing.complete[0].name, "deep/2013-01-01.jsonl");
  EXPECT_EQ(landing.complete[1].batch, "2013-01-02");
}

TEST_F(LandingTest, AFileThatSomebodyWritesIsNotWhole) {
  const std::string path = scratch / "landing/2013-01-01.jsonl";
  WriteFile(path, "{}\n");
  const int writer = open(path.c_str(), O_WRONLY);
  ASSERT_OK_AND(const Landing open_landing, List());
  EXPECT_EQ(open_landing.complete.size(), 0u);
  EXPECT_EQ(open_landing.incomplete.size(), 1u);
  close(writer);
  ASSERT_OK_AND(const Landing closed_landing, List());
  EXPECT_EQ(closed_landing.complete.size(), 1u);
}

TEST_F(LandingTest, ANameOutsideThePatternIsReportedNotLost) {
  WriteFile(scratch / "landing/notes.txt", "x");
  ASSERT_OK_AND(const Landing landing, List());
  EXPECT_EQ(landing.complete.size(), 0u);
  ASSERT_EQ(landing.unmatched.size(), 1u);
  EXPECT_EQ(landing.unmatched[0].name, "notes.txt");
}

TEST_F(LandingTest, AnAbsentFolderIsEmpty) {
  ASSERT_OK_AND(const Landing landing, List());
  EXPECT_TRUE(landing.complete.empty());
}
}  // namespace
}  // namespace weirhouse::raw

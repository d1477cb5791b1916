#include "work/landing/landing_looks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "testing/testing.h"

namespace weirhouse::landing {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ScratchFolder;
using testing::WriteFile;

struct LandingLooksTest : ::testing::Test {
  ScratchFolder scratch;
  std::unique_ptr<catalog::Catalog> catalog;
  LandingRule rule;
  LandingLooks looks;

  void SetUp() override {
    auto opened = catalog::OpenSqliteCatalog(scratch / "catalog.db");
    ASSERT_OK(opened);
    catalog = std::move(opened).value();
    rule = {"order", scratch / "landing", {}, false, AsideName("/project")};
  }
  std::string At(const std::string& name) const { return scratch / ("landing/" + name); }
  void Land(const std::string& name, bool told = true) {
    WriteFile(At(name), "{}\n");
    if (told) looks.NoteChanged(At(name));
  }
  Landing Look() {
    auto landing = looks.List(rule, *catalog, SystemClock().Now());
    EXPECT_OK(landing);
    return std::move(landing).value();
  }
  std::set<std::string> Names() {
    std::set<std::string> names;
    for (const LandedFile& file : Look().complete) EXPECT_TRUE(names.insert(file.name).second);
    return names;
  }
  // As the commit that took them in.
  void Record(const std::vector<LandedFile>& files) {
    catalog::RunPlan plan;
    plan.kind = catalog::RunKind::kRaw;
    plan.name = "files";
    plan.step_identity = Sha256Of(SystemRandom().Uuid4());
    plan.idempotency_key = plan.step_identity.ToHex();
    catalog::CommitRequest request;
    request.idempotency_key = plan.idempotency_key;
    request.plan = plan;
    request.layer = catalog::Layer::kRaw;
    for (const LandedFile& file : files) {
      request.landings.push_back({file.path, file.entry.size_bytes, file.entry.mtime_us(),
                                  file.entry.inode, file.source, Sha256Of("{}\n"),
                                  catalog::LandingState::kStored, file.entry.ctime_us()});
    }
    ASSERT_OK(catalog->Commit(request));
  }
  void TakeAll() { Record(Look().complete); }
};

TEST_F(LandingLooksTest, TheFirstLookListsAllAndLaterOnesWhatWasTold) {
  Land("a/1.jsonl", /*told=*/false);
  Land("2.jsonl", /*told=*/false);
  EXPECT_THAT(Names(), ElementsAre("2.jsonl", "a/1.jsonl"));
  TakeAll();
  EXPECT_THAT(Names(), IsEmpty());
  Land("a/3.jsonl");
  Land("untold.jsonl", /*told=*/false);
  EXPECT_THAT(Names(), ElementsAre("a/3.jsonl"));
}

TEST_F(LandingLooksTest, WhatIsNotSettledIsSeenUntilItIs) {
  Look();
  Land("1.jsonl");
  EXPECT_THAT(Names(), ElementsAre("1.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("1.jsonl"));
  ASSERT_EQ(mkfifo(At("pipe").c_str(), 0600), 0);
  looks.NoteChanged(At("pipe"));
  EXPECT_EQ(Look().untaken.size(), 1u);
  EXPECT_EQ(Look().untaken.size(), 1u);
  TakeAll();
  std::filesystem::remove(At("pipe"));
  const Landing settled = Look();
  EXPECT_THAT(settled.complete, IsEmpty());
  EXPECT_THAT(settled.untaken, IsEmpty());
}

TEST_F(LandingLooksTest, AFileThatIsWrittenIsSeenAgainWhenItsWriterEnds) {
  Look();
  std::filesystem::create_directories(scratch / "landing");
  FILE* const writer = fopen(At("slow.jsonl").c_str(), "w");
  ASSERT_NE(writer, nullptr);
  looks.NoteChanged(At("slow.jsonl"));
  EXPECT_EQ(Look().incomplete.size(), 1u);
  fputs("{}\n", writer);
  fclose(writer);
  EXPECT_THAT(Names(), ElementsAre("slow.jsonl"));
}

TEST_F(LandingLooksTest, AFolderThatCameIsListedWhole) {
  Look();
  Land("new/deep/1.jsonl", /*told=*/false);
  Land("new/2.jsonl", /*told=*/false);
  Land("new/.hidden/3.jsonl", /*told=*/false);
  looks.NoteChanged(At("new"));
  looks.NoteChanged(At("new/2.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("new/2.jsonl", "new/deep/1.jsonl"));
}

TEST_F(LandingLooksTest, ALookThatIsDueFindsWhatNobodyTold) {
  Land("1.jsonl", /*told=*/false);
  TakeAll();
  Land("untold.jsonl", /*told=*/false);
  EXPECT_THAT(Names(), IsEmpty());
  looks.NoteDue();
  EXPECT_THAT(Names(), ElementsAre("untold.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("untold.jsonl"));  // from now on, until it is taken in
}

TEST_F(LandingLooksTest, BigFoldersAreListedASliceAtATimeUntilAllWasSeen) {
  const std::size_t files = 3 * LandingLooks::kSliceEntries;
  for (std::size_t i = 0; i < files; ++i)
    Land(fmt::format("{}/{}.jsonl", i % 3, i), /*told=*/false);
  TakeAll();
  EXPECT_THAT(Names(), IsEmpty());
  for (int i = 0; i < 30; ++i) Land(fmt::format("{}/new{}.jsonl", i % 3, i), /*told=*/false);
  std::set<std::string> found;
  std::size_t most = 0;
  for (int look = 0; look < 6; ++look) {
    looks.NoteDue();
    const std::size_t before = found.size();
    found.merge(Names());
    most = std::max(most, found.size() - before);
  }
  EXPECT_EQ(found.size(), 30u);
  EXPECT_LT(most, 30u);  // not all by one look
}

TEST_F(LandingLooksTest, IfChangesWereLostAllIsListed) {
  Look();
  Land("lost.jsonl", /*told=*/false);
  EXPECT_THAT(Names(), IsEmpty());
  looks.NoteLost();
  EXPECT_THAT(Names(), ElementsAre("lost.jsonl"));
  TakeAll();
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(LandingLooksTest, TooManyChangesAreForgottenAndAllIsListed) {
  Land("real.jsonl", /*told=*/false);
  TakeAll();
  Land("also.jsonl", /*told=*/false);
  for (std::size_t i = 0; i <= LandingLooks::kUnsettledMax; ++i)
    looks.NoteChanged(At(fmt::format("gone{}", i)));
  EXPECT_THAT(Names(), ElementsAre("also.jsonl"));
}

TEST_F(LandingLooksTest, TheFolderItselfOrOneAboveItCameAnew) {
  EXPECT_THAT(Names(), IsEmpty());  // it does not exist yet
  Land("1.jsonl", /*told=*/false);
  looks.NoteChanged(scratch / "landing");
  EXPECT_THAT(Names(), ElementsAre("1.jsonl"));
  TakeAll();
  Land("2.jsonl", /*told=*/false);
  looks.NoteChanged(scratch.path().string());
  EXPECT_THAT(Names(), ElementsAre("2.jsonl"));
}

TEST_F(LandingLooksTest, HardLinksRenamesAndRewritesAreNewFiles) {
  Land("1.jsonl");
  TakeAll();
  ASSERT_EQ(link(At("1.jsonl").c_str(), At("linked.jsonl").c_str()), 0);
  looks.NoteChanged(At("linked.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("linked.jsonl"));
  TakeAll();
  std::filesystem::rename(At("linked.jsonl"), At("renamed.jsonl"));
  looks.NoteChanged(At("renamed.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("renamed.jsonl"));
  TakeAll();
  WriteFile(At("renamed.jsonl"), "{\"x\":1}\n");
  looks.NoteChanged(At("renamed.jsonl"));
  EXPECT_THAT(Names(), ElementsAre("renamed.jsonl"));
}

TEST_F(LandingLooksTest, AnotherRuleListsAllAnew) {
  Land("1.jsonl");
  TakeAll();
  EXPECT_THAT(Look().acknowledged, IsEmpty());
  rule.delete_after = true;
  EXPECT_EQ(Look().acknowledged.size(), 1u);
  EXPECT_EQ(Look().acknowledged.size(), 1u);  // until it is removed
}
}  // namespace
}  // namespace weirhouse::landing

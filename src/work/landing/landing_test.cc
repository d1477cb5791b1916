#include "work/landing/landing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "ground/base/text.h"
#include "ground/platform/io/local_store.h"
#include "testing/testing.h"
#include "work/landing/landed_file.h"
#include "work/landing/landing_name.h"

namespace weirhouse::landing {
namespace {
using testing::ScratchFolder;
using testing::WriteFile;

// All bytes of a landed file; nothing where the reader finds that they are no whole file.
Result<std::optional<std::string>> ReadLanded(const LandedFile& file) {
  WEIRHOUSE_TRY(const LandedReader::Opened opened, LandedReader::Open(file));
  LandedReader* const reader = opened.reader.get();
  if (reader == nullptr) return std::optional<std::string>();
  std::string bytes;
  std::string piece(3, '\0');
  for (std::size_t got = 1; got > 0;) {
    WEIRHOUSE_TRY(got, reader->Read(piece.data(), piece.size()));
    bytes += piece.substr(0, got);
  }
  WEIRHOUSE_TRY(const std::optional<Digest> digest, reader->Finish());
  if (!digest) return std::optional<std::string>();
  EXPECT_EQ(*digest, Sha256Of(bytes));
  return std::optional<std::string>(std::move(bytes));
}

const std::function<Result<bool>()> kIsStored = [] { return true; };

struct LandingTest : ::testing::Test {
  ScratchFolder scratch;
  std::unique_ptr<catalog::Catalog> catalog;
  LandingRule rule;

  void SetUp() override {
    auto opened = catalog::OpenSqliteCatalog(scratch / "catalog.db");
    ASSERT_OK(opened);
    catalog = std::move(opened).value();
    rule = {"arrival", scratch / "landing", {"{date}"}, false, AsideName("/project")};
  }
  void SetUpAgain() {
    catalog.reset();
    std::filesystem::remove(scratch / "catalog.db");
    SetUp();
    rule.delete_after = true;
  }
  Result<Landing> List() { return ListLanding(rule, *catalog, SystemClock().Now()); }
  // All folders aside.
  Result<Landing> Settle() {
    WEIRHOUSE_TRY(const Landing listed, List());
    Landing left;
    for (const std::string& aside : listed.aside) {
      WEIRHOUSE_TRY_STATUS(
          SettleAside(rule, aside, *catalog, platform::LocalStore(), SystemClock().Now(), left));
    }
    return left;
  }
  std::string At(const std::string& name) const { return scratch / ("landing/" + name); }
  // The one file that waits.
  LandedFile TheFile() {
    const auto landing = List();
    EXPECT_OK(landing);
    EXPECT_EQ(landing->complete.size(), 1u);
    return landing->complete.at(0);
  }
  std::string Object(const std::string& bytes) const {
    return scratch / ("raw/" + Sha256Of(bytes).ToHex());
  }
  // As the commit of `file` records it.
  void Record(const LandedFile& file, const std::string& bytes) {
    catalog::RunPlan plan;
    plan.kind = catalog::RunKind::kRaw;
    plan.name = file.name;
    plan.step_identity = Sha256Of(SystemRandom().Uuid4());
    plan.idempotency_key = plan.step_identity.ToHex();
    catalog::CommitRequest request;
    request.idempotency_key = plan.idempotency_key;
    request.plan = plan;
    request.layer = catalog::Layer::kRaw;
    catalog::ObjectRecord object;
    object.source = file.source;
    object.name = file.name;
    object.digest = Sha256Of(bytes);
    object.size_bytes = file.entry.size_bytes;
    object.path = Object(bytes);
    object.batch = plan.name;
    object.contract_version = "arrival 1.0.0";
    object.sender = "landing";
    WriteFile(object.path, bytes);
    request.objects.push_back(object);
    request.landings.push_back({file.path, file.entry.size_bytes, file.entry.mtime_us(),
                                file.entry.inode, file.source, Sha256Of(bytes),
                                catalog::LandingState::kStored, file.entry.ctime_us()});
    ASSERT_OK(catalog->Commit(request));
  }
};

TEST(ParseBatchName, FindsTheDateWhereThePatternPutsIt) {
  EXPECT_EQ(ParseBatchName("2013-01-05.jsonl", "{date}"), "2013-01-05");
  EXPECT_EQ(ParseBatchName("flights-2013-01-05.csv.gz", "flights-{date}"), "2013-01-05");
  EXPECT_EQ(ParseBatchName("flights-2013-13-05.csv", "{date}"), std::nullopt);
  EXPECT_EQ(ParseBatchName("readme.txt", "{date}"), std::nullopt);
}

TEST(ParseBatchEnd, IsMidnightAfterTheDay) {
  EXPECT_EQ(FormatTime(*ParseBatchEnd("2013-12-31")), "2014-01-01T00:00:00Z");
  EXPECT_EQ(ParseBatchEnd("a1"), std::nullopt);
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

TEST_F(LandingTest, WhatIsNoFileIsNamedAndHoldsUpNothing) {
  WriteFile(At("2013-01-01.jsonl"), "{}\n");
  WriteFile(scratch / "outside/2013-01-02.jsonl", "{}\n");
  std::filesystem::create_directory_symlink(scratch / "outside", At("2013-01-02"));
  std::filesystem::create_symlink(scratch / "outside/2013-01-02.jsonl", At("2013-01-03.jsonl"));
  std::filesystem::create_symlink("/nonexistent", At("2013-01-04.jsonl"));
  std::filesystem::create_symlink("2013-01-05.jsonl", At("2013-01-05.jsonl"));  // to itself
  ASSERT_EQ(mkfifo(At("2013-01-06.jsonl").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/zero", At("2013-01-07.jsonl"));
  WriteFile(At("2013-01-08.jsonl/2013-01-08-in.jsonl"), "{}\n");
  ASSERT_OK_AND(const Landing landing, List());
  ASSERT_EQ(landing.complete.size(), 2u);
  EXPECT_EQ(landing.complete[0].name, "2013-01-01.jsonl");
  EXPECT_EQ(landing.complete[1].name, "2013-01-08.jsonl/2013-01-08-in.jsonl");
  ASSERT_EQ(landing.untaken.size(), 7u);
  EXPECT_EQ(landing.untaken[0].path, At("2013-01-02"));
  EXPECT_EQ(landing.untaken[0].why,
            "it is a symbolic link, and links are not followed: land the file itself");
  EXPECT_EQ(landing.untaken[4].why, "it is a named pipe, not a file");
  EXPECT_EQ(landing.untaken[6].path, At("2013-01-08.jsonl"));
}

TEST_F(LandingTest, FoldersTooDeepAreNamedAndHoldUpNothing) {
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "d/";
  WriteFile(At(deep + "2013-01-01.jsonl"), "{}\n");
  WriteFile(At("2013-01-02.jsonl"), "{}\n");
  ASSERT_OK_AND(const Landing landing, List());
  EXPECT_EQ(landing.complete.size(), 1u);
  ASSERT_EQ(landing.untaken.size(), 1u);
  EXPECT_THAT(landing.untaken[0].why, ::testing::HasSubstr("16 folders deep"));
}

TEST_F(LandingTest, AnyNameIsTakenAndKeptAsText) {
  const std::string names[] = {"2013-01-01-\xff\xfe.jsonl", "2013-01-02-a\nb.jsonl",
                               "2013-01-03-'\"\\; drop.jsonl",
                               "2013-01-04-" + std::string(255 - 17, 'y') + ".jsonl"};
  for (const std::string& name : names) WriteFile(At(name), "{}\n");
  ASSERT_OK_AND(const Landing landing, List());
  EXPECT_TRUE(landing.untaken.empty());
  ASSERT_EQ(landing.complete.size(), 4u);
  EXPECT_EQ(landing.complete[0].name, "2013-01-01-\\xff\\xfe.jsonl");
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(landing.complete[i].name, names[i]);
  for (const LandedFile& file : landing.complete) {
    ASSERT_OK_AND(const auto bytes, ReadLanded(file));
    EXPECT_EQ(bytes, "{}\n");
  }
}

TEST_F(LandingTest, AFolderThatIsNoneIsNamed) {
  WriteFile(scratch / "landing", "x");
  ASSERT_OK_AND(const Landing file, List());
  ASSERT_EQ(file.untaken.size(), 1u);
  std::filesystem::remove(scratch / "landing");
  std::filesystem::create_symlink("/nonexistent", scratch / "landing");
  ASSERT_OK_AND(const Landing dangling, List());
  ASSERT_EQ(dangling.untaken.size(), 1u);
  EXPECT_EQ(dangling.untaken[0].path, scratch / "landing");
  // A link to a folder is as good as the folder.
  std::filesystem::remove(scratch / "landing");
  WriteFile(scratch / "elsewhere/2013-01-01.jsonl", "{}\n");
  std::filesystem::create_directory_symlink(scratch / "elsewhere", scratch / "landing");
  ASSERT_OK_AND(const Landing linked, List());
  EXPECT_EQ(linked.complete.size(), 1u);
}

TEST_F(LandingTest, AFileWithTheTimeOfAnotherIsAnotherFile) {
  WriteFile(At("2013-01-01.jsonl"), "old\n");
  const LandedFile first = TheFile();
  Record(first, "old\n");
  ASSERT_OK_AND(const Landing known, List());
  EXPECT_TRUE(known.complete.empty());
  // Written over in place, as long as before, and given the old time back: cp -p, rsync --inplace.
  const int file = open(At("2013-01-01.jsonl").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(file, "new\n", 4, 0), 4);
  close(file);
  struct stat stat{};
  ASSERT_EQ(::stat(At("2013-01-01.jsonl").c_str(), &stat), 0);
  const timespec times[2] = {
      stat.st_atim, {first.entry.mtime_ns / 1'000'000'000, first.entry.mtime_ns % 1'000'000'000}};
  ASSERT_EQ(utimensat(AT_FDCWD, At("2013-01-01.jsonl").c_str(), times, 0), 0);
  const LandedFile second = TheFile();
  EXPECT_EQ(second.entry.mtime_ns, first.entry.mtime_ns);
  EXPECT_EQ(second.entry.inode, first.entry.inode);
  ASSERT_OK_AND(const auto bytes, ReadLanded(second));
  EXPECT_EQ(bytes, "new\n");
}

// ---- Reading and removing
TEST_F(LandingTest, AFileThatWasReplacedSinceItWasListedIsReadTheNextTime) {
  WriteFile(At("2013-01-01.jsonl"), "first\n");
  const LandedFile file = TheFile();
  WriteFile(At(".new"), "second\n");
  std::filesystem::rename(At(".new"), At("2013-01-01.jsonl"));
  ASSERT_OK_AND(const auto bytes, ReadLanded(file));
  EXPECT_FALSE(bytes);
  ASSERT_OK_AND(const auto next, ReadLanded(TheFile()));
  EXPECT_EQ(next, "second\n");
}

TEST_F(LandingTest, AFileThatChangesWhileItIsReadIsNoWholeFile) {
  const std::string path = At("2013-01-01.jsonl");
  const auto in_between = [&](const std::function<void()>& change) -> Result<bool> {
    std::filesystem::remove(path);
    WriteFile(path, "first line\nsecond line\n");
    const LandedFile file = TheFile();
    WEIRHOUSE_TRY(const LandedReader::Opened opened, LandedReader::Open(file));
    LandedReader* const reader = opened.reader.get();
    if (reader == nullptr) return Status(Code::kInternal, "the file was not there");
    char some[4];
    WEIRHOUSE_TRY_STATUS(reader->Read(some, sizeof(some)).status());
    change();
    WEIRHOUSE_TRY(const std::optional<Digest> digest, reader->Finish());
    return digest.has_value();
  };
  const auto write_at = [&](const char* text, int flags) {
    const int fd = open(path.c_str(), O_WRONLY | flags);
    ASSERT_EQ(write(fd, text, 5), 5);
    close(fd);
  };
  int held = -1;
  const std::map<std::string, std::function<void()>> changes = {
      {"rewritten in place", [&] { write_at("FIRST", 0); }},
      {"appended to", [&] { write_at("third", O_APPEND); }},
      {"truncated", [&] { ASSERT_EQ(truncate(path.c_str(), 11), 0); }},
      {"made empty and written anew", [&] { write_at("other", O_TRUNC); }},
      {"replaced",
       [&] {
         WriteFile(At(".new"), "first line\nsecond line\n");
         std::filesystem::rename(At(".new"), path);
       }},
      {"opened by a writer", [&] { held = open(path.c_str(), O_WRONLY); }},
  };
  for (const auto& [how, change] : changes) {
    ASSERT_OK_AND(const bool whole, in_between(change));
    EXPECT_FALSE(whole) << how;
  }
  close(held);
  ASSERT_OK_AND(const bool whole, in_between([] {}));
  EXPECT_TRUE(whole);
}

// A sender that replaces a file which was read whole before costs nothing: the open file still
// holds the bytes.
TEST_F(LandingTest, AFileThatWasReadWholeIsReadAgainThoughItsNameIsTaken) {
  const std::string path = At("2013-01-01.jsonl");
  const auto second_reading = [&](const std::function<void()>& change) -> Result<bool> {
    std::filesystem::remove(path);
    WriteFile(path, "first line\nsecond line\n");
    const LandedFile file = TheFile();
    WEIRHOUSE_TRY(const LandedReader::Opened opened, LandedReader::Open(file));
    change();
    WEIRHOUSE_TRY(const std::optional<Digest> digest,
                  opened.reader->Finish(Sha256Of("first line\nsecond line\n")));
    return digest == Sha256Of("first line\nsecond line\n");
  };
  ASSERT_OK_AND(const bool replaced, second_reading([&] {
                  WriteFile(At(".new"), "other\n");
                  std::filesystem::rename(At(".new"), path);
                }));
  EXPECT_TRUE(replaced);
  ASSERT_OK_AND(const bool removed, second_reading([&] { std::filesystem::remove(path); }));
  EXPECT_TRUE(removed);
  ASSERT_OK_AND(const bool rewritten,
                second_reading([&] { WriteFile(path, "FIRST line\nsecond line\n"); }));
  EXPECT_FALSE(rewritten);
}

TEST_F(LandingTest, AFolderOnTheWayThatBecameALinkIsNotFollowed) {
  WriteFile(At("in/2013-01-01.jsonl"), "mine\n");
  const LandedFile file = TheFile();
  WriteFile(scratch / "outside/2013-01-01.jsonl", "secret\n");
  std::filesystem::remove_all(At("in"));
  std::filesystem::create_directory_symlink(scratch / "outside", At("in"));
  const auto bytes = ReadLanded(file);
  EXPECT_TRUE(!bytes.ok() || !*bytes);
  const auto removal = RemoveLanded(file, Sha256Of("secret\n"), rule, kIsStored);
  EXPECT_TRUE(!removal.ok() || *removal != Removal::kRemoved);
  EXPECT_TRUE(std::filesystem::exists(scratch / "outside/2013-01-01.jsonl"));
}

TEST_F(LandingTest, OnlyTheVeryFileThatWasReadIsRemoved) {
  WriteFile(At("2013-01-01.jsonl"), "first\n");
  const LandedFile file = TheFile();
  // Another file under its name, with the same bytes even: it has not been taken in.
  WriteFile(At(".new"), "first\n");
  std::filesystem::rename(At(".new"), At("2013-01-01.jsonl"));
  ASSERT_OK_AND(const Removal other, RemoveLanded(file, Sha256Of("first\n"), rule, kIsStored));
  EXPECT_EQ(other, Removal::kOther);
  EXPECT_EQ(testing::ReadFile(At("2013-01-01.jsonl")), "first\n");
  ASSERT_OK_AND(const Removal removed,
                RemoveLanded(TheFile(), Sha256Of("first\n"), rule, kIsStored));
  EXPECT_EQ(removed, Removal::kRemoved);
  EXPECT_TRUE(std::filesystem::is_empty(scratch / "landing"));
  ASSERT_OK_AND(const Removal gone, RemoveLanded(file, Sha256Of("first\n"), rule, kIsStored));
  EXPECT_EQ(gone, Removal::kGone);
}

TEST_F(LandingTest, AFileWithOtherBytesThanThoseStoredIsPutBack) {
  WriteFile(At("2013-01-01.jsonl"), "late\n");
  ASSERT_OK_AND(const Removal removal,
                RemoveLanded(TheFile(), Sha256Of("early\n"), rule, kIsStored));
  EXPECT_EQ(removal, Removal::kOther);
  EXPECT_EQ(testing::ReadFile(At("2013-01-01.jsonl")), "late\n");
  EXPECT_FALSE(std::filesystem::exists(At(rule.aside_name)));
}

TEST_F(LandingTest, AFileThatSomebodyHasOpenForWritingIsPutBack) {
  WriteFile(At("2013-01-01.jsonl"), "first\n");
  const LandedFile file = TheFile();
  const int writer = open(At("2013-01-01.jsonl").c_str(), O_WRONLY | O_APPEND);
  ASSERT_OK_AND(const Removal removal, RemoveLanded(file, Sha256Of("first\n"), rule, kIsStored));
  EXPECT_EQ(removal, Removal::kOther);
  ASSERT_EQ(write(writer, "more\n", 5), 5);
  close(writer);
  EXPECT_EQ(testing::ReadFile(At("2013-01-01.jsonl")), "first\nmore\n");
}

TEST_F(LandingTest, AFileThatIsNowhereElseStays) {
  WriteFile(At("2013-01-01.jsonl"), "only\n");
  ASSERT_OK_AND(const Removal removal, RemoveLanded(TheFile(), Sha256Of("only\n"), rule,
                                                    [] { return Result<bool>(false); }));
  EXPECT_EQ(removal, Removal::kNotStored);
  EXPECT_EQ(testing::ReadFile(At("2013-01-01.jsonl")), "only\n");
  const auto unknown = RemoveLanded(TheFile(), Sha256Of("only\n"), rule, []() -> Result<bool> {
    return Status(Code::kUnavailable, "the disk is not there");
  });
  EXPECT_EQ(unknown.status().code(), Code::kUnavailable);
  EXPECT_EQ(testing::ReadFile(At("2013-01-01.jsonl")), "only\n");
  EXPECT_FALSE(std::filesystem::exists(At(rule.aside_name)));
}

TEST_F(LandingTest, WhatLiesAsideIsRemovedOnlyIfItsObjectIsWhole) {
  rule.delete_after = true;
  const std::map<std::string, std::function<void(const std::string&)>> damages = {
      {"missing", [](const std::string& path) { std::filesystem::remove(path); }},
      {"cut", [](const std::string& path) { std::filesystem::resize_file(path, 3); }},
      {"other", [](const std::string& path) { WriteFile(path, "as long\n"); }}};
  for (const auto& [how, damage] : damages) {
    WriteFile(At("2013-01-01.jsonl"), "stored\n\n");
    Record(TheFile(), "stored\n\n");
    const std::string aside = At(rule.aside_name);
    std::filesystem::create_directory(aside);
    std::filesystem::rename(At("2013-01-01.jsonl"), aside + "/2013-01-01.jsonl");
    std::filesystem::permissions(Object("stored\n\n"), std::filesystem::perms::owner_all);
    damage(Object("stored\n\n"));
    ASSERT_OK_AND(const Landing left, Settle());
    EXPECT_EQ(testing::ReadFile(At("2013-01-01.jsonl")), "stored\n\n") << how;
    EXPECT_TRUE(left.untaken.empty());
    std::filesystem::remove(At("2013-01-01.jsonl"));
    std::filesystem::remove(Object("stored\n\n"));
    SetUpAgain();
  }
}

TEST_F(LandingTest, WhatACrashLeftAsideIsRemovedIfItIsStoredAndElsePutBack) {
  rule.delete_after = true;
  WriteFile(At("2013-01-01.jsonl"), "stored\n");
  Record(TheFile(), "stored\n");
  const std::string aside = At(rule.aside_name);
  std::filesystem::create_directory(aside);
  std::filesystem::rename(At("2013-01-01.jsonl"), aside + "/2013-01-01.jsonl");
  WriteFile(aside + "/2013-01-02.jsonl", "not stored\n");
  WriteFile(aside + "/2013-01-03.jsonl", "its name is taken\n");
  WriteFile(At("2013-01-03.jsonl"), "newer\n");
  ASSERT_OK_AND(const Landing landing, List());
  ASSERT_EQ(landing.aside, std::vector<std::string>{rule.aside_name});
  ASSERT_OK_AND(const Landing left, Settle());
  EXPECT_FALSE(std::filesystem::exists(aside + "/2013-01-01.jsonl"));
  EXPECT_FALSE(std::filesystem::exists(At("2013-01-01.jsonl")));
  EXPECT_EQ(testing::ReadFile(At("2013-01-02.jsonl")), "not stored\n");
  EXPECT_EQ(testing::ReadFile(At("2013-01-03.jsonl")), "newer\n");
  EXPECT_TRUE(left.untaken.empty());
  EXPECT_EQ(left.complete.size(), 1u);
  // Once the name is free it comes back.
  std::filesystem::remove(At("2013-01-03.jsonl"));
  ASSERT_OK_AND(const Landing then, Settle());
  EXPECT_EQ(testing::ReadFile(At("2013-01-03.jsonl")), "its name is taken\n");
  EXPECT_TRUE(then.untaken.empty() && then.complete.empty());
  EXPECT_FALSE(std::filesystem::exists(aside));
}

TEST_F(LandingTest, AFileWhoseNameIsTakenIsTakenInFromWhereItLies) {
  rule.delete_after = true;
  const std::string aside = At("in/" + rule.aside_name);
  std::filesystem::create_directories(aside + "/.1");
  WriteFile(aside + "/2013-01-01.jsonl", "first\n");
  WriteFile(aside + "/.1/2013-01-01.jsonl", "second\n");
  WriteFile(At("in/2013-01-01.jsonl"), "third\n");
  ASSERT_OK_AND(const Landing left, Settle());
  EXPECT_TRUE(left.untaken.empty());
  ASSERT_EQ(left.complete.size(), 2u);
  std::set<std::string> taken;
  for (const LandedFile& file : left.complete) {
    EXPECT_EQ(file.name, "in/2013-01-01.jsonl");
    EXPECT_EQ(file.batch, "2013-01-01");
    EXPECT_NE(file.path, At("in/2013-01-01.jsonl"));
    ASSERT_OK_AND(const auto bytes, ReadLanded(file));
    ASSERT_TRUE(bytes);
    taken.insert(*bytes);
    Record(file, *bytes);
    // Other bytes than those stored stay.
    ASSERT_OK_AND(const Removal other, RemoveLanded(file, Sha256Of("other\n"), rule, kIsStored));
    EXPECT_EQ(other, Removal::kOther);
    if (*bytes == "second\n") continue;  // a crash comes before its removal
    ASSERT_OK_AND(const Removal removal, RemoveLanded(file, Sha256Of(*bytes), rule, kIsStored));
    EXPECT_EQ(removal, Removal::kRemoved);
  }
  EXPECT_EQ(taken, (std::set<std::string>{"first\n", "second\n"}));
  ASSERT_OK_AND(const Landing then, Settle());
  EXPECT_TRUE(then.untaken.empty() && then.complete.empty());
  EXPECT_FALSE(std::filesystem::exists(aside));
  EXPECT_EQ(testing::ReadFile(At("in/2013-01-01.jsonl")), "third\n");
}

TEST_F(LandingTest, WhatLiesAsideStandsInNobodysWay) {
  const std::string aside = At(rule.aside_name);
  for (int i = 0; i < 3; ++i) {
    WriteFile(At("2013-01-01.jsonl"), "now\n");
    const LandedFile file = TheFile();
    const std::string room = i == 0 ? aside : fmt::format("{}/.{}", aside, i);
    std::filesystem::create_directories(room);
    for (const std::string& made : {aside, room})
      std::filesystem::permissions(made, std::filesystem::perms::owner_all);
    WriteFile(room + "/2013-01-01.jsonl", fmt::format("{}\n", i));
    ASSERT_OK_AND(const Removal removal, RemoveLanded(file, Sha256Of("now\n"), rule, kIsStored));
    EXPECT_EQ(removal, Removal::kRemoved);
    EXPECT_FALSE(std::filesystem::exists(At("2013-01-01.jsonl")));
    EXPECT_EQ(testing::ReadFile(room + "/2013-01-01.jsonl"), fmt::format("{}\n", i));
  }
  std::vector<Untaken> untaken;
  ListAside(rule, rule.aside_name, untaken);
  EXPECT_EQ(untaken.size(), 3u);
}

TEST_F(LandingTest, WhatWasTakenInFromAsideIsNotReadAgainWhereNothingIsDeleted) {
  const std::string aside = At(rule.aside_name);
  std::filesystem::create_directories(aside);
  WriteFile(aside + "/2013-01-01.jsonl", "first\n");
  WriteFile(At("2013-01-01.jsonl"), "second\n");
  ASSERT_OK_AND(const Landing left, Settle());
  ASSERT_EQ(left.complete.size(), 1u);
  Record(left.complete[0], "first\n");
  ASSERT_OK_AND(const Landing then, Settle());
  EXPECT_TRUE(then.complete.empty());
  ASSERT_EQ(then.untaken.size(), 1u);
  EXPECT_THAT(then.untaken[0].why, ::testing::HasSubstr("no longer deletes"));
}

TEST_F(LandingTest, AFileThatIsGoneBeforeItIsReadIsToldApart) {
  WriteFile(At("2013-01-01.jsonl"), "first\n");
  const LandedFile file = TheFile();
  WriteFile(At(".new"), "other\n");
  std::filesystem::rename(At(".new"), At("2013-01-01.jsonl"));
  ASSERT_OK_AND(const LandedReader::Opened other, LandedReader::Open(file));
  EXPECT_FALSE(other.reader != nullptr || other.gone);
  std::filesystem::remove(At("2013-01-01.jsonl"));
  ASSERT_OK_AND(const LandedReader::Opened gone, LandedReader::Open(file));
  EXPECT_TRUE(gone.reader == nullptr && gone.gone);
}

// ---- Names
TEST(TextOfName, IsTheNameItselfWhereThatIsText) {
  for (const char* name : {"a.jsonl", "a\nb", "ü'\"", "a\\b", "\\"}) {
    EXPECT_EQ(TextOfName(name), name);
  }
}

TEST(TextOfName, NoTwoNamesHaveOneText) {
  const std::string pieces[] = {"\xff", "\\xff", "\\", "x", "ff", "\\\\", "ü", "\xc3"};
  std::map<std::string, std::string> seen;
  for (const std::string& a : pieces) {
    for (const std::string& b : pieces) {
      for (const std::string& c : pieces) {
        const std::string name = a + b + c;
        const auto [at, fresh] = seen.emplace(TextOfName(name), name);
        EXPECT_EQ(at->second, name) << at->first;
        EXPECT_TRUE(IsValidUtf8(at->first));
      }
    }
  }
}
}  // namespace
}  // namespace weirhouse::landing

// What a client's commit says is durable is so, and what is deleted for one table is no other's.
#include <filesystem>
#include <thread>

#include "testing/fsync_probe.h"
#include "testing/projects/foreign_fixture_test.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
namespace fs = std::filesystem;
using ForeignDurabilityTest = ForeignTest;

TEST_F(ForeignDurabilityTest, AClientsFileWhoseFsyncFailedIsNotAcknowledgedTheSecondTime) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  const Written written = WriteAppend(trip, 1, 5);
  weirhouse::testing::FsyncProbe probe;
  probe.FailNext(".parquet");
  EXPECT_EQ(Commit(written).status().error_code(), "WH7011");
  ASSERT_TRUE(probe.has_failed());
  const Status again = Commit(written).status();
  EXPECT_EQ(again.error_code(), "WH7104") << again.ToString();
  EXPECT_EQ(again.code(), Code::kInvalidInput);
  ASSERT_OK(Commit(WriteAppend(trip, 1, 5)));  // the same rows in new files
}

TEST_F(ForeignDurabilityTest, FoldersThatAClientMadeAnywhereBelowTheLakeAreKept) {
  MakeNamespace("lab");
  const std::string apart = workspace->lake() + "/lab/apart/deep";
  Json body = CreateBody("trip");
  body["properties"] = {{"write.data.path", apart}};
  ASSERT_OK_AND(const auto trip, CreateFrom(Writer(), "lab", body));
  const Written written = WriteAppend(trip, 1, 5);
  weirhouse::testing::FsyncProbe probe;
  ASSERT_OK(Commit(written));
  for (const std::string& file : written.files) {
    EXPECT_TRUE(probe.synced().contains(file)) << file;
    std::string folder = file.substr(0, file.rfind('/'));
    EXPECT_TRUE(probe.synced().contains(folder)) << folder;
  }
}

TEST_F(ForeignDurabilityTest, ALocationIsKeptInOneSpelling) {
  MakeNamespace("lab");
  const std::string lake = workspace->lake();
  const std::pair<const char*, std::string> spellings[] = {{"a", lake + "//lab//a"},
                                                           {"b", lake + "/lab/./b/"},
                                                           {"c", "file:///" + lake + "/lab/c"},
                                                           {"d", "file:" + lake + "/lab/d"}};
  for (const auto& [name, spelling] : spellings) {
    Json body = CreateBody(name);
    body["location"] = spelling;
    ASSERT_OK_AND(const auto table, CreateFrom(Writer(), "lab", body));
    EXPECT_EQ(table->location, lake + "/lab/" + name);
    ASSERT_OK(Commit(WriteAppend(table, 1, 5)));
  }
  // And no second table finds the place of the first one free under another spelling.
  Json body = CreateBody("e");
  body["location"] = lake + "/lab///a";
  EXPECT_FALSE(CreateFrom(Writer(), "lab", body).ok());
}

TEST_F(ForeignDurabilityTest, ATableMadeWhereOneIsBeingPurgedLosesNothing) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  for (int i = 0; i < 3000; ++i) {
    weirhouse::testing::WriteFile(fmt::format("{}/data/f{}", trip->location, i), "");
  }
  Status dropped = Status::Ok();
  std::thread purge([&] { dropped = DropForeign(*workspace, Admin(), "lab.trip", true); });
  Json body = CreateBody("trip");
  body["location"] = trip->location;
  // The name is taken at first, then the place is, until the last file of it is gone.
  Result<iceberg::TablePtr> made = Status(Code::kConflict, "not yet");
  while (!made.ok() &&
         (made.status().code() == Code::kConflict || made.status().error_code() == "WH7071")) {
    made = CreateFrom(Writer(), "lab", body);
  }
  purge.join();
  ASSERT_OK(dropped);
  ASSERT_OK(made);
  EXPECT_TRUE(fs::exists((*made)->metadata_location));
  ASSERT_OK(Commit(WriteAppend(*made, 1, 5)));
}

TEST_F(ForeignDurabilityTest, APurgeDeletesLinksAndNotWhatTheyLeadTo) {
  MakeNamespace("lab");
  ASSERT_OK_AND(const auto trip, Create("lab", "trip"));
  const weirhouse::testing::ScratchFolder outside;
  weirhouse::testing::WriteFile(outside / "mine", "x");
  fs::create_directories(trip->location + "/data");
  fs::create_directory_symlink(outside.path(), trip->location + "/data/linked");
  ASSERT_OK(DropForeign(*workspace, Admin(), "lab.trip", true));
  EXPECT_TRUE(fs::exists(outside / "mine"));
  EXPECT_FALSE(fs::exists(trip->location));
}

// Files are removed between commits, never while one is judged and published.
TEST(LakeUse, RemovalWaitsForThoseUnderWayAndNewOnesForIt) {
  std::atomic<int> step{0};
  std::thread remover;
  std::thread late;
  {
    const LakeUse use;
    const LakeUse other;  // any number at a time
    remover = std::thread([&] {
      const LakeRemoval removal;
      EXPECT_EQ(step.exchange(2), 1);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    late = std::thread([&] {
      const LakeUse after;
      EXPECT_EQ(step.load(), 2);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(step.exchange(1), 0);
  }
  remover.join();
  late.join();
}
}  // namespace
}  // namespace weirhouse::work

#include <sys/stat.h>
#include <unistd.h>

#include "rules/policy/judge_fixture.h"

namespace weirhouse::policy {
namespace {

using iceberg::TablePtr;

class LocationTest : public JudgeTest {
 protected:
  void SetUp() override {
    lake_ = scratch_ / "lake";
    std::filesystem::create_directories(lake_ + "/lab");
    std::filesystem::create_directories(scratch_ / "outside");
  }
  std::string CodeAt(const std::string& location, const std::string& name = "lab.trip",
                     const std::string& key = "") {
    iceberg::TableMetadata metadata = *NewTable(name);
    if (key.empty()) {
      metadata.location = location;
    } else {
      metadata.properties[key] = location;
    }
    const Status status = CheckLocations(warehouse(), metadata, others_);
    return status.ok() ? "ok" : status.error_code();
  }
  std::string lake_;
};

TEST_F(LocationTest, InsideIsInsideHoweverItIsSpelled) {
  for (const std::string& location :
       {lake_ + "/lab/trip", lake_ + "//lab/./trip/", "file://" + lake_ + "/lab/trip",
        "file:" + lake_ + "/lab/trip", lake_ + "/lab/a b%2Fc/ümlaut", lake_ + "/lab/..trip"}) {
    EXPECT_EQ(CodeAt(location), "ok") << location;
  }
}

TEST_F(LocationTest, EscapesAreRefusedInEveryPlaceThatIsNamed) {
  const std::string climbs[] = {scratch_ / "outside",
                                "/etc",
                                "",
                                "relative/path",
                                "s3://bucket/x",
                                "hdfs://host/x",
                                "file://host" + lake_ + "/x",
                                lake_ + "/../outside",
                                lake_ + "/lab/../../outside",
                                lake_ + "/lab/..",
                                lake_ + "/lab/%2e%2e/%2E%2e/outside",
                                lake_ + "/lab/..%2f..%2foutside",
                                lake_ + "x/trip",
                                lake_,
                                lake_ + "/",
                                lake_ + std::string("/lab/a\0b", 8),
                                lake_ + "/" + std::string(5000, 'a')};
  for (const std::string& location : climbs) {
    EXPECT_EQ(CodeAt(location), "WH7071") << location;
    for (const char* key : {"write.data.path", "write.metadata.path", "write.object-storage.path",
                            "write.folder-storage.path"}) {
      EXPECT_EQ(CodeAt(location, "lab.trip", key), "WH7071") << key << " " << location;
    }
  }
}

TEST_F(LocationTest, NoSymbolicLinkIsFollowed) {
  ASSERT_EQ(symlink((scratch_ / "outside").c_str(), (lake_ + "/lab/out").c_str()), 0);
  ASSERT_EQ(symlink((lake_ + "/lab").c_str(), (lake_ + "/alias").c_str()), 0);
  ASSERT_EQ(symlink((scratch_ / "not/there/yet").c_str(), (lake_ + "/lab/dangling").c_str()), 0);
  EXPECT_EQ(CodeAt(lake_ + "/lab/out"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/lab/out/deeper/trip"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/alias/trip"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/lab/dangling/trip"), "WH7071");
}

TEST_F(LocationTest, TheWarehouseItselfMayLieBehindALink) {
  ASSERT_EQ(symlink(lake_.c_str(), (scratch_ / "link").c_str()), 0);
  const Warehouse linked{scratch_ / "link"};
  EXPECT_OK(CheckInside(linked, scratch_ / "link/lab/trip"));
  EXPECT_OK(CheckInside(linked, lake_ + "/lab/trip"));
  EXPECT_EQ(CheckInside(linked, scratch_ / "outside/x").error_code(), "WH7071");
}

TEST_F(LocationTest, TablesDoNotLieInOneAnother) {
  others_ = {lake_ + "/lab/trip", "file://" + lake_ + "/shed/a"};
  EXPECT_EQ(CodeAt(lake_ + "/lab/trip"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/lab/trip/inner"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/lab"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/shed//a/data", "lab.trip2", "write.data.path"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/lab/trip2"), "ok");
  EXPECT_EQ(CodeAt(lake_ + "/lab/tri"), "ok");
}

TEST_F(LocationTest, NoTableLiesInTheFolderOfAnotherLayer) {
  EXPECT_EQ(CodeAt(lake_ + "/raw/weather/x"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/raw/x", "processed.x"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/code/x"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/model/x"), "WH7071");
  EXPECT_EQ(CodeAt(lake_ + "/raw/x", "raw.x"), "ok");
}

TEST_F(LocationTest, FilesOfACommitLieInTheirTablesPlaces) {
  const TablePtr before = Filled("lab.trip");
  const TablePtr elsewhere = Filled("lab.other");
  auto after = CopyOf(before);
  iceberg::Snapshot snapshot = *elsewhere->current_snapshot();
  snapshot.parent = before->current_snapshot()->id;
  snapshot.sequence_number = 9;
  after->snapshots.push_back(snapshot);
  after->refs["main"].snapshot = snapshot.id;
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, after), "WH7071");  // another table's list
  const TablePtr moved = [&] {  // its own list and manifests, another table's data
    auto copy = CopyOf(elsewhere);
    copy->properties["write.metadata.path"] = elsewhere->location + "/metadata";
    copy->location = lake_ + "/lab/third";
    copy->name = "lab.third";
    return copy;
  }();
  const Status status = Judge(Who(Role::kWriter), nullptr, moved).status();
  EXPECT_EQ(status.error_code(), "WH7071");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("data file"));
}

TEST_F(LocationTest, ADataFileThatIsALinkIsRefused) {
  const TablePtr before = Filled("lab.trip");
  const TablePtr after = Append(before, R"([{"id":4}])");
  for (const std::string& file : Files(after)) {
    const auto old = Files(before);
    if (std::find(old.begin(), old.end(), file) != old.end()) continue;
    std::filesystem::rename(file, scratch_ / "outside/secret.parquet");
    ASSERT_EQ(symlink((scratch_ / "outside/secret.parquet").c_str(), file.c_str()), 0);
  }
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, after), "WH7071");
}

TEST_F(LocationTest, AManifestListThatIsNoFileIsNotOpened) {
  const TablePtr before = Filled("lab.trip");
  const std::string pipe = before->location + "/metadata/pipe.avro";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);  // to read it would wait for ever
  auto after = CopyOf(before);
  iceberg::Snapshot snapshot = *before->current_snapshot();
  snapshot.parent = snapshot.id;
  snapshot.id = SnapshotId(42);
  snapshot.sequence_number = 9;
  snapshot.manifest_list = pipe;
  after->snapshots.push_back(snapshot);
  after->refs["main"].snapshot = snapshot.id;
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, after), "WH7078");
}

TEST_F(LocationTest, StatisticsLieInTheTableToo) {
  const TablePtr before = Filled("lab.trip");
  auto after = CopyOf(before);
  after->other_keys["statistics"] =
      R"([{"snapshot-id":1,"statistics-path":"/etc/passwd","file-size-in-bytes":1}])";
  EXPECT_EQ(CodeOf(Who(Role::kAdmin), before, after), "WH7071");
}
}  // namespace
}  // namespace weirhouse::policy

#include "ground/iceberg/write/move_table.h"

#include <filesystem>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/platform/io/local_store.h"
#include "ground/platform/io/moved_store.h"

namespace weirhouse::iceberg {
namespace {

struct MoveTableTest : TableTest {
  const std::string place = scratch_ / "elsewhere/flight";
  const TableMove move{{scratch_ / "processed"}, scratch_ / "elsewhere"};
  platform::MovedStore moved_store{platform::LocalStore(), move.former, move.present};

  // Two months, rows deleted from the first, a column of statistics of some other engine.
  TablePtr Flights() {
    TablePtr table = Append(NewFlights(),
                            R"([{"id":1,"origin":"JFK","at":"2013-01-01T00:00:00Z","delay":1.5},
                   {"id":2,"origin":"LGA","at":"2013-01-02T00:00:00Z","delay":null},
                   {"id":3,"origin":"EWR","at":"2013-02-01T00:00:00Z","delay":-2}])")
                         .table;
    StagedWrite write(store(), table, random_, Options("r2"));
    EXPECT_OK(write.DeleteRows(Find(table, {2})));
    EXPECT_OK(write.Append(*Rows(R"([{"id":4,"at":"2013-02-02T00:00:00Z"}])")));
    return write.Finish().value().table;
  }
  void MoveFolder() {
    std::filesystem::create_directories(scratch_ / "elsewhere");
    std::filesystem::rename(scratch_ / "processed/flight", place);
  }
};

TEST_F(MoveTableTest, NamesNothingThatIsElsewhere) {
  const TablePtr table = Flights();
  const std::string before = RowsAsJson(*Read(table));
  MoveFolder();
  ASSERT_OK_AND(const StagedTable moved, StageMove(moved_store, table, random_, move, now()));
  EXPECT_EQ(moved.change.expected_metadata_location, table->metadata_location);
  EXPECT_TRUE(moved.change.metadata_location.starts_with(place + "/metadata/00002-"))
      << moved.change.metadata_location;
  // By the plain store: nothing leads to the former place.
  ASSERT_OK_AND(const TablePtr loaded,
                LoadTable(store(), table->name, moved.change.metadata_location));
  EXPECT_EQ(RowsAsJson(*Read(loaded)), before);
  const std::string text = SerializeTableMetadata(*loaded);
  EXPECT_EQ(text.find(scratch_ / "processed"), std::string::npos) << text;
  ASSERT_EQ(loaded->snapshots.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const Snapshot& now_is = loaded->snapshots[i];
    const Snapshot& was = table->snapshots[i];
    EXPECT_EQ(now_is.id, was.id);
    EXPECT_EQ(now_is.sequence_number, was.sequence_number);
    EXPECT_EQ(now_is.timestamp_ms, was.timestamp_ms);
    ScanOptions options;
    options.snapshot = was.id;
    EXPECT_EQ(Read(loaded, options)->num_rows(), 3);
  }
  // One delete file, one list for each snapshot, and no manifest twice; all recorded with their
  // bytes.
  std::map<std::string_view, int> kinds;
  for (const catalog::FileRecord& file : moved.files) {
    ++kinds[catalog::Name(file.kind)];
    EXPECT_EQ(Sha256Of(testing::ReadFile(file.path)), file.sha256) << file.path;
    EXPECT_EQ(static_cast<std::int64_t>(testing::ReadFile(file.path).size()), file.size_bytes);
  }
  EXPECT_EQ(kinds["deletes"], 1);
  EXPECT_EQ(kinds["manifest_list"], 2);
  EXPECT_EQ(kinds["metadata"], 1);
  EXPECT_GE(kinds["manifest"], 2);
  EXPECT_EQ(moved.paths_to_sync.size(), moved.files.size());
}

TEST_F(MoveTableTest, EntriesKeepTheirPlaceInHistory) {
  const TablePtr table = Flights();
  const auto entries_of = [&](platform::ObjectStore& from, const TablePtr& one) {
    std::vector<std::string> entries;
    const auto list = LoadManifestList(from, one->current_snapshot()->manifest_list).value();
    for (const ManifestFile& file : *list) {
      const auto manifest = LoadManifest(from, *one, file).value();
      for (const ManifestEntry& entry : manifest->entries) {
        const DataFile& data = *entry.file;
        const bool deletes = data.content != DataFile::Content::kData;
        entries.push_back(fmt::format("{} {} {} {} {} {} {} {}", static_cast<int>(entry.status),
                                      data.row_count, deletes ? 0 : data.size_bytes,
                                      data.data_sequence_number, data.file_sequence_number,
                                      data.added_by.value(), data.columns.size(), file.added_rows));
      }
    }
    return entries;
  };
  const auto before = entries_of(store(), table);
  MoveFolder();
  ASSERT_OK_AND(const StagedTable moved, StageMove(moved_store, table, random_, move, now()));
  EXPECT_EQ(entries_of(store(), moved.table), before);
}

TEST_F(MoveTableTest, RowsAreDeletedAndWrittenAfterTheMove) {
  const TablePtr table = Flights();
  MoveFolder();
  ASSERT_OK_AND(const StagedTable moved, StageMove(moved_store, table, random_, move, now()));
  StagedWrite write(store(), moved.table, random_, Options("r3"));
  ASSERT_OK(write.DeleteRows(Find(moved.table, {1})));
  ASSERT_OK_AND(const StagedTable after, write.Finish());
  EXPECT_EQ(Read(after.table)->num_rows(), 2);
}

TEST_F(MoveTableTest, ATableOfAnotherPlaceIsLeftAlone) {
  const TablePtr table = Flights();
  const TableMove other{{scratch_ / "other"}, scratch_ / "elsewhere"};
  ASSERT_OK_AND(const StagedTable moved, StageMove(store(), table, random_, other, now()));
  EXPECT_TRUE(moved.files.empty());
  EXPECT_EQ(moved.table, nullptr);
}

TEST(MoveJsonLocations, MovesTextsThatAreLocations) {
  const TableMove move{{"/old"}, "/new"};
  const nlohmann::json value = {
      {"location", "/old/t"},
      {"sql", "select '/old/t'"},
      {"list", {"/old", "/older", 7, nullptr, {{"deep", "file:///old/x"}}}}};
  EXPECT_EQ(
      MoveJsonLocations(value, move),
      (nlohmann::json{{"location", "/new/t"},
                      {"sql", "select '/old/t'"},
                      {"list", {"/new", "/older", 7, nullptr, {{"deep", "file:///new/x"}}}}}));
}

TEST(MovePuffinFile, KeepsVectorsInTheirPlace) {
  const TableMove move{{"/old/place"}, "/new"};
  const auto puffin = [](const std::string& path) {
    const std::string footer =
        nlohmann::json{
            {"blobs", {{{"offset", 4}, {"properties", {{"referenced-data-file", path}}}}}}}
            .dump();
    std::string bytes = "PFA1vectorPFA1" + footer;
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>((footer.size() >> shift) & 0xff);
    return bytes + std::string(4, '\0') + "PFA1";
  };
  EXPECT_EQ(MovePuffinFile(puffin("/old/place/a.parquet"), move), puffin("/new/a.parquet"));
  // A file that is not Puffin, or has a wrong footer, is left as it is.
  std::string lies = puffin("/old/place/a.parquet");
  lies[lies.size() - 12] = '\xff';
  lies[lies.size() - 10] = '\x7f';
  for (const std::string& other : {std::string(), std::string("PFA1"), std::string(40, 'x'), lies})
    EXPECT_EQ(MovePuffinFile(other, move), other);
}
}  // namespace
}  // namespace weirhouse::iceberg

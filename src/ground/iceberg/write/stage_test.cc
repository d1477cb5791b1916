#include <fmt/format.h>

#include <filesystem>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/platform/io/faulty_store.h"

namespace weirhouse::iceberg {
namespace {

using ::testing::HasSubstr;

constexpr char kThreeFlights[] = R"([
    {"id":1,"origin":"EWR","at":"2013-01-05T10:00:00Z","delay":1.5},
    {"id":2,"origin":"JFK","at":"2013-02-01T00:00:00Z","delay":null},
    {"id":3,"origin":null,"at":"2013-01-31T23:59:59Z","delay":-2.0}])";

using StageTest = TableTest;

TEST_F(StageTest, ANewTableWithoutRowsHasMetadataAndNoSnapshot) {
  StagedWrite write(store(), NewFlights(), random_, Options());
  ASSERT_OK_AND(const StagedTable staged, write.Finish());
  EXPECT_TRUE(staged.snapshots.empty());
  EXPECT_FALSE(staged.change.expected_metadata_location.has_value());
  EXPECT_THAT(staged.change.metadata_location, HasSubstr("/metadata/00000-"));
  ASSERT_EQ(staged.files.size(), 1u);
  EXPECT_EQ(staged.files[0].kind, catalog::FileKind::kMetadata);
  EXPECT_EQ(Ids(staged.table), "");
}

TEST_F(StageTest, AppendedRowsComeBackAsTheyWere) {
  const StagedTable staged = Append(NewFlights(), kThreeFlights);
  EXPECT_EQ(RowsAsJson(*Read(staged.table)),
            "{\"id\":1,\"origin\":\"EWR\",\"at\":\"2013-01-05T10:00:00Z\",\"delay\":1.5}\n"
            "{\"id\":3,\"origin\":null,\"at\":\"2013-01-31T23:59:59Z\",\"delay\":-2.0}\n"
            "{\"id\":2,\"origin\":\"JFK\",\"at\":\"2013-02-01T00:00:00Z\",\"delay\":null}\n");
}

TEST_F(StageTest, WhatIsReadFromDiskEqualsWhatWasKeptInMemory) {
  StagedTable staged = Append(NewFlights(), kThreeFlights);
  staged = Append(staged.table, R"([{"id":4,"at":"2013-02-02T00:00:00Z"}])", "r2");
  const std::string warm = RowsAsJson(*Read(staged.table));
  ASSERT_OK_AND(const TablePtr loaded,
                LoadTable(store(), "processed.flight", staged.change.metadata_location));
  EXPECT_EQ(RowsAsJson(*Read(loaded)), warm);
  EXPECT_EQ(SerializeTableMetadata(*loaded), SerializeTableMetadata(*staged.table));
}

TEST_F(StageTest, AppendSplitsByPartitionAndTellsWhereEachRowWent) {
  StagedWrite write(store(), NewFlights(), random_, Options("r7"));
  ASSERT_OK_AND(const AppendedRows rows, write.Append(*Rows(kThreeFlights)));
  ASSERT_EQ(rows.files.size(), 2u);
  EXPECT_THAT(rows.files[0].path, HasSubstr("/data/at_month=2013-01/r7-00000-"));
  EXPECT_THAT(rows.files[1].path, HasSubstr("/data/at_month=2013-02/r7-00001-"));
  EXPECT_EQ(rows.file_of_row, (std::vector<std::int32_t>{0, 1, 0}));
  EXPECT_EQ(rows.position_of_row, (std::vector<std::int64_t>{0, 0, 1}));
}

TEST_F(StageTest, TheSnapshotCountsWhatItAddedAndWhatIsThereNow) {
  StagedTable staged = Append(NewFlights(), kThreeFlights);
  ASSERT_EQ(staged.snapshots.size(), 1u);
  EXPECT_EQ(staged.snapshots[0].operation, "append");
  EXPECT_EQ(staged.snapshots[0].added_rows, 3);
  EXPECT_EQ(staged.snapshots[0].total_rows, 3);
  EXPECT_EQ(staged.snapshots[0].sequence_number, 1);
  const auto& summary = staged.table->current_snapshot()->summary;
  EXPECT_EQ(summary.at("added-data-files"), "2");
  EXPECT_EQ(summary.at("total-records"), "3");
  EXPECT_EQ(summary.at("changed-partition-count"), "2");
  EXPECT_EQ(summary.at("weirhouse.run-id"), "r1");
  EXPECT_EQ(summary.at("weirhouse.idempotency-key"), "key-r1");
}

TEST_F(StageTest, AnUpsertMasksOldRowsWithOneDeleteFilePerPartition) {
  StagedTable staged = Append(NewFlights(), kThreeFlights);
  StagedWrite write(store(), staged.table, random_, Options("r2"));
  ASSERT_OK(write.Append(*Rows(R"([
      {"id":1,"origin":"EWR","at":"2013-02-05T10:00:00Z","delay":9.0},
      {"id":3,"origin":"LGA","at":"2013-01-31T23:59:59Z","delay":7.0}])")));
  ASSERT_OK(write.DeleteRows(Find(staged.table, {1, 3})));
  ASSERT_OK_AND(const StagedTable upserted, write.Finish());
  EXPECT_EQ(Ids(upserted.table), "1 2 3");
  EXPECT_EQ(Ids(staged.table), "1 2 3");
  EXPECT_THAT(RowsAsJson(*Read(upserted.table)), HasSubstr("2013-02-05"));
  EXPECT_EQ(upserted.snapshots[0].operation, "overwrite");
  EXPECT_EQ(upserted.snapshots[0].added_rows, 2);
  EXPECT_EQ(upserted.snapshots[0].deleted_rows, 2);
  EXPECT_EQ(upserted.snapshots[0].total_rows, 3);
  int delete_files = 0;
  for (const auto& file : upserted.files)
    delete_files += file.kind == catalog::FileKind::kDeletes ? 1 : 0;
  EXPECT_EQ(delete_files, 1);  // both rows were in January
}

TEST_F(StageTest, ARowAppendedInThisWriteCanBeMaskedInIt) {
  StagedWrite write(store(), NewFlights(), random_, Options());
  ASSERT_OK_AND(const AppendedRows rows, write.Append(*Rows(kThreeFlights)));
  ASSERT_OK(write.DeleteRows(std::vector<RowPosition>{{rows.files[0].path, 1}}));
  ASSERT_OK_AND(const StagedTable staged, write.Finish());
  EXPECT_EQ(Ids(staged.table), "1 2");
}

TEST_F(StageTest, DeletingFromAFileThatIsNotThereIsAnError) {
  const StagedTable staged = Append(NewFlights(), kThreeFlights);
  StagedWrite write(store(), staged.table, random_, Options());
  ASSERT_OK(write.DeleteRows(std::vector<RowPosition>{{"/nowhere.parquet", 0}}));
  const Status status = write.Finish().status();
  EXPECT_EQ(status.error_code(), "WH7058");
  EXPECT_THAT(status.message(), HasSubstr("/nowhere.parquet"));
}

TEST_F(StageTest, DeletingARowBeyondTheEndOfItsFileIsAnError) {
  const StagedTable staged = Append(NewFlights(), kThreeFlights);
  auto rows = Find(staged.table, {2});
  rows[0].position = 1;
  StagedWrite write(store(), staged.table, random_, Options());
  ASSERT_OK(write.DeleteRows(rows));
  EXPECT_EQ(write.Finish().status().error_code(), "WH7058");
}

TEST_F(StageTest, FinishWithoutAChangeIsANoOp) {
  const StagedTable staged = Append(NewFlights(), kThreeFlights);
  StagedWrite write(store(), staged.table, random_, Options());
  ASSERT_OK(write.Append(*Rows("[]")));
  ASSERT_OK(write.SetSchema(staged.table->schema()));
  ASSERT_OK_AND(const StagedTable same, write.Finish());
  EXPECT_TRUE(same.snapshots.empty());
  EXPECT_TRUE(same.files.empty());
  EXPECT_EQ(same.change.metadata_location, staged.change.metadata_location);
}

TEST_F(StageTest, RemovingAFileTakesTheDeletesWithItThatOnlyItHad) {
  StagedTable staged = Append(NewFlights(), kThreeFlights);
  StagedWrite upsert(store(), staged.table, random_, Options("r2"));
  ASSERT_OK(upsert.DeleteRows(Find(staged.table, {1})));
  ASSERT_OK_AND(staged, upsert.Finish());
  EXPECT_EQ(staged.snapshots[0].operation, "delete");
  const std::string january = Find(staged.table, {3})[0].file;
  StagedWrite remove(store(), staged.table, random_, Options("r3"));
  ASSERT_OK(remove.RemoveFiles(std::vector<std::string>{january}));
  ASSERT_OK_AND(staged, remove.Finish());
  EXPECT_EQ(Ids(staged.table), "2");
  const auto& summary = staged.table->current_snapshot()->summary;
  EXPECT_EQ(summary.at("deleted-data-files"), "1");
  EXPECT_EQ(summary.at("removed-delete-files"), "1");
  EXPECT_EQ(summary.at("total-delete-files"), "0");
  EXPECT_EQ(summary.at("total-position-deletes"), "0");
  EXPECT_EQ(staged.snapshots[0].deleted_rows, 1);  // row 1 was masked already
  EXPECT_EQ(staged.snapshots[0].total_rows, 1);
}

TEST_F(StageTest, ReplacingEverythingLeavesOnlyTheNewRows) {
  StagedTable staged = Append(NewFlights(), kThreeFlights);
  StagedWrite write(store(), staged.table, random_, Options("r2"));
  ASSERT_OK(write.RemoveAllFiles());
  ASSERT_OK(write.Append(*Rows(R"([{"id":9,"at":"2013-03-01T00:00:00Z"}])")));
  ASSERT_OK_AND(staged, write.Finish());
  EXPECT_EQ(Ids(staged.table), "9");
  EXPECT_EQ(staged.snapshots[0].operation, "overwrite");
  EXPECT_EQ(staged.snapshots[0].deleted_rows, 3);
  EXPECT_EQ(staged.snapshots[0].total_rows, 1);
  EXPECT_EQ(staged.table->current_snapshot()->summary.at("total-records"), "1");
}

TEST_F(StageTest, AStagingRefLeavesMainWhereItIs) {
  StagedTable staged = Append(NewFlights(), kThreeFlights);
  StageOptions options = Options("r2");
  options.ref = "staging-r2";
  StagedWrite write(store(), staged.table, random_, options);
  Schema wider = staged.table->schema();
  Field note;
  note.name = "note";
  note.type = TypeKind::kString;
  wider.fields.push_back(note);
  ASSERT_OK(write.SetSchema(wider));
  ASSERT_OK(write.Append(*Rows(R"([{"id":4,"at":"2013-01-01T00:00:00Z"}])")));
  ASSERT_OK_AND(StagedTable halted, write.Finish());
  EXPECT_EQ(Ids(halted.table), "1 2 3");
  EXPECT_EQ(halted.table->schema().Find("note"), nullptr);
  EXPECT_EQ(halted.snapshots[0].ref, "staging-r2");
  ScanOptions of_staged;
  of_staged.snapshot = halted.table->FindRef("staging-r2")->id;
  EXPECT_EQ(Ids(halted.table, of_staged), "1 2 3 4");
  EXPECT_EQ(Read(halted.table, of_staged)->num_columns(), 5);

  const std::vector<RefChange> publish = {{"main", of_staged.snapshot}, {"staging-r2", {}}};
  ASSERT_OK_AND(const StagedTable published,
                StageRefs(store(), halted.table, random_, publish, now()));
  EXPECT_EQ(Ids(published.table), "1 2 3 4");
  EXPECT_NE(published.table->schema().Find("note"), nullptr);
  EXPECT_EQ(published.table->FindRef("staging-r2"), nullptr);
  ASSERT_EQ(published.snapshots.size(), 1u);
  EXPECT_EQ(published.snapshots[0].ref, "main");
  EXPECT_EQ(published.table->snapshot_log.size(), 2u);
}

TEST_F(StageTest, ARefCannotNameASnapshotThatIsNotThere) {
  const StagedTable staged = Append(NewFlights(), kThreeFlights);
  const std::vector<RefChange> changes = {{"late#1", SnapshotId(12345), "tag"}};
  const Status status = StageRefs(store(), staged.table, random_, changes, now()).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.error_code(), "WH7059");
}

TEST_F(StageTest, KeepsTheLastHundredSnapshotsAndThoseThatTagsName) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":0}])");
  const SnapshotId tagged = staged.table->current_snapshot()->id;
  const std::vector<RefChange> tag = {{"late#1", tagged, "tag"}};
  ASSERT_OK_AND(staged, StageRefs(store(), staged.table, random_, tag, now()));
  for (int i = 1; i <= kSnapshotsKept + 20; ++i) {
    staged = Append(staged.table, fmt::format(R"([{{"id":{}}}])", i), fmt::format("r{}", i));
  }
  EXPECT_EQ(staged.table->snapshots.size(), static_cast<std::size_t>(kSnapshotsKept) + 1);
  EXPECT_EQ(staged.table->metadata_log.size(), static_cast<std::size_t>(kMetadataLogMax));
  ScanOptions past;
  past.snapshot = tagged;
  EXPECT_EQ(Ids(staged.table, past), "0");
  EXPECT_EQ(Read(staged.table)->num_rows(), kSnapshotsKept + 21);
  // The log begins after the last entry that went.
  EXPECT_EQ(staged.table->snapshot_log.size(), static_cast<std::size_t>(kSnapshotsKept));
  EXPECT_EQ(staged.table->snapshot_log.back().second, staged.table->current_snapshot()->id);
}

TEST_F(StageTest, MetadataOfAHundredSnapshotsIsShort) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":0}])");
  EXPECT_EQ(staged.change.metadata_location.find(".gz."), std::string::npos);
  for (int i = 1; i <= kSnapshotsKept; ++i) {
    staged = Append(staged.table, fmt::format(R"([{{"id":{}}}])", i), fmt::format("r{}", i));
  }
  const std::string& location = staged.change.metadata_location;
  EXPECT_TRUE(location.ends_with(".gz.metadata.json")) << location;
  ASSERT_OK_AND(const std::string bytes, store().Read(LocalPath(location)));
  EXPECT_LT(bytes.size(), 24u << 10);
  EXPECT_EQ(staged.files.back().size_bytes, static_cast<std::int64_t>(bytes.size()));
  ASSERT_OK_AND(const TablePtr read, LoadTable(store(), staged.table->name, location));
  EXPECT_EQ(SerializeTableMetadata(*read), SerializeTableMetadata(*staged.table));
  // Of older snapshots only what is asked of them.
  const auto& newest = read->current_snapshot()->summary;
  const auto& older = read->snapshots.front().summary;
  for (const char* key : {"weirhouse.idempotency-key", "manifests-kept"}) {
    EXPECT_TRUE(newest.contains(key)) << key;
    EXPECT_FALSE(older.contains(key)) << key;
  }
  for (const char* key : {"operation", "added-records", "total-records", "weirhouse.run-id",
                          "weirhouse.live-rows", "total-files-size"}) {
    EXPECT_TRUE(older.contains(key)) << key;
  }
}

TEST_F(StageTest, ATableSaysItselfWhetherItsMetadataIsCompressed) {
  for (const char* codec : {"none", "gzip"}) {
    StagedWrite write(store(), NewFlights({}), random_, Options("r1"));
    ASSERT_OK(write.Append(*Rows(R"([{"id":0}])")));
    write.SetProperty("write.metadata.compression-codec", codec);
    // Long enough to be compressed, or short enough not to be.
    write.SetProperty("note", std::string(std::string_view(codec) == "none" ? 20'000 : 20, 'x'));
    ASSERT_OK_AND(const StagedTable staged, write.Finish());
    const bool gzip = staged.change.metadata_location.ends_with(".gz.metadata.json");
    EXPECT_EQ(gzip, std::string_view(codec) == "gzip");
    ASSERT_OK_AND(const TablePtr read,
                  LoadTable(store(), staged.table->name, staged.change.metadata_location));
    EXPECT_EQ(read->properties, staged.table->properties);
  }
}

TEST_F(StageTest, SmallManifestsAreMergedBeforeThereAreMany) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":0}])");
  int most = 0;
  for (int i = 1; i <= 70; ++i) {
    StagedWrite write(store(), staged.table, random_, Options(fmt::format("r{}", i)));
    ASSERT_OK(write.Append(*Rows(fmt::format(R"([{{"id":{}}}])", i))));
    ASSERT_OK(write.DeleteRows(Find(staged.table, {i - 1})));
    ASSERT_OK_AND(staged, write.Finish());
    const auto& summary = staged.table->current_snapshot()->summary;
    most = std::max(
        most, std::stoi(summary.at("manifests-created")) + std::stoi(summary.at("manifests-kept")));
  }
  EXPECT_LT(most, 2 * kManifestsMergeAt);
  EXPECT_EQ(Ids(staged.table), "70");
  EXPECT_EQ(staged.table->current_snapshot()->summary.at("total-data-files"), "71");
}

// How many entries the commit of `table` wrote into manifests.
std::int64_t EntriesWritten(platform::ObjectStore& store, const TablePtr& table) {
  const Snapshot& snapshot = *table->current_snapshot();
  std::int64_t entries = 0;
  const auto list = LoadManifestList(store, snapshot.manifest_list);
  EXPECT_OK(list);
  for (const ManifestFile& file : **list) {
    if (file.added_by == snapshot.id)
      entries += file.added_files + file.existing_files + file.deleted_files;
  }
  return entries;
}

// What a commit writes does not grow with the number of commits before it.
TEST_F(StageTest, LateCommitsWriteAsMuchAsEarlyOnes) {
  TablePtr table = NewFlights({});
  std::vector<std::int64_t> written;   // bytes of manifests, by hundreds of commits
  std::vector<std::int64_t> metadata;  // of metadata.json, the last of each hundred
  std::int64_t entries = 0;
  for (int i = 0; i < 600; ++i) {
    const StagedTable staged =
        Append(table, fmt::format(R"([{{"id":{}}}])", i), fmt::format("r{}", i));
    if (i % 100 == 0) {
      written.push_back(0);
      metadata.push_back(0);
    }
    for (const catalog::FileRecord& file : staged.files) {
      if (file.kind == catalog::FileKind::kManifest) written.back() += file.size_bytes;
      if (file.kind == catalog::FileKind::kMetadata) metadata.back() = file.size_bytes;
    }
    table = staged.table;
    entries += EntriesWritten(store(), table);
  }
  EXPECT_LT(entries, 600 * 4);  // each is written again a few times in its life
  EXPECT_LT(written[5], written[1] * 13 / 10);
  EXPECT_LT(metadata[5], metadata[1] * 11 / 10);
  ASSERT_OK_AND(const auto list,
                LoadManifestList(store(), table->current_snapshot()->manifest_list));
  EXPECT_LT(list->size(), static_cast<std::size_t>(kManifestsMergeAt));
  RecordProperty("bytes_early", static_cast<int>(written[1]));
  RecordProperty("bytes_late", static_cast<int>(written[5]));
  EXPECT_EQ(Read(table)->num_rows(), 600);
}

TEST_F(StageTest, AnAppendLeavesEarlierManifestsAloneAndReadsNone) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":0}])");
  staged = Append(staged.table, R"([{"id":1}])", "r2");
  // With every manifest gone an append still works: it only copies lines of the list.
  for (const auto& entry :
       std::filesystem::directory_iterator(staged.table->location + "/metadata")) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".avro") && !name.starts_with("snap-")) {
      std::filesystem::remove(entry.path());
    }
  }
  staged = Append(staged.table, R"([{"id":2}])", "r3");
  EXPECT_EQ(staged.table->current_snapshot()->summary.at("manifests-kept"), "2");
}

TEST_F(StageTest, RefusesRowsThatDoNotFitTheTable) {
  const TablePtr table = NewFlights();
  const auto append = [&](const std::shared_ptr<arrow::Schema>& schema, const char* json) {
    StagedWrite write(store(), table, random_, Options());
    return write.Append(*TableOf(schema, json)).status();
  };
  Status status = append(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("orgin", arrow::utf8())}),
      R"([{"id":1,"orgin":"EWR"}])");
  EXPECT_EQ(status.error_code(), "WH7057");
  EXPECT_THAT(status.message(), HasSubstr("\"orgin\""));
  EXPECT_THAT(status.hint(), HasSubstr("origin"));

  status = append(arrow::schema({arrow::field("id", arrow::int64())}), R"([{"id":1},{"id":null}])");
  EXPECT_THAT(status.message(), HasSubstr("required column has a null"));
  EXPECT_THAT(status.message(), HasSubstr("row 1"));

  status = append(arrow::schema({arrow::field("origin", arrow::utf8())}), R"([{"origin":"EWR"}])");
  EXPECT_THAT(status.message(), HasSubstr("lack a required column"));

  status = append(arrow::schema({arrow::field("id", arrow::utf8())}), R"([{"id":"1"}])");
  EXPECT_THAT(status.message(), HasSubstr("wrong type"));
  EXPECT_THAT(status.hint(), HasSubstr("cast it to long"));
}

TEST_F(StageTest, AStructThatRowsLackIsNullThoughItsMembersAreRequired) {
  const TablePtr base = NewFlights();
  TableMetadata metadata = *base;
  Schema schema = base->schema();
  schema.schema_id = 1;
  Field place;
  place.id = 5;
  place.name = "place";
  place.type = Type::Struct(
      {{6, "lat", TypeKind::kDouble, true, ""}, {7, "code", TypeKind::kString, true, ""}});
  schema.fields.push_back(place);
  metadata.schemas.push_back(schema);
  metadata.current_schema_id = 1;
  metadata.last_column_id = 7;
  const StagedTable staged = Append(std::make_shared<const TableMetadata>(metadata),
                                    R"([{"id":1,"at":"2013-01-01T00:00:00Z"},
                                        {"id":2,"at":"2013-02-01T00:00:00Z"}])");
  const auto rows = Read(staged.table);
  ASSERT_EQ(rows->num_rows(), 2);
  EXPECT_EQ(rows->GetColumnByName("place")->null_count(), 2);
}

TEST_F(StageTest, IdentityPartitionsOfTextAreSafeInPaths) {
  StagedWrite write(store(), NewFlights({"origin"}), random_, Options());
  ASSERT_OK_AND(const AppendedRows rows, write.Append(*Rows(R"([
      {"id":1,"origin":"../x"},{"id":2,"origin":".."},{"id":3,"origin":null},{"id":4,"origin":""}])")));
  ASSERT_EQ(rows.files.size(), 4u);
  for (const DataFile& file : rows.files) EXPECT_EQ(file.path.find("/.."), std::string::npos);
  ASSERT_OK_AND(const StagedTable staged, write.Finish());
  EXPECT_EQ(Ids(staged.table), "1 2 3 4");
}

// Whatever call fails, nothing that was there changes: the pointer still leads to the old rows.
TEST_F(StageTest, AFailingDiskLeavesTheTableAsItWas) {
  const StagedTable staged = Append(NewFlights(), kThreeFlights);
  const std::vector<RowPosition> gone = Find(staged.table, {1});
  for (int fail_at = 1;; ++fail_at) {
    ASSERT_LT(fail_at, 100);
    platform::FaultyStore faulty(store(), fail_at, Code::kUnavailable);
    StagedWrite write(faulty, staged.table, random_, Options("r2"));
    Status status = testing::StatusOf(write.Append(*Rows(kThreeFlights)));
    if (status.ok()) status = write.DeleteRows(gone);
    if (status.ok()) status = write.Finish().status();
    ASSERT_OK_AND(const TablePtr loaded,
                  LoadTable(store(), "processed.flight", staged.change.metadata_location));
    ASSERT_EQ(Ids(loaded), "1 2 3") << "fail_at=" << fail_at;
    if (!faulty.fault_fired()) {
      EXPECT_OK(status);
      break;
    }
    EXPECT_EQ(status.code(), Code::kUnavailable) << "fail_at=" << fail_at;
  }
}
}  // namespace
}  // namespace weirhouse::iceberg

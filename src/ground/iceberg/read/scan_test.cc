#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>

#include "ground/iceberg/format/avro.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

using ::testing::HasSubstr;

class ScanTest : public TableTest {
 protected:
  // January to March, two commits; file bounds on `id` do not overlap.
  TablePtr ThreeMonths() {
    StagedTable staged = Append(NewFlights(), R"([
        {"id":1,"origin":"EWR","at":"2013-01-05T10:00:00Z","delay":1.5},
        {"id":2,"origin":"JFK","at":"2013-02-05T00:00:00Z","delay":2.5}])");
    return Append(staged.table, R"([
        {"id":10,"origin":"LGA","at":"2013-03-05T00:00:00Z","delay":3.5},
        {"id":11,"origin":null,"at":null,"delay":null}])",
                  "r2")
        .table;
  }

  std::size_t FilesFor(const TablePtr& table, std::vector<ColumnRange> ranges) {
    ScanOptions options;
    options.ranges = std::move(ranges);
    return Scan::Plan(store(), table, options).value().tasks().size();
  }
  static std::string Time(const char* text) { return EncodeLong(ParseTimeMicros(text).value()); }

  // Adds delete files that no writer of ours makes: a snapshot on top of `base`.
  TablePtr WithDeletes(const TablePtr& base, std::vector<DataFile> files) {
    TableMetadata next = *base;
    const std::int64_t number = next.last_sequence_number + 1;
    const SnapshotId id(random_.PositiveId());
    std::map<int, ManifestDraft> drafts;
    for (DataFile& file : files) {
      file.data_sequence_number = number;
      file.file_sequence_number = number;
      ManifestDraft& draft = drafts[file.spec_id];
      draft.content = ManifestFile::Content::kDeletes;
      draft.spec_id = file.spec_id;
      draft.snapshot = id;
      draft.sequence_number = number;
      draft.entries.push_back(
          {ManifestEntry::Status::kAdded, std::make_shared<const DataFile>(file)});
    }
    ManifestList list = *LoadManifestList(store(), base->current_snapshot()->manifest_list).value();
    for (auto& [spec, draft] : drafts) {
      WrittenManifest written = WriteManifest(draft, next).value();
      written.file.path = fmt::format("{}/metadata/{}-{}.avro", next.location, id.value(), spec);
      EXPECT_OK(store().Write(written.file.path, written.bytes));
      list.push_back(written.file);
    }
    Snapshot snapshot = *base->current_snapshot();
    snapshot.id = id;
    snapshot.sequence_number = number;
    snapshot.manifest_list = fmt::format("{}/metadata/snap-{}.avro", next.location, id.value());
    EXPECT_OK(store().Write(snapshot.manifest_list,
                            WriteManifestList(list, id, base->current_snapshot()->id, number)));
    next.snapshots.push_back(snapshot);
    next.last_sequence_number = number;
    next.refs["main"].snapshot = id;
    return std::make_shared<const TableMetadata>(std::move(next));
  }

  // An equality-delete file over `column` with that value.
  DataFile EqualityDelete(const TablePtr& table, const std::string& column,
                          const std::string& json_value,
                          std::vector<std::optional<std::string>> partition) {
    const Field& field = *table->schema().Find(column);
    const auto arrow_field = arrow::field(
        column, ArrowTypeOf(field.type).value(), true,
        arrow::KeyValueMetadata::Make({"PARQUET:field_id"}, {std::to_string(field.id)}));
    const auto rows =
        TableOf(arrow::schema({arrow_field}), fmt::format(R"([{{"{}":{}}}])", column, json_value));
    DataFile file;
    file.content = DataFile::Content::kEqualityDeletes;
    file.path = fmt::format("{}/data/eq-{}.parquet", table->location, random_.Next());
    const auto written = platform::WriteParquet(store(), file.path, *rows).value();
    file.row_count = 1;
    file.size_bytes = written.size_bytes;
    file.partition = std::move(partition);
    file.equality_ids = {field.id};
    return file;
  }
};

TEST_F(ScanTest, PrunesFilesByPartition) {
  const TablePtr table = ThreeMonths();
  EXPECT_EQ(FilesFor(table, {}), 4u);
  EXPECT_EQ(FilesFor(table, {{"at", Time("2013-02-10T00:00:00Z"), {}}}), 1u);
  EXPECT_EQ(FilesFor(table, {{"at", {}, Time("2013-01-31T00:00:00Z")}}), 1u);
  EXPECT_EQ(FilesFor(table, {{"at", Time("2014-01-01T00:00:00Z"), {}}}), 0u);
}

TEST_F(ScanTest, PrunesFilesByBounds) {
  const TablePtr table = ThreeMonths();
  EXPECT_EQ(FilesFor(table, {{"id", EncodeLong(2), EncodeLong(9)}}), 1u);
  EXPECT_EQ(FilesFor(table, {{"origin", "K", "Z"}}), 1u);
  EXPECT_EQ(FilesFor(table, {{"origin", "A", "Z"}}), 3u);  // the null one holds no such row
}

TEST_F(ScanTest, ReadsTheColumnsAskedForInThatOrder) {
  ScanOptions options;
  options.columns = {"delay", "id"};
  EXPECT_THAT(RowsAsJson(*Read(ThreeMonths(), options)), HasSubstr("{\"delay\":1.5,\"id\":1}"));
}

TEST_F(ScanTest, AnUnknownColumnIsNamedWithASuggestion) {
  ScanOptions options;
  options.columns = {"dealy"};
  const Status status = Scan::Plan(store(), ThreeMonths(), options).status();
  EXPECT_EQ(status.error_code(), "WH7064");
  EXPECT_THAT(status.hint(), HasSubstr("delay"));
}

TEST_F(ScanTest, TellsFilePositionAndSequenceNumberOfEachRow) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":1},{"id":2},{"id":3}])");
  StagedWrite write(store(), staged.table, random_, Options("r2"));
  ASSERT_OK(write.DeleteRows(Find(staged.table, {2})));
  ASSERT_OK_AND(staged, write.Finish());
  staged = Append(staged.table, R"([{"id":4}])", "r3");
  ScanOptions options;
  options.columns = {"id"};
  options.with_file_position = true;
  options.with_sequence_number = true;
  const auto rows = Read(staged.table, options);
  EXPECT_EQ(rows->schema()->field_names(),
            (std::vector<std::string>{"id", "_file", "_pos", "_sequence_number"}));
  const auto without_file = rows->RemoveColumn(1).ValueOrDie();
  EXPECT_EQ(RowsAsJson(*without_file),
            "{\"id\":1,\"_pos\":0,\"_sequence_number\":1}\n"
            "{\"id\":3,\"_pos\":2,\"_sequence_number\":1}\n"
            "{\"id\":4,\"_pos\":0,\"_sequence_number\":3}\n");
}

TEST_F(ScanTest, AnIncrementalReadSeesOnlyLaterFiles) {
  const TablePtr table = ThreeMonths();
  ScanOptions options;
  options.after_sequence_number = 1;
  EXPECT_EQ(Ids(table, options), "10 11");
  options.after_sequence_number = 2;
  EXPECT_EQ(Ids(table, options), "");
}

TEST_F(ScanTest, AnOldSnapshotIsReadWithItsOwnSchema) {
  const StagedTable first = Append(NewFlights(), R"([{"id":1}])");
  StagedWrite write(store(), first.table, random_, Options("r2"));
  Schema wider = first.table->schema();
  Field note;
  note.name = "note";
  note.type = TypeKind::kString;
  wider.fields.push_back(note);
  ASSERT_OK(write.SetSchema(wider));
  ASSERT_OK(write.Append(*Rows(R"([{"id":2}])")));
  ASSERT_OK_AND(const StagedTable second, write.Finish());
  ScanOptions past;
  past.snapshot = first.table->current_snapshot()->id;
  EXPECT_EQ(Read(second.table, past)->num_columns(), 4);
  EXPECT_EQ(Read(second.table)->num_columns(), 5);
}

TEST_F(ScanTest, PromotedColumnsReadAcrossOldAndNewFiles) {
  const auto narrow = arrow::schema(
      {arrow::field("id", arrow::int32(), false), arrow::field("x", arrow::float32())});
  const TablePtr table = NewFlights({"id"}, narrow);
  StagedWrite first(store(), table, random_, Options());
  ASSERT_OK(first.Append(
      *TableOf(arrow::schema({arrow::field("id", arrow::int64())}), R"([{"id":1},{"id":5}])")));
  ASSERT_OK_AND(StagedTable staged, first.Finish());
  StagedWrite second(store(), staged.table, random_, Options("r2"));
  Schema wide = table->schema();
  wide.fields[0].type = TypeKind::kLong;
  wide.fields[1].type = TypeKind::kDouble;
  ASSERT_OK(second.SetSchema(wide));
  ASSERT_OK(second.Append(*TableOf(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("x", arrow::float64())}),
      R"([{"id":5000000000,"x":0.1}])")));
  ASSERT_OK_AND(staged, second.Finish());
  EXPECT_EQ(Ids(staged.table), "1 5 5000000000");
  EXPECT_EQ(FilesFor(staged.table, {{"id", EncodeLong(2), EncodeLong(100)}}), 1u);
}

TEST_F(ScanTest, AnUnknownSnapshotIsNotFound) {
  ScanOptions options;
  options.snapshot = SnapshotId(5);
  EXPECT_EQ(Scan::Plan(store(), ThreeMonths(), options).status().code(), Code::kNotFound);
}

TEST_F(ScanTest, AnEqualityDeleteHidesOlderRowsOfItsPartitionOnly) {
  StagedTable staged = Append(NewFlights({"origin"}), R"([
      {"id":1,"origin":"EWR","delay":1.0},{"id":2,"origin":"JFK","delay":1.0}])");
  TablePtr table =
      WithDeletes(staged.table, {EqualityDelete(staged.table, "delay", "1.0", {"EWR"})});
  EXPECT_EQ(Ids(table), "2");
  // The same value written later is there: the delete is strictly older.
  staged = Append(table, R"([{"id":3,"origin":"EWR","delay":1.0}])", "r2");
  EXPECT_EQ(Ids(staged.table), "2 3");
}

TEST_F(ScanTest, AnUnpartitionedEqualityDeleteIsGlobal) {
  const StagedTable staged = Append(NewFlights({"origin"}), R"([
      {"id":1,"origin":"EWR","delay":1.0},{"id":2,"origin":"JFK","delay":1.0},
      {"id":3,"origin":"JFK","delay":2.0}])");
  TableMetadata two_specs = *staged.table;
  two_specs.specs.push_back({/*spec_id=*/1, {}});
  const auto base = std::make_shared<const TableMetadata>(two_specs);
  DataFile deletes = EqualityDelete(base, "delay", "1.0", {});
  deletes.spec_id = 1;
  EXPECT_EQ(Ids(WithDeletes(base, {deletes})), "3");
}

TEST_F(ScanTest, AnEqualityDeleteOfNullMatchesNull) {
  const StagedTable staged =
      Append(NewFlights({}), R"([{"id":1,"origin":null},{"id":2,"origin":"JFK"}])");
  EXPECT_EQ(Ids(WithDeletes(staged.table, {EqualityDelete(staged.table, "origin", "null", {})})),
            "2");
}

TEST_F(ScanTest, APositionDeleteDoesNotReachLaterFilesOrOtherPartitions) {
  const StagedTable staged = Append(NewFlights({"origin"}), R"([
      {"id":1,"origin":"EWR"},{"id":2,"origin":"JFK"}])");
  const std::string ewr = Find(staged.table, {1})[0].file;
  const std::string jfk = Find(staged.table, {2})[0].file;
  const auto id = [](const char* text) {
    return arrow::KeyValueMetadata::Make({"PARQUET:field_id"}, {text});
  };
  const auto rows =
      TableOf(arrow::schema({arrow::field("file_path", arrow::utf8(), true, id("2147483546")),
                             arrow::field("pos", arrow::int64(), true, id("2147483545"))}),
              fmt::format(R"([{{"file_path":"{}","pos":0}},{{"file_path":"{}","pos":0}},
                      {{"file_path":"{}","pos":99}}])",
                          jfk, ewr, ewr));
  DataFile deletes;
  deletes.content = DataFile::Content::kPositionDeletes;
  deletes.path = staged.table->location + "/data/foreign-deletes.parquet";
  ASSERT_OK(platform::WriteParquet(store(), deletes.path, *rows));
  deletes.row_count = 3;
  deletes.partition = {"EWR"};  // names a JFK file too, where it must not apply
  EXPECT_EQ(Ids(WithDeletes(staged.table, {deletes})), "2");
}

TEST_F(ScanTest, AnotherFileFormatIsRefusedByName) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":1}])");
  ASSERT_OK_AND(const Scan scan, Scan::Plan(store(), staged.table, {}));
  Scan::Task task = scan.tasks()[0];
  task.file.SetFormat("orc");
  const Status status = scan.Read(task).status();
  EXPECT_EQ(status.error_code(), "WH7065");
  EXPECT_THAT(status.message(), HasSubstr("in format orc, which is not supported"));
}

TEST_F(ScanTest, AMissingDataFileIsCorruptionWithItsPath) {
  const StagedTable staged = Append(NewFlights({}), R"([{"id":1}])");
  const std::string path = Find(staged.table, {1})[0].file;
  ASSERT_OK(store().Delete(path));
  const Status status = Scan::Plan(store(), staged.table, {}).value().ReadAll().status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr(path));
}
}  // namespace
}  // namespace weirhouse::iceberg

#include "ground/iceberg/format/manifest.h"

#include "ground/iceberg/format/avro.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

class ManifestTest : public TableTest {
 protected:
  TablePtr table_ = NewFlights({"month(at)", "origin"});

  static DataFile SampleFile(const std::string& path, std::int32_t month, const char* origin) {
    DataFile file;
    file.path = path;
    file.partition = {EncodeInt(month), std::nullopt};
    if (origin != nullptr) file.partition[1] = origin;
    file.row_count = 10;
    file.size_bytes = 1234;
    file.split_offsets = {4, 100};
    file.sort_order_id = 1;
    platform::ColumnStatistics& id = file.columns[1];
    id.size_bytes = 80;
    id.value_count = 10;
    id.lower_bound = EncodeLong(1);
    id.upper_bound = EncodeLong(9);
    platform::ColumnStatistics& delay = file.columns[4];
    delay.value_count = 10;
    delay.null_count = 3;
    delay.nan_count = 2;
    return file;
  }

  static ManifestEntry Entry(ManifestEntry::Status status, DataFile file,
                             std::int64_t sequence_number) {
    file.data_sequence_number = sequence_number;
    file.file_sequence_number = sequence_number;
    file.added_by = SnapshotId(sequence_number * 100);
    return {status, std::make_shared<const DataFile>(std::move(file))};
  }

  ManifestDraft Draft() const {
    ManifestDraft draft;
    draft.snapshot = SnapshotId(700);
    draft.sequence_number = 7;
    draft.entries = {
        Entry(ManifestEntry::Status::kAdded, SampleFile("/d/a.parquet", 516, "EWR"), 7),
        Entry(ManifestEntry::Status::kExisting, SampleFile("/d/b.parquet", 510, nullptr), 3),
        Entry(ManifestEntry::Status::kDeleted, SampleFile("/d/c.parquet", 517, "JFK"), 4)};
    return draft;
  }
};

TEST_F(ManifestTest, EveryFieldOfAFileRoundTrips) {
  ASSERT_OK_AND(const WrittenManifest written, WriteManifest(Draft(), *table_));
  ASSERT_OK_AND(const auto manifest, ParseManifest(written.bytes, *table_, written.file));
  ASSERT_EQ(manifest->entries.size(), 3u);
  const DataFile& file = *manifest->entries[0].file;
  EXPECT_EQ(file.path, "/d/a.parquet");
  EXPECT_EQ(file.format, FileFormat::kParquet);
  EXPECT_EQ(DecodeLong(*file.partition[0]), 516);
  EXPECT_EQ(file.partition[1], "EWR");
  EXPECT_EQ(file.row_count, 10);
  EXPECT_EQ(file.size_bytes, 1234);
  EXPECT_EQ(file.split_offsets, (std::vector<std::int64_t>{4, 100}));
  EXPECT_EQ(file.sort_order_id, 1);
  EXPECT_EQ(file.columns.at(1).lower_bound, EncodeLong(1));
  EXPECT_EQ(file.columns.at(1).upper_bound, EncodeLong(9));
  EXPECT_EQ(file.columns.at(1).nan_count, std::nullopt);
  EXPECT_EQ(file.columns.at(4).nan_count, 2);
  EXPECT_EQ(file.columns.at(4).null_count, 3);
  EXPECT_EQ(manifest->live_by_path.size(), 2u);
  EXPECT_EQ(manifest->entries[1].file->partition[1], std::nullopt);
}

TEST_F(ManifestTest, AFormatIsKnownInEitherCaseAndWrittenAsItWasRead) {
  ManifestDraft draft = Draft();
  const auto rename = [&draft](std::size_t i, std::string_view name) {
    auto file = std::make_shared<DataFile>(*draft.entries[i].file);
    file->SetFormat(name);
    draft.entries[i].file = std::move(file);
  };
  rename(0, "parquet");
  rename(1, "vortex");
  ASSERT_OK_AND(const WrittenManifest written, WriteManifest(draft, *table_));
  ASSERT_OK_AND(const auto manifest, ParseManifest(written.bytes, *table_, written.file));
  EXPECT_EQ(manifest->entries[0].file->format, FileFormat::kParquet);
  EXPECT_EQ(manifest->entries[0].file->format_name(), "parquet");
  EXPECT_EQ(manifest->entries[1].file->format, FileFormat::kOther);
  EXPECT_EQ(manifest->entries[1].file->format_name(), "vortex");
  EXPECT_EQ(manifest->entries[2].file->format_name(), "PARQUET");
}

TEST_F(ManifestTest, AddedEntriesInheritTheNumbersOfTheirManifest) {
  ASSERT_OK_AND(const WrittenManifest written, WriteManifest(Draft(), *table_));
  auto reader = AvroReader::Open(written.bytes).value();
  const AvroValue* added = reader.Next().value();
  EXPECT_EQ(added->Find(3), nullptr);
  EXPECT_EQ(added->Find(4), nullptr);
  const AvroValue* existing = reader.Next().value();
  EXPECT_EQ(existing->Find(3)->integer, 3);
  EXPECT_EQ(existing->Find(1)->integer, 300);
  ASSERT_OK_AND(const auto manifest, ParseManifest(written.bytes, *table_, written.file));
  EXPECT_EQ(manifest->entries[0].file->data_sequence_number, 7);
  EXPECT_EQ(manifest->entries[0].file->added_by, SnapshotId(700));
  EXPECT_EQ(manifest->entries[1].file->data_sequence_number, 3);
  EXPECT_EQ(manifest->entries[1].file->added_by, SnapshotId(300));
  EXPECT_EQ(manifest->entries[2].file->data_sequence_number, 4);
}

TEST_F(ManifestTest, HeadersCarryWhatTheSpecificationRequires) {
  ASSERT_OK_AND(const WrittenManifest written, WriteManifest(Draft(), *table_));
  const auto metadata = AvroReader::Open(written.bytes).value().metadata();
  EXPECT_EQ(metadata.at("schema-id"), "0");
  EXPECT_EQ(metadata.at("partition-spec-id"), "0");
  EXPECT_EQ(metadata.at("format-version"), "2");
  EXPECT_EQ(metadata.at("content"), "data");
  EXPECT_EQ(nlohmann::json::parse(metadata.at("schema")), table_->schema().ToJson());
  EXPECT_TRUE(nlohmann::json::parse(metadata.at("partition-spec")).is_array());
  const std::string list =
      WriteManifestList(std::vector<ManifestFile>{written.file}, SnapshotId(700), {}, 7);
  const auto header = AvroReader::Open(list).value().metadata();
  EXPECT_EQ(header.at("snapshot-id"), "700");
  EXPECT_EQ(header.at("parent-snapshot-id"), "null");
  EXPECT_EQ(header.at("sequence-number"), "7");
}

TEST_F(ManifestTest, TheListCountsAndSummarizes) {
  ASSERT_OK_AND(WrittenManifest written, WriteManifest(Draft(), *table_));
  written.file.path = "/m/x-m0.avro";
  const std::string bytes =
      WriteManifestList(std::vector<ManifestFile>{written.file}, SnapshotId(700), {}, 7);
  ASSERT_OK_AND(const auto list, ParseManifestList(bytes, "/m/snap.avro"));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].path, "/m/x-m0.avro");
  EXPECT_EQ(list[0].length, static_cast<std::int64_t>(written.bytes.size()));
  EXPECT_EQ(list[0].added_files, 1);
  EXPECT_EQ(list[0].existing_files, 1);
  EXPECT_EQ(list[0].deleted_files, 1);
  EXPECT_EQ(list[0].added_rows, 10);
  EXPECT_EQ(list[0].sequence_number, 7);
  EXPECT_EQ(list[0].min_sequence_number, 3);
  EXPECT_EQ(DecodeLong(*list[0].partitions[0].lower_bound), 510);
  EXPECT_EQ(DecodeLong(*list[0].partitions[0].upper_bound), 517);
  EXPECT_FALSE(list[0].partitions[0].contains_null);
  EXPECT_TRUE(list[0].partitions[1].contains_null);
}

// A version 1 list: no content, no sequence numbers, other names; ids alone count.
TEST_F(ManifestTest, AVersionOneListIsRead) {
  AvroWriter writer(R"({"type":"record","name":"anything","fields":[
      {"name":"p","type":"string","field-id":500},{"name":"l","type":"long","field-id":501},
      {"name":"s","type":"int","field-id":502},
      {"name":"a","type":["null","long"],"default":null,"field-id":503},
      {"name":"added_data_files_count","type":["null","int"],"default":null,"field-id":504}]})",
                    {});
  writer.PutBytes("/m/old.avro");
  writer.PutInt(77);
  writer.PutInt(0);
  writer.PutBranch(1);
  writer.PutInt(123);
  writer.PutBranch(0);
  writer.EndRecord();
  ASSERT_OK_AND(const auto list, ParseManifestList(writer.Finish(), "/m/snap.avro"));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].content, ManifestFile::Content::kData);
  EXPECT_EQ(list[0].sequence_number, 0);
  EXPECT_EQ(list[0].added_by, SnapshotId(123));
  EXPECT_TRUE(list[0].has_live_files());
}

TEST_F(ManifestTest, AListWithoutPathsIsCorrupt) {
  AvroWriter writer(R"({"type":"record","name":"r","fields":[
      {"name":"manifest_path","type":"string","field-id":9}]})",
                    {});
  writer.PutBytes("/m/old.avro");
  writer.EndRecord();
  const Status status = ParseManifestList(writer.Finish(), "/m/snap.avro").status();
  EXPECT_EQ(status.error_code(), "WH7053");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("/m/snap.avro"));
}

TEST_F(ManifestTest, OddPartitionNamesAndTypesBecomeValidAvro) {
  const auto schema = arrow::schema({arrow::field("id", arrow::int64(), false),
                                     arrow::field("9 lives-ü", arrow::decimal128(9, 2)),
                                     arrow::field("day", arrow::date32())});
  const TablePtr table = NewFlights({"9 lives-ü", "day", "day(day)"}, schema);
  ManifestDraft draft;
  DataFile file;
  file.path = "/d/a.parquet";
  file.partition = {EncodeUnscaled(-1420), EncodeInt(-5), EncodeInt(-5)};
  draft.sequence_number = 1;
  draft.entries = {Entry(ManifestEntry::Status::kAdded, file, 1)};
  ASSERT_OK_AND(const WrittenManifest written, WriteManifest(draft, *table));
  ASSERT_OK_AND(const auto manifest, ParseManifest(written.bytes, *table, written.file));
  EXPECT_EQ(manifest->entries[0].file->partition, file.partition);
}
}  // namespace
}  // namespace weirhouse::iceberg

// Rows of every type, split by every transform: written, pruned, read back.
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/value.h"
#include "ground/iceberg/write/stage_many.h"

namespace weirhouse::iceberg {
namespace {

using ::testing::HasSubstr;

class PartitionWriteTest : public TableTest {
 protected:
  static std::shared_ptr<arrow::Schema> EveryType() {
    return arrow::schema(
        {arrow::field("id", arrow::int64(), /*nullable=*/false),
         arrow::field("name", arrow::utf8()),
         arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
         arrow::field("on", arrow::date32()),
         arrow::field("clock", arrow::time64(arrow::TimeUnit::MICRO)),
         arrow::field("price", arrow::decimal128(9, 2)), arrow::field("raw", arrow::binary()),
         arrow::field("four", arrow::fixed_size_binary(4)),
         arrow::field("key", arrow::fixed_size_binary(16)), arrow::field("small", arrow::int32()),
         arrow::field("share", arrow::float32()), arrow::field("ok", arrow::boolean())});
  }

  // `count` rows; every fifth has nothing but its id.
  static std::shared_ptr<arrow::Table> RowsOfEveryType(int count) {
    const auto schema = EveryType();
    const auto builder = arrow::RecordBatchBuilder::Make(schema, arrow::default_memory_pool());
    auto& out = **builder;
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(out.GetFieldAs<arrow::Int64Builder>(0)->Append(i).ok());
      if (i % 5 == 4) {
        for (int c = 1; c < schema->num_fields(); ++c)
          EXPECT_TRUE(out.GetField(c)->AppendNull().ok());
        continue;
      }
      const std::string key(16, static_cast<char>(i));
      EXPECT_TRUE(out.GetFieldAs<arrow::StringBuilder>(1)->Append(fmt::format("näme-{}", i)).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::TimestampBuilder>(2)
                      ->Append((i - 3) * std::int64_t{40'000'000'000'000} + 1)
                      .ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::Date32Builder>(3)->Append((i - 3) * 400).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::Time64Builder>(4)->Append(i * 1'000'001).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::Decimal128Builder>(5)
                      ->Append(arrow::Decimal128((i - 3) * 77))
                      .ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::BinaryBuilder>(6)->Append(key.substr(0, 5)).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::FixedSizeBinaryBuilder>(7)->Append(key.substr(0, 4)).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::FixedSizeBinaryBuilder>(8)->Append(key).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::Int32Builder>(9)->Append((i - 3) * 9).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::FloatBuilder>(10)->Append(static_cast<float>(i) / 4).ok());
      EXPECT_TRUE(out.GetFieldAs<arrow::BooleanBuilder>(11)->Append(i % 2 == 0).ok());
    }
    return arrow::Table::FromRecordBatches({out.Flush().ValueOrDie()}).ValueOrDie();
  }

  TablePtr NewTableOfEveryType(const std::vector<std::string>& partitioning) {
    NewTable table;
    table.name = "processed.every_type";
    table.location = scratch_ / "processed/every_type";
    table.schema = Schema::FromArrow(*EveryType()).value();
    for (Field& field : table.schema.fields) {
      if (field.name == "key") field.type = TypeKind::kUuid;
    }
    auto spec = ParsePartitioning(partitioning, table.schema);
    EXPECT_OK(spec.status());
    table.spec = spec.value();
    ManualClock clock(now_);
    return MakeTable(table, random_, clock).value();
  }

  TablePtr Written(const std::vector<std::string>& partitioning) {
    StagedWrite write(store(), NewTableOfEveryType(partitioning), random_, Options());
    EXPECT_OK(write.Append(*RowsOfEveryType(20)));
    auto staged = write.Finish();
    EXPECT_OK(staged.status());
    return staged.value().table;
  }

  // What is in memory only for the writer must not help the reader.
  TablePtr Reloaded(const TablePtr& table) {
    return LoadTable(store(), table->name, table->metadata_location).value();
  }
};

TEST_F(PartitionWriteTest, ManyRowsAreWrittenAPieceAtATimeOnePartitionInAFile) {
  const auto rows = RowsOfEveryType(20);
  const auto digest = ContentDigest(*rows).value();
  for (const std::vector<std::string>& partitioning : {std::vector<std::string>{},
                                                       {"bucket(3, id)"},
                                                       {"name"},
                                                       {"year(at)", "truncate(50, price)"},
                                                       {"on"}}) {
    for (const std::int64_t piece_rows : {3, 1000}) {
      const TablePtr base = NewTableOfEveryType(partitioning);
      StagedWrite write(store(), base, random_, Options());
      const platform::Scratch scratch{scratch_ / "tmp", piece_rows};
      ASSERT_OK_AND(const std::vector<AppendedRange> ranges,
                    AppendMany(write, *base, *rows, {}, scratch));
      ASSERT_OK_AND(const StagedTable staged, write.Finish());
      ASSERT_OK_AND(const Scan scan, Scan::Plan(store(), Reloaded(staged.table), {}));
      for (const Scan::Task& task : scan.tasks()) EXPECT_LE(task.file.row_count, 2 * piece_rows);
      ASSERT_OK_AND(const auto read, scan.ReadAll());
      EXPECT_EQ(ContentDigest(*read).value(), digest) << partitioning.size() << " " << piece_rows;
      ASSERT_EQ(ranges.empty(), !partitioning.empty());
      if (ranges.empty()) continue;
      ScanOptions options;
      options.with_file_position = true;
      ASSERT_OK_AND(const Scan placed, Scan::Plan(store(), Reloaded(staged.table), options));
      std::int64_t found = 0;
      for (const Scan::Task& task : placed.tasks()) {
        ASSERT_OK_AND(const auto of_file, placed.Read(task));
        for (std::int64_t row = 0; row < rows->num_rows(); ++row) {
          const AppendedPlace place = PlaceOf(ranges, row);
          if (place.file != task.file.path) continue;
          ++found;
          const auto there = of_file->Slice(place.position, 1)->SelectColumns({0}).ValueOrDie();
          EXPECT_TRUE(there->column(0)->Equals(
              rows->Slice(row, 1)->GetColumnByName(there->schema()->field(0)->name())));
        }
      }
      EXPECT_EQ(found, rows->num_rows());
    }
  }
}

TEST_F(PartitionWriteTest, EveryTransformOfEveryTypeReadsBackTheSameRows) {
  const auto digest = ContentDigest(*RowsOfEveryType(20)).value();
  for (const char* partitioning : {"bucket(3, id)",
                                   "bucket(3, name)",
                                   "bucket(3, at)",
                                   "bucket(3, on)",
                                   "bucket(3, clock)",
                                   "bucket(3, price)",
                                   "bucket(3, raw)",
                                   "bucket(3, four)",
                                   "bucket(3, key)",
                                   "bucket(3, small)",
                                   "truncate(7, id)",
                                   "truncate(3, name)",
                                   "truncate(50, price)",
                                   "truncate(2, raw)",
                                   "truncate(10, small)",
                                   "year(at)",
                                   "month(at)",
                                   "day(at)",
                                   "hour(at)",
                                   "year(on)",
                                   "month(on)",
                                   "day(on)",
                                   "name",
                                   "at",
                                   "on",
                                   "clock",
                                   "price",
                                   "raw",
                                   "four",
                                   "key",
                                   "small",
                                   "share",
                                   "ok",
                                   "void(name)"}) {
    SCOPED_TRACE(partitioning);
    const TablePtr table = Reloaded(Written({partitioning}));
    const auto rows = Read(table);
    EXPECT_EQ(rows->num_rows(), 20);
    EXPECT_EQ(ContentDigest(*rows).value(), digest);
    // Each file's partition value is what the transform makes of each of its rows.
    const PartitionField& field = table->spec().fields[0];
    const Field& source = *table->schema().FindById(field.source_id);
    const Scan scan = Scan::Plan(store(), table, {}).value();
    for (const Scan::Task& task : scan.tasks()) {
      const auto part = scan.Read(task).value();
      const int column = part->schema()->GetFieldIndex(source.name);
      for (std::int64_t row = 0; row < part->num_rows(); ++row) {
        std::optional<std::string> value;
        if (part->column(column)->GetScalar(row).ValueOrDie()->is_valid) {
          value = platform::SingleValueBytes(*part, column, row).value();
        }
        EXPECT_EQ(ApplyTransform(field.transform, source.type, value), task.file.partition[0]);
      }
    }
  }
}

TEST_F(PartitionWriteTest, AScanOpensOnlyTheBucketOfAValue) {
  const TablePtr table = Reloaded(Written({"bucket(4, name)"}));
  ScanOptions options;
  options.ranges = {{"name", "näme-7", "näme-7"}};
  const Scan scan = Scan::Plan(store(), table, options).value();
  ASSERT_EQ(scan.tasks().size(), 1u);
  EXPECT_EQ(scan.tasks()[0].file.partition[0],
            ApplyTransform("bucket[4]", TypeKind::kString, "näme-7"));
  // A range of values may be in any bucket: what bounds do not exclude is read.
  options.ranges = {{"name", "näme-0", "näme-9"}};
  EXPECT_GT(Scan::Plan(store(), table, options).value().tasks().size(), 2u);
}

TEST_F(PartitionWriteTest, AScanPrunesByTruncatedValuesAndLosesNoRow) {
  const TablePtr table = Reloaded(Written({"truncate(10, small)"}));
  const auto all = Read(table);
  for (int low = -40; low < 140; low += 7) {
    ScanOptions options;
    options.ranges = {{"small", EncodeInt(low), EncodeInt(low + 12)}};
    options.columns = {"id", "small"};
    const auto part = Read(table, options);
    EXPECT_LT(part->num_rows(), all->num_rows());
    const auto matches = [&](const arrow::Table& rows) {
      std::int64_t count = 0;
      const auto column = rows.GetColumnByName("small");
      for (std::int64_t i = 0; i < rows.num_rows(); ++i) {
        const auto scalar = column->GetScalar(i).ValueOrDie();
        if (!scalar->is_valid) continue;
        const int value = static_cast<const arrow::Int32Scalar&>(*scalar).value;
        count += value >= low && value <= low + 12 ? 1 : 0;
      }
      return count;
    };
    EXPECT_EQ(matches(*part), matches(*all)) << low;
  }
}

TEST_F(PartitionWriteTest, ATableOfVersionOneBecomesVersionTwoWithOurFirstRows) {
  auto old = std::make_shared<TableMetadata>(*NewTableOfEveryType({"bucket(4, id)"}));
  old->format_version = 1;
  StagedWrite property(store(), old, random_, Options());
  property.SetProperty("a", "b");
  ASSERT_OK_AND(const StagedTable kept, property.Finish());
  EXPECT_EQ(kept.table->format_version, 1);
  StagedWrite write(store(), kept.table, random_, Options());
  ASSERT_OK(write.Append(*RowsOfEveryType(5)));
  ASSERT_OK_AND(const StagedTable staged, write.Finish());
  EXPECT_EQ(Reloaded(staged.table)->format_version, 2);
  EXPECT_EQ(staged.table->current_snapshot()->sequence_number, 1);
}

TEST_F(PartitionWriteTest, DataForVersionThreeIsRefusedAndItsPropertiesAreNot) {
  auto newer = std::make_shared<TableMetadata>(*NewTableOfEveryType({}));
  newer->format_version = 3;
  StagedWrite property(store(), newer, random_, Options());
  property.SetProperty("a", "b");
  ASSERT_OK_AND(const StagedTable kept, property.Finish());
  EXPECT_EQ(Reloaded(kept.table)->format_version, 3);
  StagedWrite write(store(), kept.table, random_, Options());
  ASSERT_OK(write.Append(*RowsOfEveryType(5)));
  const Status status = write.Finish().status();
  EXPECT_EQ(status.error_code(), "WH7051");
  EXPECT_THAT(status.message(), HasSubstr("version 3"));
}

TEST_F(PartitionWriteTest, AnUnknownTransformIsReadAndNotWritten) {
  const TablePtr written = Written({"name"});
  auto json = nlohmann::json::parse(SerializeTableMetadata(*written));
  json["partition-specs"][0]["fields"][0]["transform"] = "zorder[3]";
  const auto table = std::make_shared<const TableMetadata>(
      ParseTableMetadata(json.dump(), written->name, written->metadata_location).value());
  EXPECT_EQ(Read(table)->num_rows(), 20);
  ScanOptions options;
  options.ranges = {{"name", "näme-7", "näme-7"}};
  EXPECT_EQ(Scan::Plan(store(), table, options).value().tasks().size(), 1u);  // by bounds
  StagedWrite write(store(), table, random_, Options());
  EXPECT_EQ(write.Append(*RowsOfEveryType(5)).status().error_code(), "WH7060");
}
}  // namespace
}  // namespace weirhouse::iceberg

#include "ground/platform/columnar/parquet.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "ground/base/random.h"
#include "ground/platform/io/faulty_store.h"
#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using weirhouse::testing::ReadFile;
using weirhouse::testing::ScratchFolder;
using weirhouse::testing::TableOf;
using weirhouse::testing::WriteFile;

std::shared_ptr<arrow::Field> FieldWithId(const std::string& name, int id,
                                          const std::shared_ptr<arrow::DataType>& type,
                                          bool nullable = true) {
  return arrow::field(name, type, nullable,
                      arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
}

template <typename T>
std::string Bytes(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

// One column of each type, three rows, the second null.
std::shared_ptr<arrow::Table> EveryType() {
  const std::vector<std::shared_ptr<arrow::DataType>> types = {
      arrow::boolean(),
      arrow::int32(),
      arrow::int64(),
      arrow::float32(),
      arrow::float64(),
      arrow::date32(),
      arrow::time64(arrow::TimeUnit::MICRO),
      arrow::timestamp(arrow::TimeUnit::MICRO),
      arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
      arrow::utf8(),
      arrow::binary(),
      arrow::fixed_size_binary(16),
      arrow::decimal128(7, 2),
      arrow::decimal128(18, 3),
      arrow::decimal128(38, 10)};
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (std::size_t i = 0; i < types.size(); ++i) {
    fields.push_back(FieldWithId("c" + std::to_string(i), static_cast<int>(i) + 1, types[i]));
    std::shared_ptr<arrow::Scalar> first;
    std::shared_ptr<arrow::Scalar> last;
    if (types[i]->id() == arrow::Type::DECIMAL128) {
      first = std::make_shared<arrow::Decimal128Scalar>(arrow::Decimal128(-12345), types[i]);
      last = std::make_shared<arrow::Decimal128Scalar>(arrow::Decimal128(99), types[i]);
    } else if (types[i]->id() == arrow::Type::FIXED_SIZE_BINARY) {
      first = *arrow::MakeScalar(types[i], arrow::Buffer::FromString(std::string(16, '\x01')));
      last = *arrow::MakeScalar(types[i], arrow::Buffer::FromString(std::string(16, '\xF0')));
    } else if (types[i]->id() == arrow::Type::BINARY || types[i]->id() == arrow::Type::STRING) {
      first = *arrow::MakeScalar(types[i], arrow::Buffer::FromString("abc"));
      last = *arrow::MakeScalar(types[i], arrow::Buffer::FromString("\xC3\xA4"));
    } else if (types[i]->id() == arrow::Type::BOOL) {
      first = *arrow::MakeScalar(types[i], false);
      last = *arrow::MakeScalar(types[i], true);
    } else {
      first = *arrow::MakeScalar(types[i], 5);
      last = *arrow::MakeScalar(types[i], 77);
    }
    auto builder = *arrow::MakeBuilder(types[i]);
    EXPECT_TRUE(builder->AppendScalar(*first).ok());
    EXPECT_TRUE(builder->AppendNull().ok());
    EXPECT_TRUE(builder->AppendScalar(*last).ok());
    columns.push_back(*builder->Finish());
  }
  return arrow::Table::Make(arrow::schema(fields), columns);
}

TEST(Parquet, GivesBackEveryType) {
  const ScratchFolder scratch;
  const auto rows = EveryType();
  ASSERT_OK_AND(const ParquetFile file, WriteParquet(LocalStore(), scratch / "f.parquet", *rows));
  EXPECT_EQ(file.row_count, 3);
  EXPECT_EQ(file.size_bytes, static_cast<std::int64_t>(ReadFile(file.path).size()));
  EXPECT_EQ(file.sha256, Sha256Of(ReadFile(file.path)));
  ASSERT_OK_AND(const auto with_schema,
                ReadParquet(LocalStore(), file.path, {.schema = rows->schema()}));
  EXPECT_TRUE(with_schema->Equals(*rows, true)) << with_schema->ToString();
  ASSERT_OK_AND(const auto without, ReadParquet(LocalStore(), file.path, {}));
  EXPECT_TRUE(without->Equals(*rows)) << without->ToString();
}

TEST(Parquet, WritesEqualRowsAsEqualBytes) {
  const ScratchFolder scratch;
  const auto rows = EveryType();
  const ParquetOptions options{.delta_columns = {"c2", "c8"}, .key_values = {{"k", "v"}}};
  ASSERT_OK_AND(const auto one, WriteParquet(LocalStore(), scratch / "one", *rows, options));
  ASSERT_OK_AND(const auto two, WriteParquet(LocalStore(), scratch / "two", *rows, options));
  EXPECT_EQ(one.sha256, two.sha256);
  // The same rows in other chunks are the same rows.
  const auto chunked = *arrow::ConcatenateTables({rows->Slice(0, 1), rows->Slice(1)});
  ASSERT_OK_AND(const auto three, WriteParquet(LocalStore(), scratch / "three", *chunked, options));
  EXPECT_EQ(one.sha256, three.sha256);
}

TEST(Parquet, StoresFieldIdsEncodingsAndPageIndex) {
  const ScratchFolder scratch;
  const ParquetOptions options{.delta_columns = {"c2", "c9", "absent"},
                               .key_values = {{"weirhouse.run", "r12"}}};
  ASSERT_OK_AND(const auto file, WriteParquet(LocalStore(), scratch / "f", *EveryType(), options));
  const auto reader = parquet::ParquetFileReader::OpenFile(file.path);
  const auto metadata = reader->metadata();
  for (int i = 0; i < metadata->num_columns(); ++i) {
    EXPECT_EQ(metadata->schema()->Column(i)->schema_node()->field_id(), i + 1);
  }
  EXPECT_EQ(*metadata->key_value_metadata()->Get("weirhouse.run"), "r12");
  EXPECT_FALSE(metadata->key_value_metadata()->Contains("ARROW:schema"));
  const auto group = metadata->RowGroup(0);
  EXPECT_FALSE(group->ColumnChunk(2)->has_dictionary_page());
  EXPECT_THAT(group->ColumnChunk(2)->encodings(),
              ::testing::Contains(parquet::Encoding::DELTA_BINARY_PACKED));
  EXPECT_TRUE(group->ColumnChunk(9)->has_dictionary_page());  // a text: no delta for it
  // A small file: see kSmallFileRows.
  EXPECT_EQ(group->ColumnChunk(1)->compression(), parquet::Compression::SNAPPY);
  EXPECT_NE(reader->GetPageIndexReader(), nullptr);
  EXPECT_TRUE(group->ColumnChunk(1)->GetColumnIndexLocation().has_value());
  EXPECT_EQ(metadata->schema()->Column(12)->physical_type(), parquet::Type::INT32);
  EXPECT_EQ(metadata->schema()->Column(13)->physical_type(), parquet::Type::INT64);
  EXPECT_EQ(metadata->schema()->Column(14)->physical_type(), parquet::Type::FIXED_LEN_BYTE_ARRAY);
}

TEST(Parquet, CutsRowGroupsAndNamesTheirOffsets) {
  const ScratchFolder scratch;
  arrow::Int64Builder builder;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(builder.Append(i).ok());
  const auto rows =
      arrow::Table::Make(arrow::schema({FieldWithId("a", 1, arrow::int64())}), {*builder.Finish()});
  ASSERT_OK_AND(const auto file,
                WriteParquet(LocalStore(), scratch / "f", *rows, {.row_group_rows = 300}));
  ASSERT_EQ(file.split_offsets.size(), 4U);
  EXPECT_EQ(file.split_offsets[0], 4);  // after the magic bytes
  EXPECT_TRUE(std::is_sorted(file.split_offsets.begin(), file.split_offsets.end()));
  EXPECT_GT(file.columns.at(1).size_bytes, 0);
  EXPECT_LT(file.columns.at(1).size_bytes, file.size_bytes);
  ASSERT_OK_AND(const auto back, ReadParquet(LocalStore(), file.path, {}));
  EXPECT_TRUE(back->Equals(*rows));
}

TEST(Parquet, WritesAndReadsNoRows) {
  const ScratchFolder scratch;
  const auto schema = arrow::schema({FieldWithId("a", 1, arrow::int64())});
  ASSERT_OK_AND(const auto file, WriteParquet(LocalStore(), scratch / "f", *TableOf(schema, "[]")));
  EXPECT_EQ(file.row_count, 0);
  EXPECT_FALSE(file.columns.at(1).lower_bound.has_value());
  ASSERT_OK_AND(const auto back, ReadParquet(LocalStore(), file.path, {.schema = schema}));
  EXPECT_EQ(back->num_rows(), 0);
}

TEST(Parquet, RefusesNullsInRequiredColumnsAndFilesThatExist) {
  const ScratchFolder scratch;
  const auto schema = arrow::schema({FieldWithId("a", 1, arrow::int64(), /*nullable=*/false)});
  const Status null =
      WriteParquet(LocalStore(), scratch / "f", *TableOf(schema, R"([{"a":null}])")).status();
  EXPECT_EQ(null.code(), Code::kInvalidInput);
  EXPECT_EQ(null.error_code(), "WH7031");
  EXPECT_THAT(null.message(), HasSubstr("could not write Parquet: "));
  EXPECT_THAT(null.message(), HasSubstr("'a'"));
  EXPECT_THAT(null.message(), HasSubstr(scratch / "f"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "f"));
  ASSERT_OK(WriteParquet(LocalStore(), scratch / "f", *TableOf(schema, R"([{"a":1}])")));
  EXPECT_EQ(WriteParquet(LocalStore(), scratch / "f", *TableOf(schema, "[]")).status().code(),
            Code::kConflict);
}

ColumnStatistics StatisticsOf(const std::shared_ptr<arrow::Array>& values) {
  const ScratchFolder scratch;
  const auto rows =
      arrow::Table::Make(arrow::schema({FieldWithId("a", 7, values->type())}), {values});
  auto file = WriteParquet(LocalStore(), scratch / "f", *rows);
  EXPECT_OK(file);
  return file->columns.at(7);
}
std::shared_ptr<arrow::Array> Doubles(const std::vector<double>& values) {
  arrow::DoubleBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  EXPECT_TRUE(builder.AppendNull().ok());
  return *builder.Finish();
}
std::shared_ptr<arrow::Array> Texts(const std::vector<std::string>& values) {
  arrow::StringBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return *builder.Finish();
}

TEST(ColumnStatistics, CountsNansAndLeavesThemOutOfBounds) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto mixed = StatisticsOf(Doubles({nan, 2.5, -1.0, nan}));
  EXPECT_EQ(mixed.value_count, 5);
  EXPECT_EQ(mixed.null_count, 1);
  EXPECT_THAT(mixed.nan_count, Optional(2));
  EXPECT_THAT(mixed.lower_bound, Optional(Bytes(-1.0)));
  EXPECT_THAT(mixed.upper_bound, Optional(Bytes(2.5)));
  const auto only = StatisticsOf(Doubles({nan}));
  EXPECT_FALSE(only.lower_bound.has_value());
  EXPECT_FALSE(only.upper_bound.has_value());
}

TEST(ColumnStatistics, CoversBothZeros) {
  for (const std::vector<double>& values :
       std::vector<std::vector<double>>{{0.0}, {-0.0}, {0.0, -0.0}, {-0.0, 0.0}}) {
    const auto statistics = StatisticsOf(Doubles(values));
    EXPECT_THAT(statistics.lower_bound, Optional(Bytes(-0.0)));
    EXPECT_THAT(statistics.upper_bound, Optional(Bytes(0.0)));
  }
}

TEST(ColumnStatistics, CutsTextsSoThatBoundsStillHold) {
  const auto brief = StatisticsOf(Texts({"b", "exactly sixteen!"}));
  EXPECT_THAT(brief.lower_bound, Optional(std::string("b")));
  EXPECT_THAT(brief.upper_bound, Optional(std::string("exactly sixteen!")));
  const auto lengthy = StatisticsOf(Texts({"a text of more than sixteen"}));
  EXPECT_THAT(lengthy.lower_bound, Optional(std::string("a text of more t")));
  EXPECT_THAT(lengthy.upper_bound, Optional(std::string("a text of more u")));
  // 15 letters and one of two bytes: code points are counted, not bytes.
  const auto umlaut = StatisticsOf(Texts({"fifteen letters\xC3\xA4 and on"}));
  EXPECT_THAT(umlaut.lower_bound, Optional(std::string("fifteen letters\xC3\xA4")));
  EXPECT_THAT(umlaut.upper_bound, Optional(std::string("fifteen letters\xC3\xA5")));
}

TEST(ColumnStatistics, RaisesTheLastCodePointThatCanBeRaised) {
  const std::string last = "\xF4\x8F\xBF\xBF";  // U+10FFFF
  std::string all;
  for (int i = 0; i < 20; ++i) all += last;
  EXPECT_FALSE(StatisticsOf(Texts({all})).upper_bound.has_value());
  const auto one = StatisticsOf(Texts({"x" + all}));
  EXPECT_THAT(one.upper_bound, Optional(std::string("y")));
  // U+D7FF is followed by the surrogates, which are no characters: U+E000 is next.
  const auto gap = StatisticsOf(Texts({"fifteen letters\xED\x9F\xBF and on"}));
  EXPECT_THAT(gap.upper_bound, Optional(std::string("fifteen letters\xEE\x80\x80")));
  const auto width = StatisticsOf(Texts({"fifteen letters\x7F and on"}));
  EXPECT_THAT(width.upper_bound, Optional(std::string("fifteen letters\xC2\x80")));
}

TEST(ColumnStatistics, BoundsEveryTypeAsIcebergWantsIt) {
  const ScratchFolder scratch;
  ASSERT_OK_AND(const auto file, WriteParquet(LocalStore(), scratch / "f", *EveryType()));
  const auto lower = [&](int id) { return file.columns.at(id).lower_bound.value_or("none"); };
  const auto upper = [&](int id) { return file.columns.at(id).upper_bound.value_or("none"); };
  EXPECT_EQ(lower(1), std::string(1, '\0'));
  EXPECT_EQ(upper(1), std::string(1, '\1'));
  EXPECT_EQ(lower(2), Bytes(std::int32_t{5}));
  EXPECT_EQ(upper(3), Bytes(std::int64_t{77}));
  EXPECT_EQ(lower(4), Bytes(5.0F));
  EXPECT_EQ(upper(5), Bytes(77.0));
  EXPECT_EQ(lower(6), Bytes(std::int32_t{5}));
  for (const int id : {7, 8, 9}) EXPECT_EQ(upper(id), Bytes(std::int64_t{77}));
  EXPECT_EQ(lower(10), "abc");
  EXPECT_EQ(upper(11), "\xC3\xA4");
  EXPECT_EQ(upper(12), std::string(16, '\xF0'));
  for (const int id : {13, 14, 15}) {
    EXPECT_EQ(lower(id), "\xCF\xC7");  // -12345, big-endian, fewest bytes
    EXPECT_EQ(upper(id), "\x63");
    EXPECT_EQ(file.columns.at(id).null_count, 1);
  }
  EXPECT_FALSE(file.columns.at(3).nan_count.has_value());
}

TEST(SingleValueBytes, TakesACellOfAnyChunk) {
  const auto rows = *arrow::ConcatenateTables({EveryType()->Slice(0, 1), EveryType()->Slice(2)});
  ASSERT_OK_AND(const std::string second, SingleValueBytes(*rows, 2, 1));
  EXPECT_EQ(second, Bytes(std::int64_t{77}));
  EXPECT_EQ(SingleValueBytes(*EveryType(), 2, 1).status().code(), Code::kInvalidInput);  // null
  EXPECT_FALSE(SingleValueBytes(*rows, 2, 9).ok());
  EXPECT_FALSE(SingleValueBytes(*rows, 99, 0).ok());
  arrow::Decimal128Builder decimals(arrow::decimal128(38, 0));
  for (const std::int64_t value : {0, -1, 127, 128, -128, -129, 255, 256}) {
    ASSERT_TRUE(decimals.Append(arrow::Decimal128(value)).ok());
  }
  const auto table = arrow::Table::Make(
      arrow::schema({arrow::field("d", arrow::decimal128(38, 0))}), {*decimals.Finish()});
  std::vector<std::string> bytes;
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK_AND(std::string one, SingleValueBytes(*table, 0, i));
    bytes.push_back(std::move(one));
  }
  EXPECT_THAT(bytes,
              ElementsAre(std::string(1, '\0'), "\xFF", "\x7F", std::string("\0\x80", 2), "\x80",
                          "\xFF\x7F", std::string("\0\xFF", 2), std::string("\1\0", 2)));
}

// ---- Reading by id

TEST(ParquetReading, FindsColumnsByIdPromotesThemAndFillsAbsentOnes) {
  const ScratchFolder scratch;
  const auto stored = arrow::schema(
      {FieldWithId("old_name", 1, arrow::int32()), FieldWithId("f", 2, arrow::float32()),
       FieldWithId("d", 3, arrow::decimal128(9, 2)), FieldWithId("unwanted", 4, arrow::utf8())});
  arrow::Decimal128Builder decimals(arrow::decimal128(9, 2));
  ASSERT_TRUE(decimals.Append(arrow::Decimal128(1234)).ok());
  auto columns = TableOf(arrow::schema({stored->field(0), stored->field(1), stored->field(3)}),
                         R"([{"old_name":5,"f":1.5,"unwanted":"x"}])");
  const auto rows = arrow::Table::Make(
      stored, {columns->column(0), columns->column(1),
               std::make_shared<arrow::ChunkedArray>(*decimals.Finish()), columns->column(2)});
  ASSERT_OK(WriteParquet(LocalStore(), scratch / "f", *rows));
  const auto wanted = arrow::schema(
      {FieldWithId("new", 9, arrow::utf8()), FieldWithId("d", 3, arrow::decimal128(20, 2)),
       FieldWithId("renamed", 1, arrow::int64()), FieldWithId("f", 2, arrow::float64())});
  ASSERT_OK_AND(const auto table, ReadParquet(LocalStore(), scratch / "f", {.schema = wanted}));
  ASSERT_TRUE(table->schema()->Equals(wanted));
  EXPECT_EQ(table->column(0)->null_count(), 1);
  EXPECT_EQ((*table->column(1)->GetScalar(0))->ToString(), "12.34");
  EXPECT_EQ((*table->column(2)->GetScalar(0))->ToString(), "5");
  EXPECT_EQ((*table->column(3)->GetScalar(0))->ToString(), "1.5");
}

// What the footer of many columns takes is more than the room that is made for it.
TEST(ParquetWriting, HoldsAFooterThatIsLargerThanTheRows) {
  const ScratchFolder scratch;
  arrow::FieldVector fields;
  std::string json;
  for (int i = 0; i < 2'000; ++i) {
    fields.push_back(FieldWithId(fmt::format("column_{}", i), i + 1, arrow::int64()));
    json += fmt::format("{}\"column_{}\":{}", i == 0 ? "[{" : ",", i, i);
  }
  const auto rows = TableOf(arrow::schema(fields), json + "}]");
  ASSERT_OK_AND(const ParquetFile file, WriteParquet(LocalStore(), scratch / "f", *rows));
  EXPECT_GT(file.size_bytes, 128 << 10);
  ASSERT_OK_AND(const auto read, ReadParquet(LocalStore(), scratch / "f", {}));
  EXPECT_TRUE(read->Equals(*rows));
}

TEST(ParquetReading, CountsRowsWhenNoWantedColumnIsThere) {
  const ScratchFolder scratch;
  ASSERT_OK(WriteParquet(LocalStore(), scratch / "f", *EveryType()));
  const auto wanted = arrow::schema({FieldWithId("new", 99, arrow::utf8())});
  ASSERT_OK_AND(const auto table, ReadParquet(LocalStore(), scratch / "f", {.schema = wanted}));
  EXPECT_EQ(table->num_rows(), 3);
  EXPECT_EQ(table->column(0)->null_count(), 3);
}

// A file as other writers make it: with Arrow's schema, or without field ids.
void WriteForeign(const std::string& path, const arrow::Table& rows, bool store_schema,
                  bool nanoseconds = false) {
  auto sink = *arrow::io::BufferOutputStream::Create();
  parquet::ArrowWriterProperties::Builder builder;
  if (store_schema) builder.store_schema();
  if (!nanoseconds) builder.coerce_timestamps(arrow::TimeUnit::MILLI)->allow_truncated_timestamps();
  ASSERT_TRUE(parquet::arrow::WriteTable(rows, arrow::default_memory_pool(), sink, 1 << 20,
                                         parquet::default_writer_properties(), builder.build())
                  .ok());
  WriteFile(path, (*sink->Finish())->ToString());
}

TEST(ParquetReading, MatchesByNameWhereThereAreNoIds) {
  const ScratchFolder scratch;
  const auto plain =
      arrow::schema({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8())});
  WriteForeign(scratch / "f", *TableOf(plain, R"([{"a":1,"b":"x"}])"), false);
  const auto wanted =
      arrow::schema({FieldWithId("b", 5, arrow::utf8()), FieldWithId("a", 6, arrow::int64())});
  ASSERT_OK_AND(const auto table, ReadParquet(LocalStore(), scratch / "f", {.schema = wanted}));
  EXPECT_EQ((*table->column(0)->GetScalar(0))->ToString(), "x");
  EXPECT_EQ((*table->column(1)->GetScalar(0))->ToString(), "1");
}

TEST(ParquetReading, TakesOtherSpellingsOfTheSameType) {
  const ScratchFolder scratch;
  const auto type = arrow::timestamp(arrow::TimeUnit::NANO, "Europe/Berlin");
  arrow::TimestampBuilder times(type, arrow::default_memory_pool());
  arrow::StringDictionaryBuilder texts;
  arrow::LargeStringBuilder large;
  for (const std::int64_t ns : {1'000'000, -2'000'000}) {
    ASSERT_TRUE(times.Append(ns).ok());
    ASSERT_TRUE(texts.Append("t").ok());
    ASSERT_TRUE(large.Append("l").ok());
  }
  const auto dictionary = *texts.Finish();
  const auto rows = arrow::Table::Make(
      arrow::schema({arrow::field("at", type), arrow::field("t", dictionary->type()),
                     arrow::field("l", arrow::large_utf8())}),
      {*times.Finish(), dictionary, *large.Finish()});
  WriteForeign(scratch / "ns", *rows, true, true);
  WriteForeign(scratch / "ms", *rows, true, false);
  const auto wanted =
      arrow::schema({FieldWithId("at", 1, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                     FieldWithId("t", 2, arrow::utf8()), FieldWithId("l", 3, arrow::utf8())});
  for (const std::string name : {"ns", "ms"}) {
    for (const bool named : {true, false}) {
      ASSERT_OK_AND(const auto table, ReadParquet(LocalStore(), scratch / name,
                                                  {.schema = named ? wanted : nullptr}));
      ASSERT_TRUE(table->schema()->Equals(wanted)) << table->schema()->ToString();
      const auto& at = static_cast<const arrow::TimestampArray&>(*table->column(0)->chunk(0));
      EXPECT_EQ(at.Value(0), 1000);
      EXPECT_EQ(at.Value(1), -2000);
    }
  }
}

TEST(ParquetReading, RefusesTypesThatDoNotFit) {
  const ScratchFolder scratch;
  ASSERT_OK(WriteParquet(LocalStore(), scratch / "f", *EveryType()));
  for (const auto& [id, type] : std::vector<std::pair<int, std::shared_ptr<arrow::DataType>>>{
           {3, arrow::int32()},
           {5, arrow::float32()},
           {10, arrow::int64()},
           {8, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")},
           {15, arrow::decimal128(20, 10)},
           {14, arrow::decimal128(20, 2)}}) {
    const Status status = ReadParquet(LocalStore(), scratch / "f",
                                      {.schema = arrow::schema({FieldWithId("wanted", id, type)})})
                              .status();
    EXPECT_EQ(status.code(), Code::kCorruption) << id;
    EXPECT_THAT(status.message(), HasSubstr("wanted"));
  }
}

TEST(ParquetReading, SurvivesDamagedBytes) {
  const ScratchFolder scratch;
  arrow::Int64Builder numbers;
  arrow::StringBuilder texts;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(numbers.Append(i * 7919 % 1000).ok());
    ASSERT_TRUE(texts.Append("text " + std::to_string(i % 37)).ok());
  }
  const auto rows = arrow::Table::Make(
      arrow::schema({FieldWithId("n", 1, arrow::int64()), FieldWithId("t", 2, arrow::utf8())}),
      {*numbers.Finish(), *texts.Finish()});
  ASSERT_OK(WriteParquet(LocalStore(), scratch / "good", *rows));
  const std::string good = ReadFile(scratch / "good");
  SeededRandom random(7);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bad = good;
    const auto flips = 1 + random.Below(4);
    for (std::uint64_t i = 0; i < flips; ++i) {
      bad[random.Below(bad.size())] = static_cast<char>(random.Next());
    }
    if (round % 10 == 0) bad.resize(random.Below(bad.size()));
    WriteFile(scratch / "bad", bad);
    const auto table = ReadParquet(LocalStore(), scratch / "bad", {.schema = rows->schema()});
    if (table.ok()) continue;  // damage to a value is for the digest to find
    ++refused;
    ASSERT_EQ(table.status().code(), Code::kCorruption);
    ASSERT_THAT(table.status().message(), HasSubstr(scratch / "bad"));
  }
  EXPECT_GT(refused, 500);
}

TEST(ParquetReading, RefusesWhatIsNoParquet) {
  const ScratchFolder scratch;
  for (const std::string& bytes :
       {std::string(), std::string("PAR1"), std::string("PAR1\xFF\xFF\xFF\x7FPAR1"),
        std::string("not a Parquet file at all"), std::string(1000, '\0')}) {
    WriteFile(scratch / "bad", bytes);
    const Status status = ReadParquet(LocalStore(), scratch / "bad", {}).status();
    EXPECT_EQ(status.code(), Code::kCorruption) << bytes;
    EXPECT_EQ(status.error_code(), "WH7032");
  }
  EXPECT_EQ(ReadParquet(LocalStore(), scratch / "absent", {}).status().code(), Code::kNotFound);
}

TEST(Parquet, WritesAllOrNothingWhenTheDiskFails) {
  const ScratchFolder scratch;
  FaultyStore store(LocalStore(), 1, Code::kUnavailable);
  EXPECT_EQ(WriteParquet(store, scratch / "f", *EveryType()).status().code(), Code::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(scratch / "f"));
  EXPECT_OK(WriteParquet(store, scratch / "f", *EveryType()));
  FaultyStore reading(LocalStore(), 1, Code::kUnavailable);
  EXPECT_EQ(ReadParquet(reading, scratch / "f", {}).status().code(), Code::kUnavailable);
}
}  // namespace
}  // namespace weirhouse::platform

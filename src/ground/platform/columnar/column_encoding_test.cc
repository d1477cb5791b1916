#include "ground/platform/columnar/column_encoding.h"

#include <arrow/api.h>

#include <functional>
#include <limits>

#include "ground/base/random.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/local_store.h"
#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using weirhouse::testing::ScratchFolder;

constexpr std::int64_t kRows = 20'000;

template <typename Builder>
std::shared_ptr<arrow::ChunkedArray> ColumnOf(std::unique_ptr<Builder> builder,
                                              const std::function<void(Builder&, int)>& add) {
  for (int i = 0; i < kRows; ++i) add(*builder, i);
  return std::make_shared<arrow::ChunkedArray>(*builder->Finish());
}
template <typename Builder>
std::shared_ptr<arrow::ChunkedArray> ColumnOf(const std::function<void(Builder&, int)>& add) {
  return ColumnOf<Builder>(std::make_unique<Builder>(), add);
}
template <typename Builder, typename Value>
void Put(Builder& builder, const Value& value) {
  ASSERT_TRUE(builder.Append(value).ok());
}

std::string Digest32(Random& random) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t bits = random.Next();
    bytes.append(reinterpret_cast<const char*>(&bits), 8);
  }
  return bytes;
}

TEST(ColumnEncoding, KeepsADictionaryOfValuesThatRepeat) {
  const auto carriers = ColumnOf<arrow::StringBuilder>(
      [](auto& builder, int i) { Put(builder, "carrier " + std::to_string(i % 200)); });
  const auto seats =
      ColumnOf<arrow::Int64Builder>([](auto& builder, int i) { Put(builder, i * 7919L % 1000); });
  for (const auto& column : {carriers, seats}) {
    const ColumnEncoding encoding = ChooseEncoding(*column);
    EXPECT_TRUE(encoding.dictionary);
    EXPECT_TRUE(encoding.compressed);
  }
}

TEST(ColumnEncoding, LooksAtNoSmallColumn) {
  const auto column =
      ColumnOf<arrow::Int64Builder>([](auto& builder, int i) { Put(builder, i * 7919L); });
  EXPECT_TRUE(ChooseEncoding(*column->Slice(0, 1000)).dictionary);
  EXPECT_FALSE(ChooseEncoding(*column).dictionary);
}

TEST(ColumnEncoding, CompressesNoDigests) {
  SeededRandom random(7);
  const auto column =
      ColumnOf<arrow::BinaryBuilder>([&](auto& builder, int) { Put(builder, Digest32(random)); });
  const ColumnEncoding encoding = ChooseEncoding(*column);
  EXPECT_FALSE(encoding.dictionary);
  EXPECT_FALSE(encoding.delta);
  EXPECT_FALSE(encoding.compressed);
}

TEST(ColumnEncoding, CompressesTextsThatAreAlike) {
  const auto column = ColumnOf<arrow::StringBuilder>([](auto& builder, int i) {
    Put(builder, "https://weirhouse.example/flights/2013/" + std::to_string(i));
  });
  const ColumnEncoding encoding = ChooseEncoding(*column);
  EXPECT_FALSE(encoding.dictionary);
  EXPECT_TRUE(encoding.compressed);
}

TEST(ColumnEncoding, StoresNumbersThatAscendAsDifferences) {
  const auto entities =
      ColumnOf<arrow::Int64Builder>([](auto& builder, int i) { Put(builder, i / 5L); });
  const ColumnEncoding encoding = ChooseEncoding(*entities);
  EXPECT_FALSE(encoding.dictionary);
  EXPECT_TRUE(encoding.delta);
}

// What was chosen is never seen in what is read back.
TEST(ColumnEncoding, GivesBackEveryValueAsItWas) {
  SeededRandom random(11);
  const auto nullable = [&](auto& builder, auto value) {
    ASSERT_TRUE((random.Next() % 10 == 0 ? builder.AppendNull() : builder.Append(value)).ok());
  };
  const double odd[] = {-0.0, std::numeric_limits<double>::quiet_NaN(),
                        std::numeric_limits<double>::infinity()};
  const auto time_type = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  const arrow::ChunkedArrayVector columns = {
      ColumnOf<arrow::Int64Builder>(
          [&](auto& builder, int) { nullable(builder, static_cast<std::int64_t>(random.Next())); }),
      ColumnOf<arrow::Int32Builder>(
          [&](auto& builder, int) { nullable(builder, static_cast<std::int32_t>(random.Next())); }),
      ColumnOf<arrow::DoubleBuilder>([&](auto& builder, int i) {
        nullable(builder, i % 100 < 3 ? odd[i % 100] : static_cast<double>(random.Next()) / 3);
      }),
      ColumnOf<arrow::StringBuilder>(
          [&](auto& builder, int) { nullable(builder, std::to_string(random.Next())); }),
      ColumnOf<arrow::BinaryBuilder>([&](auto& builder, int) {
        nullable(builder, Digest32(random).substr(random.Next() % 32));
      }),
      ColumnOf<arrow::TimestampBuilder>(
          std::make_unique<arrow::TimestampBuilder>(time_type, arrow::default_memory_pool()),
          [&](auto& builder, int i) { nullable(builder, i * 1'000'003L); }),
      ColumnOf<arrow::Date32Builder>([&](auto& builder, int) { nullable(builder, 15'000); })};
  arrow::FieldVector fields;
  for (std::size_t i = 0; i < columns.size(); ++i)
    fields.push_back(arrow::field("c." + std::to_string(i), columns[i]->type()));
  const auto rows = arrow::Table::Make(arrow::schema(fields), columns);
  ScratchFolder folder;
  ASSERT_OK_AND(const ParquetFile file, WriteParquet(LocalStore(), folder / "a.parquet", *rows));
  ASSERT_OK_AND(const auto read, ReadParquet(LocalStore(), folder / "a.parquet", {}));
  ASSERT_EQ(read->num_rows(), rows->num_rows());
  for (int i = 0; i < rows->num_columns(); ++i) {
    EXPECT_TRUE(read->column(i)->Equals(*rows->column(i)) ||
                read->column(i)->ApproxEquals(*rows->column(i),
                                              arrow::EqualOptions().nans_equal(true).atol(0)))
        << rows->field(i)->ToString();
  }
  ASSERT_OK_AND(const ParquetFile again, WriteParquet(LocalStore(), folder / "b.parquet", *rows));
  EXPECT_EQ(file.sha256, again.sha256) << "equal rows, equal bytes";
}
}  // namespace
}  // namespace weirhouse::platform

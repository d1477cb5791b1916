#include "ground/platform/columnar/typed_array.h"

#include <arrow/api.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "testing/testing.h"

namespace weirhouse::platform {
namespace {
using TypePtr = std::shared_ptr<arrow::DataType>;

std::shared_ptr<arrow::Array> NullsOf(const TypePtr& type, std::int64_t length) {
  return arrow::MakeArrayOfNull(type, length).ValueOrDie();
}

TEST(TypedArray, IsTheClassOfItsTypeAndNoneThatItDerivesFrom) {
  const std::vector<std::pair<TypePtr, std::string>> expected = {
      {arrow::boolean(), "other"},
      {arrow::int8(), "integer"},
      {arrow::int16(), "integer"},
      {arrow::int32(), "integer"},
      {arrow::int64(), "integer"},
      {arrow::uint8(), "integer"},
      {arrow::uint16(), "integer"},
      {arrow::uint32(), "integer"},
      {arrow::float32(), "real"},
      {arrow::float64(), "real"},
      {arrow::utf8(), "text"},
      {arrow::large_utf8(), "text"},
      {arrow::binary(), "bytes"},
      {arrow::large_binary(), "bytes"},
      {arrow::fixed_size_binary(4), "bytes"},
      {arrow::decimal128(10, 2), "other"},
      {arrow::date32(), "other"},
      {arrow::time64(arrow::TimeUnit::MICRO), "other"},
      {arrow::timestamp(arrow::TimeUnit::MICRO), "other"},
      {arrow::uint64(), ""},
      {arrow::list(arrow::int64()), ""}};
  for (const auto& [type, family] : expected) {
    std::string found;
    const auto array = NullsOf(type, 1);
    const bool visited = VisitTyped(*array, [&]<typename Array>(const Array& typed) {
      EXPECT_EQ(&typed, array.get());
      EXPECT_NE(dynamic_cast<const Array*>(array.get()), nullptr) << type->ToString();
      found = IntegerArray<Array> ? "integer"
              : RealArray<Array>  ? "real"
              : TextArray<Array>  ? "text"
              : BytesArray<Array> ? "bytes"
                                  : "other";
    });
    EXPECT_EQ(visited, !family.empty()) << type->ToString();
    EXPECT_EQ(found, family) << type->ToString();
  }
}

TEST(TypedArray, IsNotVisitedWhereItsClassIsNotTaken) {
  int visits = 0;
  const auto texts_only = [&]<typename Array>(const Array&)
    requires TextArray<Array>
  { ++visits; };
  EXPECT_TRUE(VisitTyped(*NullsOf(arrow::utf8(), 1), texts_only));
  EXPECT_FALSE(VisitTyped(*NullsOf(arrow::binary(), 1), texts_only));
  EXPECT_FALSE(VisitTyped(*NullsOf(arrow::int64(), 1), texts_only));
  EXPECT_EQ(visits, 1);
}

// What VisitValues tells of a column, as text.
std::string ToldOf(const arrow::ChunkedArray& column) {
  std::string told;
  const bool known = VisitValues(
      column, [&](std::int64_t row) { told += std::to_string(row) + ":null "; },
      [&](std::int64_t row, const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        told += std::to_string(row) + ":";
        if constexpr (std::same_as<Value, std::string_view>) {
          told += "text " + std::string(value);
        } else if constexpr (std::same_as<Value, arrow::Decimal128>) {
          told += "decimal " + value.ToIntegerString();
        } else if constexpr (std::same_as<Value, bool>) {
          told += value ? "true" : "false";
        } else if constexpr (std::same_as<Value, double>) {
          told += "real " + std::to_string(value);
        } else {
          told += "integer " + std::to_string(value);
        }
        told += " ";
      });
  return known ? told : "unknown";
}

std::shared_ptr<arrow::ChunkedArray> InChunks(const TypePtr& type, const std::string& first,
                                              const std::string& second) {
  const auto schema = arrow::schema({arrow::field("c", type)});
  return std::make_shared<arrow::ChunkedArray>(
      arrow::ArrayVector{testing::TableOf(schema, first)->column(0)->chunk(0),
                         testing::TableOf(schema, second)->column(0)->chunk(0)});
}

TEST(TypedArray, TellsTheValuesOfAllChunksInTheWidestTypeOfTheirFamily) {
  EXPECT_EQ(ToldOf(*InChunks(arrow::int32(), R"([{"c":-1},{}])", R"([{"c":7}])")),
            "0:integer -1 1:null 2:integer 7 ");
  EXPECT_EQ(ToldOf(*InChunks(arrow::float32(), R"([{"c":0.5}])", R"([{}])")),
            "0:real 0.500000 1:null ");
  EXPECT_EQ(ToldOf(*InChunks(arrow::utf8(), R"([{"c":"a"}])", R"([{"c":""}])")),
            "0:text a 1:text  ");
  EXPECT_EQ(ToldOf(*InChunks(arrow::boolean(), R"([{"c":true}])", R"([{"c":false}])")),
            "0:true 1:false ");
  EXPECT_EQ(ToldOf(*InChunks(arrow::date32(), R"([{"c":3}])", R"([{"c":4}])")),
            "0:integer 3 1:integer 4 ");
  arrow::Decimal128Builder decimals(arrow::decimal128(10, 2));
  ASSERT_TRUE(decimals.Append(arrow::Decimal128(-125)).ok());
  EXPECT_EQ(ToldOf(arrow::ChunkedArray(decimals.Finish().ValueOrDie())), "0:decimal -125 ");
  EXPECT_EQ(ToldOf(arrow::ChunkedArray(NullsOf(arrow::binary(), 1))), "unknown");
}

TEST(TypedArray, TellsTimesInMicrosecondsAndNoneThatAreFiner) {
  const std::vector<std::pair<arrow::TimeUnit::type, std::string>> expected = {
      {arrow::TimeUnit::SECOND, "0:integer 5000000 1:null "},
      {arrow::TimeUnit::MILLI, "0:integer 5000 1:null "},
      {arrow::TimeUnit::MICRO, "0:integer 5 1:null "},
      {arrow::TimeUnit::NANO, "unknown"}};
  for (const auto& [unit, told] : expected) {
    arrow::TimestampBuilder times(arrow::timestamp(unit), arrow::default_memory_pool());
    ASSERT_TRUE(times.Append(5).ok());
    ASSERT_TRUE(times.AppendNull().ok());
    EXPECT_EQ(ToldOf(arrow::ChunkedArray(times.Finish().ValueOrDie())), told);
  }
}
}  // namespace
}  // namespace weirhouse::platform

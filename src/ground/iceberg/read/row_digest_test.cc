#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

std::string DigestOf(const std::shared_ptr<arrow::Schema>& schema, const std::string& json) {
  return ContentDigest(*TableOf(schema, json)).value().ToHex();
}

constexpr char kTwoRows[] = R"([{"id":1,"origin":"EWR","at":1000000,"delay":1.5},
                                {"id":2,"origin":null,"at":null,"delay":-0.0}])";

// Computed with Python's hashlib from the layout at the head of row_digest.cc.
TEST(ContentDigest, IsTheOneAnIndependentProgramComputes) {
  EXPECT_EQ(DigestOf(FlightSchema(), kTwoRows),
            "e46b3fad9c7755b2f0c027e6a1d9164d2e95dd5dba2545aaff6917ef143e9163");
}

TEST(ContentDigest, IsOfTheSortedDigestsOfAnyNumberOfRows) {
  SeededRandom random(8);
  for (const std::int64_t count : {0, 1, 2, 63, 127, 128, 5'000, 40'000}) {
    arrow::Int64Builder builder;
    for (std::int64_t i = 0; i < count; ++i) {
      const arrow::Status added =
          random.Below(5) == 0 ? builder.AppendNull()
                               : builder.Append(static_cast<std::int64_t>(random.Below(9'000)));
      ASSERT_TRUE(added.ok());
    }
    // A slice, whose bitmap begins within a byte.
    const auto whole = arrow::Table::Make(arrow::schema({arrow::field("x", arrow::int64())}),
                                          arrow::ArrayVector{*builder.Finish()});
    const auto rows = whole->Slice(std::min<std::int64_t>(count, 3));
    std::vector<Digest> digests = DeclaredDigests(*rows).value();
    std::sort(digests.begin(), digests.end());
    Sha256 hash;
    for (const Digest& digest : digests) hash.Update(digest.view());
    EXPECT_EQ(ContentDigest(*rows).value(), hash.Finish()) << count;
  }
}

TEST(ContentDigest, DoesNotDependOnRowOrderChunksOrColumnOrder) {
  const auto rows = TableOf(FlightSchema(), kTwoRows);
  const auto wanted = ContentDigest(*rows).value();
  const auto turned = arrow::ConcatenateTables({rows->Slice(1, 1), rows->Slice(0, 1)}).ValueOrDie();
  EXPECT_EQ(ContentDigest(*turned).value(), wanted);
  EXPECT_EQ(ContentDigest(*turned->SelectColumns({3, 1, 0, 2}).ValueOrDie()).value(), wanted);
}

TEST(ContentDigest, LeavesHiddenColumnsOut) {
  arrow::FieldVector fields = FlightSchema()->fields();
  fields.push_back(arrow::field("_record", arrow::int64()));
  std::string with = kTwoRows;
  with.insert(with.find('}'), ",\"_record\":99");
  EXPECT_EQ(DigestOf(arrow::schema(fields), with), DigestOf(FlightSchema(), kTwoRows));
}

TEST(ContentDigest, WideningATypeDoesNotChangeIt) {
  const auto of = [](const std::shared_ptr<arrow::DataType>& type) {
    return arrow::schema({arrow::field("x", type)});
  };
  EXPECT_EQ(DigestOf(of(arrow::int32()), R"([{"x":-5}])"),
            DigestOf(of(arrow::int64()), R"([{"x":-5}])"));
  arrow::FloatBuilder narrow;
  arrow::DoubleBuilder wide;
  ASSERT_TRUE(narrow.Append(0.1f).ok());
  ASSERT_TRUE(wide.Append(static_cast<double>(0.1f)).ok());
  EXPECT_EQ(ContentDigest(*arrow::Table::Make(of(arrow::float32()), {narrow.Finish().ValueOrDie()}))
                .value(),
            ContentDigest(*arrow::Table::Make(of(arrow::float64()), {wide.Finish().ValueOrDie()}))
                .value());
}

TEST(ContentDigest, TellsApartWhatDiffers) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("b", arrow::utf8())});
  std::set<std::string> digests;
  for (const char* json :
       {R"([{"a":"ab","b":"c"}])", R"([{"a":"a","b":"bc"}])", R"([{"a":"abc","b":null}])",
        R"([{"a":"abc","b":""}])", R"([{"a":null,"b":"abc"}])", R"([])",
        R"([{"a":"ab","b":"c"},{"a":"ab","b":"c"}])"}) {
    digests.insert(DigestOf(schema, json));
  }
  EXPECT_EQ(digests.size(), 7u);
}

TEST(ContentDigest, EveryNanIsTheSame) {
  const auto of = [](double value) {
    arrow::DoubleBuilder builder;
    EXPECT_TRUE(builder.Append(value).ok());
    return ContentDigest(*arrow::Table::Make(arrow::schema({arrow::field("x", arrow::float64())}),
                                             {builder.Finish().ValueOrDie()}))
        .value();
  };
  EXPECT_EQ(of(std::nan("1")), of(-std::numeric_limits<double>::quiet_NaN()));
  EXPECT_NE(of(std::nan("1")), of(0.0));
}

TEST(ContentDigest, TellsMinusZeroFromZero) {
  const auto schema = arrow::schema({arrow::field("x", arrow::float64())});
  EXPECT_NE(DigestOf(schema, R"([{"x":-0.0}])"), DigestOf(schema, R"([{"x":0.0}])"));
}

// Rows of every type with NULLs, in chunks that begin anywhere: each row's digest is the one that it
// has by itself.
TEST(RowDigests, DoNotDependOnNeighboursChunksOrBlocks) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::utf8()), arrow::field("b", arrow::boolean()),
                     arrow::field("c", arrow::int32()), arrow::field("d", arrow::float32()),
                     arrow::field("f", arrow::date32()),
                     arrow::field("g", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                     arrow::field("h", arrow::binary())});
  SeededRandom random(3);
  std::string json;
  constexpr std::int64_t kRows = 5'000;
  for (std::int64_t row = 0; row < kRows; ++row) {
    const auto cell = [&](const std::string& value) {
      return random.Below(6) == 0 ? "null" : value;
    };
    json += fmt::format(R"({}{{"a":{},"b":{},"c":{},"d":{},"f":{},"g":{},"h":{}}})",
                        row == 0 ? "[" : ",", cell('"' + std::string(random.Below(40), 'x') + '"'),
                        cell(random.Below(2) == 0 ? "true" : "false"),
                        cell(fmt::format("-{}", random.Below(99))), cell("1.25"), cell("19000"),
                        cell(fmt::format("{}", random.Below(1'000'000))), cell(R"("bytes")"));
  }
  arrow::Decimal128Builder decimals(arrow::decimal128(20, 3));
  arrow::Time64Builder times(arrow::time64(arrow::TimeUnit::MICRO), arrow::default_memory_pool());
  for (std::int64_t row = 0; row < kRows; ++row) {
    const bool null = random.Below(6) == 0;
    ASSERT_TRUE((null ? decimals.AppendNull() : decimals.Append(arrow::Decimal128(row))).ok());
    ASSERT_TRUE((null ? times.Append(row) : times.AppendNull()).ok());
  }
  auto whole = TableOf(schema, json + "]");
  for (const auto& column : {*decimals.Finish(), *times.Finish()}) {
    whole = *whole->AddColumn(2, arrow::field(column->type()->name(), column->type()),
                              std::make_shared<arrow::ChunkedArray>(column));
  }
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (std::int64_t begin = 0, count = 0; begin < kRows; begin += count) {
    count = std::min<std::int64_t>(kRows - begin, static_cast<std::int64_t>(random.Below(700)));
    parts.push_back(whole->Slice(begin, count));
  }
  const auto rows = arrow::ConcatenateTables(parts).ValueOrDie();
  const std::vector<Digest> digests = DeclaredDigests(*rows).value();
  for (std::int64_t row = 0; row < kRows; row += 7) {
    ASSERT_EQ(digests[static_cast<std::size_t>(row)],
              DeclaredDigests(*whole->Slice(row, 1)).value()[0])
        << row;
  }
}

TEST(ContentDigest, OfAYearOfFlightsTakesUnderASecond) {
  constexpr std::int64_t kRows = 330'000;
  arrow::FieldVector fields;
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (int c = 0; c < 12; ++c) {
    arrow::Int64Builder numbers;
    arrow::StringBuilder texts;
    for (std::int64_t i = 0; i < kRows; ++i) {
      if (c % 3 == 0) {
        ASSERT_TRUE(texts.Append(std::to_string(i % 4000)).ok());
      } else {
        ASSERT_TRUE(numbers.Append(i * c).ok());
      }
    }
    fields.push_back(
        arrow::field(fmt::format("c{}", c), c % 3 == 0 ? arrow::utf8() : arrow::int64()));
    columns.push_back(c % 3 == 0 ? texts.Finish().ValueOrDie() : numbers.Finish().ValueOrDie());
  }
  const auto rows = arrow::Table::Make(arrow::schema(fields), columns);
  const auto start = SystemClock().Monotonic();
  ASSERT_OK(ContentDigest(*rows));
  const auto took = SystemClock().Monotonic() - start;
  RecordProperty("content_digest_ms", static_cast<int>(took.count() / 1'000'000));
  EXPECT_LT(took, std::chrono::seconds(10));  // 0.3 s here; room for sanitizers and full machines
}
}  // namespace
}  // namespace weirhouse::iceberg

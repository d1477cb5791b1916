#include "table/value.h"

#include "base/digest.h"
#include "table/table_fixture_test.h"

namespace weirhouse::table {
namespace {

std::string Hex(std::string_view bytes) { return ToHex(bytes); }

// Iceberg specification, appendix D (single-value serialization).
TEST(Value, SingleValueBytesAreThoseOfTheSpecification) {
  EXPECT_EQ(Hex(BytesOfInt(34)), "22000000");
  EXPECT_EQ(Hex(BytesOfLong(34)), "2200000000000000");
  EXPECT_EQ(Hex(BytesOfLong(-1)), "ffffffffffffffff");
  EXPECT_EQ(Hex(BytesOfUnscaled(1420)), "058c");  // 14.20
  EXPECT_EQ(Hex(BytesOfUnscaled(-1420)), "fa74");
  EXPECT_EQ(Hex(BytesOfUnscaled(0)), "00");
  EXPECT_EQ(Hex(BytesOfUnscaled(127)), "7f");
  EXPECT_EQ(Hex(BytesOfUnscaled(128)), "0080");
  EXPECT_EQ(Hex(BytesOfUnscaled(-128)), "80");
}

TEST(Value, ArrowCellsGiveTheSameBytes) {
  const auto schema =
      arrow::schema({arrow::field("b", arrow::boolean()), arrow::field("i", arrow::int32()),
                     arrow::field("l", arrow::int64()), arrow::field("d", arrow::float64()),
                     arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                     arrow::field("s", arrow::utf8())});
  const auto rows = TableOf(
      schema, R"([{"b":true,"i":34,"l":34,"d":1.0,"t":"2017-11-16T22:31:08Z","s":"iceberg"}])");
  const char* const wanted[] = {"01",
                                "22000000",
                                "2200000000000000",
                                "000000000000f03f",
                                "00c3262d215e0500",
                                "69636562657267"};
  for (int column = 0; column < 6; ++column) {
    ASSERT_OK_AND(const std::string bytes, storage::SingleValueBytes(*rows, column, 0));
    EXPECT_EQ(Hex(bytes), wanted[column]) << column;
  }
}

TEST(Value, UnscaledValuesRoundTrip) {
  for (const std::int64_t value : {0LL, 1LL, -1LL, 255LL, -256LL, 99'999'999'999'999LL}) {
    EXPECT_TRUE(UnscaledOfBytes(BytesOfUnscaled(value)) == Int128{value});
  }
  EXPECT_EQ(DecimalBytes(1), 1);
  EXPECT_EQ(DecimalBytes(9), 4);
  EXPECT_EQ(DecimalBytes(18), 8);
  EXPECT_EQ(DecimalBytes(38), 16);
}

TEST(Value, ComparesByTypeNotByBytes) {
  EXPECT_EQ(CompareValues({"long"}, BytesOfLong(-1), BytesOfLong(1)), -1);
  EXPECT_EQ(CompareValues({"long"}, BytesOfInt(5), BytesOfLong(4)), 1);  // before a promotion
  EXPECT_EQ(CompareValues({"string"}, "a", "b"), -1);
  EXPECT_EQ(CompareValues({"decimal(4,2)"}, BytesOfUnscaled(-1420), BytesOfUnscaled(5)), -1);
  EXPECT_EQ(CompareValues({"long"}, "x", BytesOfLong(1)), std::nullopt);
  EXPECT_EQ(CompareValues({"timestamptz"}, BytesOfInt(1), BytesOfLong(1)), std::nullopt);
}

TEST(Value, TransformsFloorForTimesBeforeTheEpoch) {
  const Type time{"timestamptz"};
  const auto of = [&](const char* transform, std::int64_t us) {
    return LongOfBytes(*ApplyTransform(transform, time, BytesOfLong(us)));
  };
  EXPECT_EQ(of("month", -1), -1);
  EXPECT_EQ(of("day", -1), -1);
  EXPECT_EQ(of("hour", -1), -1);
  EXPECT_EQ(of("year", -1), -1);
  EXPECT_EQ(of("month", 0), 0);
  EXPECT_EQ(of("day", 86'400'000'000 - 1), 0);
  EXPECT_EQ(ApplyTransform("void", time, BytesOfLong(5)), std::nullopt);
  EXPECT_EQ(ApplyTransform("month", time, std::nullopt), std::nullopt);
}

TEST(Value, PartitionsShowAsPeopleWriteThem) {
  EXPECT_EQ(PartitionText("month", {"timestamptz"}, BytesOfInt(516)), "2013-01");
  EXPECT_EQ(PartitionText("month", {"timestamptz"}, BytesOfInt(-1)), "1969-12");
  EXPECT_EQ(PartitionText("day", {"date"}, BytesOfInt(15'706)), "2013-01-01");
  EXPECT_EQ(PartitionText("identity", {"string"}, "a b/c"), "a%20b%2Fc");
  EXPECT_EQ(PartitionText("identity", {"string"}, std::nullopt), "null");
}
}  // namespace
}  // namespace weirhouse::table

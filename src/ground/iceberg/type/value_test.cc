#include "ground/iceberg/type/value.h"

#include <fmt/format.h>

#include "ground/base/digest.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/type_json.h"

namespace weirhouse::iceberg {
namespace {

std::string Hex(std::string_view bytes) { return ToHex(bytes); }

// Iceberg specification, appendix D (single-value serialization).
TEST(Value, SingleValueBytesAreThoseOfTheSpecification) {
  EXPECT_EQ(Hex(EncodeInt(34)), "22000000");
  EXPECT_EQ(Hex(EncodeLong(34)), "2200000000000000");
  EXPECT_EQ(Hex(EncodeLong(-1)), "ffffffffffffffff");
  EXPECT_EQ(Hex(EncodeUnscaled(1420)), "058c");  // 14.20
  EXPECT_EQ(Hex(EncodeUnscaled(-1420)), "fa74");
  EXPECT_EQ(Hex(EncodeUnscaled(0)), "00");
  EXPECT_EQ(Hex(EncodeUnscaled(127)), "7f");
  EXPECT_EQ(Hex(EncodeUnscaled(128)), "0080");
  EXPECT_EQ(Hex(EncodeUnscaled(-128)), "80");
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
    ASSERT_OK_AND(const std::string bytes, platform::SingleValueBytes(*rows, column, 0));
    EXPECT_EQ(Hex(bytes), wanted[column]) << column;
  }
}

TEST(Value, UnscaledValuesRoundTrip) {
  for (const std::int64_t value : {0LL, 1LL, -1LL, 255LL, -256LL, 99'999'999'999'999LL}) {
    EXPECT_TRUE(DecodeUnscaled(EncodeUnscaled(value)) == Int128{value});
  }
  EXPECT_EQ(DecimalBytes(1), 1);
  EXPECT_EQ(DecimalBytes(9), 4);
  EXPECT_EQ(DecimalBytes(18), 8);
  EXPECT_EQ(DecimalBytes(38), 16);
}

TEST(Value, ComparesByTypeNotByBytes) {
  EXPECT_EQ(CompareValues(TypeKind::kLong, EncodeLong(-1), EncodeLong(1)), -1);
  EXPECT_EQ(CompareValues(TypeKind::kLong, EncodeInt(5), EncodeLong(4)),
            1);  // before a promotion
  EXPECT_EQ(CompareValues(TypeKind::kString, "a", "b"), -1);
  EXPECT_EQ(CompareValues(Type::Decimal(4, 2), EncodeUnscaled(-1420), EncodeUnscaled(5)), -1);
  EXPECT_EQ(CompareValues(TypeKind::kLong, "x", EncodeLong(1)), std::nullopt);
  EXPECT_EQ(CompareValues(TypeKind::kTimestampTz, EncodeInt(1), EncodeLong(1)), std::nullopt);
}

TEST(Value, TransformsFloorForTimesBeforeTheEpoch) {
  const Type time(TypeKind::kTimestampTz);
  const auto of = [&](const char* transform, std::int64_t us) {
    return DecodeLong(*ApplyTransform(transform, time, EncodeLong(us)));
  };
  EXPECT_EQ(of("month", -1), -1);
  EXPECT_EQ(of("day", -1), -1);
  EXPECT_EQ(of("hour", -1), -1);
  EXPECT_EQ(of("year", -1), -1);
  EXPECT_EQ(of("month", 0), 0);
  EXPECT_EQ(of("day", 86'400'000'000 - 1), 0);
  EXPECT_EQ(ApplyTransform("void", time, EncodeLong(5)), std::nullopt);
  EXPECT_EQ(ApplyTransform("month", time, std::nullopt), std::nullopt);
}

// Iceberg specification, appendix B: hash values that every engine must agree on.
TEST(Value, BucketsHashAsTheSpecificationSays) {
  const auto hash = [](const char* type, const std::string& bytes) {
    return BucketHash(ParsePrimitiveType(type).value(), bytes).value_or(0);
  };
  EXPECT_EQ(hash("int", EncodeInt(34)), 2'017'239'379);
  EXPECT_EQ(hash("long", EncodeLong(34)), 2'017'239'379);
  EXPECT_EQ(hash("string", "iceberg"), 1'210'000'089);
  EXPECT_EQ(hash("decimal(9,2)", EncodeUnscaled(1420)), -500'754'589);
  EXPECT_EQ(hash("date", EncodeInt(17'486)), -653'330'422);           // 2017-11-16
  EXPECT_EQ(hash("time", EncodeLong(81'068'000'000)), -662'762'989);  // 22:31:08
  EXPECT_EQ(hash("timestamp", EncodeLong(1'510'871'468'000'000)), -2'047'944'441);
  EXPECT_EQ(hash("timestamptz", EncodeLong(1'510'871'468'000'001)), -1'207'196'810);
  EXPECT_EQ(hash("uuid", std::string("\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7"
                                     "\x85\xe7",
                                     16)),
            1'488'055'340);
  EXPECT_EQ(hash("binary", std::string("\0\1\2\3", 4)), -188'683'207);
  EXPECT_EQ(hash("fixed[4]", std::string("\0\1\2\3", 4)), -188'683'207);
  EXPECT_EQ(BucketHash(TypeKind::kDouble, EncodeLong(0)), std::nullopt);
  EXPECT_EQ(ApplyTransform("bucket[16]", TypeKind::kLong, EncodeLong(34)), EncodeInt(3));
  EXPECT_EQ(ApplyTransform("bucket[16]", TypeKind::kString, "iceberg"), EncodeInt(9));
}

TEST(Value, TruncateFloorsNumbersAndCutsTexts) {
  const auto of = [](int width, const char* type, const std::string& value) {
    return ApplyTransform(fmt::format("truncate[{}]", width), ParsePrimitiveType(type).value(),
                          value);
  };
  EXPECT_EQ(of(10, "int", EncodeInt(1)), EncodeInt(0));
  EXPECT_EQ(of(10, "int", EncodeInt(-1)), EncodeInt(-10));
  EXPECT_EQ(of(10, "long", EncodeLong(-20)), EncodeLong(-20));
  EXPECT_EQ(of(50, "decimal(9,2)", EncodeUnscaled(1065)), EncodeUnscaled(1050));
  EXPECT_EQ(of(50, "decimal(9,2)", EncodeUnscaled(-5)), EncodeUnscaled(-50));
  EXPECT_EQ(of(3, "string", "iceberg"), "ice");
  EXPECT_EQ(of(3, "string", "\u00e4\u20ac\u00fcx"), "\u00e4\u20ac\u00fc");  // code points
  EXPECT_EQ(of(3, "string", "ab"), "ab");
  EXPECT_EQ(of(3, "binary", std::string("\0\1\2\3", 4)), std::string("\0\1\2", 3));
  EXPECT_EQ(of(3, "double", EncodeLong(0)), std::nullopt);
}

TEST(Value, TransformsThatAreNotWellFormedAreNotApplied) {
  for (const char* transform : {"bucket", "bucket[]", "bucket[0]", "bucket[-1]", "bucket[x]",
                                "truncate[99999999999]", "truncate[4", "week", ""}) {
    EXPECT_FALSE(CanApply(transform)) << transform;
    EXPECT_FALSE(ResultType(transform, TypeKind::kLong).ok()) << transform;
  }
  EXPECT_FALSE(CanApply("month", TypeKind::kLong));
  EXPECT_FALSE(CanApply("hour", TypeKind::kDate));
  EXPECT_FALSE(CanApply("bucket[4]", TypeKind::kBoolean));
  EXPECT_FALSE(CanApply("identity", Type::List({2, "", TypeKind::kInt, false, ""})));
}

TEST(Value, PartitionsShowAsPeopleWriteThem) {
  EXPECT_EQ(PartitionText("bucket[16]", TypeKind::kString, EncodeInt(9)), "9");
  EXPECT_EQ(PartitionText("truncate[3]", TypeKind::kString, "i/e"), "i%2Fe");
  EXPECT_EQ(PartitionText("identity", Type::Decimal(9, 2), EncodeUnscaled(-5)), "-0.05");

  EXPECT_EQ(PartitionText("month", TypeKind::kTimestampTz, EncodeInt(516)), "2013-01");
  EXPECT_EQ(PartitionText("month", TypeKind::kTimestampTz, EncodeInt(-1)), "1969-12");
  EXPECT_EQ(PartitionText("day", TypeKind::kDate, EncodeInt(15'706)), "2013-01-01");
  EXPECT_EQ(PartitionText("identity", TypeKind::kString, "a b/c"), "a%20b%2Fc");
  EXPECT_EQ(PartitionText("identity", TypeKind::kString, std::nullopt), "null");
}
}  // namespace
}  // namespace weirhouse::iceberg

#include "rules/feature/kernel/field_value.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
using nlohmann::json;

Value Text(const std::string& text, ValueType type, FieldRole role = FieldRole::kValue) {
  const auto value = ValueOfText(text, type, "x", role);
  EXPECT_OK(value);
  return value.ok() ? *value : Value(std::string("not a value"));
}
std::string RefusedField(const Result<Value>& value) {
  return value.ok() ? "taken: " + ToText(*value) : value.status().error_code();
}

TEST(FieldValue, AStringIsWhatWasTypedWhateverItLooksLike) {
  for (const char* text : {"007", "-0", "0", "1e5", "1.50", "null", "true", "\"a\"", "[1]", "{}",
                           "", " ", "NaN", "12345678901234567890123", "e\xCC\x81", "\xC3\xA9"})
    EXPECT_EQ(Text(text, ValueType::kString), Value(std::string(text)));
  EXPECT_EQ(RefusedField(ValueOfText("\xFF", ValueType::kString, "x")), "WH4013");
}

TEST(FieldValue, AnIntegerIsWholeAndExact) {
  EXPECT_EQ(Text("9007199254740993", ValueType::kInt64), Value(std::int64_t{9007199254740993}));
  EXPECT_EQ(Text("9007199254740993.0", ValueType::kInt64), Value(std::int64_t{9007199254740993}));
  EXPECT_EQ(Text("-9223372036854775808", ValueType::kInt64),
            Value(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(Text("1.4e3", ValueType::kInt64), Value(std::int64_t{1400}));
  EXPECT_EQ(Text("007", ValueType::kInt64), Value(std::int64_t{7}));
  EXPECT_EQ(Text("-0", ValueType::kInt64), Value(std::int64_t{0}));
  EXPECT_EQ(Text("null", ValueType::kInt64), Value());
  for (const char* text : {"", "1.5", "9223372036854775808", "1e400", "0x10", "1 ", "true", "--1",
                           "1e", ".", "1e99999999999"})
    EXPECT_EQ(RefusedField(ValueOfText(text, ValueType::kInt64, "x")), "WH4013") << text;
  EXPECT_EQ(RefusedField(ValueOfJson(json::parse("9007199254740993.0"), ValueType::kInt64, "x")),
            "WH4013")
      << "the double it was read as is the neighbour";
  EXPECT_EQ(RefusedField(ValueOfJson(json::parse("18446744073709551615"), ValueType::kInt64, "x")),
            "WH4013");
  EXPECT_EQ(
      RefusedField(ValueOfJson(json::parse("123456789012345678901234"), ValueType::kInt64, "x")),
      "WH4013");
  EXPECT_EQ(RefusedField(ValueOfJson("7", ValueType::kInt64, "x")), "WH4013");
  EXPECT_EQ(ValueOfJson(1400.0, ValueType::kInt64, "x").value(), Value(std::int64_t{1400}));
}

TEST(FieldValue, ANumberMayBeNanOrInfinite) {
  for (const bool typed : {true, false}) {
    const auto value = [&](const std::string& text) {
      const auto got = typed ? ValueOfText(text, ValueType::kDouble, "x")
                             : ValueOfJson(text, ValueType::kDouble, "x");
      EXPECT_OK(got);
      return *std::get_if<double>(&*got);
    };
    EXPECT_TRUE(std::isnan(value("NaN")));
    EXPECT_EQ(value("Infinity"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(value("-Infinity"), -std::numeric_limits<double>::infinity());
  }
  EXPECT_EQ(JsonOfValue(Value(std::nan(""))), "NaN");
  EXPECT_EQ(JsonOfValue(Value(-std::numeric_limits<double>::infinity())), "-Infinity");
  EXPECT_TRUE(JsonOfValue(Value()).is_null());
  for (const char* text : {"nan", "inf", "1e400", "", "1,5", "0x1p3"})
    EXPECT_EQ(RefusedField(ValueOfText(text, ValueType::kDouble, "x")), "WH4013") << text;
  EXPECT_EQ(RefusedField(ValueOfJson("1.5", ValueType::kDouble, "x")), "WH4013");
  EXPECT_TRUE(SameBits(Text("-0.0", ValueType::kDouble), Value(-0.0)));
}

TEST(FieldValue, ANumberThatIsAKeyMergesNoIntegers) {
  EXPECT_EQ(Text("9007199254740992", ValueType::kDouble, FieldRole::kKey),
            Value(9007199254740992.0));
  EXPECT_EQ(Text("0.1", ValueType::kDouble, FieldRole::kKey), Value(0.1));
  for (const char* text : {"9007199254740993", "-9007199254740993", "12345678901234567890123"})
    EXPECT_EQ(RefusedField(ValueOfText(text, ValueType::kDouble, "x", FieldRole::kKey)), "WH4013");
  EXPECT_EQ(RefusedField(ValueOfJson(9007199254740993, ValueType::kDouble, "x", FieldRole::kKey)),
            "WH4013");
  EXPECT_EQ(ValueOfJson(9007199254740993, ValueType::kDouble, "x").value(),
            Value(9007199254740992.0))
      << "a value takes the nearest number";
}

TEST(FieldValue, BooleansAndTimesAreThemselvesOnly) {
  EXPECT_EQ(Text("true", ValueType::kBool), Value(true));
  EXPECT_EQ(ValueOfJson(false, ValueType::kBool, "x").value(), Value(false));
  for (const char* text : {"True", "1", "yes", ""})
    EXPECT_EQ(RefusedField(ValueOfText(text, ValueType::kBool, "x")), "WH4013") << text;
  EXPECT_EQ(RefusedField(ValueOfJson(1, ValueType::kBool, "x")), "WH4013");
  EXPECT_EQ(Text("1970-01-01T00:00:01+00:00", ValueType::kTimestamp), Value(Timestamp{1'000'000}));
  EXPECT_EQ(ValueOfJson("1970-01-01T01:00:01+01:00", ValueType::kTimestamp, "x").value(),
            Value(Timestamp{1'000'000}));
  for (const char* text : {"1970-01-01", "1970-01-01T00:00:00", "0"})
    EXPECT_EQ(RefusedField(ValueOfText(text, ValueType::kTimestamp, "x")), "WH4013") << text;
}
}  // namespace
}  // namespace weirhouse::feature

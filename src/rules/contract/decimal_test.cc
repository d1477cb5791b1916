#include "rules/contract/decimal.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <bit>

#include "rules/contract/contract.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::shared_ptr<const Contract> WithFields(const std::string& fields, std::string_view unknown,
                                           const std::string& version = "1.0.0") {
  auto contract = ParseContract(
      fmt::format("{{apiVersion: v3.1.0, kind: DataContract, id: t, version: {}, status: active, "
                  "customProperties: [{{property: whUnknownFields, value: {}}}], schema: [{{name: "
                  "t, properties: [{}]}}]}}",
                  version, unknown, fields),
      "contracts/t.odcs.yaml");
  EXPECT_TRUE(contract.ok()) << contract.status().ToString();
  return std::make_shared<const Contract>(std::move(contract).value());
}
std::string Amount(const std::string& type, const std::string& more = "") {
  return "{name: v, logicalType: number, physicalType: '" + type + "'" + more + "}";
}

Decoded DecodeAll(const std::shared_ptr<const Contract>& contract, std::string_view bytes,
                  RecordFormat format = RecordFormat::kJsonLines) {
  auto decoder = Decoder::Make(contract, SourceFormat{format, {""}});
  EXPECT_TRUE(decoder.ok()) << decoder.status().ToString();
  auto decoded = decoder->Decode(bytes, {"t", "a", RecordId(1), ProcessTime()});
  EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
  return std::move(decoded).value();
}
std::vector<std::string> Values(const Decoded& decoded, int column = 0) {
  std::vector<std::string> values;
  const auto& rows = *decoded.rows;
  for (std::int64_t i = 0; i < rows.num_rows(); ++i)
    values.push_back(rows.column(column)->GetScalar(i).ValueOrDie()->ToString());
  return values;
}
std::vector<std::string> ReasonsOf(const Decoded& decoded) {
  std::vector<std::string> reasons;
  for (const QuarantinedRecord& record : decoded.quarantined)
    reasons.push_back(record.violations.front().Reason());
  return reasons;
}

TEST(Decimal, IsReadFromItsDigitsAndNeverThroughADouble) {
  const auto contract = WithFields(Amount("DECIMAL(38,10)"), "drop");
  const std::vector<std::string> sent = {"1884518522.1684267241",
                                         "9007199254740993",
                                         "12345678901234567.89",
                                         "-0.0000000001",
                                         "-0",
                                         "1.5e3",
                                         "1234567890123456789012345678.0123456789",
                                         "1E-10"};
  std::string json;
  std::string csv = "v\n";
  for (const std::string& text : sent) {
    json += "{\"v\":" + text + "}\n";
    csv += text + "\n";
  }
  const std::vector<std::string> wanted = {"1884518522.1684267241",
                                           "9007199254740993.0000000000",
                                           "12345678901234567.8900000000",
                                           "-1E-10",
                                           "0E-10",
                                           "1500.0000000000",
                                           "1234567890123456789012345678.0123456789",
                                           "1E-10"};
  for (const Decoded& decoded :
       {DecodeAll(contract, json), DecodeAll(contract, csv, RecordFormat::kCsv)}) {
    EXPECT_THAT(ReasonsOf(decoded), IsEmpty());
    EXPECT_EQ(Values(decoded), wanted);
    EXPECT_EQ(decoded.rows->schema()->field(0)->type()->ToString(), "decimal128(38, 10)");
  }
}

TEST(Decimal, IsNeverRoundedToFit) {
  const auto contract = WithFields(Amount("numeric( 5 , 2 )"), "drop");
  const std::string json =
      "{\"v\":999.99}\n{\"v\":1.10}\n{\"v\":1000}\n{\"v\":0.001}\n{\"v\":1e400}\n"
      "{\"v\":\"1.10\"}\n{\"v\":1e-999999999999999999999}\n{\"v\":0e999999999999999999999}\n";
  const Decoded decoded = DecodeAll(contract, json);
  EXPECT_THAT(Values(decoded), ElementsAre("999.99", "1.10", "0.00"));
  const std::string range =
      "WH1213 v out of range, expected a number that DECIMAL(5,2) holds whole";
  EXPECT_THAT(ReasonsOf(decoded),
              ElementsAre(range, range, range, "WH1202 v not of type number", range));
}

TEST(Decimal, IsJudgedByItsDigits) {
  struct Case {
    const char* options;
    const char* good;
    const char* bad;
    const char* code;
  };
  const Case cases[] = {
      {"minimum: 0.1", "0.1", "0.09", "WH1203"},
      {"minimum: 0.105", "0.11", "0.10", "WH1203"},
      {"minimum: -0.105", "-0.10", "-0.11", "WH1203"},
      {"exclusiveMinimum: 12345678901234567890.01", "12345678901234567890.02",
       "12345678901234567890.01", "WH1203"},
      {"maximum: 12345678901234567890.01", "12345678901234567890.01", "12345678901234567890.02",
       "WH1204"},
      {"maximum: -0.105", "-0.11", "-0.10", "WH1204"},
      {"exclusiveMaximum: 0.105", "0.10", "0.11", "WH1204"},
      {"maximum: 1e99", "12345678901234567890.01", "null", ""},
      {"multipleOf: 0.05", "12345678901234567890.05", "12345678901234567890.01", "WH1216"},
      {"multipleOf: 300", "12345678901234567800", "12345678901234567890", "WH1216"},
  };
  for (const Case& each : cases) {
    const auto contract = WithFields(
        Amount("DECIMAL(22,2)", std::string(", logicalTypeOptions: {") + each.options + "}"),
        "drop");
    const Decoded decoded =
        DecodeAll(contract, fmt::format("{{\"v\":{}}}\n{{\"v\":{}}}\n", each.good, each.bad));
    const std::string code = decoded.quarantined.empty()
                                 ? ""
                                 : std::string(CodeOf(decoded.quarantined[0].violations[0].kind));
    EXPECT_EQ(code, each.code) << each.options;
    EXPECT_EQ(decoded.quarantined.size(), code.empty() ? 0U : 1U) << each.options;
    // What we print, we can read.
    const auto again = ParseContract(contract->ToJson(), "again");
    ASSERT_OK(again);
    EXPECT_EQ(again->digest(), contract->digest()) << contract->ToJson();
    EXPECT_EQ(again->fields()[0].minimum, contract->fields()[0].minimum);
  }
}

TEST(Decimal, TakesDefaultsAndValidValuesExactly) {
  const auto contract =
      WithFields(Amount("DECIMAL(20,3)",
                        ", customProperties: [{property: whDefault, value: "
                        "12345678901234567.891}], quality: [{metric: invalidValues, mustBe: "
                        "0, arguments: {validValues: [12345678901234567.891, 1.10]}}]"),
                 "drop");
  const Decoded decoded = DecodeAll(contract, "{}\n{\"v\":1.1}\n{\"v\":12345678901234567.89}\n");
  EXPECT_THAT(Values(decoded), ElementsAre("12345678901234567.891", "1.100"));
  EXPECT_THAT(ReasonsOf(decoded), ElementsAre("WH1207 v not one of 12345678901234567.891, 1.10"));
  EXPECT_EQ(ParseContract(contract->ToJson(), "again")->digest(), contract->digest());
}

TEST(Decimal, ATypeThatCannotBeKeptIsRefusedAndOthersAreNotRead) {
  const auto status = [](const std::string& type) {
    return ParseContract(
               "{apiVersion: v3.1.0, kind: DataContract, id: t, version: 1.0.0, status: "
               "active, schema: [{name: t, properties: [" +
                   Amount(type) + "]}]}",
               "t")
        .status();
  };
  for (const char* type : {"DECIMAL", "numeric", "NUMBER(*,2)", "DECIMAL(39,2)", "DECIMAL(4,5)",
                           "DECIMAL(0)", "decimal(10,-2)", "DECIMAL()", "BIGNUMERIC"}) {
    EXPECT_EQ(status(type).error_code(), "WH1105") << type;
    EXPECT_THAT(status(type).message(), HasSubstr("physicalType")) << type;
  }
  for (const char* type : {"DOUBLE", "float8", "DECIMAL(38,38)", "dec(7)", "Number(10, 2)"})
    EXPECT_TRUE(status(type).ok()) << type;
  EXPECT_FALSE(WithFields(Amount("DOUBLE"), "keep")->fields()[0].decimal.has_value());
}

TEST(Decimal, ATypeIsReadByItsGrammarAlone) {
  const auto read = [](std::string_view text) {
    DecimalShape shape;
    const DecimalTypeText is = ParseDecimalType(text, &shape);
    return std::tuple(is, is == DecimalTypeText::kDecimal ? shape.precision : 0,
                      is == DecimalTypeText::kDecimal ? shape.scale : 0);
  };
  const auto decimal = [](int precision, int scale) {
    return std::tuple(DecimalTypeText::kDecimal, precision, scale);
  };
  for (const char* text : {"DECIMAL(10,2)", "decimal ( 10 , 2 )", " Numeric(10,2) ", "dec(010,02)"})
    EXPECT_EQ(read(text), decimal(10, 2)) << text;
  EXPECT_EQ(read("DECIMAL(10)"), decimal(10, 0));
  for (const char* text :
       {"DECIMAL(1 0,2)", "DECIMAL(10,0 2)", "DECIMAL(10,2", "DECIMAL 10,2)", "DECIMAL(10,2)x",
        "DECIMAL(10,2) UNSIGNED", "DEC IMAL(10,2)", "DECIMAL(+10,2)", "DECIMAL(10,+2)",
        "DECIMAL(10,)", "DECIMAL(,2)", "DECIMAL()", "DECIMAL(10,2,3)", "DECIMAL(10;2)",
        "DECIMAL(10.0,2)", "DECIMAL(1e1,2)", "DECIMAL((10,2))", "DECIMAL[10,2]"}) {
    EXPECT_EQ(std::get<0>(read(text)), DecimalTypeText::kWithoutDigits) << text;
  }
  for (const char* text :
       {"DECIMAL(39,2)", "DECIMAL(0,0)", "DECIMAL(2,3)", "DECIMAL(-10,2)", "DECIMAL(10,-2)",
        "DECIMAL(4294967306,2)", "DECIMAL(10,4294967298)", "DECIMAL(18446744073709551626,2)"}) {
    EXPECT_EQ(std::get<0>(read(text)), DecimalTypeText::kTooWide) << text;
  }
  for (const char* text : {"DECIMALX(10,2)", "(10,2)", "", "INT", "DOUBLE(10,2)"})
    EXPECT_EQ(std::get<0>(read(text)), DecimalTypeText::kNotDecimal) << text;
  for (const char* text : {"DECIMAL(1 0,2)", "DECIMAL(10,2", "DECIMAL(10,2)x", "DECIMAL(+10,2)",
                           "in teger", "integer(4)", "integer "}) {
    EXPECT_EQ(ParseFieldType(text).status().error_code(), "WH1104") << text;
  }
}

TEST(Decimal, ComparesAsTheTypeItIs) {
  const auto changes = [](const std::string& before, const std::string& after) {
    return Compare(*WithFields(before, "keep"), *WithFields(after, "keep", "1.1.0"));
  };
  const std::string integer = "{name: v, logicalType: integer}";
  const std::string number = "{name: v, logicalType: number}";
  const auto breaks = [&](const std::string& before, const std::string& after) {
    return changes(before, after).verdict == Compatibility::kBreaking;
  };
  EXPECT_FALSE(breaks(Amount("DECIMAL(10,2)"), Amount("decimal(10, 2)")));
  EXPECT_FALSE(breaks(Amount("DECIMAL(10,2)"), Amount("DECIMAL(12,2)")));
  EXPECT_FALSE(breaks(Amount("DECIMAL(10,2)"), Amount("DECIMAL(13,5)")));
  EXPECT_TRUE(breaks(Amount("DECIMAL(10,2)"), Amount("DECIMAL(10,3)")));
  EXPECT_TRUE(breaks(Amount("DECIMAL(10,2)"), number));  // a double loses digits
  EXPECT_TRUE(breaks(number, Amount("DECIMAL(38,10)")));
  EXPECT_FALSE(breaks(integer, Amount("DECIMAL(21,2)")));
  EXPECT_TRUE(breaks(integer, Amount("DECIMAL(20,2)")));
  EXPECT_EQ(changes(number, Amount("DECIMAL(9,2)")).changes[0].ToString(),
            "v: type: number → DECIMAL(9,2) (breaking)");
  const std::string low = ", logicalTypeOptions: {minimum: 12345678901234567890.01}";
  const std::string higher = ", logicalTypeOptions: {minimum: 12345678901234567890.02}";
  EXPECT_TRUE(breaks(Amount("DECIMAL(38,2)", low), Amount("DECIMAL(38,2)", higher)));
  EXPECT_FALSE(breaks(Amount("DECIMAL(38,2)", higher), Amount("DECIMAL(38,2)", low)));
}

TEST(Decimal, OrdersNumberTextsExactly) {
  const char* ascending[] = {"-1e400", "-2",   "-1.5", "-1.10", "-1e-400", "0",
                             "1e-400", "0.09", "1.1",  "1.11",  "100",     "1e400"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(CompareNumberTexts(ascending[i], ascending[j]), (i > j) - (i < j))
          << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_EQ(CompareNumberTexts("1.10", "11e-1"), 0);
  EXPECT_EQ(CompareNumberTexts("-0", "0.000e9"), 0);
}

// ---- Numbers without a decimal -----------------------------------------------------------------

TEST(DecodeNumbers, AWholeNumberBeyond64BitsIsTheNearestDouble) {
  const auto contract = WithFields("{name: v, logicalType: number}", "drop");
  const std::vector<std::string> sent = {"100000000000000000000", "18446744073709551616",
                                         "9223372036854775809",   "-9223372036854775809",
                                         "9007199254740993",      "123456789012345678901234567890"};
  std::string json;
  std::string csv = "v\n";
  for (const std::string& text : sent) {
    json += "{\"v\":" + text + "}\n";
    csv += text + "\n";
  }
  for (const Decoded& decoded :
       {DecodeAll(contract, json), DecodeAll(contract, csv, RecordFormat::kCsv)}) {
    ASSERT_EQ(decoded.rows->num_rows(), static_cast<std::int64_t>(sent.size()));
    const auto rows = decoded.rows->CombineChunks().ValueOrDie();
    const auto& column = static_cast<const arrow::DoubleArray&>(*rows->column(0)->chunk(0));
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(column.Value(static_cast<std::int64_t>(i))),
                std::bit_cast<std::uint64_t>(std::strtod(sent[i].c_str(), nullptr)))
          << sent[i];
    }
  }
}

TEST(DecodeNumbers, AnUndeclaredNumberIsKeptAsItWasWrittenOrDropped) {
  const std::string field = "{name: a, logicalType: integer}";
  const std::string text =
      "{\"a\":1,\"x\":18446744073709551616}\n{\"a\":2,\"x\":{\"y\":[1e400,1.10,1e2,-0.0]}}\n"
      "{\"a\":3,\"x\":-1e999999}\n";
  const Decoded dropped = DecodeAll(WithFields(field, "drop"), text);
  EXPECT_THAT(ReasonsOf(dropped), IsEmpty());
  EXPECT_EQ(dropped.rows->num_rows(), 3);
  const Decoded kept = DecodeAll(WithFields(field, "keep"), text);
  EXPECT_THAT(ReasonsOf(kept), IsEmpty());
  EXPECT_THAT(Values(kept, 3),
              ElementsAre(R"({"x":18446744073709551616})", R"({"x":{"y":[1e400,1.10,1e2,-0.0]}})",
                          R"({"x":-1e999999})"));
  const Decoded refused = DecodeAll(WithFields(field, "quarantine"), text);
  EXPECT_THAT(ReasonsOf(refused), ::testing::Each("WH1214 x unknown to the contract"));
}

TEST(LocateRecords, FindsSeveralInOnePassWithTheirLines) {
  const std::string csv = "a,b\n1,\"x\ny\"\n2,z\n\n3,w\n";
  const std::int64_t wanted[] = {0, 2, 2};
  ASSERT_OK_AND(const auto ranges, LocateRecords(csv, {RecordFormat::kCsv, {""}}, "a.csv", wanted));
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[0].bytes, "1,\"x\ny\"");
  EXPECT_EQ(ranges[0].line, 2);
  EXPECT_EQ(ranges[1].bytes, "3,w");
  EXPECT_EQ(ranges[1].line, 6);
  EXPECT_EQ(ranges[2].byte_offset, static_cast<std::int64_t>(csv.find("3,w")));
  const std::int64_t beyond[] = {1, 3};
  EXPECT_EQ(LocateRecords(csv, {RecordFormat::kCsv, {""}}, "a.csv", beyond).status().error_code(),
            "WH1313");
}
}  // namespace
}  // namespace weirhouse::contract

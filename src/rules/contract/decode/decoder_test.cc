#include <arrow/api.h>
#include <fmt/format.h>
#include <zlib.h>

#include <bit>

#include "rules/contract/contract.h"
#include "rules/contract/example_contracts.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::shared_ptr<const Contract> ParsedContract(std::string_view yaml) {
  Result<Contract> contract = ParseContract(yaml, "contracts/t.odcs.yaml");
  EXPECT_TRUE(contract.ok()) << contract.status().ToString();
  return std::make_shared<const Contract>(std::move(contract).value());
}
std::shared_ptr<const Contract> ContractWith(const std::string& fields,
                                             const std::string& unknown = "keep") {
  return ParsedContract(
      "{apiVersion: v3.1.0, kind: DataContract, id: t, version: 1.0.0, status: active, "
      "customProperties: [{property: whUnknownFields, value: " +
      unknown + "}], schema: [{name: t, properties: [" + fields + "]}]}");
}

// Decodes and checks on the way that counting agrees.
Decoded DecodeObject(const std::shared_ptr<const Contract>& contract, std::string_view bytes,
                     SourceFormat format = {}, const std::string& name = "a.jsonl") {
  Result<Decoder> decoder = Decoder::Make(contract, format);
  EXPECT_TRUE(decoder.ok()) << decoder.status().ToString();
  Result<Decoded> decoded =
      decoder->Decode(bytes, {"t", name, RecordId(100), ProcessTimeOfMicros(7)});
  EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
  const Result<std::int64_t> count = CountRecords(bytes, format, name);
  EXPECT_TRUE(count.ok()) << count.status().ToString();
  EXPECT_EQ(decoded->record_count, *count);
  EXPECT_EQ(decoded->record_count,
            decoded->rows->num_rows() + static_cast<std::int64_t>(decoded->quarantined.size()));
  return std::move(decoded).value();
}
std::vector<std::string> Reasons(const Decoded& decoded) {
  std::vector<std::string> reasons;
  for (const QuarantinedRecord& record : decoded.quarantined) {
    for (const Violation& violation : record.violations) {
      reasons.push_back(violation.Reason() +
                        (violation.found.empty() ? "" : " found " + violation.found));
    }
  }
  return reasons;
}
SourceFormat Csv() { return {RecordFormat::kCsv, {"NA", ""}}; }

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// ---- JSON lines ---------------------------------------------------------------------------------

TEST(DecodeJsonLines, ReadsAnArrivalWithItsHiddenColumns) {
  const Decoded decoded = DecodeObject(
      ParsedContract(kArrivalContract),
      R"({"flight_id":"UA1-EWR-20130101","carrier":"UA","tailnum":"N14228","origin":"EWR",)"
      R"("dest":"IAH","arrived_at":"2013-01-01T14:30:00Z","arr_delay":11,"air_time":227,)"
      R"("reported_at":"2013-01-01T15:30:00+01:00","z":[1, {"b":null}],"gate":"A\u00e9"})"
      "\n");
  EXPECT_THAT(Reasons(decoded), IsEmpty());
  ASSERT_EQ(decoded.rows->num_rows(), 1);
  const auto& rows = *decoded.rows;
  EXPECT_EQ(rows.GetColumnByName("arr_delay")->GetScalar(0).ValueOrDie()->ToString(), "11");
  EXPECT_EQ(rows.GetColumnByName("arrived_at")->GetScalar(0).ValueOrDie()->ToString(),
            rows.GetColumnByName("reported_at")->GetScalar(0).ValueOrDie()->ToString());
  EXPECT_EQ(rows.GetColumnByName("_record")->GetScalar(0).ValueOrDie()->ToString(), "100");
  EXPECT_EQ(rows.GetColumnByName("_unknown")->GetScalar(0).ValueOrDie()->ToString(),
            R"({"gate":"A\u00e9","z":[1, {"b":null}]})");
  EXPECT_TRUE(rows.schema()->Equals(*RecordsSchema(*ParsedContract(kArrivalContract))));
  EXPECT_TRUE(rows.ValidateFull().ok());
}

TEST(DecodeJsonLines, ListsEveryViolationOfARecordWithItsPlace) {
  const std::string good =
      R"({"flight_id":"UA1-EWR-20130101","carrier":"UA","origin":"EWR","dest":"IAH",)"
      R"("arrived_at":"2013-01-01T14:30:00Z","arr_delay":11,"reported_at":"2013-01-01T14:30:00Z"})";
  const std::string bad = R"({"flight_id":"nonsense","carrier":"UAL","origin":null,"dest":7,)"
                          R"("arrived_at":"yesterday","arr_delay":9999,"air_time":0})";
  const Decoded decoded =
      DecodeObject(ParsedContract(kArrivalContract), good + "\n\n" + bad + "\r\n" + good + "\n");
  EXPECT_EQ(decoded.record_count, 3);
  ASSERT_EQ(decoded.quarantined.size(), 1U);
  const QuarantinedRecord& record = decoded.quarantined[0];
  EXPECT_EQ(record.ordinal, 1);
  EXPECT_EQ(record.line, 3);
  EXPECT_EQ(record.byte_offset, static_cast<std::int64_t>(good.size()) + 2);
  EXPECT_EQ(record.raw, bad);
  EXPECT_EQ(record.digest, Sha256Of(bad));
  EXPECT_THAT(
      Reasons(decoded),
      ElementsAre(
          R"(WH1205 flight_id does not match ^[A-Z0-9]{2}[0-9]{1,4}-[A-Z]{3}-[0-9]{8}$ found "nonsense")",
          R"(WH1206 carrier longer than 2 found "UAL")", "WH1202 dest not of type string found 7",
          R"(WH1202 arrived_at not of type timestamp: it does not begin with YYYY-MM-DD found "yesterday")",
          "WH1204 arr_delay above maximum 2880 found 9999",
          "WH1203 air_time below minimum 1 found 0", "WH1201 origin missing",
          "WH1201 reported_at missing"));
  EXPECT_EQ(record.violations[4].byte_offset,
            record.byte_offset + static_cast<std::int64_t>(bad.find("9999")));
  EXPECT_EQ(decoded.rows->GetColumnByName("_record")->GetScalar(1).ValueOrDie()->ToString(), "102");
}

TEST(DecodeJsonLines, FillsDefaultsForAbsentFieldsButNotForNull) {
  const auto contract = ContractWith(
      "{name: a, logicalType: string, customProperties: [{property: whDefault, value: departed}]},"
      "{name: b, logicalType: integer, required: true, customProperties: [{property: whDefault, "
      "value: 5}]}",
      "drop");
  const Decoded decoded = DecodeObject(contract, "{}\n{\"a\":null,\"b\":6}\n{\"b\":null}\n");
  EXPECT_EQ(decoded.rows->num_rows(), 2);
  EXPECT_EQ(decoded.rows->column(0)->GetScalar(0).ValueOrDie()->ToString(), "departed");
  EXPECT_EQ(decoded.rows->column(1)->GetScalar(0).ValueOrDie()->ToString(), "5");
  EXPECT_FALSE(decoded.rows->column(0)->GetScalar(1).ValueOrDie()->is_valid);
  EXPECT_THAT(Reasons(decoded), ElementsAre("WH1201 b missing"));
}

TEST(DecodeJsonLines, KeepsDropsOrQuarantinesUnknownFields) {
  const std::string field = "{name: a, logicalType: integer}";
  const std::string text = "{\"y\":1.50,\"a\":1,\"b\":{\"c\":[true]}}\n{\"a\":2}\n";
  const Decoded kept = DecodeObject(ContractWith(field, "keep"), text);
  const auto unknown = kept.rows->GetColumnByName("_unknown");
  EXPECT_EQ(unknown->GetScalar(0).ValueOrDie()->ToString(), R"({"b":{"c":[true]},"y":1.50})");
  EXPECT_FALSE(unknown->GetScalar(1).ValueOrDie()->is_valid);
  const Decoded dropped = DecodeObject(ContractWith(field, "drop"), text);
  EXPECT_EQ(dropped.rows->num_rows(), 2);
  EXPECT_EQ(dropped.rows->GetColumnByName("_unknown"), nullptr);
  const Decoded refused = DecodeObject(ContractWith(field, "quarantine"), text);
  EXPECT_THAT(Reasons(refused), ElementsAre("WH1214 y unknown to the contract found 1.50",
                                            "WH1214 b unknown to the contract found "
                                            "{\"c\":[true]}"));
}

TEST(DecodeNumbers, MinusZeroKeepsItsSignInANumberAndIsZeroAsAnInteger) {
  const std::string fields = "{name: v, logicalType: number}, {name: i, logicalType: integer}";
  const auto bits = [](const Decoded& decoded, int row) {
    const auto& column = static_cast<const arrow::DoubleArray&>(
        *decoded.rows->CombineChunks().ValueOrDie()->column(0)->chunk(0));
    return std::bit_cast<std::uint64_t>(column.Value(row));
  };
  const std::uint64_t minus_zero = std::bit_cast<std::uint64_t>(-0.0);
  const Decoded json = DecodeObject(ContractWith(fields, "drop"),
                                    "{\"v\":-0,\"i\":-0}\n{\"v\":-0.0,\"i\":0}\n"
                                    "{\"v\":-0e0}\n{\"v\":-1e-400}\n{\"v\":0}\n{\"v\":-7}\n");
  const Decoded csv =
      DecodeObject(ContractWith(fields, "drop"), "v,i\n-0,-0\n-0.0,0\n-0e0,\n-1e-400,\n0,\n-7,\n",
                   Csv(), "a.csv");
  for (const Decoded* decoded : {&json, &csv}) {
    ASSERT_EQ(decoded->rows->num_rows(), 6);
    for (int row = 0; row < 4; ++row) EXPECT_EQ(bits(*decoded, row), minus_zero) << row;
    EXPECT_EQ(bits(*decoded, 4), 0U);
    EXPECT_EQ(bits(*decoded, 5), std::bit_cast<std::uint64_t>(-7.0));
    EXPECT_EQ(decoded->rows->column(1)->GetScalar(0).ValueOrDie()->ToString(), "0");
  }
}

struct ValueCase {
  std::string type;
  std::string options;
  std::string value;  // as JSON
  std::string code;   // empty: valid
};

TEST(DecodeJsonLines, JudgesValuesByTypeAndRule) {
  const std::vector<ValueCase> cases = {
      {"integer", "", "1", ""},
      {"integer", "", "-0", ""},
      {"integer", "", "9223372036854775807", ""},
      {"integer", "", "-9223372036854775808", ""},
      {"integer", "", "9223372036854775808", "WH1213"},
      {"integer", "", "1.0", "WH1202"},
      {"integer", "", "1e2", "WH1202"},
      {"integer", "", "\"1\"", "WH1202"},
      {"integer", "", "true", "WH1202"},
      {"integer", "", "01", "WH1208"},
      {"integer", "", "+1", "WH1208"},
      {"integer", "", "-", "WH1208"},
      {"integer", "", "[1]", "WH1202"},
      {"number", "", "1", ""},
      {"number", "", "-1.5e-3", ""},
      {"number", "", "1e-400", ""},
      {"number", "", "1e999", "WH1213"},
      {"number", "", "-1e400", "WH1213"},
      {"number", "", "123456789012345678901234567890", ""},
      {"number", "", "-18446744073709551616", ""},
      {"number", "", "1" + std::string(308, '0'), ""},
      {"number", "", "1" + std::string(309, '0'), "WH1213"},
      {"integer", "", "123456789012345678901234567890", "WH1213"},
      {"integer", "", "1e400", "WH1202"},
      {"string", "", "1e400", "WH1202"},
      {"boolean", "", "18446744073709551616", "WH1202"},
      {"number", "", "NaN", "WH1208"},
      {"number", "", "Infinity", "WH1208"},
      {"number", "", "-Infinity", "WH1208"},
      {"number", "", "1.", "WH1208"},
      {"number", "", ".5", "WH1208"},
      {"number", "", "1e", "WH1208"},
      {"boolean", "", "true", ""},
      {"boolean", "", "1", "WH1202"},
      {"boolean", "", "tru", "WH1208"},
      {"string", "", "\"\"", ""},
      {"string", "", "1", "WH1202"},
      {"date", "", "\"2013-02-28\"", ""},
      {"date", "", "\"2013-02-29\"", "WH1202"},
      {"date", "", "\"2013-02-28T00:00:00Z\"", "WH1202"},
      {"date", "", "20130228", "WH1202"},
      {"timestamp", "", "\"2013-02-28T01:02:03.123456Z\"", ""},
      {"timestamp", "", "\"2013-02-28T01:02:03\"", ""},
      {"timestamp", "", "\"2013-02-28 01:02:03-05:00\"", ""},
      {"timestamp", "", "\"2013-02-28\"", "WH1202"},
      {"timestamp", "", "\"2013-02-28T25:00:00Z\"", "WH1202"},
      {"timestamp", "", "1362013323", "WH1202"},
      {"integer", "minimum: 3", "3", ""},
      {"integer", "minimum: 3", "2", "WH1203"},
      {"integer", "exclusiveMinimum: 3", "3", "WH1203"},
      {"integer", "exclusiveMinimum: 2.5", "3", ""},
      {"integer", "minimum: 2.5", "2", "WH1203"},
      {"integer", "maximum: 3", "4", "WH1204"},
      {"integer", "exclusiveMaximum: 3", "3", "WH1204"},
      {"number", "maximum: 200", "200", ""},
      {"number", "maximum: 200", "1048.36058", "WH1204"},
      {"number", "exclusiveMinimum: 0", "0", "WH1203"},
      {"date", "minimum: 2013-01-01", "\"2012-12-31\"", "WH1203"},
      {"timestamp", "maximum: 2013-01-01T00:00:00Z", "\"2013-01-01T01:00:00+01:00\"", ""},
      {"timestamp", "exclusiveMaximum: 2013-01-01T00:00:00Z", "\"2013-01-01T01:00:00+01:00\"",
       "WH1204"},
      {"integer", "multipleOf: 5", "15", ""},
      {"integer", "multipleOf: 5", "-9223372036854775808", "WH1216"},
      {"number", "multipleOf: 0.1", "0.3", ""},
      {"number", "multipleOf: 0.01", "19.99", ""},
      {"number", "multipleOf: 0.01", "19.995", "WH1216"},
      {"number", "multipleOf: 0.5", "1e300", ""},
      {"string", "maxLength: 2", "\"\xc3\xa9\xf0\x9f\x98\x80\"", ""},
      {"string", "maxLength: 2", "\"abc\"", "WH1206"},
      {"string", "minLength: 2", "\"\xf0\x9f\x98\x80\"", "WH1206"},
      {"string", "pattern: '^[a-z]+$'", "\"abc\"", ""},
      {"string", "pattern: '^[a-z]+$'", "\"abc\\n\"", "WH1205"},
      {"string", "pattern: b", "\"abc\"", ""},
  };
  for (const ValueCase& each : cases) {
    const auto contract = ContractWith("{name: v, logicalType: " + each.type +
                                       ", logicalTypeOptions: {" + each.options + "}}");
    const Decoded decoded = DecodeObject(contract, "{\"v\":" + each.value + "}");
    const std::string code = decoded.quarantined.empty()
                                 ? ""
                                 : std::string(CodeOf(decoded.quarantined[0].violations[0].kind));
    EXPECT_EQ(code, each.code) << each.type << " {" << each.options << "} " << each.value;
  }
}

TEST(DecodeJsonLines, ComparesValidValuesByTypeNotByText) {
  const auto of = [](const std::string& type, const std::string& values) {
    return ContractWith(
        "{name: v, logicalType: " + type +
        ", quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [" + values +
        "]}}]}");
  };
  EXPECT_THAT(Reasons(DecodeObject(of("string", "EWR, JFK"), "{\"v\":\"EWR\"}\n{\"v\":\"ewr\"}")),
              ElementsAre("WH1207 v not one of EWR, JFK found \"ewr\""));
  EXPECT_THAT(Reasons(DecodeObject(of("integer", "1, 2"), "{\"v\":2}\n{\"v\":3}")),
              ElementsAre("WH1207 v not one of 1, 2 found 3"));
  EXPECT_THAT(Reasons(DecodeObject(of("number", "0.5, 1"), "{\"v\":1.0}\n{\"v\":1.5}")),
              ElementsAre("WH1207 v not one of 0.5, 1 found 1.5"));
}

// ---- JSON ---------------------------------------------------------------------------------------

TEST(DecodeJson, TakesTheElementsOfAnArrayOrOneObject) {
  const auto contract = ContractWith("{name: a, logicalType: integer, required: true}", "drop");
  const SourceFormat format{RecordFormat::kJson, {}};
  const Decoded array = DecodeObject(
      contract, "\xef\xbb\xbf [ {\"a\":1,\"t\":\"],[\\\"\"},\n {\"a\":2} ] ", format, "a.json");
  EXPECT_EQ(array.rows->num_rows(), 2);
  EXPECT_EQ(DecodeObject(contract, " {\"a\":1}\n", format, "a.json").rows->num_rows(), 1);
  EXPECT_EQ(DecodeObject(contract, "[]", format, "a.json").record_count, 0);
  const Decoded mixed =
      DecodeObject(contract, "[{\"a\":1},\n{\"a\":x},[{\"a\":1}],{\"a\":3}]", format, "a.json");
  EXPECT_EQ(mixed.rows->num_rows(), 2);
  ASSERT_EQ(mixed.quarantined.size(), 2U);
  EXPECT_EQ(mixed.quarantined[0].ordinal, 1);
  EXPECT_EQ(mixed.quarantined[0].line, 2);
  EXPECT_EQ(mixed.quarantined[0].raw, "{\"a\":x}");
}

TEST(DecodeJson, RefusesADocumentWithoutAStructureAsAWhole) {
  const auto contract = ContractWith("{name: a, logicalType: integer}");
  const SourceFormat format{RecordFormat::kJson, {}};
  ASSERT_OK_AND(const Decoder decoder, Decoder::Make(contract, format));
  for (const std::string_view text : {"", " \n", "[{\"a\":1}", "[{\"a\":1},]", "[,]",
                                      "[{\"a\":1}] x", "[{\"a\":1]}", "[\"", "7"}) {
    const Status decoded =
        decoder.Decode(text, {"t", "a.json", RecordId(1), ProcessTime()}).status();
    EXPECT_EQ(decoded.code(), Code::kInvalidInput) << text;
    EXPECT_EQ(decoded.error_code(), "WH1310") << text;
    EXPECT_EQ(CountRecords(text, format, "a.json").status().ToString(), decoded.ToString());
  }
}

// ---- CSV ----------------------------------------------------------------------------------------

TEST(DecodeCsv, FindsTheRealWindOf12February) {
  const std::string text =
      "origin,time_hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib\n"
      "EWR,2013-02-12T07:00:00Z,39.02,26.96,61.63,260,8.05546,NA,0,1008.3,10\n"
      "EWR,2013-02-12T08:00:00Z,39.02,26.96,61.63,260,1048.36058,NA,0,1008.3,10\n";
  const Decoded decoded =
      DecodeObject(ParsedContract(kWeatherContract), text, Csv(), "2013-02-12.csv");
  EXPECT_EQ(decoded.rows->num_rows(), 1);
  ASSERT_EQ(decoded.quarantined.size(), 1U);
  const QuarantinedRecord& record = decoded.quarantined[0];
  ASSERT_EQ(record.violations.size(), 1U);
  EXPECT_EQ(record.violations[0].Reason(), "WH1204 wind_speed above maximum 200");
  EXPECT_EQ(record.violations[0].found, "1048.36058");
  EXPECT_EQ(record.violations[0].byte_offset, static_cast<std::int64_t>(text.find("1048.36058")));
  EXPECT_EQ(record.line, 3);
  EXPECT_EQ(record.ordinal, 1);
  EXPECT_FALSE(decoded.rows->GetColumnByName("wind_gust")->GetScalar(0).ValueOrDie()->is_valid);
}

TEST(DecodeCsv, FollowsRfc4180) {
  const auto contract =
      ContractWith("{name: a, logicalType: string}, {name: b, logicalType: integer}");
  const Decoded decoded =
      DecodeObject(contract,
                   "\xef\xbb\xbf"
                   "b,x,a\r\n1,NA,\"two\r\nlines, \"\"quoted\"\"\"\n\n2,\"NA\",\"NA\"\r\n3,,",
                   Csv(), "a.csv");
  EXPECT_THAT(Reasons(decoded), IsEmpty());
  ASSERT_EQ(decoded.rows->num_rows(), 3);
  const auto cell = [&](const char* column, std::int64_t row) {
    return decoded.rows->GetColumnByName(column)->GetScalar(row).ValueOrDie()->ToString();
  };
  EXPECT_EQ(cell("a", 0), "two\r\nlines, \"quoted\"");
  EXPECT_EQ(cell("a", 1), "NA");  // quoted: a text, not a null
  EXPECT_EQ(cell("a", 2), "null");
  EXPECT_EQ(cell("_unknown", 0), R"({"x":null})");
  EXPECT_EQ(cell("_unknown", 1), R"({"x":"NA"})");
}

TEST(DecodeCsv, NamesWhatIsWrongWithARow) {
  const auto contract = ContractWith(
      "{name: a, logicalType: string}, {name: year, logicalType: integer}, {name: x, logicalType: "
      "number}, {name: ok, logicalType: boolean}");
  const Decoded decoded = DecodeObject(contract,
                                       "a,year,x,ok\n"
                                       "p,2004,1.5,true\n"
                                       "p,2004.0,1e999,yes\n"
                                       "p,2004\n"
                                       "p,2004,1,true,extra\n"
                                       "p\"q,2004,1,true\n"
                                       "\"p\"q,2004,1,true\n"
                                       "caf\xe9,2004,1,true\n"
                                       "p,007, 1,true\n",
                                       Csv(), "a.csv");
  EXPECT_EQ(decoded.rows->num_rows(), 1);
  EXPECT_THAT(Reasons(decoded),
              ElementsAre("WH1202 year not of type integer found 2004.0",
                          "WH1213 x out of range, expected a finite double found 1e999",
                          "WH1202 ok not of type boolean found yes",
                          "WH1215 wrong number of CSV fields, expected 4 fields found 2 fields",
                          "WH1215 wrong number of CSV fields, expected 4 fields found 5 fields",
                          "WH1217 a breaks csv, expected RFC 4180 quoting found p\"q",
                          "WH1217 a breaks csv, expected RFC 4180 quoting found p",
                          "WH1212 a not valid text, expected UTF-8 without NUL found caf\\xE9",
                          "WH1202 year not of type integer found 007",
                          "WH1202 x not of type number found  1"));
}

TEST(DecodeCsv, AnUnclosedQuoteIsOneBadRecordToTheEnd) {
  const auto contract = ContractWith("{name: a, logicalType: string}");
  const Decoded decoded = DecodeObject(contract, "a\nx\n\"y\nz\n", Csv(), "a.csv");
  EXPECT_EQ(decoded.record_count, 2);
  ASSERT_EQ(decoded.quarantined.size(), 1U);
  EXPECT_EQ(CodeOf(decoded.quarantined[0].violations[0].kind), "WH1217");
  EXPECT_EQ(decoded.quarantined[0].raw, "\"y\nz\n");
  EXPECT_EQ(decoded.quarantined[0].violations[0].Reason(),
            "WH1217 a breaks csv, expected RFC 4180 quoting: the quote that opens here is never "
            "closed, and takes 1 line up to the end of the file with it");
  // Also where the fields are too few by then.
  const auto two = ContractWith("{name: a, logicalType: string}, {name: b, logicalType: string}");
  EXPECT_THAT(Reasons(DecodeObject(two, "a,b\nx,1\n\"y,2\nz,3\nw,4\n", Csv(), "a.csv")).front(),
              HasSubstr("takes 2 lines up to the end"));
}

TEST(DecodeCsv, AHeaderWithoutARequiredColumnIsOneClearErrorOfTheObject) {
  const auto contract = ContractWith(
      "{name: a, logicalType: string}, {name: b, logicalType: integer, required: true}");
  const Decoded decoded = DecodeObject(contract, "a,c\n1,2\n3,4\n", Csv(), "a.csv");
  EXPECT_EQ(decoded.object_problem.error_code(), "WH1218");
  EXPECT_EQ(decoded.object_problem.message(),
            "CSV header lacks required column \"b\" of contract t 1.0.0: it holds \"a\", \"c\"");
  const std::string reason =
      "WH1201 b missing: the CSV header has no such column found \"a\", \"c\"";
  EXPECT_THAT(Reasons(decoded), ElementsAre(reason, reason));
  EXPECT_OK(DecodeObject(contract, "b\n1\n", Csv(), "a.csv").object_problem);
}

TEST(DecodeCsv, AdvisesWhatToDoAboutAColumnThatTheHeaderLacks) {
  const auto contract = ContractWith(
      "{name: id, logicalType: string, required: true}, {name: n, logicalType: integer}");
  const auto advice = [&](const std::string& text) {
    return DecodeObject(contract, text, Csv(), "a.csv").object_problem.hint();
  };
  EXPECT_THAT(advice("id;n\nx;1\n"), HasSubstr("delimiter: \";\""));
  EXPECT_THAT(advice("id\tn\nx\t1\n"), HasSubstr("delimiter: \"\\t\""));
  EXPECT_THAT(advice("ID,n\nx,1\n"), HasSubstr("\"ID\" is there"));
  EXPECT_THAT(advice("key,n\nx,1\n"), HasSubstr("mend the file"));
}

TEST(DecodeCsv, SplitsAtTheDelimiterOfItsSource) {
  const auto contract =
      ContractWith("{name: a, logicalType: string}, {name: b, logicalType: string}");
  SourceFormat format = Csv();
  format.delimiter = ';';
  const std::string text = "a;b\n\"x;\n\"\"y\"\"\";1,5\nz,;\n\"p\"q;1\n1;2;3\n";
  const Decoded decoded = DecodeObject(contract, text, format, "a.csv");
  EXPECT_EQ(decoded.record_count, 4);
  EXPECT_EQ(weirhouse::testing::RowsAsJson(*decoded.rows->SelectColumns({0, 1}).ValueOrDie()),
            "{\"a\":\"x;\\n\\\"y\\\"\",\"b\":\"1,5\"}\n{\"a\":\"z,\",\"b\":null}\n");
  EXPECT_THAT(Reasons(decoded),
              ElementsAre("WH1217 a breaks csv, expected RFC 4180 quoting found p",
                          "WH1215 wrong number of CSV fields, expected 2 fields found 3 fields"));
  ASSERT_OK_AND(const RecordRange first, LocateRecord(text, format, "a.csv", 0));
  EXPECT_EQ(first.bytes, "\"x;\n\"\"y\"\"\";1,5");
}

// Reasons group what is wrong, so they hold neither places nor values.
TEST(Reason, IsTheSameForTheSameFault) {
  const auto contract =
      ContractWith("{name: t, logicalType: timestamp}, {name: d, logicalType: date}");
  const Decoded decoded = DecodeObject(contract,
                                       R"({"t":"2024-02-29T12:00:00.123456789Z"}
{"t":"2025-01-01T00:00:00.0000001+01:00"}
{"t":"2016-12-31T23:59:60Z"}
{"t":"2016-12-31T23:59:00+5"}
{"t":"0001-01-01T00:00:00+02:00"}
{"t":"9999-12-31T23:59:59-01:00"}
{"t":"2016-12-31"}
{"t":1709208000}
{"d":"2016-12-31T00:00:00Z"}
{"d":"2016-02-30"}
{"x":[1,2,{"a":1,"a":2}]}
{"x":[{"a":1,"a":2}]}
)");
  std::vector<std::string> reasons;
  for (const QuarantinedRecord& record : decoded.quarantined)
    reasons.push_back(record.violations[0].Reason());
  const std::string t = "WH1202 t not of type timestamp: ";
  EXPECT_THAT(reasons, ElementsAre(t + "it has digits below a microsecond",
                                   t + "it has digits below a microsecond",
                                   t + "its seconds are 60: leap seconds are not supported",
                                   t + "its offset is not ±HH:MM or ±HH",
                                   t + "its offset leads outside the years 0001 to 9999",
                                   t + "its offset leads outside the years 0001 to 9999",
                                   t + "it has no time of day", t + "it is not a text",
                                   "WH1202 d not of type date: it has a time of day",
                                   "WH1202 d not of type date: no such day",
                                   "WH1209 x[].a given twice", "WH1209 x[].a given twice"));
}

TEST(Reason, OfAnObjectIsTheSameWhereverItsFaultLies) {
  const auto contract = ContractWith("{name: a, logicalType: integer}");
  const auto refusal = [&](std::string_view text, RecordFormat format, const std::string& name) {
    return CountRecords(text, {format, {}}, name).status();
  };
  const Status one = refusal("[{\"a\":1}", RecordFormat::kJson, "a.json");
  const Status two = refusal("[{\"a\":1},{\"a\":2}", RecordFormat::kJson, "a.json");
  EXPECT_EQ(one.message(), two.message());
  EXPECT_NE(one.hint(), two.hint());
  EXPECT_EQ(refusal("a,a\n", RecordFormat::kCsv, "a.csv").message(),
            refusal("b,c,b\n", RecordFormat::kCsv, "a.csv").message());
  EXPECT_THAT(refusal(",a\n", RecordFormat::kCsv, "a.csv").hint(), HasSubstr("column 1"));
}

// ---- Fields that nobody has ---------------------------------------------------------------------

std::string Absent(const Decoded& decoded) {
  std::string text;
  for (const AbsentField& field : decoded.absent_fields)
    text += fmt::format("{}{}<{}", text.empty() ? "" : " ", field.name, field.similar);
  return text;
}

TEST(AbsentFields, AreThoseThatNoRecordNames) {
  const auto contract = ContractWith(
      "{name: id, logicalType: string}, {name: temp, logicalType: number},"
      "{name: wind_speed, logicalType: number, customProperties: [{property: whDefault, value: "
      "5}]}",
      "drop");
  const SourceFormat lines;
  EXPECT_EQ(Absent(DecodeObject(contract, "id,Temp,windSpeed\nx,1,2\n", Csv(), "a.csv")),
            "temp<Temp wind_speed<windSpeed");
  EXPECT_EQ(Absent(DecodeObject(contract, "id,pressure\nx,1\n", Csv(), "a.csv")),
            "temp< wind_speed<");
  EXPECT_EQ(Absent(DecodeObject(contract, "id,temp,wind_speed\nx,NA,1\n", Csv(), "a.csv")), "");
  EXPECT_EQ(Absent(DecodeObject(contract, R"({"id":"x","Temp":1,"Wind-Speed":2})")),
            "temp<Temp wind_speed<Wind-Speed");
  EXPECT_EQ(Absent(DecodeObject(contract, R"({"id":"x","tmep":1,"wind_speed":2})")), "temp<tmep");
  EXPECT_EQ(Absent(DecodeObject(contract, R"({"id":"x","temp":null,"wind_speed":2,"Temp":1})")),
            "");
  EXPECT_EQ(Absent(DecodeObject(contract,
                                "{\"id\":\"x\",\"Temp\":1}\n{\"id\":\"y\",\"temp\":1,"
                                "\"wind_speed\":1}\n")),
            "");
  EXPECT_EQ(Absent(DecodeObject(contract, "")), "");
}

TEST(AbsentFields, OfShortNamesAreNotTakenForOneAnother) {
  const auto contract =
      ContractWith("{name: id, logicalType: string}, {name: t_max, logicalType: number}");
  EXPECT_EQ(Absent(DecodeObject(contract, R"({"is":"x","t_min":1})")), "id< t_max<");
}

TEST(DecodeCsv, RefusesAnObjectWithoutAUsableHeader) {
  const auto contract = ContractWith("{name: a, logicalType: string}");
  ASSERT_OK_AND(const Decoder decoder, Decoder::Make(contract, Csv()));
  std::string wide = "c0";
  for (int i = 1; i <= kCsvColumnsMax; ++i) wide += fmt::format(",c{}", i);
  for (const std::string& text : {std::string(), std::string("a,a\n1,2\n"), std::string("a,,b\n"),
                                  std::string("\"a\n1\n"), std::string("a\xff\n1\n"), wide}) {
    const Status decoded =
        decoder.Decode(text, {"t", "a.csv", RecordId(1), ProcessTime()}).status();
    EXPECT_EQ(decoded.error_code(), "WH1310") << text.substr(0, 40);
    EXPECT_EQ(CountRecords(text, Csv(), "a.csv").status().ToString(), decoded.ToString());
  }
  EXPECT_EQ(CountRecords(wide.substr(0, wide.rfind(',')), Csv(), "a.csv").value(), 0);
}

TEST(DecodeCsv, ABlankLineIsARecordOnlyWhereThereIsOneColumn) {
  EXPECT_EQ(CountRecords("a\n1\n\n2\n", Csv(), "a.csv").value(), 3);
  EXPECT_EQ(CountRecords("a,b\n1,1\n\n2,2\n", Csv(), "a.csv").value(), 2);
  const Decoded decoded =
      DecodeObject(ContractWith("{name: a, logicalType: integer, required: true}"), "a\n1\n\n2\n",
                   Csv(), "a.csv");
  ASSERT_EQ(decoded.quarantined.size(), 1U);
  EXPECT_EQ(decoded.quarantined[0].byte_offset, 4);
  ASSERT_EQ(decoded.quarantined[0].violations.size(), 1U);
  EXPECT_EQ(decoded.quarantined[0].violations[0].found, "a blank line");
}

// ---- gzip ---------------------------------------------------------------------------------------

TEST(DecodeGzip, InflatesByNameAndCountsOffsetsInTheInflatedBytes) {
  const auto contract = ContractWith("{name: a, logicalType: integer}");
  const std::string text = "{\"a\":1}\n{\"a\":x}\n{\"a\":3}\n";
  const Decoded decoded =
      DecodeObject(contract, Gzip(text.substr(0, 10)) + Gzip(text.substr(10)), {}, "a.jsonl.gz");
  EXPECT_TRUE(decoded.inflated);
  EXPECT_EQ(decoded.rows->num_rows(), 2);
  EXPECT_EQ(decoded.quarantined[0].byte_offset, 8);
  EXPECT_EQ(decoded.quarantined[0].raw, "{\"a\":x}");
}

TEST(DecodeGzip, RefusesEveryTruncationAndDamage) {
  const std::string packed = Gzip("{\"a\":1}\n{\"a\":2}\n");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(CountRecords(packed.substr(0, size), {}, "a.gz").status().error_code(), "WH1312")
        << size;
  }
  std::string damaged = packed;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // the checksum
  EXPECT_EQ(CountRecords(damaged, {}, "a.gz").status().error_code(), "WH1312");
  EXPECT_EQ(CountRecords(packed + "tail", {}, "a.gz").status().error_code(), "WH1312");
  EXPECT_EQ(CountRecords("{\"a\":1}\n", {}, "a.gz").status().error_code(), "WH1312");
}

TEST(DecodeGzip, RefusesABomb) {
  const std::string zeros(64 << 20, '0');
  const std::string bomb = Gzip(zeros);
  ASSERT_GT(zeros.size(), bomb.size() * static_cast<std::size_t>(kInflateRatioMax));
  EXPECT_EQ(CountRecords(bomb, {}, "a.gz").status().error_code(), "WH1311");
  EXPECT_OK(CountRecords(Gzip(zeros.substr(0, 1 << 20)), {}, "a.gz"));
}
}  // namespace
}  // namespace weirhouse::contract

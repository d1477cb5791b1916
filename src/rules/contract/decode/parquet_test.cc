// Parquet files under a contract: the same verdicts as for the same records in JSON lines.
#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/util/decimal.h>
#include <parquet/arrow/writer.h>

#include <random>

#include "rules/contract/contract.h"
#include "rules/contract/decode/decode_pieces.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const Contract> ContractOf(const std::string& properties,
                                           const std::string& custom = "") {
  const std::string yaml =
      "apiVersion: v3.1.0\nkind: DataContract\nid: sale\nversion: 1.0.0\nstatus: active\nschema:\n"
      "  - name: sale\n    logicalType: object\n    properties:\n" +
      properties + custom;
  auto contract = ParseContract(yaml, "sale.odcs.yaml");
  EXPECT_OK(contract.status());
  return std::make_shared<const Contract>(*std::move(contract));
}

Decoder DecoderOf(std::shared_ptr<const Contract> contract, RecordFormat format) {
  SourceFormat source;
  source.format = format;
  return Decoder::Make(std::move(contract), source).value();
}

std::string WriteFile(const arrow::Table& rows, std::int64_t group_rows = 1'000'000) {
  auto sink = arrow::io::BufferOutputStream::Create().ValueOrDie();
  EXPECT_TRUE(
      parquet::arrow::WriteTable(rows, arrow::default_memory_pool(), sink, group_rows).ok());
  return sink->Finish().ValueOrDie()->ToString();
}

template <typename Builder, typename T>
std::shared_ptr<arrow::Array> Column(const std::vector<std::optional<T>>& values,
                                     std::shared_ptr<arrow::DataType> type = nullptr) {
  if constexpr (std::is_default_constructible_v<Builder>) {
    if (type == nullptr) type = Builder().type();
  }
  std::unique_ptr<arrow::ArrayBuilder> made;
  EXPECT_TRUE(arrow::MakeBuilder(arrow::default_memory_pool(), type, &made).ok());
  auto& builder = static_cast<Builder&>(*made);
  for (const auto& value : values)
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return builder.Finish().ValueOrDie();
}
std::shared_ptr<arrow::Array> Texts(const std::vector<std::optional<std::string>>& values) {
  return Column<arrow::StringBuilder>(values);
}
std::shared_ptr<arrow::Array> Integers(const std::vector<std::optional<std::int64_t>>& values) {
  return Column<arrow::Int64Builder>(values);
}

std::string FileOf(
    const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns,
    std::int64_t group_rows = 1'000'000) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  return WriteFile(*arrow::Table::Make(arrow::schema(fields), arrays), group_rows);
}

const ObjectContext kContext{"sale", "day.parquet", RecordId(100), ProcessTimeOfMicros(5)};

std::vector<std::string> RefusalsOf(const Decoded& decoded) {
  std::vector<std::string> reasons;
  for (const QuarantinedRecord& record : decoded.quarantined) {
    for (const Violation& violation : record.violations) {
      reasons.push_back(std::to_string(record.ordinal) + " " + violation.path + " " +
                        std::string(CodeOf(violation.kind)));
    }
  }
  return reasons;
}

TEST(ParquetObject, ReadsEachTypeAsTheFieldsType) {
  const auto contract = ContractOf(
      "      - { name: id, logicalType: string, required: true }\n"
      "      - { name: count, logicalType: integer }\n"
      "      - { name: price, logicalType: number }\n"
      "      - { name: exact, logicalType: number, physicalType: 'DECIMAL(10,2)' }\n"
      "      - { name: paid, logicalType: boolean }\n"
      "      - { name: day, logicalType: date }\n"
      "      - { name: at, logicalType: timestamp }\n");
  const auto nanos = arrow::timestamp(arrow::TimeUnit::NANO);
  const std::string file = FileOf(
      {{"at", Column<arrow::TimestampBuilder, std::int64_t>({1'000'000'001'000, 5'001}, nanos)},
       {"day", Column<arrow::Date32Builder, std::int32_t>({15'706, std::nullopt})},
       {"paid", Column<arrow::BooleanBuilder, bool>({true, false})},
       {"exact", Column<arrow::Decimal128Builder, arrow::Decimal128>(
                     {arrow::Decimal128(12'345), arrow::Decimal128(1)}, arrow::decimal128(12, 3))},
       {"price", Column<arrow::FloatBuilder, float>({0.1F, 2})},
       {"count", Column<arrow::UInt32Builder, std::uint32_t>({4'000'000'000U, 7U})},
       {"id", Texts({"a", "b"})}});
  ASSERT_OK_AND(const Decoded decoded,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  EXPECT_EQ(decoded.record_count, 2);
  ASSERT_EQ(decoded.rows->num_rows(),
            0);  // 12.345 has a digit too many, 5,001 ns is no microsecond
  EXPECT_THAT(RefusalsOf(decoded), ElementsAre("0 exact WH1213", "1 at WH1202", "1 exact WH1213"));
  EXPECT_EQ(decoded.quarantined[1].raw,
            R"({"at":"1970-01-01T00:00:00.000005001Z","day":null,"paid":false,"exact":0.001,)"
            R"("price":2,"count":7,"id":"b"})");
  EXPECT_EQ(decoded.quarantined[0].line, 1);
  EXPECT_EQ(decoded.quarantined[0].digest, Sha256Of(decoded.quarantined[0].raw));
}

TEST(ParquetObject, GivesTheValuesThemselves) {
  const auto contract = ContractOf(
      "      - { name: id, logicalType: string, required: true }\n"
      "      - { name: count, logicalType: integer }\n"
      "      - { name: price, logicalType: number }\n"
      "      - { name: exact, logicalType: number, physicalType: 'DECIMAL(10,2)' }\n"
      "      - { name: at, logicalType: timestamp }\n");
  const std::string file = FileOf(
      {{"id", Texts({"a", "b"})},
       {"count", Column<arrow::DoubleBuilder, double>({3.0, std::nullopt})},  // as pandas has them
       {"price", Column<arrow::FloatBuilder, float>({0.1F, std::nullopt})},
       {"exact", Column<arrow::Decimal128Builder, arrow::Decimal128>(
                     {arrow::Decimal128(1'230), std::nullopt}, arrow::decimal128(12, 3))},
       {"at", Column<arrow::TimestampBuilder, std::int64_t>(
                  {1'356'998'400'123, std::nullopt},
                  arrow::timestamp(arrow::TimeUnit::MILLI, "America/New_York"))},
       {"extra", Column<arrow::Int8Builder, std::int8_t>({std::int8_t{5}, std::nullopt})}});
  ASSERT_OK_AND(const Decoded decoded,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  ASSERT_EQ(decoded.rows->num_rows(), 2);
  const auto value = [&](const char* column) {
    return decoded.rows->GetColumnByName(column)->GetScalar(0).ValueOrDie()->ToString();
  };
  EXPECT_EQ(value("count"), "3");
  EXPECT_EQ(value("price"), std::make_shared<arrow::DoubleScalar>(0.1F)->ToString());
  EXPECT_EQ(value("exact"), "1.23");
  EXPECT_EQ(value("at"), "2013-01-01 00:00:00.123000Z");
  EXPECT_EQ(value("_record"), "100");
  EXPECT_EQ(value("_unknown"), R"({"extra":5})");
  const auto second = decoded.rows->GetColumnByName("_unknown")->GetScalar(1).ValueOrDie();
  EXPECT_FALSE(second->is_valid);
}

TEST(ParquetObject, RefusesWhatIsNoValueOfTheField) {
  const auto contract = ContractOf(
      "      - { name: id, logicalType: string, required: true, logicalTypeOptions: { maxLength: 3 "
      "} }\n"
      "      - { name: price, logicalType: number, logicalTypeOptions: { minimum: 0 } }\n"
      "      - { name: count, logicalType: integer }\n");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const std::string file =
      FileOf({{"id", Column<arrow::BinaryBuilder, std::string>(
                         {"good", std::nullopt, "\xff", std::string("a\0b", 3), "ok"})},
              {"price", Column<arrow::DoubleBuilder, double>({-1, nan, infinite, 1, 1})},
              {"count",
               Column<arrow::UInt64Builder, std::uint64_t>({1U, 1U, ~std::uint64_t{0}, 1U, 1U})}});
  ASSERT_OK_AND(const Decoded decoded,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  EXPECT_EQ(decoded.rows->num_rows(), 1);
  EXPECT_THAT(RefusalsOf(decoded),
              ElementsAre("0 id WH1206", "0 price WH1203", "1 price WH1202", "1 id WH1201",
                          "2 id WH1212", "2 price WH1213", "2 count WH1213", "3 id WH1212"));
  EXPECT_THAT(decoded.quarantined[2].raw, HasSubstr("\"Infinity\""));
}

TEST(ParquetObject, WholeNumbersOfAnyTypeAreIntegers) {
  const auto contract = ContractOf(
      "      - { name: n, logicalType: integer }\n"
      "      - { name: d, logicalType: integer }\n");
  const std::string file =
      FileOf({{"n", Column<arrow::DoubleBuilder, double>({1e16, -0x1p63, 0x1p63, 2.5, 0x1p62})},
              {"d", Column<arrow::Decimal128Builder, arrow::Decimal128>(
                        {arrow::Decimal128(500), arrow::Decimal128(-100), std::nullopt,
                         arrow::Decimal128(150), arrow::Decimal128("99999999999999999999900")},
                        arrow::decimal128(30, 2))}});
  ASSERT_OK_AND(const Decoded decoded,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  EXPECT_THAT(RefusalsOf(decoded),
              ElementsAre("2 n WH1213", "3 n WH1202", "3 d WH1202", "4 d WH1213"));
  const auto n = decoded.rows->GetColumnByName("n");
  EXPECT_EQ(n->GetScalar(0).ValueOrDie()->ToString(), "10000000000000000");
  EXPECT_EQ(n->GetScalar(1).ValueOrDie()->ToString(), "-9223372036854775808");
  EXPECT_EQ(decoded.rows->GetColumnByName("d")->GetScalar(1).ValueOrDie()->ToString(), "-1");
}

// What stands for a record's bytes tells values apart that JSON could confuse.
TEST(ParquetObject, BytesAreNotTakenForTheirHexadecimalText) {
  const auto contract = ContractOf("      - { name: n, logicalType: integer }\n");
  const std::string file = FileOf(
      {{"n", Integers({1, 1, 1})},
       {"x", Column<arrow::BinaryBuilder, std::string>({"ff", "\xff", std::string("b\0", 2)})}});
  ASSERT_OK_AND(const Decoded decoded,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  const auto unknown = decoded.rows->GetColumnByName("_unknown");
  EXPECT_EQ(unknown->GetScalar(0).ValueOrDie()->ToString(), R"({"x":"ff"})");
  EXPECT_EQ(unknown->GetScalar(1).ValueOrDie()->ToString(), R"({"x":{"hex":"ff"}})");
  EXPECT_EQ(unknown->GetScalar(2).ValueOrDie()->ToString(), R"({"x":"b\u0000"})");
}

TEST(ParquetObject, NamesAColumnThatIsMissing) {
  const auto contract = ContractOf(
      "      - { name: sale_id, logicalType: string, required: true }\n"
      "      - { name: note, logicalType: string }\n");
  const std::string file = FileOf({{"SaleId", Texts({"a", "b"})}});
  ASSERT_OK_AND(const Decoded decoded,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  EXPECT_EQ(decoded.object_problem.error_code(), "WH1218");
  EXPECT_THAT(decoded.object_problem.hint(), HasSubstr("did you mean that?"));
  EXPECT_THAT(RefusalsOf(decoded), ElementsAre("0 sale_id WH1201", "1 sale_id WH1201"));
}

TEST(ParquetObject, FilesThatAreNoneAreRefusedAndCountAlike) {
  const auto contract = ContractOf("      - { name: id, logicalType: string }\n");
  const Decoder decoder = DecoderOf(contract, RecordFormat::kParquet);
  const std::string good = FileOf({{"id", Texts({"a", "b", "c"})}});
  const std::vector<std::string> files = {"",
                                          "PAR1",
                                          "PAR1PAR1PAR1",
                                          "id\na\n",
                                          good.substr(0, good.size() - 1),
                                          good.substr(1),
                                          good.substr(good.size() / 2),
                                          good + "x"};
  for (const std::string& file : files) {
    const auto decoded = decoder.Decode(file, kContext);
    ASSERT_FALSE(decoded.ok()) << file.size();
    EXPECT_EQ(decoded.status().code(), Code::kInvalidInput);
    EXPECT_EQ(decoded.status().error_code(), "WH1310") << decoded.status().ToString();
  }
  ASSERT_OK_AND(const std::int64_t count, CountRecords(good, decoder.format(), "day.parquet"));
  EXPECT_EQ(count, 3);
  EXPECT_EQ(CountRecords(good, decoder.format(), "day.parquet.gz").status().error_code(), "WH1310");
}

// Whatever the bytes are, the reader ends with rows or a reason. What it decodes, it counts alike.
TEST(ParquetObject, SurvivesChangedBytes) {
  const auto contract = ContractOf(
      "      - { name: id, logicalType: string }\n"
      "      - { name: n, logicalType: integer }\n");
  const Decoder decoder = DecoderOf(contract, RecordFormat::kParquet);
  std::vector<std::optional<std::string>> ids;
  std::vector<std::optional<std::int64_t>> numbers;
  for (int i = 0; i < 500; ++i) {
    ids.emplace_back("id" + std::to_string(i % 37));
    numbers.emplace_back(i * 7);
  }
  const std::string good = FileOf({{"id", Texts(ids)}, {"n", Integers(numbers)}}, 200);
  std::mt19937 random(7);
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = good;
    const auto changes = 1 + random() % 3;
    for (unsigned i = 0; i < changes; ++i)
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << (random() % 8));
    const auto decoded = decoder.Decode(bytes, kContext);
    if (!decoded.ok()) {
      EXPECT_NE(decoded.status().code(), Code::kInternal) << decoded.status().ToString();
      continue;
    }
    const auto count = CountRecords(bytes, decoder.format(), kContext.object_name);
    ASSERT_OK(count.status());
    EXPECT_EQ(*count, decoded->record_count);
    EXPECT_EQ(decoded->record_count,
              decoded->rows->num_rows() + static_cast<std::int64_t>(decoded->quarantined.size()));
  }
}

// Records found one by one are those that were decoded, also in later row groups.
TEST(ParquetObject, LocatesRowsAcrossRowGroups) {
  std::vector<std::optional<std::int64_t>> numbers;
  for (int i = 0; i < 1'000; ++i) numbers.emplace_back(i);
  const std::string file = FileOf({{"n", Integers(numbers)}}, 64);
  SourceFormat format;
  format.format = RecordFormat::kParquet;
  const std::vector<std::int64_t> wanted = {0, 63, 64, 64, 500, 999};
  ASSERT_OK_AND(const auto found, LocateRecords(file, format, "day.parquet", wanted));
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found[i].bytes, "{\"n\":" + std::to_string(wanted[i]) + "}");
    EXPECT_EQ(found[i].line, wanted[i] + 1);
  }
  EXPECT_LT(found[1].byte_offset, found[2].byte_offset);
  const std::vector<std::int64_t> beyond = {1'000};
  EXPECT_EQ(LocateRecords(file, format, "day.parquet", beyond).status().error_code(), "WH1313");
}

// The same records as Parquet and as JSON lines: equal rows, equal refusals.
TEST(ParquetObject, JudgesAsJsonLinesDo) {
  const auto contract = ContractOf(
      "      - { name: id, logicalType: string, required: true, logicalTypeOptions: { pattern: "
      "'^[a-z]+$', maxLength: 6 } }\n"
      "      - { name: n, logicalType: integer, logicalTypeOptions: { minimum: -50, maximum: 50 } "
      "}\n"
      "      - { name: x, logicalType: number, logicalTypeOptions: { maximum: 100 } }\n"
      "      - { name: d, logicalType: number, physicalType: 'DECIMAL(6,2)' }\n"
      "      - { name: b, logicalType: boolean, required: true }\n");
  std::mt19937 random(11);
  const auto maybe = [&](auto value) {
    return random() % 9 == 0 ? std::optional<decltype(value)>() : std::optional(value);
  };
  std::vector<std::optional<std::string>> ids;
  std::vector<std::optional<std::int64_t>> numbers;
  std::vector<std::optional<double>> reals;
  std::vector<std::optional<arrow::Decimal128>> decimals;
  std::vector<std::optional<bool>> flags;
  std::vector<std::optional<std::string>> extras;
  for (int i = 0; i < 4'000; ++i) {
    std::string id;
    for (unsigned k = random() % 8; k > 0; --k) id.push_back("abcXé\"\\\n"[random() % 9]);
    if (!id.empty() && static_cast<unsigned char>(id.back()) >= 0x80) id = "é";
    std::erase_if(id, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    ids.push_back(maybe(id));
    numbers.push_back(maybe(static_cast<std::int64_t>(random() % 140) - 70));
    reals.push_back(maybe(static_cast<double>(random() % 1'200) / 10 + 1e-9));
    decimals.push_back(maybe(arrow::Decimal128(static_cast<std::int64_t>(random() % 20'000'000))));
    flags.push_back(maybe(random() % 2 == 0));
    extras.push_back(maybe(id));
  }
  const std::string file =
      FileOf({{"id", Texts(ids)},
              {"n", Integers(numbers)},
              {"x", Column<arrow::DoubleBuilder>(reals)},
              {"d", Column<arrow::Decimal128Builder>(decimals, arrow::decimal128(9, 3))},
              {"b", Column<arrow::BooleanBuilder>(flags)}},
             700);
  SourceFormat format;
  format.format = RecordFormat::kParquet;
  std::vector<std::int64_t> all(ids.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  ASSERT_OK_AND(const auto records, LocateRecords(file, format, "day.parquet", all));
  std::string lines;
  for (const RecordRange& record : records) lines += record.bytes + "\n";
  ASSERT_OK_AND(const Decoded parquet,
                DecoderOf(contract, RecordFormat::kParquet).Decode(file, kContext));
  ASSERT_OK_AND(const Decoded json,
                DecoderOf(contract, RecordFormat::kJsonLines).Decode(lines, kContext));
  EXPECT_EQ(parquet.record_count, json.record_count);
  EXPECT_GT(parquet.rows->num_rows(), 30);
  EXPECT_GT(parquet.quarantined.size(), 100U);
  EXPECT_TRUE(parquet.rows->Equals(*json.rows));
  ASSERT_EQ(parquet.quarantined.size(), json.quarantined.size());
  for (std::size_t i = 0; i < json.quarantined.size(); ++i) {
    EXPECT_EQ(parquet.quarantined[i].ordinal, json.quarantined[i].ordinal);
    EXPECT_EQ(parquet.quarantined[i].raw, json.quarantined[i].raw);
    std::set<std::string> ours;
    std::set<std::string> theirs;
    for (const Violation& violation : parquet.quarantined[i].violations)
      ours.insert(violation.path + std::string(CodeOf(violation.kind)) + violation.expected);
    for (const Violation& violation : json.quarantined[i].violations)
      theirs.insert(violation.path + std::string(CodeOf(violation.kind)) + violation.expected);
    EXPECT_EQ(ours, theirs) << json.quarantined[i].raw;
  }
}

TEST(ParquetObject, GivesRowsPieceByPiece) {
  std::vector<std::optional<std::int64_t>> numbers;
  for (int i = 0; i < 50'000; ++i) numbers.emplace_back(i % 100 == 0 ? 1'000 : 1);
  const auto contract = ContractOf(
      "      - { name: n, logicalType: integer, logicalTypeOptions: { maximum: 10 } }\n");
  const std::string file = FileOf({{"n", Integers(numbers)}}, 10'000);
  std::int64_t rows = 0;
  std::size_t refused = 0;
  RowSink sink;
  sink.piece_rows = 100;
  sink.take = [&](const std::shared_ptr<arrow::Table>& piece) {
    EXPECT_LE(piece->num_rows(), 100);
    rows += piece->num_rows();
    return Status();
  };
  sink.take_quarantined = [&](const std::vector<QuarantinedRecord>& piece) {
    refused += piece.size();
    return Status();
  };
  StreamOfBytes stream(file);
  ASSERT_OK_AND(const DecodedPieces pieces,
                DecodePieces(DecoderOf(contract, RecordFormat::kParquet), stream,
                             static_cast<std::int64_t>(file.size()), kContext, sink));
  EXPECT_EQ(pieces.valid_count, 49'500);
  EXPECT_EQ(pieces.quarantined_count, 500);
  EXPECT_EQ(rows + pieces.last.rows->num_rows(), 49'500);
  EXPECT_EQ(refused + pieces.last.quarantined.size(), 500U);
}
}  // namespace
}  // namespace weirhouse::contract

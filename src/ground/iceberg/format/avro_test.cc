#include "ground/iceberg/format/avro.h"

#include "ground/iceberg/table_fixture_test.h"

namespace weirhouse::iceberg {
namespace {

constexpr char kSchema[] = R"({"type":"record","name":"r","fields":[
    {"name":"id","type":"long","field-id":1},
    {"name":"name","type":["null","string"],"default":null,"field-id":2}]})";

std::string FileOf(int records, std::string_view name) {
  AvroWriter writer(kSchema, {{"content", "data"}});
  for (int i = 0; i < records; ++i) {
    writer.PutInt(i - 1);
    writer.PutBranch(name.empty() ? 0 : 1);
    if (!name.empty()) writer.PutBytes(name);
    writer.EndRecord();
  }
  return writer.Finish();
}

std::vector<std::int64_t> IdsIn(const std::string& file) {
  auto reader = AvroReader::Open(file).value();
  std::vector<std::int64_t> ids;
  for (;;) {
    const AvroValue* record = reader.Next().value();
    if (record == nullptr) return ids;
    ids.push_back(record->Find(1)->integer);
  }
}

TEST(Avro, RoundTripsRecordsInOrder) {
  const std::string file = FileOf(3, "x");
  EXPECT_EQ(IdsIn(file), (std::vector<std::int64_t>{-1, 0, 1}));
  auto reader = AvroReader::Open(file).value();
  EXPECT_EQ(reader.metadata().at("content"), "data");
  EXPECT_EQ(reader.metadata().at("avro.codec"), "null");
  EXPECT_EQ(reader.Next().value()->Find(2)->bytes, "x");
}

TEST(Avro, ANullBranchReadsAsAbsent) {
  const std::string file = FileOf(1, "");
  auto reader = AvroReader::Open(file).value();
  EXPECT_EQ(reader.Next().value()->Find(2), nullptr);
}

TEST(Avro, DeflatesLargeBodiesInSeveralBlocks) {
  const std::string file = FileOf(20'000, "a name that repeats");
  EXPECT_LT(file.size(), 20'000u * 10);
  EXPECT_EQ(AvroReader::Open(file).value().metadata().at("avro.codec"), "deflate");
  EXPECT_EQ(IdsIn(file).size(), 20'000u);
  EXPECT_EQ(IdsIn(file).back(), 19'998);
}

TEST(Avro, ItsBlocksTogetherInflateToSoMuchOnly) {
  const std::string file = FileOf(3, std::string(100u << 20, 'x'));
  EXPECT_LT(file.size(), 4u << 20);
  auto reader = AvroReader::Open(file).value();
  ASSERT_OK(reader.Next());
  ASSERT_OK(reader.Next());
  EXPECT_THAT(reader.Next().status().message(), ::testing::HasSubstr("256 MiB"));
}

TEST(Avro, EqualContentGivesEqualBytes) { EXPECT_EQ(FileOf(100, "x"), FileOf(100, "x")); }

TEST(Avro, NumbersAreZigZagAsTheSpecificationShows) {
  AvroWriter writer(kSchema, {});
  const std::size_t head = AvroWriter(kSchema, {}).Finish().size();
  for (const std::int64_t value : {0LL, -1LL, 1LL, -64LL, 64LL}) writer.PutInt(value);
  writer.EndRecord();
  const std::string file = writer.Finish();
  // Avro 1.11, "Binary encoding": 0 → 00, -1 → 01, 1 → 02, -64 → 7f, 64 → 80 01.
  EXPECT_EQ(file.substr(head + 2, 6), std::string("\x00\x01\x02\x7f\x80\x01", 6));
}

TEST(Avro, EveryTruncationIsAnErrorNotACrash) {
  const std::string file = FileOf(5, "abc");
  for (std::size_t size = 0; size < file.size(); ++size) {
    const std::string cut = file.substr(0, size);
    auto reader = AvroReader::Open(cut);
    if (!reader.ok()) {
      EXPECT_EQ(reader.status().error_code(), "WH7052");
      continue;
    }
    for (;;) {
      const auto record = reader->Next();
      if (!record.ok()) {
        EXPECT_EQ(record.status().code(), Code::kCorruption);
        break;
      }
      if (*record == nullptr) break;  // cut between the header and the first block
    }
  }
}

TEST(Avro, AChangedByteNeverCrashes) {
  const std::string file = FileOf(5, "abc");
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bytes = file;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      auto reader = AvroReader::Open(bytes);
      while (reader.ok()) {
        const auto record = reader->Next();
        if (!record.ok() || *record == nullptr) break;
      }
    }
  }
}

TEST(Avro, ABlockWithAWrongMarkerIsCorrupt) {
  std::string file = FileOf(1, "abc");
  file.back() = static_cast<char>(file.back() ^ 1);
  auto reader = AvroReader::Open(file).value();
  EXPECT_THAT(reader.Next().status().message(), ::testing::HasSubstr("sync marker"));
}

TEST(Avro, ASchemaTooDeepIsRefused) {
  std::string schema;
  for (int i = 0; i < 100; ++i) schema += R"({"type":"array","items":)";
  schema += "\"int\"" + std::string(100, '}');
  EXPECT_THAT(AvroSchema::Parse(schema).status().message(), ::testing::HasSubstr("64 levels"));
}

TEST(Avro, ARecordThatHoldsItselfEndsAtTheDepthLimit) {
  AvroWriter writer(R"({"type":"record","name":"r","fields":[{"name":"r","type":"r"}]})", {});
  writer.PutInt(0);
  writer.EndRecord();
  const std::string file = writer.Finish();
  auto reader = AvroReader::Open(file).value();
  EXPECT_THAT(reader.Next().status().message(), ::testing::HasSubstr("64 levels"));
}

TEST(Avro, ACountBeyondTheBytesIsRefusedBeforeAllocating) {
  AvroWriter writer(
      R"({"type":"record","name":"r","fields":[{"name":"l","type":{"type":"array","items":"int"}}]})",
      {});
  writer.PutInt(1'000'000'000'000);
  writer.EndRecord();
  const std::string file = writer.Finish();
  auto reader = AvroReader::Open(file).value();
  EXPECT_THAT(reader.Next().status().message(), ::testing::HasSubstr("more elements than bytes"));
}

TEST(Avro, NamedTypesResolveThroughTheirNamespace) {
  const auto schema = AvroSchema::Parse(R"({"type":"record","name":"r","namespace":"a.b","fields":[
      {"name":"one","type":{"type":"fixed","name":"f","size":3}},
      {"name":"two","type":"f"},{"name":"three","type":["null","a.b.f"]}]})");
  ASSERT_OK(schema);
  EXPECT_EQ((*schema)->root().fields[1].type->fixed_size, 3);
  EXPECT_EQ((*schema)->root().fields[2].type->branches[1]->fixed_size, 3);
}
}  // namespace
}  // namespace weirhouse::iceberg

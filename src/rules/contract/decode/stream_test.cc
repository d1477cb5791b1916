// Objects that are read piece by piece are what they are in memory.
#include <arrow/api.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include "rules/contract/contract.h"
#include "rules/contract/decode/decode_pieces.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {

// Gives no more than `most` bytes at a time, so that every record is cut somewhere.
class Trickle final : public ByteStream {
 public:
  Trickle(std::string_view bytes, std::size_t most) : inner_(bytes), most_(most) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    return inner_.Read(into, std::min(room, most_));
  }

 private:
  StreamOfBytes inner_;
  std::size_t most_;
};

std::string Gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

constexpr std::string_view kContract = R"(apiVersion: v3.1.0
kind: DataContract
id: sale
version: 1.0.0
status: active
schema:
  - name: sale
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: amount, logicalType: integer }
)";

struct Case {
  const char* what;
  RecordFormat format;
  std::string bytes;
};

std::vector<Case> Cases() {
  using enum RecordFormat;
  return {
      {"lines", kJsonLines,
       "\xef\xbb\xbf{\"id\":\"a\",\"amount\":1}\r\n\n  \n{\"id\":\"b\",\"amount\":\"no\"}\n"
       "{\"id\":\"c\"}\n not json\n{\"id\":\"last\"}"},
      {"no line end, nothing", kJsonLines, ""},
      {"one line", kJsonLines, "{\"id\":\"a\"}"},
      {"an array", kJson,
       " \n [ {\"id\":\"a]},\\\"\"} ,\n{\"id\":\"b\",\"amount\":[1,{}]}, 7\n, {\"id\":\"c\"} ] "
       "\n "},
      {"an empty array", kJson, "[ \n ]"},
      {"one object", kJson, "\n{\"id\":\"a\",\"amount\":2}  \n"},
      {"never closed", kJson, "[{\"id\":\"a\"},"},
      {"a text never closed", kJson, "[{\"id\":\"a},"},
      {"text behind", kJson, "[{\"id\":\"a\"}]   x"},
      {"an empty element", kJson, "[{\"id\":\"a\"},,{\"id\":\"b\"}]"},
      {"closed by a brace", kJson, "[{\"id\":\"a\"}}"},
      {"blank", kJson, "  \n "},
      {"no JSON document", kJson, "  7"},
      {"rows", kCsv, "id,amount\r\na,1\r\n\"b\n,\"\"x\"\"\",2\n\nc,many\nd\n\"e\",5"},
      {"an open quote", kCsv, "id,amount\na,1\n\"b,2\nc,3\n"},
      {"a header alone", kCsv, "id,amount"},
      {"one column", kCsv, "id\na\n\nb\r\n"},
      {"no header", kCsv, ""},
  };
}

void ExpectSame(const Result<Decoded>& whole, const Result<Decoded>& pieces) {
  ASSERT_EQ(whole.status().ToString(), pieces.status().ToString());
  if (!whole.ok()) return;
  EXPECT_EQ(whole->record_count, pieces->record_count);
  EXPECT_TRUE(whole->rows->Equals(*pieces->rows)) << pieces->rows->ToString();
  ASSERT_EQ(whole->quarantined.size(), pieces->quarantined.size());
  for (std::size_t i = 0; i < whole->quarantined.size(); ++i) {
    const QuarantinedRecord& a = whole->quarantined[i];
    const QuarantinedRecord& b = pieces->quarantined[i];
    EXPECT_EQ(std::tie(a.ordinal, a.line, a.byte_offset, a.byte_length, a.digest, a.raw),
              std::tie(b.ordinal, b.line, b.byte_offset, b.byte_length, b.digest, b.raw));
    EXPECT_EQ(a.violations.front().byte_offset, b.violations.front().byte_offset);
  }
}

TEST(Streams, AreDecodedCountedAndLocatedAsBytesInMemory) {
  ASSERT_OK_AND(const Contract contract, ParseContract(kContract, "sale.odcs.yaml"));
  for (const Case& one : Cases()) {
    SCOPED_TRACE(one.what);
    SourceFormat format;
    format.format = one.format;
    ASSERT_OK_AND(const Decoder decoder,
                  Decoder::Make(std::make_shared<const Contract>(contract), format));
    for (const bool compressed : {false, true}) {
      const std::string bytes = compressed ? Gzipped(one.bytes) : one.bytes;
      const auto size = static_cast<std::int64_t>(bytes.size());
      const std::string name = compressed ? "x.gz" : "x";
      const ObjectContext context{"sale", name, RecordId(7), {}};
      const Result<Decoded> whole = decoder.Decode(bytes, context);
      for (const std::size_t most : {1u, 2u, 3u, 7u, 1000u}) {
        Trickle decoded(bytes, most);
        ExpectSame(whole, decoder.Decode(decoded, size, context));
        Trickle counted(bytes, most);
        const auto count = CountRecords(counted, size, format, name);
        ASSERT_EQ(count.status().ToString(), CountRecords(bytes, format, name).status().ToString());
        if (!whole.ok()) continue;
        EXPECT_EQ(*count, whole->record_count);
        if (whole->record_count == 0) continue;
        const std::vector<std::int64_t> ordinals = {0, whole->record_count - 1};
        Trickle located(bytes, most);
        ASSERT_OK_AND(const auto ranges, LocateRecords(located, size, format, name, ordinals));
        ASSERT_OK_AND(const auto wanted, LocateRecords(bytes, format, name, ordinals));
        for (std::size_t i = 0; i < ranges.size(); ++i) {
          EXPECT_EQ(ranges[i].bytes, wanted[i].bytes);
          EXPECT_EQ(ranges[i].line, wanted[i].line);
          EXPECT_EQ(ranges[i].byte_offset, wanted[i].byte_offset);
        }
      }
    }
  }
}

// Records around the greatest size, with the faults that an object as a whole may have behind them.
struct LongCase {
  const char* what;
  RecordFormat format;
  std::function<std::string()> bytes;  // made one at a time: each is large
};

std::vector<LongCase> LongCases() {
  using enum RecordFormat;
  constexpr auto kMost = static_cast<std::size_t>(kRecordBytesMax);
  static const std::string good = "{\"id\":\"a\"}";
  static const std::string blanks(kMost + (3 << 20), ' ');
  static const std::string open(kMost + (2 << 20), 'x');
  static const std::string text = "{\"id\":\"" + std::string(kMost / 2 - 1, '\\') + open + "\"}";
  // `size` bytes, with blanks within.
  const auto sized = [](std::size_t size) {
    return "{" + std::string(size - good.size(), ' ') + good.substr(1);
  };
  return {
      {"lines", kJsonLines,
       [=] {
         return good + "\n" + blanks + sized(kMost) + "\r\n" + sized(kMost + 1) + "\r\n" + good +
                blanks + "\r\n" + open + "\r\r\n" + good;
       }},
      {"a last line", kJsonLines, [] { return good + "\n" + open + "\r"; }},
      {"an array", kJson,
       [=] {
         return "[" + good + blanks + "\n," + blanks + sized(kMost) + "," + sized(kMost + 1) +
                blanks + ", " + text + "\n," + good + blanks + "]" + blanks;
       }},
      {"an array of one", kJson, [=] { return "[" + sized(kMost + 5) + blanks + "]"; }},
      {"a text never closed", kJson, [] { return "[" + good + ",\n{\"id\":\"" + open; }},
      {"an array never closed", kJson, [] { return "[" + good + ",[" + blanks; }},
      {"text behind", kJson, [] { return "[" + text + "]" + blanks + "x"; }},
      {"an object", kJson, [=] { return sized(kMost + 1) + blanks; }},
      {"an object before blanks", kJson, [] { return good + blanks + "\n"; }},
      {"rows", kCsv,
       [] {
         return "id,amount\r\n\"" + open + "\n\"\"" + open + "\"\r\na,1\r\n" + open + ",1\nb,2\n";
       }},
      {"an open quote", kCsv, [] { return "id,amount\na,1\n\"" + open + "\n" + open + "\r"; }},
      {"a long header", kCsv, [] { return "id,amount," + open + "\na,1\n"; }},
  };
}

TEST(Streams, WithRecordsLongerThanTheyMayBeAreDecodedAsBytesInMemory) {
  ASSERT_OK_AND(const Contract contract, ParseContract(kContract, "sale.odcs.yaml"));
  for (const LongCase& one : LongCases()) {
    SCOPED_TRACE(one.what);
    const std::string bytes = one.bytes();
    SourceFormat format;
    format.format = one.format;
    ASSERT_OK_AND(const Decoder decoder,
                  Decoder::Make(std::make_shared<const Contract>(contract), format));
    const auto size = static_cast<std::int64_t>(bytes.size());
    const ObjectContext context{"sale", "x", RecordId(7), {}};
    const Result<Decoded> whole = decoder.Decode(bytes, context);
    for (const std::size_t most : {std::size_t{777'777}, std::size_t{64} << 20}) {
      Trickle decoded(bytes, most);
      ExpectSame(whole, decoder.Decode(decoded, size, context));
    }
    if (!whole.ok()) continue;
    for (const QuarantinedRecord& record : whole->quarantined) {
      const auto found =
          std::string_view(bytes).substr(static_cast<std::size_t>(record.byte_offset),
                                         static_cast<std::size_t>(record.byte_length));
      EXPECT_EQ(record.digest, Sha256Of(found));
      EXPECT_EQ(record.raw.empty(), record.byte_length > kRecordBytesMax);
      EXPECT_EQ(CodeOf(record.violations.front().kind),
                record.byte_length > kRecordBytesMax ? "WH1211" : "WH1208");
    }
  }
}

// Of this process, now.
std::int64_t ResidentMb() {
  std::ifstream told("/proc/self/statm");
  std::int64_t pages = 0;
  told >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE) >> 20;
}

TEST(Streams, OfOneEndlessLineTakeTheMemoryOfARecord) {
  struct Endless final : ByteStream {
    Result<std::size_t> Read(char* into, std::size_t room) override {
      most_mb = std::max(most_mb, ResidentMb());
      const std::size_t count = std::min(room, left);
      std::fill_n(into, count, 'x');
      left -= count;
      return count;
    }
    std::size_t left = std::size_t{400} << 20;
    std::int64_t most_mb = 0;
  };
  constexpr std::int64_t kLineBytes = std::int64_t{400} << 20;
  ASSERT_OK_AND(const Contract contract, ParseContract(kContract, "sale.odcs.yaml"));
  ASSERT_OK_AND(const Decoder decoder,
                Decoder::Make(std::make_shared<const Contract>(contract), SourceFormat()));
  Endless line;
  const std::int64_t before_mb = ResidentMb();
  ASSERT_OK_AND(const Decoded decoded,
                decoder.Decode(line, kLineBytes, {"sale", "x", RecordId(1), {}}));
  ASSERT_EQ(decoded.quarantined.size(), 1U);
  EXPECT_EQ(decoded.quarantined[0].byte_length, kLineBytes);
  EXPECT_LT(line.most_mb - before_mb, 100);
}

TEST(Streams, OfSeveralGzipMembersAndCutShortAreToldApart) {
  const std::string first = Gzipped("{\"id\":\"a\"}\n{\"id\":");
  const std::string both = first + Gzipped("\"b\"}\n");
  const SourceFormat format;
  for (std::size_t size = 1; size <= both.size(); ++size) {
    Trickle stream(std::string_view(both).substr(0, size), 5);
    const auto count = CountRecords(stream, static_cast<std::int64_t>(size), format, "x.gz");
    if (size == first.size() || size == both.size()) {
      ASSERT_OK(count);
      EXPECT_EQ(*count, 2);
    } else {
      EXPECT_EQ(count.status().error_code(), "WH1312") << size;
    }
  }
}

TEST(Streams, AnErrorOfTheStreamIsTheAnswer) {
  struct Broken final : ByteStream {
    Result<std::size_t> Read(char* into, std::size_t room) override {
      if (calls_++ > 2) return Status(Code::kUnavailable, "the disk is gone");
      into[0] = room > 0 ? '\n' : ' ';
      return std::size_t{1};
    }
    int calls_ = 0;
  };
  Broken broken;
  EXPECT_EQ(CountRecords(broken, 9, SourceFormat(), "x").status().code(), Code::kUnavailable);
}

TEST(Streams, OfManyRowsKeepTheirOrderOverChunks) {
  ASSERT_OK_AND(const Contract contract, ParseContract(kContract, "sale.odcs.yaml"));
  ASSERT_OK_AND(const Decoder decoder,
                Decoder::Make(std::make_shared<const Contract>(contract), SourceFormat()));
  std::string bytes;
  constexpr std::int64_t kRows = 300'000;
  for (std::int64_t i = 0; i < kRows; ++i) {
    bytes += i % 1000 == 999 ? "bad\n" : "{\"id\":\"" + std::to_string(i) + "\"}\n";
  }
  StreamOfBytes stream(bytes);
  ASSERT_OK_AND(const Decoded decoded,
                decoder.Decode(stream, static_cast<std::int64_t>(bytes.size()),
                               {"sale", "x", RecordId(1), {}}));
  EXPECT_EQ(decoded.record_count, kRows);
  ASSERT_EQ(decoded.quarantined.size(), 300u);
  EXPECT_EQ(decoded.quarantined.back().line, kRows);
  ASSERT_EQ(decoded.rows->num_rows(), kRows - 300);
  const auto ids = decoded.rows->GetColumnByName("_record");
  EXPECT_EQ((*ids->GetScalar(decoded.rows->num_rows() - 1))->ToString(), std::to_string(kRows - 1));
  EXPECT_EQ((*decoded.rows->GetColumnByName("id")->GetScalar(200'000))->ToString(), "200200");
}

TEST(Streams, GiveRowsAwayAPieceAtATime) {
  ASSERT_OK_AND(const Contract contract, ParseContract(kContract, "sale.odcs.yaml"));
  ASSERT_OK_AND(const Decoder decoder,
                Decoder::Make(std::make_shared<const Contract>(contract), SourceFormat()));
  std::string bytes;
  for (int i = 0; i < 100; ++i)
    bytes += i % 10 == 9 ? "bad\n" : "{\"id\":\"" + std::to_string(i) + "\"}\n";
  const auto size = static_cast<std::int64_t>(bytes.size());
  StreamOfBytes whole_stream(bytes);
  ASSERT_OK_AND(const Decoded whole,
                decoder.Decode(whole_stream, size, {"sale", "x", RecordId(1), {}}));
  for (const std::int64_t piece_bytes : {std::int64_t{1} << 20, std::int64_t{5}}) {
    std::vector<std::shared_ptr<arrow::Table>> pieces;
    RowSink sink;
    sink.piece_rows = 7;
    sink.piece_bytes = piece_bytes;
    sink.take = [&](std::shared_ptr<arrow::Table> piece) {
      EXPECT_GT(piece->num_rows(), 0);
      EXPECT_LE(piece->num_rows(), 7);
      pieces.push_back(std::move(piece));
      return Status();
    };
    StreamOfBytes stream(bytes);
    ASSERT_OK_AND(const DecodedPieces decoded,
                  DecodePieces(decoder, stream, size, {"sale", "x", RecordId(1), {}}, sink));
    EXPECT_EQ(decoded.valid_count, 90);
    EXPECT_EQ(decoded.last.record_count, 100);
    EXPECT_EQ(decoded.last.quarantined.size(), 10u);
    EXPECT_EQ(decoded.last.absent_fields.size(), whole.absent_fields.size());
    pieces.push_back(decoded.last.rows);
    EXPECT_GT(pieces.size(), 12u);
    EXPECT_EQ(weirhouse::testing::RowsAsJson(**arrow::ConcatenateTables(pieces)),
              weirhouse::testing::RowsAsJson(*whole.rows));
  }
}

TEST(Streams, AnErrorOfWhoTakesTheRowsIsTheAnswer) {
  ASSERT_OK_AND(const Contract contract, ParseContract(kContract, "sale.odcs.yaml"));
  ASSERT_OK_AND(const Decoder decoder,
                Decoder::Make(std::make_shared<const Contract>(contract), SourceFormat()));
  const std::string bytes = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n";
  RowSink sink;
  sink.piece_rows = 1;
  sink.take = [](const std::shared_ptr<arrow::Table>&) {
    return Status(Code::kUnavailable, "the disk is full");
  };
  StreamOfBytes stream(bytes);
  EXPECT_EQ(DecodePieces(decoder, stream, 24, {"sale", "x", RecordId(1), {}}, sink).status().code(),
            Code::kUnavailable);
}

// The quoted part means null, but it is not the field.
TEST(CsvQuotes, TextBesideThoseOfANullIsNotLost) {
  auto contract = ParseContract(kContract, "sale.odcs.yaml");
  ASSERT_OK(contract.status());
  SourceFormat format;
  format.format = RecordFormat::kCsv;
  format.nulls = {"NA", ""};
  ASSERT_OK_AND(const Decoder decoder,
                Decoder::Make(std::make_shared<const Contract>(*std::move(contract)), format));
  ASSERT_OK_AND(const Decoded decoded,
                decoder.Decode("id,amount\n1,\"\"5\n2,\"NA\"9\n3,\"\"\n4,\"",
                               {"sale", "a.csv", RecordId(0), ProcessTimeOfMicros(7)}));
  ASSERT_EQ(decoded.quarantined.size(), 3U);
  for (const QuarantinedRecord& record : decoded.quarantined) {
    ASSERT_EQ(record.violations.size(), 1U);
    EXPECT_EQ(CodeOf(record.violations[0].kind), "WH1217") << record.raw;
  }
  ASSERT_EQ(decoded.rows->num_rows(), 1);
  EXPECT_EQ(decoded.rows->GetColumnByName("amount")->null_count(), 1);
}
}  // namespace
}  // namespace weirhouse::contract

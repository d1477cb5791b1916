// Bad bytes: each costs its own record and nothing else, and both JSON readers see it alike.
#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/random.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/json_record.h"
#include "rules/contract/example_contracts.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kGood =
    R"({"flight_id":"UA1-EWR-20130101","carrier":"UA","tailnum":"N\u00e914228","origin":"EWR",)"
    R"("dest":"IAH","arrived_at":"2013-01-01T14:30:00Z","arr_delay":-11,"air_time":227,)"
    R"("reported_at":"2013-01-01T14:30:00Z","more":{"a":[1,2.5e3,null,true,"é\ud83d\ude00"]}})";

std::shared_ptr<const Contract> Arrival() {
  Result<Contract> contract = ParseContract(kArrivalContract, "contracts/arrival.odcs.yaml");
  EXPECT_TRUE(contract.ok()) << contract.status().ToString();
  return std::make_shared<const Contract>(std::move(contract).value());
}

// The poison between two good records: it alone is quarantined. Answers its codes.
std::vector<std::string> CodesBetweenGoodRecords(std::string_view poison) {
  Result<Decoder> decoder = Decoder::Make(Arrival(), {});
  EXPECT_TRUE(decoder.ok());
  const std::string text = fmt::format("{}\n{}\r\n{}", kGood, poison, kGood);
  const Result<Decoded> decoded =
      decoder->Decode(text, {"t", "a.jsonl", RecordId(0), ProcessTime()});
  EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->record_count, 3);
  EXPECT_EQ(decoded->record_count, CountRecords(text, {}, "a.jsonl").value());
  EXPECT_EQ(decoded->rows->num_rows(), 2);
  EXPECT_TRUE(decoded->rows->ValidateFull().ok());
  std::vector<std::string> codes;
  if (decoded->quarantined.size() != 1) return codes;
  const QuarantinedRecord& record = decoded->quarantined[0];
  EXPECT_EQ(record.ordinal, 1);
  EXPECT_EQ(record.byte_offset, static_cast<std::int64_t>(kGood.size()) + 1);
  EXPECT_EQ(record.digest, Sha256Of(poison));
  for (const Violation& violation : record.violations) {
    codes.emplace_back(CodeOf(violation.kind));
    EXPECT_TRUE(nlohmann::json(violation.found).dump().size() > 0);  // valid UTF-8, or it throws
    EXPECT_GE(violation.byte_offset, record.byte_offset);
    EXPECT_LE(violation.byte_offset, record.byte_offset + record.byte_length);
  }
  return codes;
}
// A record whose `tailnum` is `value`, the rest good.
std::string WithTail(std::string_view value) {
  std::string record(kGood);
  constexpr std::string_view kTail = R"("N\u00e914228")";
  return record.replace(record.find(kTail), kTail.size(), value);
}
std::string WithMore(std::string_view value) {
  std::string record(kGood);
  return record.substr(0, record.find("{\"a\"")) + std::string(value) + "}";
}
std::string Deep(int levels) { return std::string(static_cast<std::size_t>(levels), '['); }
std::string Closed(int levels) {
  return Deep(levels) + std::string(static_cast<std::size_t>(levels), ']');
}

TEST(Poison, EveryTruncationOfARecordIsThatRecordAlone) {
  for (std::size_t size = 1; size < kGood.size(); ++size) {
    EXPECT_THAT(CodesBetweenGoodRecords(kGood.substr(0, size)), ::testing::Not(IsEmpty())) << size;
  }
}

TEST(Poison, HasACodeForEachKindOfBadBytes) {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {WithTail("1e999"), "WH1202"},
      {WithMore("1e"), "WH1208"},
      {WithMore("{\"a\":[0123456789012345678901]}"), "WH1208"},
      {WithTail("NaN"), "WH1208"},
      {WithMore("Infinity"), "WH1208"},
      {WithTail("\"\\ud800\""), "WH1212"},
      {WithTail("\"\\udc00\""), "WH1212"},
      {WithTail("\"\\ud800\\u0041\""), "WH1212"},
      {WithTail("\"\\ud800x\""), "WH1212"},
      {WithMore("\"\\udfff\""), "WH1212"},
      {WithMore("{\"\\udfff\":1}"), "WH1212"},
      {WithTail("\"a\\u0000b\""), "WH1212"},
      {WithTail("\"a\0b\""s), "WH1212"},
      {WithTail("\"caf\xe9\""), "WH1212"},
      {WithTail("\"\xc0\xaf\""), "WH1212"},
      {WithTail("\"\xed\xa0\x80\""), "WH1212"},
      {WithTail("\"a\tb\""), "WH1208"},
      {WithTail("\"\\x41\""), "WH1208"},
      {WithTail("'N1'"), "WH1208"},
      {WithTail("\"a\" \"b\""), "WH1208"},
      {WithTail("\"a\",\"tailnum\":\"b\""), "WH1209"},
      {WithTail("\"a\",\"\\u0074ailnum\":\"b\""), "WH1209"},
      {WithTail("\"a\",\"more\":1"), "WH1209"},
      {WithMore("{\"a\":1,\"b\":2,\"a\":1}"), "WH1209"},
      {WithMore(Closed(64)), "WH1210"},
      {WithMore(Closed(100)), "WH1210"},
      {WithTail(Closed(100)), "WH1210"},
      {Deep(100'000), "WH1210"},
      {std::string(kGood) + " x", "WH1208"},
      {std::string(kGood) + std::string(kGood), "WH1208"},
      {"\xef\xbb\xbf" + std::string(kGood), "WH1208"},
      {"\xff\xfe{\0}\0"s, "WH1208"},
      {"[1]", "WH1202"},
      {"null", "WH1202"},
      {"\"text\"", "WH1202"},
      {"{", "WH1208"},
      {"{\"a\" 1}", "WH1208"},
      {"{\"a\":1,}", "WH1208"},
      {"{,}", "WH1208"},
      {"{a:1}", "WH1208"},
      {"\0"s, "WH1208"},
      {"{\"a\":1}//", "WH1208"},
      {"{}", "WH1201"},
  };
  for (const auto& [poison, code] : cases) {
    const std::vector<std::string> codes = CodesBetweenGoodRecords(poison);
    ASSERT_FALSE(codes.empty()) << poison.substr(0, 300);
    EXPECT_EQ(codes[0], code) << poison.substr(0, 300);
  }
}

TEST(Poison, DepthIsAllowedUpToItsCap) {
  Result<Decoder> decoder = Decoder::Make(Arrival(), {});
  const auto rows = [&](const std::string& text) {
    return decoder->Decode(text, {"t", "a", RecordId(0), ProcessTime()})->rows->num_rows();
  };
  EXPECT_EQ(rows(WithMore(Closed(kJsonDepthMax - 1))), 1);  // the record itself is the first level
  EXPECT_EQ(rows(WithMore(Closed(kJsonDepthMax))), 0);
}

TEST(Poison, TextsKeysAndItemsAreAllowedUpToTheirCaps) {
  const auto text = [](std::int64_t size) {
    return WithTail("\"" + std::string(static_cast<std::size_t>(size), 'x') + "\"");
  };
  const auto keys = [](int count) {
    std::string object = "{\"k0\":0";
    for (int i = 1; i < count; ++i) object += fmt::format(",\"k{}\":0", i);
    return WithMore(object + "}");
  };
  const auto items = [](int count) {
    std::string array = "[0";
    for (int i = 1; i < count; ++i) array += ",0";
    return WithMore(array + "]");
  };
  Result<Decoder> decoder = Decoder::Make(Arrival(), {});
  const auto rows = [&](const std::string& bytes) {
    return decoder->Decode(bytes, {"t", "a", RecordId(0), ProcessTime()})->rows->num_rows();
  };
  EXPECT_EQ(rows(text(kStringBytesMax)), 1);
  EXPECT_THAT(CodesBetweenGoodRecords(text(kStringBytesMax + 1)), ElementsAre("WH1211"));
  EXPECT_EQ(rows(keys(kKeysMax)), 1);
  EXPECT_THAT(CodesBetweenGoodRecords(keys(kKeysMax + 1)), ElementsAre("WH1211"));
  EXPECT_EQ(rows(items(kArrayItemsMax)), 1);
  EXPECT_THAT(CodesBetweenGoodRecords(items(kArrayItemsMax + 1)), ElementsAre("WH1211"));
}

TEST(Poison, ARecordAboveItsCapIsQuarantinedByPlaceAndDigestAlone) {
  const auto padded = [](std::int64_t size) {
    std::string record(kGood);
    record.insert(record.size() - 1, static_cast<std::size_t>(size) - record.size(), ' ');
    return record;
  };
  Result<Decoder> decoder = Decoder::Make(Arrival(), {});
  const std::string text = padded(kRecordBytesMax) + "\n" + padded(kRecordBytesMax + 1) + "\n" +
                           padded(64 << 20) + "\n" + std::string(kGood);
  const Result<Decoded> decoded =
      decoder->Decode(text, {"t", "a.jsonl", RecordId(0), ProcessTime()});
  ASSERT_OK(decoded);
  EXPECT_EQ(decoded->rows->num_rows(), 2);
  ASSERT_EQ(decoded->quarantined.size(), 2U);
  const QuarantinedRecord& large = decoded->quarantined[1];
  EXPECT_EQ(large.byte_length, 64 << 20);
  EXPECT_EQ(large.line, 3);
  EXPECT_TRUE(large.raw.empty());
  EXPECT_EQ(large.digest, Sha256Of(padded(64 << 20)));
  EXPECT_EQ(large.violations[0].Reason(), "WH1211 record too large, record_bytes above 16,777,216");
  EXPECT_EQ(large.violations[0].found, "67,108,864 bytes");
}

TEST(Poison, AByteOrderMarkAndMixedLineEndsAreFine) {
  Result<Decoder> decoder = Decoder::Make(Arrival(), {});
  const std::string text =
      fmt::format("\xef\xbb\xbf{}\r\n \t\r\n\n{}\n{}\r\n", kGood, kGood, kGood);
  const Result<Decoded> decoded =
      decoder->Decode(text, {"t", "a.jsonl", RecordId(0), ProcessTime()});
  ASSERT_OK(decoded);
  EXPECT_EQ(decoded->rows->num_rows(), 3);
  EXPECT_EQ(decoded->record_count, 3);
  EXPECT_EQ(CountRecords("\xef\xbb\xbf", {}, "a").value(), 0);
}

// ---- The two readers ----------------------------------------------------------------------------

std::vector<std::string> Fragments() {
  return {"{",
          "}",
          "[",
          "]",
          ",",
          ":",
          "\"",
          "\\",
          "\\u00",
          "\\ud83d",
          "\\ude00",
          "\\u0000",
          "null",
          "true",
          "false",
          "1",
          "-",
          "1.5",
          "1e999",
          "0",
          "e",
          ".",
          " ",
          "\n",
          "\xc3\xa9",
          "\xe9",
          "\xed",
          "\xf0\x9f",
          "\t",
          "\"a\":",
          "\"more\"",
          "\"carrier\"",
          "99999999999",
          "9223372036854775808",
          "\"b\":1,",
          "{\"a\":{}}",
          "[[[",
          "]]]",
          "2013-01-01",
          "Z\"",
          std::string(1, '\0')};
}

// The other parser refuses numbers beyond doubles, which are JSON all the same.
std::string WithSmallExponents(std::string record) {
  for (std::size_t at = 1; at < record.size(); ++at) {
    if (record[at - 1] != 'e' && record[at - 1] != 'E') continue;
    if (record[at] == '+' || record[at] == '-') ++at;
    for (; at < record.size() && record[at] >= '0' && record[at] <= '9'; ++at) record[at] = '0';
  }
  return record;
}

TEST(Readers, AgreeOnMutatedRecordsAndWithAnIndependentParser) {
  constexpr int kRecords = 200'000;
  for (const std::string_view policy : {"keep", "quarantine"}) {
    std::string yaml(kArrivalContract);
    yaml.replace(yaml.find("value: keep"), 11, fmt::format("value: {}", policy));
    const Result<Contract> contract = ParseContract(yaml, "a");
    ASSERT_OK(contract);
    const Result<std::shared_ptr<const RecordProgram>> compiled = RecordProgram::Compile(*contract);
    ASSERT_OK(compiled);
    const RecordProgram& program = **compiled;
    JsonReader reader(program);
    std::vector<Slot> slots(program.fields().size());
    std::string unknown;
    SeededRandom random(7);
    const std::vector<std::string> fragments = Fragments();
    int accepted = 0;
    for (int i = 0; i < kRecords; ++i) {
      std::string record(kGood);
      for (std::uint64_t change = random.Below(4); change > 0; --change) {
        const std::size_t at = random.Below(record.size() + 1);
        const std::size_t cut = random.Below(4);
        record.replace(at, cut,
                       random.Below(3) == 0 ? "" : fragments[random.Below(fragments.size())]);
      }
      const bool fast = reader.Read(record, &slots, &unknown);
      const std::vector<Violation> violations = WalkJsonRecord(program, record, 0);
      ASSERT_EQ(fast, violations.empty()) << record;
      accepted += fast ? 1 : 0;
      const bool parses = nlohmann::json::accept(WithSmallExponents(record));
      if (fast) {
        ASSERT_TRUE(parses) << record;
        ASSERT_TRUE(unknown.empty() || nlohmann::json::accept(WithSmallExponents(unknown)))
            << unknown;
      } else if (CodeOf(violations[0].kind) == "WH1208" && record.find('\0') == std::string::npos) {
        // (A NUL at the end counts as the end for the other parser.)
        ASSERT_FALSE(parses) << record;
      }
    }
    EXPECT_GT(accepted, policy == "keep" ? kRecords / 20 : -1);  // mutations reach both sides
  }
}
}  // namespace
}  // namespace weirhouse::contract

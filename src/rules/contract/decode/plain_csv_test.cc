// The short ways of the CSV reader against the rules read one character at a time.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/text.h"
#include "rules/contract/decimal.h"
#include "rules/contract/decode/record_cutter.h"
#include "testing/testing.h"

namespace weirhouse::contract {
namespace {
// Mostly plain text, so that short ways are taken, with what ends them.
std::string HostileText(Random& random, std::size_t size_max) {
  static const std::string kPieces[] = {"a",
                                        "0.25",
                                        ",",
                                        "\n",
                                        "\"",
                                        "\r\n",
                                        "\r",
                                        "\"\"",
                                        ";",
                                        "\t",
                                        "é",
                                        "\xff",
                                        "0123456789abcdef"};
  const std::uint64_t kinds = 3 + random.Below(12);
  std::string text;
  const std::size_t size = random.Below(size_max);
  while (text.size() < size) {
    const std::uint64_t piece = random.Below(kinds);
    if (piece < std::size(kPieces)) {
      text += kPieces[piece];
    } else {
      text.push_back('\0');
    }
  }
  return text;
}

TEST(PlainCsv, SplitsAsTheFullReaderDoesOrRefuses) {
  SeededRandom random(1);
  int plain_records = 0;
  for (int round = 0; round < 100'000; ++round) {
    const std::string text = HostileText(random, 80);
    const char delimiter = ",;\t"[random.Below(3)];
    std::vector<CsvSlice> plain;
    std::vector<CsvSlice> full;
    const bool is_plain = SplitPlainCsvRecord(text, delimiter, &plain);
    const bool expected = std::all_of(text.begin(), text.end(), [](char c) {
      return c != '"' && c != '\r' && c != '\0' && (c & 0x80) == 0;
    });
    ASSERT_EQ(is_plain, expected) << EscapeControl(text);
    if (!is_plain) continue;
    ++plain_records;
    ASSERT_TRUE(IsValidUtf8(text));
    ASSERT_TRUE(SplitCsvRecord(text, delimiter, &full));
    ASSERT_EQ(plain.size(), full.size()) << EscapeControl(text);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(plain[i].text, full[i].text);
      ASSERT_EQ(plain[i].text.data(), full[i].text.data());
      ASSERT_FALSE(full[i].quoted || full[i].doubled || full[i].malformed);
    }
  }
  EXPECT_GT(plain_records, 10'000);
}

TEST(PlainCsv, HasNoMoreFieldsThanARecordMay) {
  std::vector<CsvSlice> fields;
  const auto most = static_cast<std::size_t>(kCsvColumnsMax);
  EXPECT_TRUE(SplitPlainCsvRecord(std::string(most - 1, ','), ',', &fields));
  EXPECT_EQ(fields.size(), most);
  EXPECT_FALSE(SplitPlainCsvRecord(std::string(most, ','), ',', &fields));
  EXPECT_FALSE(SplitCsvRecord(std::string(most, ','), ',', &fields));
}

// Gives a few bytes at a time.
class CutAnywhere final : public ByteStream {
 public:
  CutAnywhere(std::string_view bytes, Random& random) : bytes_(bytes), random_(random) {}
  Result<std::size_t> Read(char* into, std::size_t room) override {
    const std::size_t size = std::min({room, 1 + random_.Below(40), bytes_.size()});
    bytes_.copy(into, size);
    bytes_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view bytes_;
  Random& random_;
};

using Spans = std::vector<std::pair<std::int64_t, std::int64_t>>;

// RFC 4180, one character after the other: where each record of `bytes` begins, and how long it is.
Spans RecordsByCharacter(std::string_view bytes, char delimiter) {
  Spans spans;
  std::size_t begin = bytes.starts_with("\xef\xbb\xbf") ? 3 : 0;
  bool at_field_start = true;
  bool quoted = false;
  bool after_quote = false;
  const auto end_record = [&](std::size_t end, bool trimmed) {
    std::size_t size = end - begin;
    if (trimmed && size > 0 && bytes[end - 1] == '\r') --size;
    spans.emplace_back(begin, size);
    begin = end + 1;
    at_field_start = true;
    after_quote = false;
  };
  for (std::size_t at = begin; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (quoted) {
      after_quote = c == '"';
      quoted = !after_quote;
    } else if (c == '"' && (after_quote || at_field_start)) {
      quoted = true;
      after_quote = at_field_start = false;
    } else if (c == '\n') {
      end_record(at, true);
    } else {
      after_quote = false;
      at_field_start = c == delimiter;
    }
  }
  if (begin < bytes.size()) end_record(bytes.size(), false);
  return spans;
}

TEST(PlainCsv, CutsRecordsWhereTheGrammarEndsThem) {
  SeededRandom random(2);
  for (int round = 0; round < 500; ++round) {
    const std::string text = "a,b\n" + HostileText(random, 200);
    SourceFormat format;
    format.format = RecordFormat::kCsv;
    CutAnywhere stream(text, random);
    Window window(stream);
    Spans found;
    ASSERT_OK(ForEachRecord(
        window, format, [](RecordSpan, std::string_view) { return Status(); },
        [&](RecordSpan span, std::string_view record) {
          found.emplace_back(span.offset, span.length);
          EXPECT_EQ(record, std::string_view(text).substr(static_cast<std::size_t>(span.offset),
                                                          static_cast<std::size_t>(span.length)));
          return Status();
        }));
    Spans expected = RecordsByCharacter(text, ',');
    expected.erase(expected.begin());                                            // the header
    std::erase_if(expected, [](const auto& span) { return span.second == 0; });  // blank lines
    ASSERT_EQ(found, expected) << EscapeControl(text);
  }
}

TEST(PlainCsv, KnowsTextThatIsNotUtf8WhereverItStands) {
  SeededRandom random(3);
  const auto by_character = [](std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      std::size_t length = 1;
      while (length <= 4 && !IsValidUtf8(text.substr(at, length))) ++length;
      if (length > 4 || at + length > text.size()) return false;
      at += length;
    }
    return true;
  };
  for (int round = 0; round < 50'000; ++round) {
    std::string text(random.Below(40), 'a');
    for (std::uint64_t i = random.Below(4); i > 0 && !text.empty(); --i)
      text[random.Below(text.size())] = static_cast<char>(random.Below(256));
    if (random.Below(2) == 0) text.insert(random.Below(text.size() + 1), "\xf0\x9f\x9b\xa9");
    ASSERT_EQ(IsValidUtf8(text), by_character(text)) << EscapeControl(text);
  }
}

TEST(PlainCsv, TellsWholeNumbersFromOthers) {
  SeededRandom random(4);
  int numbers = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text;
    for (std::uint64_t i = random.Below(8); i > 0; --i)
      text.push_back("0123-+.eE9"[random.Below(10)]);
    bool whole = false;
    const bool number = IsJsonNumber(text, &whole);
    ASSERT_EQ(number, IsJsonNumber(text));
    if (!number) continue;
    ++numbers;
    ASSERT_EQ(whole, text.find_first_of(".eE") == std::string::npos) << text;
  }
  EXPECT_GT(numbers, 1'000);
}
}  // namespace
}  // namespace weirhouse::contract

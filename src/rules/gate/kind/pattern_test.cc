#include <fmt/format.h>
#include <re2/re2.h>

#include "ground/base/random.h"
#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using PatternTest = GateTest;

// Texts of a few letters, of which many match the patterns below; some are empty, null, hold a NUL
// or half a character.
std::optional<std::string> SomeText(Random& random) {
  if (random.Below(20) == 0) return std::nullopt;
  std::string text;
  for (std::uint64_t i = random.Below(5); i > 0; --i)
    text += std::vector<std::string>{"a", "b", "ab", "$", "\n", "\xc3\xa9"}[random.Below(6)];
  if (random.Below(60) == 0) text.push_back('\0');
  if (random.Below(60) == 0) text.push_back('\xc3');
  return text;
}

TEST_F(PatternTest, TextsAreJudgedAsEachWouldBeAlone) {
  const std::vector<std::string> patterns = {
      "[ab]*",      "^[ab]*$",       "a|b|ab",   "^a|b$",     ".*",
      "(?s).*",     "(?s)[^\\x00]*", "(ab)*",    "\\Ca*",     ".*\\$",
      "^.*\\$$",    "[^a]*",         "\\b.*\\b", "\\B.*",     "(?m)^a*$",
      "(?i)(A|B)*", "a{0,3}b{0,3}",  "\\Qab",    "(?P<x>a)*", "^$",
      "\\x00*.*",   ".+\\z",         "^*a*",     "^{2}",      "^?[ab]*\\\\$"};
  SeededRandom random(29);
  for (int round = 0; round < 12; ++round) {
    arrow::StringBuilder texts;
    std::vector<std::optional<std::string>> held;
    // Mostly of one kind, so that whole blocks match.
    const std::string usual(random.Below(3), 'a');
    for (std::uint64_t row = 1 + random.Below(300); row > 0; --row) {
      held.push_back(random.Below(8) == 0 ? SomeText(random) : std::optional(usual));
      const arrow::Status added = held.back() ? texts.Append(*held.back()) : texts.AppendNull();
      ASSERT_TRUE(added.ok());
    }
    input_.this_rows = arrow::Table::Make(arrow::schema({arrow::field("s", arrow::utf8())}),
                                          arrow::ArrayVector{*texts.Finish()});
    for (const std::string& pattern : patterns) {
      const RE2 regex(pattern, RE2::Quiet);
      ASSERT_TRUE(regex.ok()) << pattern;
      std::int64_t bad = 0;
      for (const auto& text : held) bad += text && !RE2::FullMatch(*text, regex) ? 1 : 0;
      const CheckResult result =
          JudgeOne(fmt::format("pattern: {{ column: s, regex: '{}' }}", pattern));
      EXPECT_EQ(result.bad, bad) << pattern;
    }
  }
}
}  // namespace
}  // namespace weirhouse::gate

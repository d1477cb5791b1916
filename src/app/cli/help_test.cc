#include "app/cli/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "app/cli/error_pages.h"
#include "app/command/verb_table.h"
#include "ground/base/text.h"

namespace weirhouse::cli {
namespace {
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Help, NamesEveryVerb) {
  const auto text = HelpText("");
  ASSERT_TRUE(text.ok());
  for (const command::VerbGroup& group : command::VerbGroups()) {
    for (const command::VerbSpec& verb : group.verbs)
      EXPECT_THAT(*text, HasSubstr("  " + std::string(verb.name)));
  }
}

TEST(Help, OfAVerbHasItsUsageOptionsAndExamples) {
  const auto text = HelpText("gate override");
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("usage: wh gate override RUN --reason TEXT [OPTIONS]"));
  EXPECT_THAT(*text, HasSubstr("--reason TEXT"));
  EXPECT_THAT(*text, HasSubstr("wh gate override r1104"));
}

TEST(Help, OfAFamilyListsItsVerbs) {
  EXPECT_THAT(*HelpText("gate"), HasSubstr("gate discard"));
  EXPECT_EQ(HelpText("gote").status().hint(), "did you mean \"gate\"?");
}

TEST(VerbTable, NamesEachVerbOnceAndEachOptionOnce) {
  std::set<std::string_view> names;
  for (const command::VerbGroup& group : command::VerbGroups()) {
    for (const command::VerbSpec& verb : group.verbs) {
      EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
      EXPECT_FALSE(verb.summary.empty()) << verb.name;
      EXPECT_FALSE(verb.examples.empty()) << verb.name;
      std::set<std::string_view> options;
      for (const command::GlobalOption& option : command::GlobalOptions())
        options.insert(option.option.name);
      for (const command::OptionSpec& option : verb.options)
        EXPECT_TRUE(options.insert(option.name).second) << verb.name << " --" << option.name;
    }
  }
}

TEST(Completion, KnowsVerbsOptionsAndLiveNamesInEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = CompletionScript(shell);
    ASSERT_TRUE(script.ok()) << shell;
    EXPECT_THAT(*script, HasSubstr("quarantine"));
    EXPECT_THAT(*script, HasSubstr("detailed-exitcode"));
    EXPECT_THAT(*script, HasSubstr("wh names table"));
  }
  EXPECT_EQ(CompletionScript("tcsh").status().error_code(), "WH8033");
}

TEST(ManPage, EscapesWhatRoffWouldRead) {
  const std::string page = ManPage("1.2.3");
  EXPECT_THAT(page, HasSubstr(".TH WH 1"));
  EXPECT_THAT(page, HasSubstr("\\-\\-reason"));
  for (const std::string_view line : Split(page, '\n'))
    EXPECT_THAT(std::string(line), Not(::testing::StartsWith("'")));
}

TEST(Explain, KnowsEveryCodeOnce) {
  std::set<std::string> codes;
  for (const Explanation& one : AllExplanations()) {
    EXPECT_TRUE(codes.insert(one.code).second) << one.code << " means two things";
    EXPECT_FALSE(one.title.empty()) << one.code;
    EXPECT_GT(one.text.size(), 20u) << one.code;
  }
  EXPECT_GT(codes.size(), 100u);
}

TEST(Explain, TakesAnyCaseAndSuggests) {
  const auto known = Explain("wh8030");
  ASSERT_TRUE(known.ok()) << known.status().ToString();
  EXPECT_EQ(known->code, "WH8030");
  const auto unknown = Explain("WH9999");
  EXPECT_EQ(unknown.status().code(), Code::kNotFound);
}
}  // namespace
}  // namespace weirhouse::cli

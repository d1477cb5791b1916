#include "app/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weirhouse::cli {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

CommandLine Parsed(const std::vector<std::string>& arguments) {
  auto line = ParseCommandLine(arguments, {});
  EXPECT_TRUE(line.ok()) << line.status().ToString();
  return line.ok() ? *line : CommandLine();
}

Status Refused(const std::vector<std::string>& arguments) {
  return ParseCommandLine(arguments, {}).status();
}

TEST(CommandLine, FindsAVerbOfTwoWordsAndItsWords) {
  const auto line = Parsed({"gate", "override", "r12", "--reason", "it is true"});
  EXPECT_EQ(line.invocation.verb, "gate override");
  EXPECT_THAT(line.invocation.words, ElementsAre("r12"));
  EXPECT_EQ(line.invocation.Option("reason"), "it is true");
}

TEST(CommandLine, TakesOptionsOfEveryVerbBeforeAndAfterIt) {
  const auto line = Parsed({"--json", "-C", "shop", "plan", "-vv", "--detailed-exitcode"});
  EXPECT_TRUE(line.invocation.json);
  EXPECT_EQ(line.invocation.project, "shop");
  EXPECT_EQ(line.invocation.verbose, 2);
  EXPECT_TRUE(line.invocation.Has("detailed-exitcode"));
}

TEST(CommandLine, RefusesNamesThatAreNotUtf8) {
  Terminal terminal;
  terminal.cwd = "/data/p\xff/q";
  const Status folder = ParseCommandLine({"run"}, terminal).status();
  EXPECT_EQ(folder.error_code(), "WH8033");
  EXPECT_THAT(folder.message(), HasSubstr("the name of the folder that wh runs in is not UTF-8"));
  EXPECT_THAT(Refused({"-C", "p\xff", "run"}).message(), HasSubstr("an argument"));
}

TEST(CommandLine, TakesAValueAfterAnEqualsSign) {
  EXPECT_EQ(Parsed({"serve", "--port=9000"}).invocation.Option("port"), "9000");
}

TEST(CommandLine, KeepsARepeatedOptionInItsOrder) {
  const auto line = Parsed({"model", "train", "late", "--param", "a=1", "--param", "b=2"});
  EXPECT_THAT(line.invocation.Options("param"), ElementsAre("a=1", "b=2"));
}

TEST(CommandLine, TakesEverythingAfterTwoDashesAsAWord) {
  EXPECT_THAT(Parsed({"sql", "--", "--x"}).invocation.words, ElementsAre("--x"));
}

TEST(CommandLine, SuggestsTheVerbThatWasMeant) {
  const Status status = Refused({"aply"});
  EXPECT_EQ(status.error_code(), "WH8030");
  EXPECT_EQ(ExitCode(status.code()), 2);
  EXPECT_EQ(status.hint(), "did you mean \"apply\"?");
}

TEST(CommandLine, SuggestsTheSecondWordThatWasMeant) {
  const Status status = Refused({"gate", "overide", "r1"});
  EXPECT_THAT(status.message(), HasSubstr("gate overide"));
  EXPECT_EQ(status.hint(), "did you mean \"override\"?");
}

TEST(CommandLine, SuggestsTheOptionThatWasMeant) {
  const Status status = Refused({"gate", "discard", "r1", "--raeson", "x"});
  EXPECT_EQ(status.error_code(), "WH8033");
  EXPECT_EQ(status.hint(), "did you mean \"--reason\"?");
}

TEST(CommandLine, RefusesAnOptionOfAnotherVerb) {
  EXPECT_THAT(Refused({"plan", "--reason", "x"}).message(), HasSubstr("--reason"));
}

TEST(CommandLine, RefusesAMissingValueAndAValueTooMany) {
  EXPECT_THAT(Refused({"serve", "--port"}).message(), HasSubstr("needs a value"));
  EXPECT_THAT(Refused({"run", "--full=yes"}).message(), HasSubstr("takes no value"));
  EXPECT_THAT(Refused({"serve", "--port", "1", "--port", "2"}).message(), HasSubstr("twice"));
}

TEST(CommandLine, RefusesAMissingWordAndAWordTooMany) {
  EXPECT_THAT(Refused({"gate", "show"}).message(), HasSubstr("needs RUN"));
  EXPECT_THAT(Refused({"gate", "show", "r1", "r2"}).message(), HasSubstr("r2"));
  EXPECT_THAT(Refused({"gate"}).hint(), HasSubstr("override"));
}

TEST(CommandLine, RefusesMoreArgumentsThanAnyoneTypes) {
  const std::vector<std::string> many(kArgumentsMax + 1, "x");
  EXPECT_EQ(Refused(many).error_code(), "WH8033");
}

TEST(CommandLine, AsksForHelpInEveryUsualWay) {
  EXPECT_EQ(Parsed({}).kind, CommandLine::Kind::kHelp);
  EXPECT_EQ(Parsed({"--help"}).kind, CommandLine::Kind::kHelp);
  EXPECT_EQ(Parsed({"help", "gate", "show"}).invocation.verb, "gate show");
  EXPECT_EQ(Parsed({"gate", "show", "-h"}).invocation.verb, "gate show");
  EXPECT_EQ(Parsed({"-V"}).kind, CommandLine::Kind::kVersion);
}

TEST(CommandLine, PaintsOnlyWhereAPersonLooks) {
  Terminal terminal;
  EXPECT_FALSE(ParseCommandLine({"plan"}, terminal)->invocation.color);
  terminal.stderr_is_terminal = true;
  EXPECT_TRUE(ParseCommandLine({"plan"}, terminal)->invocation.color);
  terminal.no_color = true;
  EXPECT_FALSE(ParseCommandLine({"plan"}, terminal)->invocation.color);
  EXPECT_TRUE(ParseCommandLine({"plan", "--color", "always"}, terminal)->invocation.color);
  EXPECT_THAT(Refused({"plan", "--color", "red"}).message(), HasSubstr("red"));
}
}  // namespace
}  // namespace weirhouse::cli

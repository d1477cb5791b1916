#include "ground/base/yaml.h"

#include <nlohmann/json.hpp>
#include <string>

#include "testing/testing.h"

namespace weirhouse {
namespace {
using ::testing::HasSubstr;

YamlNode One(const std::string& text) {
  auto documents = ParseYaml(text, "project.yaml");
  EXPECT_OK(documents);
  if (!documents.ok() || documents->size() != 1) return {};
  return (*documents)[0];
}
Status Refusal(const std::string& text) { return ParseYaml(text, "project.yaml").status(); }

TEST(Yaml, KeepsTheOrderAndThePlaceOfKeysAndValues) {
  const YamlNode node = One("zebra: 1\napple:\n  - x\n  - \"y z\"\n");
  ASSERT_EQ(node.entries().size(), 2u);
  EXPECT_EQ(node.entries()[0].key, "zebra");
  EXPECT_EQ(node.entries()[1].key_span.line, 2);
  const YamlNode& second = node.Find("apple")->items()[1];
  EXPECT_EQ(second.text(), "y z");
  EXPECT_TRUE(second.quoted());
  EXPECT_EQ(second.span().line, 4);
  EXPECT_EQ(second.span().column, 5);
  EXPECT_EQ(second.span().source_line, "  - \"y z\"");
}

TEST(Yaml, ReadsScalarsAsWhatTheReaderAsksFor) {
  const YamlNode node = One("a: on\nb: 1.0\nc: '12'\nd: true\ne: -7\nf:\n");
  EXPECT_EQ(node.Find("a")->AsString("a").value(), "on");
  EXPECT_FALSE(node.Find("a")->AsBool("a").ok());
  EXPECT_EQ(node.Find("b")->AsString("b").value(), "1.0");
  EXPECT_EQ(node.Find("b")->AsDouble("b").value(), 1.0);
  EXPECT_FALSE(node.Find("b")->AsInt("b").ok());
  EXPECT_FALSE(node.Find("c")->AsInt("c").ok()) << "a quoted text is a text";
  EXPECT_TRUE(node.Find("d")->AsBool("d").value());
  EXPECT_EQ(node.Find("e")->AsInt("e").value(), -7);
  EXPECT_TRUE(node.Find("f")->is_null());
}

TEST(Yaml, TakesNoNumberThatIsNotFinite) {
  for (const char* text : {"nan", "inf", "-inf", "infinity", "1e999", "0x10", "1_000", "1,5"}) {
    const YamlNode node = One(std::string("max: ") + text);
    const auto value = node.Find("max")->AsDouble("the bound");
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.status().error_code(), "WH2004");
    EXPECT_EQ(value.status().span()->column, 6);
  }
}

TEST(Yaml, GivesJsonByTheCoreSchema) {
  EXPECT_EQ(One("{a: 1, b: 1.5, c: 'true', d: true, e: ~, f: [x, 2013-01-01]}").ToJson(),
            nlohmann::json::parse(
                R"({"a":1,"b":1.5,"c":"true","d":true,"e":null,"f":["x","2013-01-01"]})"));
}

TEST(Yaml, RefusesDuplicateKeys) {
  const Status status = Refusal("a: 1\nb: 2\na: 3\n");
  EXPECT_EQ(status.error_code(), "WH2001");
  EXPECT_THAT(status.message(), HasSubstr("duplicate key \"a\""));
  EXPECT_EQ(status.span()->line, 3);
}

TEST(Yaml, RefusesWhatIsNotText) {
  EXPECT_THAT(Refusal("a: \xff").message(), HasSubstr("not UTF-8"));
  EXPECT_THAT(Refusal(std::string("a: \0b", 5)).message(), HasSubstr("not UTF-8"));
  EXPECT_THAT(Refusal("a: " + std::string(1 << 20, 'x')).message(), HasSubstr("1 MiB"));
}

TEST(Yaml, RefusesDeepNestingCustomTagsAndStrayBrackets) {
  EXPECT_THAT(Refusal(std::string(100, '[')).message(), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(Refusal("a: !!python/object x").message(), HasSubstr("custom tag"));
  EXPECT_FALSE(Refusal(",").ok());
  EXPECT_FALSE(Refusal("]").ok());
  EXPECT_FALSE(Refusal("a: [1, 2").ok());
  EXPECT_FALSE(Refusal("? [a]\n: b\n").ok()) << "a list is no key";
}

TEST(Yaml, FollowsAliases) {
  const YamlNode node = One("a: &x [1, 2]\nb: *x\n");
  EXPECT_EQ(node.Find("b")->ToJson(), nlohmann::json::parse("[1,2]"));
  EXPECT_THAT(Refusal("a: &x [*x]\n").message(), HasSubstr("no finished anchor"));
}

TEST(Yaml, BoundsWhatAliasesAddUpTo) {
  std::string text = "a0: &a0 [x, x, x, x]\n";
  for (int i = 1; i <= 40; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before;
    text += "]\n";
  }
  EXPECT_THAT(Refusal(text).message(), HasSubstr("more than 10000 values"));

  text = "a: &a 1\nb: [";
  for (int i = 0; i < 101; ++i) text += "*a, ";
  EXPECT_THAT(Refusal(text + "1]\n").message(), HasSubstr("more than 100 aliases"));
}

TEST(Yaml, NamesAnUnknownKeyAndTheNearestKnownOne) {
  const YamlNode node = One("name: x\nschedul: daily\n");
  const Status status = node.CheckKeys("the pipeline", {"name", "schedule"});
  EXPECT_EQ(status.error_code(), "WH2002");
  EXPECT_EQ(status.hint(), "did you mean \"schedule\"?");
  EXPECT_EQ(status.span()->line, 2);
  EXPECT_EQ(status.span()->width, 7);
  EXPECT_OK(node.CheckKeys("the pipeline", {"name", "schedul"}));
}

TEST(Yaml, NamesAMissingKey) {
  const auto missing = One("name: x").Require("owner", "the contract");
  EXPECT_EQ(missing.status().error_code(), "WH2003");
  EXPECT_THAT(missing.status().message(), HasSubstr("the contract lacks the key \"owner\""));
}

TEST(Yaml, TakesASingleTextAsAListOfOne) {
  EXPECT_THAT(One("a: x").Find("a")->AsStringList("a").value(), ::testing::ElementsAre("x"));
  EXPECT_FALSE(One("a: {b: c}").Find("a")->AsStringList("a").ok());
  EXPECT_FALSE(One("a: [[x]]").Find("a")->AsStringList("a").ok());
}
}  // namespace
}  // namespace weirhouse

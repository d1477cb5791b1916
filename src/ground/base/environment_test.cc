#include "ground/base/environment.h"

#include "testing/testing.h"

namespace weirhouse {
namespace {
std::optional<std::string> Sample(const std::string& name) {
  if (name == "HOST") return "db.local";
  if (name == "EMPTY") return "";
  if (name == "NESTED") return "${env:HOST}";
  return std::nullopt;
}

TEST(ExpandEnvironment, ReplacesEachReferenceAndKeepsAllOtherText) {
  ASSERT_OK_AND(std::string text, ExpandEnvironment("pg://${env:HOST}:5432/${x}$", Sample));
  EXPECT_EQ(text, "pg://db.local:5432/${x}$");
}

TEST(ExpandEnvironment, UsesTheDefaultWhereTheVariableIsAbsentOrEmpty) {
  ASSERT_OK_AND(std::string text, ExpandEnvironment("${env:NONE:-a}${env:EMPTY:-b}", Sample));
  EXPECT_EQ(text, "ab");
  ASSERT_OK_AND(std::string empty, ExpandEnvironment("${env:NONE:-}", Sample));
  EXPECT_EQ(empty, "");
  ASSERT_OK_AND(std::string kept, ExpandEnvironment("${env:EMPTY}", Sample));
  EXPECT_EQ(kept, "");
}

TEST(ExpandEnvironment, DoesNotExpandWhatAVariableHolds) {
  ASSERT_OK_AND(std::string text, ExpandEnvironment("${env:NESTED}", Sample));
  EXPECT_EQ(text, "${env:HOST}");
}

TEST(ExpandEnvironment, NamesTheVariableThatIsNotSet) {
  const Status status = ExpandEnvironment("${env:NONE}", Sample).status();
  EXPECT_EQ(status.code(), Code::kInvalidInput);
  EXPECT_EQ(status.error_code(), "WH2030");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("\"NONE\""));
}

TEST(ExpandEnvironment, RefusesAReferenceThatIsNotClosedOrHasNoName) {
  EXPECT_EQ(ExpandEnvironment("${env:HOST", Sample).status().error_code(), "WH2030");
  EXPECT_EQ(ExpandEnvironment("${env:}", Sample).status().error_code(), "WH2030");
  EXPECT_EQ(ExpandEnvironment("${env:A B}", Sample).status().error_code(), "WH2030");
}
}  // namespace
}  // namespace weirhouse

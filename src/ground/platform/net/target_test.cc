#include "ground/platform/net/target.h"

#include "testing/testing.h"

namespace weirhouse::http {
namespace {
using ::testing::ElementsAre;

TEST(ParseTarget, DecodesOnceAndSplits) {
  ASSERT_OK_AND(Target target, ParseTarget("/v1/trace/late%231?records=3&q=a%2Fb+c%25"));
  EXPECT_EQ(target.path, "/v1/trace/late#1");
  EXPECT_THAT(target.steps, ElementsAre("v1", "trace", "late#1"));
  EXPECT_EQ(target.query.at("records"), "3");
  EXPECT_EQ(target.query.at("q"), "a/b c%");
  ASSERT_OK_AND(Target root, ParseTarget("/"));
  EXPECT_EQ(root.path, "/");
  EXPECT_TRUE(root.steps.empty());
  ASSERT_OK(ParseTarget("/v1/tables/processed.arrival@1101"));
  ASSERT_OK(ParseTarget("/v1/%C3%A9t%C3%A9"));
}

TEST(ParseTarget, RefusesEveryFormOfTraversal) {
  for (const char* target : {"/..",
                             "/../etc/passwd",
                             "/a/../b",
                             "/a/./b",
                             "/a/..",
                             "/%2e%2e/b",
                             "/%2E%2E",
                             "/.%2e/b",
                             "/%252e%252e/b",
                             "/%25",
                             "/a%2fb",
                             "/a%2Fb",
                             "/a%5cb",
                             "/..\\b",
                             "/a\\b",
                             "//",
                             "//a",
                             "/a//b",
                             "/a/",
                             "/v1/x;v1/login",
                             "/x%3bv1",
                             "/a%00b",
                             "/a%0ab",
                             "/a%7f",
                             "/a.",
                             "/a%20",
                             "/a /b ",
                             "/%c0%ae%c0%ae/",
                             "/%c0%af",
                             "/%ff",
                             "/%",
                             "/%2",
                             "/%zz",
                             "",
                             "a",
                             "*",
                             "http://x/a",
                             "file:///etc/passwd",
                             "/a#b",
                             "/a%3fb",
                             "?a=1"}) {
    EXPECT_EQ(ParseTarget(target).status().error_code(), "WH8070") << target;
  }
  EXPECT_EQ(ParseTarget(std::string_view("/a\0b", 4)).status().error_code(), "WH8070");
}

TEST(ParseTarget, HoldsItsLimitsExactly) {
  ASSERT_OK(ParseTarget("/" + std::string(1024, 'a')));
  EXPECT_FALSE(ParseTarget("/" + std::string(1025, 'a')).ok());
  std::string steps;
  for (int i = 0; i < 32; ++i) steps += "/s";
  ASSERT_OK(ParseTarget(steps));
  EXPECT_FALSE(ParseTarget(steps + "/s").ok());
  std::string query = "/a?";
  for (int i = 0; i < 64; ++i) query += "&f" + std::to_string(i);
  query.erase(3, 1);
  ASSERT_OK(ParseTarget(query));
  EXPECT_FALSE(ParseTarget(query + "&g").ok());
  EXPECT_FALSE(ParseTarget("/?a=" + std::string(8192, 'a')).ok());
}

TEST(ParseTarget, RefusesAmbiguousQueries) {
  for (const char* target : {"/a?x=1&x=2", "/a?=1", "/a?x=%0d%0a", "/a?x=%", "/a?&", "/a?x=%c0%ae"})
    EXPECT_FALSE(ParseTarget(target).ok()) << target;
  ASSERT_OK_AND(Target bare, ParseTarget("/a?verbose"));
  EXPECT_EQ(bare.query.at("verbose"), "");
  ASSERT_OK(ParseTarget("/a?"));
}

TEST(ParseTarget, LetsNamesBelowAFreePrefixHoldWhatTheyWill) {
  const std::vector<std::string> free = {"/lake"};
  ASSERT_OK_AND(Target target, ParseTarget("/lake/a%1fb/t%2Fu+v%25.%20?parent=a%1Fb", free));
  EXPECT_THAT(target.steps, ElementsAre("lake",
                                        "a\x1f"
                                        "b",
                                        "t/u v%. "));
  EXPECT_EQ(target.query.at("parent"),
            "a\x1f"
            "b");
  for (const char* refused :
       {"/lake/..", "/lake/%2e%2E/x", "/lake/.", "/lake//x", "/lake/%00", "/lake/%0a", "/lake/%7f",
        "/lake/%ff", "/lake/", "/lake/../lake/a%2Fb", "/Lake/a%2Fb", "/lake2/a%2Fb",
        "/x/lake/a%2Fb", "/%6cake/a%2Fb", "/lake%2Fa", "/lake/a\\b", "/lake?a=%1e"})
    EXPECT_EQ(ParseTarget(refused, free).status().error_code(), "WH8070") << refused;
  EXPECT_FALSE(ParseTarget("/lake/a%1fb").ok());
}

TEST(FormatTarget, GivesBackWhatParseTargetRead) {
  for (const char* text : {"/", "/a/b%23c", "/a?x=1&y=a%2Fb%20%26", "/%C3%A9?e=%3D"}) {
    ASSERT_OK_AND(Target target, ParseTarget(text));
    ASSERT_OK_AND(Target again, ParseTarget(FormatTarget(target)));
    EXPECT_EQ(again.path, target.path);
    EXPECT_EQ(again.query, target.query);
  }
}
}  // namespace
}  // namespace weirhouse::http

#include "work/answers/sent_object.h"

#include "testing/testing.h"

namespace weirhouse::answers {
namespace {
std::string Problem(std::string_view text) {
  const auto sent = ParseSent(text, "the body");
  return sent.ok() ? "taken" : sent.status().message();
}

TEST(SentObject, KeepsNumbersAsTheyAreSpelt) {
  ASSERT_OK_AND(
      const SentObject sent,
      ParseSent(R"({"a": 36893488147419103233, "b": 1.50, "c": -0, "d": -7, "e": 1e-400, "f": "1",
                    "g": [1, {"x": 2}], "k": {"n": 9007199254740991.4, "o": {"deep": 1}, "p": [3]},
                    "z": 18446744073709551615})",
                "the body"));
  EXPECT_EQ(sent.numbers, (Texts{{"a", "36893488147419103233"},
                                 {"b", "1.50"},
                                 {"c", "-0"},
                                 {"d", "-7"},
                                 {"e", "1e-400"},
                                 {"z", "18446744073709551615"}}));
  EXPECT_EQ(sent.inner_numbers,
            (std::map<std::string, Texts>{{"k", {{"n", "9007199254740991.4"}}}}));
  EXPECT_EQ(sent.members.at("f"), "1");
  EXPECT_EQ(sent.members.at("g").at(1).at("x"), 2);
}

TEST(SentObject, IsOneObjectThatNamesNothingTwice) {
  for (const char* text : {"", "[]", "1", "null", "{", "{} x", "{\"a\":}", "{\"a\":NaN}"})
    EXPECT_EQ(Problem(text), "the body must be one JSON object") << text;
  EXPECT_EQ(Problem(R"({"a":1,"\u0061":1})"), "the body names \"a\" twice");
  EXPECT_EQ(Problem(R"({"k":{"a":1,"a":1}})"), "the body names \"a\" twice");
  EXPECT_EQ(Problem(R"({"k":{"a":1},"a":1,"l":[{"a":1},{"a":2}]})"), "taken");
  EXPECT_EQ(Problem(R"({"a":1e400})"), "the body holds a number beyond all doubles: 1e400");
  EXPECT_EQ(Problem("{}"), "taken");
}

TEST(SentObject, IsNotNestedDeep) {
  const auto nested = [](int levels) {
    return R"({"k":)" + std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']') + "}";
  };
  EXPECT_EQ(Problem(nested(127)), "taken");
  EXPECT_EQ(Problem(nested(128)), "the body is nested deeper than 128 levels");
  EXPECT_EQ(Problem(nested(1'000'000)), "the body is nested deeper than 128 levels");
  EXPECT_EQ(Problem(R"({"a":")" + std::string(500, '[') + "\"}"), "taken");
}
}  // namespace
}  // namespace weirhouse::answers

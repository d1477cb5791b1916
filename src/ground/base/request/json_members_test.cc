#include "ground/base/request/json_members.h"

#include <nlohmann/json.hpp>

#include "testing/testing.h"

namespace weirhouse {
namespace {

using Json = nlohmann::json;

constexpr RequestWords kPlain{"WH0001"};
constexpr RequestWords kOwn{.error_code = "WH0002",
                            .separator = " ",
                            .text = "must be a text",
                            .mixed_array = "must hold texts alone",
                            .mixed_object = "must hold texts alone",
                            .beyond_int64 = "must be a whole number",
                            .tells_missing = false,
                            .tells_found = true};

// What reading `sent` by `read` is refused with; empty if it is not.
template <typename Read>
std::string RefusalOf(const RequestWords& words, const char* sent, Read read) {
  const Json object = Json::parse(sent);
  RequestPlace place(words, "part 3");
  JsonFields fields(place, object, "");
  read(fields);
  if (place.ok()) return "";
  EXPECT_EQ(place.status.code(), Code::kInvalidInput);
  EXPECT_EQ(place.status.error_code(), words.error_code);
  return place.status.message();
}

TEST(JsonMembers, WhatIsWrongIsToldByItsPlace) {
  const auto text = [](JsonFields& fields) { fields.Object("a").Text("b"); };
  EXPECT_EQ(RefusalOf(kPlain, R"({"a": {"b": "x"}})", text), "");
  EXPECT_EQ(RefusalOf(kPlain, R"({"a": {}})", text), R"(part 3: "a.b" is missing)");
  EXPECT_EQ(RefusalOf(kPlain, R"({"a": {"b": 1}})", text), R"(part 3: "a.b" must be a string)");
  EXPECT_EQ(RefusalOf(kPlain, R"({"a": {"b": ""}})", text), R"(part 3: "a.b" must not be empty)");
  EXPECT_EQ(RefusalOf(kPlain, R"({"a": 1})", text), R"(part 3: "a" must be an object)");
  EXPECT_EQ(RefusalOf(kPlain, "[]", text), "part 3: must be an object");
}

TEST(JsonMembers, TheFirstRefusalStays) {
  EXPECT_EQ(RefusalOf(kPlain, "{}",
                      [](JsonFields& fields) {
                        fields.Bool("first");
                        fields.Text("second");
                      }),
            R"(part 3: "first" is missing)");
}

TEST(JsonMembers, IntegersKeepTheirRange) {
  const auto read = [](JsonFields& fields) { fields.Long("n", 1, 9); };
  EXPECT_EQ(RefusalOf(kPlain, R"({"n": 9})", read), "");
  EXPECT_EQ(RefusalOf(kPlain, R"({"n": 10})", read), R"(part 3: "n" must be from 1 to 9, not 10)");
  EXPECT_EQ(RefusalOf(kPlain, R"({"n": 1.5})", read), R"(part 3: "n" must be an integer)");
  EXPECT_EQ(RefusalOf(kPlain, R"({"n": 9223372036854775808})", read),
            R"(part 3: "n" must be from 1 to 9, not 9223372036854775808)");
  EXPECT_EQ(RefusalOf(kOwn, R"({"n": 9223372036854775808})", read),
            R"(part 3 "n" must be a whole number)");
}

TEST(JsonMembers, EachProtocolHasItsOwnWords) {
  const auto texts = [](JsonFields& fields) { fields.OptionalTexts("l"); };
  EXPECT_EQ(RefusalOf(kOwn, "{}", texts), "");
  EXPECT_EQ(RefusalOf(kPlain, R"({"l": ["a", 1]})", texts), R"(part 3: "l[1]" must be a string)");
  EXPECT_EQ(RefusalOf(kOwn, R"({"l": ["a", 1]})", texts),
            R"(part 3 "l" must hold texts alone, found number)");
  const auto map = [](JsonFields& fields) { fields.OptionalTextMap("m"); };
  EXPECT_EQ(RefusalOf(kPlain, R"({"m": {"k": null}})", map), R"(part 3: "m.k" must be a string)");
  EXPECT_EQ(RefusalOf(kOwn, R"({"m": {"k": null}})", map),
            R"(part 3 "m" must hold texts alone, found null)");
  EXPECT_EQ(RefusalOf(kOwn, "{}", [](JsonFields& fields) { fields.AnyText("t"); }),
            R"(part 3 "t" must be a text, found null)");
}
}  // namespace
}  // namespace weirhouse

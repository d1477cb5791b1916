#include "app/command/print/listing.h"

#include <gmock/gmock.h>

#include "app/command/invocation.h"
#include "testing/testing.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;
using ::testing::HasSubstr;

Listing Tables() {
  Listing listing("tables", {"table", "rows", "last_run"});
  listing.Add({"processed.arrival", std::int64_t{327346}, "r12"});
  listing.Add({"zürich", std::int64_t{5}, nullptr});
  listing.Detail("uuid", "u-1");
  return listing;
}

TEST(Listing, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(Tables().AsText(),
            "TABLE                 ROWS  LAST RUN\n"
            "processed.arrival  327,346  r12\n"
            "zürich                   5  -\n");
}

TEST(Listing, KeepsPlainNumbersAndDetailsInJson) {
  const json rows = Tables().AsJson();
  EXPECT_EQ(rows[0], (json{{"table", "processed.arrival"}, {"rows", 327346}, {"last_run", "r12"}}));
  EXPECT_EQ(rows[1]["uuid"], "u-1");
  EXPECT_TRUE(rows[1]["last_run"].is_null());
}

TEST(Listing, WritesJsonLinesWithASchemaVersionEach) {
  const std::string text = Tables().AsJsonLines();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(json::parse(text.substr(0, text.find('\n')))["schema_version"], 1);
}

TEST(Listing, QuotesWhatCsvWouldMisread) {
  Listing listing("rows", {"a", "b"}, Listing::Heading::kAsNamed);
  listing.Add({"x,\"y\"", nullptr});
  listing.Add({"", 1.5});
  EXPECT_EQ(listing.AsCsv(), "a,b\n\"x,\"\"y\"\"\",\n\"\",1.5\n");
}

TEST(Listing, EscapesControlCharactersInTextOnly) {
  Listing listing("rows", {"a"});
  listing.Add({"\x1b[31mred\xe2\x80\xae"});
  EXPECT_EQ(listing.AsText().find('\x1b'), std::string::npos);
  EXPECT_THAT(listing.AsText(), HasSubstr("\\u202e"));
  EXPECT_EQ(listing.AsJson()[0]["a"], "\x1b[31mred\xe2\x80\xae");
}

TEST(Listing, PrintsBytesThatAreNoUtf8) { EXPECT_EQ(Dump(json("a\xff")), "\"a\xef\xbf\xbd\""); }

TEST(Invocation, ComesBackFromJsonAsItWas) {
  Invocation invocation;
  invocation.verb = "gate override";
  invocation.words = {"r12"};
  invocation.options = {{"reason", {"it is \"true\""}}, {"full", {""}}};
  invocation.json = true;
  invocation.at = "1101";
  invocation.cwd = "/somewhere";
  invocation.columns = 80;
  ASSERT_OK_AND(const Invocation back, InvocationFromJson(Dump(ToJson(invocation))));
  EXPECT_EQ(ToJson(back), ToJson(invocation));
  EXPECT_EQ(back.Option("reason"), "it is \"true\"");
  EXPECT_TRUE(back.Has("full"));
}

TEST(Invocation, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "{}", "{\"verb\":1}", "\xff"})
    EXPECT_EQ(InvocationFromJson(text).status().error_code(), "WH8034") << text;
}
}  // namespace
}  // namespace weirhouse::command

#include "work/project/seed.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "ground/base/text.h"
#include "testing/testing.h"

namespace weirhouse::work {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using weirhouse::testing::RowsAsJson;

class SeedTest : public ::testing::Test {
 protected:
  Result<Seed> Load(const std::string& bytes, std::vector<SeedType> types = {}) {
    weirhouse::testing::WriteFile(scratch_ / "seeds/s.csv", bytes);
    Seed seed;
    seed.name = "s";
    seed.path = "seeds/s.csv";
    seed.types = std::move(types);
    WEIRHOUSE_TRY_STATUS(LoadSeed(scratch_.path().string(), seed));
    return seed;
  }
  static SeedType Type(const std::string& column, const std::string& text) {
    const auto type = contract::ParseFieldType(text);
    EXPECT_OK(type);
    return {column, text, type->type, type->decimal, {}};
  }
  static std::vector<std::string> Types(const Seed& seed) {
    std::vector<std::string> types;
    for (const SeedColumn& column : seed.columns) types.push_back(column.name + " " + column.type);
    return types;
  }
  weirhouse::testing::ScratchFolder scratch_;
};

TEST_F(SeedTest, AColumnHasATypeOnlyWhereItsValuesAreWrittenOutAgainAsTheyAre) {
  struct Case {
    const char* values;
    const char* type;
    const char* arrow;
  };
  const Case cases[] = {
      {"1\n-7\n0", "integer", "int64"},
      {"9223372036854775807", "integer", "int64"},
      {"9223372036854775808", "string", "string"},
      {"00501\n02134", "string", "string"},
      {"+1", "string", "string"},
      {"-0", "string", "string"},
      {"1.5\n-2.0\n0.25", "number", "double"},
      {"48.053808600000004\n41.25", "number", "double"},
      {"1.10\n1.20", "string", "string"},
      {"1\n1.5", "string", "string"},
      {"1E5\n2E3", "string", "string"},
      {"1e5", "string", "string"},
      {".5", "string", "string"},
      {"NaN", "string", "string"},
      {"true\nfalse", "boolean", "bool"},
      {"True\nFalse", "string", "string"},
      {"NA\n1", "string", "string"},
      {"2013-01-31", "date", "date32[day]"},
      {"2013-1-31", "string", "string"},
      {"2013-01-31T05:00:00Z", "timestamp", "timestamp[us, tz=UTC]"},
      {"2013-01-31T05:00:00+02:00", "string", "string"},
      {"2013-01-31 05:00:00", "timestamp", "timestamp[us]"},
      {"2013-01-31 05:00:00\n2013-01-31T05:00:00Z", "string", "string"},
      {"05:00:00", "string", "string"},
  };
  for (const Case& each : cases) {
    std::string bytes = "v,k\n";
    std::vector<std::string> values;
    for (const std::string_view value : Split(each.values, '\n')) {
      bytes += std::string(value) + ",x\n";
      values.emplace_back(value);
    }
    ASSERT_OK_AND(const Seed seed, Load(bytes));
    EXPECT_EQ(seed.columns[0].type, each.type) << each.values;
    EXPECT_EQ(seed.rows->schema()->field(0)->type()->ToString(), each.arrow) << each.values;
    if (std::string(each.type) != "string") continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(
          seed.rows->column(0)->GetScalar(static_cast<std::int64_t>(i)).ValueOrDie()->ToString(),
          values[i]);
    }
  }
}

TEST_F(SeedTest, AnEmptyFieldIsNullAndAQuotedOneAText) {
  ASSERT_OK_AND(const Seed seed, Load("a,n\n,1\n\"\",\n\"x\r\ny\",2\r\n"));
  EXPECT_THAT(Types(seed), ElementsAre("a string", "n integer"));
  EXPECT_EQ(RowsAsJson(*seed.rows),
            "{\"a\":null,\"n\":1}\n{\"a\":\"\",\"n\":null}\n{\"a\":\"x\\r\\ny\",\"n\":2}\n");
  ASSERT_OK_AND(const Seed one, Load("a\nx\n\n\"\"\ny\n\n"));
  EXPECT_EQ(RowsAsJson(*one.rows), "{\"a\":\"x\"}\n{\"a\":\"\"}\n{\"a\":\"y\"}\n");
  ASSERT_OK_AND(const Seed none, Load("a,b\n"));
  EXPECT_EQ(none.rows->num_rows(), 0);
  EXPECT_THAT(Types(none), ElementsAre("a string", "b string"));
}

TEST_F(SeedTest, ADeclaredTypeIsReadStrictly) {
  const std::string bytes = "zip,n,p,b\n501,1,1.10,true\n2134,2.5,12345678901234567.89,false\n";
  ASSERT_OK_AND(const Seed seed, Load(bytes, {Type("zip", "string"), Type("n", "number"),
                                              Type("p", "DECIMAL(20,2)"), Type("b", "string")}));
  EXPECT_THAT(Types(seed), ElementsAre("zip string", "n number", "p DECIMAL(20,2)", "b string"));
  EXPECT_EQ(seed.rows->column(2)->GetScalar(1).ValueOrDie()->ToString(), "12345678901234567.89");
  EXPECT_NE(seed.digest, Load(bytes)->digest);
  const Status wrong = Load("n,m\n1,1\nx,2\ny,3\n", {Type("n", "integer")}).status();
  EXPECT_EQ(wrong.error_code(), "WH2010");
  EXPECT_THAT(wrong.message(), HasSubstr("seed \"s\""));
  EXPECT_THAT(wrong.message(), HasSubstr("n not of type integer"));
  EXPECT_THAT(wrong.message(), HasSubstr("found \"x\": seeds/s.csv:3"));
  const Status unknown = Load("zip,b\n1,1\n", {Type("zap", "string")}).status();
  EXPECT_THAT(unknown.message(), HasSubstr("has no column \"zap\""));
  EXPECT_THAT(unknown.hint(), HasSubstr("zip"));
}

TEST_F(SeedTest, AFaultNamesTheSeedAndTheLine) {
  struct Case {
    const char* bytes;
    const char* said;
  };
  const Case cases[] = {
      {"k,k\na,b\n", "its header names a column twice: \"k\""},
      {"k,K\na,b\n", "its header names a column twice: \"K\""},
      {"k,,l\na,b,c\n", "a column of its header has no name"},
      {"a,b\n1,2\n3\n", "wrong number of CSV fields"},
      {"a,b\n1,\"x\" y\n", "RFC 4180 quoting"},
      {"a\n\xff\n", "not valid text"},
      {"", "it has no header"},
      {" \n", "it has no header"},
  };
  for (const Case& each : cases) {
    const Status status = Load(each.bytes).status();
    EXPECT_EQ(status.error_code(), "WH2010") << each.bytes;
    EXPECT_THAT(status.message(), HasSubstr("seed \"s\"")) << each.bytes;
    EXPECT_THAT(status.message(), HasSubstr(each.said)) << each.bytes;
    EXPECT_THAT(status.message(), HasSubstr("seeds/s.csv")) << each.bytes;
  }
}

TEST_F(SeedTest, WhatLooksLikeNumbersAndIsTextIsNoted) {
  ASSERT_OK_AND(const Seed seed,
                Load("zip,city,price,n\n00501,Holtsville,1,1\n02134,Boston,1.5,2\n"));
  EXPECT_THAT(SeedNotes(seed),
              ElementsAre(HasSubstr("column \"zip\" is kept as text: \"00501\" would not"),
                          HasSubstr("column \"price\" is kept as text: some of its values")));
  ASSERT_OK_AND(const Seed plain, Load("faa,name\n04G,Lansdowne\n06A,Moton\n"));
  EXPECT_THAT(SeedNotes(plain), IsEmpty());
}
}  // namespace
}  // namespace weirhouse::work

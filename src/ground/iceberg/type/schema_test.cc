#include "ground/iceberg/type/schema.h"

#include <nlohmann/json.hpp>

#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/schema_index.h"
#include "ground/iceberg/type/type_json.h"

namespace weirhouse::iceberg {
namespace {

using ::testing::HasSubstr;

Schema Flights() { return Schema::FromArrow(*FlightSchema()).value(); }
Field NewField(const char* name, const char* type, bool required = false) {
  Field field;
  field.name = name;
  field.type = ParsePrimitiveType(type).value();
  field.required = required;
  return field;
}

TEST(EvolveSchema, NeverGivesAnIdThatMetadataColumnsHave) {
  Schema wanted = Flights();
  wanted.fields.push_back(NewField("gate", "string"));
  ASSERT_OK_AND(const Schema last, EvolveSchema(Flights(), wanted, kColumnIdMax - 1));
  EXPECT_EQ(last.fields.back().id, kColumnIdMax);
  const Status refused = EvolveSchema(Flights(), wanted, kColumnIdMax).status();
  EXPECT_EQ(refused.error_code(), "WH7054");
  EXPECT_THAT(refused.message(), HasSubstr("no id is left for the new field \"gate\""));
}

TEST(Schema, JsonRoundTrips) {
  Schema schema = Flights();
  schema.identifier_field_ids = {1};
  schema.fields[1].doc = "three letters";
  schema.fields.push_back(NewField("price", "decimal(9,2)"));
  ASSERT_OK_AND(const Schema read, Schema::FromJson(schema.ToJson()));
  EXPECT_EQ(read.fields, schema.fields);
  EXPECT_EQ(read.identifier_field_ids, schema.identifier_field_ids);
}

TEST(Schema, ArrowRoundTripsWithFieldIds) {
  ASSERT_OK_AND(const auto arrow_schema, Flights().ToArrow());
  EXPECT_TRUE(arrow_schema->Equals(*FlightSchema(), /*check_metadata=*/false));
  EXPECT_EQ(arrow_schema->field(2)->metadata()->Get("PARQUET:field_id").ValueOrDie(), "3");
}

TEST(Schema, ATypeThatIcebergDoesNotKnowIsRefused) {
  const auto status =
      Schema::FromArrow(*arrow::schema({arrow::field("x", arrow::uint64())})).status();
  EXPECT_EQ(status.error_code(), "WH7055");
  EXPECT_THAT(status.message(), HasSubstr("uint64"));
}

TEST(Schema, NestedTypesKeepTheirJsonAndBecomeArrows) {
  const auto json = nlohmann::json::parse(R"json({"type":"struct","schema-id":3,
      "identifier-field-ids":[4],"fields":[
      {"id":1,"name":"l","required":false,
       "type":{"type":"list","element-id":2,"element":"int","element-required":false}},
      {"id":3,"name":"s","required":true,"type":{"type":"struct","fields":[
        {"id":4,"name":"a","required":true,"type":"decimal(9,2)","doc":"price"},
        {"id":5,"name":"b","required":false,"initial-default":7,"write-default":8,"type":"long"}]}},
      {"id":6,"name":"m","required":false,"type":{"type":"map","key-id":7,"key":"string",
        "value-id":8,"value":"double","value-required":true}}]})json");
  ASSERT_OK_AND(const Schema schema, Schema::FromJson(json));
  EXPECT_EQ(schema.ToJson(), json);
  ASSERT_OK_AND(const auto arrow_schema, schema.ToArrow());
  EXPECT_EQ(arrow_schema->field(0)->type()->ToString(), "list<element: int32>");
  EXPECT_EQ(arrow_schema->field(1)->type()->ToString(),
            "struct<a: decimal128(9, 2) not null, b: int64>");
  EXPECT_EQ(arrow_schema->field(1)->type()->field(1)->metadata()->Get("PARQUET:field_id"), "5");
  EXPECT_TRUE(arrow_schema->field(2)->type()->Equals(
      arrow::map(arrow::utf8(), arrow::field("value", arrow::float64(), /*nullable=*/false))));
}

TEST(Schema, EqualTypesHaveEqualNamesHoweverTheyWereSpelled) {
  const auto type_of = [](const char* type) {
    const std::string field =
        fmt::format(R"({{"id":1,"name":"x","required":false,"type":{}}})", type);
    return Schema::FromJson(nlohmann::json::parse(fmt::format(R"({{"fields":[{}]}})", field)))
        .value()
        .fields[0]
        .type;
  };
  const char* const spaced =
      R"json({"type":"list","element-id":2,"element":"decimal(9, 2)","element-required":true})json";
  const char* const turned =
      R"json({"element":"decimal(9,2)","element-required":true,"element-id":2,"type":"list"})json";
  EXPECT_EQ(type_of(spaced), type_of(turned));
  EXPECT_EQ(NameOf(type_of(spaced)), NameOf(type_of(turned)));
  EXPECT_EQ(type_of("\"decimal( 9 , 2 )\""), Type::Decimal(9, 2));
  EXPECT_EQ(NameOf(Type::Decimal(9, 2)), "decimal(9,2)");
}

TEST(Schema, ATypeWithNumbersIsReadByItsGrammarAlone) {
  for (const auto& [text, type] :
       std::vector<std::pair<const char*, Type>>{{"decimal(10,2)", Type::Decimal(10, 2)},
                                                 {"decimal( 10 , 2 )", Type::Decimal(10, 2)},
                                                 {"decimal(010,02)", Type::Decimal(10, 2)},
                                                 {"decimal(38,38)", Type::Decimal(38, 38)},
                                                 {"decimal(1,0)", Type::Decimal(1, 0)},
                                                 {"fixed[16]", Type::Fixed(16)},
                                                 {"fixed[ 16 ]", Type::Fixed(16)},
                                                 {"fixed[016]", Type::Fixed(16)}}) {
    EXPECT_EQ(ParsePrimitiveType(text), type) << text;
  }
  for (const char* text : {"decimal(1 0,2)",
                           "decimal(10,0 2)",
                           "decimal(1\t0,2)",
                           "decimal(10,2",
                           "decimal 10,2)",
                           "decimal(10,2)x",
                           "decimal(10,2) ",
                           " decimal(10,2)",
                           "dec imal(10,2)",
                           "decimal (10,2)",
                           "decimal(+10,2)",
                           "decimal(10,+2)",
                           "decimal(-10,2)",
                           "decimal(10,-2)",
                           "decimal(10)",
                           "decimal(10,)",
                           "decimal(,2)",
                           "decimal(,)",
                           "decimal()",
                           "decimal",
                           "decimal(10,2,3)",
                           "decimal(10;2)",
                           "decimal(10.0,2)",
                           "decimal(1e1,2)",
                           "decimal(0x10,2)",
                           "decimal[10,2]",
                           "decimal((10,2))",
                           "decimal(39,2)",
                           "decimal(0,0)",
                           "decimal(2,3)",
                           "decimal(4294967306,2)",
                           "decimal(18446744073709551626,2)",
                           "decimal(10,4294967298)",
                           "fixed[1 6]",
                           "fixed[16",
                           "fixed[16]x",
                           "fixed[+16]",
                           "fixed[-16]",
                           "fixed[0]",
                           "fixed[]",
                           "fixed",
                           "fixed(16)",
                           "fixed[4294967312]",
                           "fixed[16,2]",
                           "in t",
                           "int ",
                           " int",
                           "int[4]",
                           "long(8)",
                           "string(10)",
                           "timestamp(6)",
                           ""}) {
    EXPECT_EQ(ParsePrimitiveType(text), std::nullopt) << text;
  }
}

TEST(Schema, ATransformIsWrittenInOneWay) {
  EXPECT_EQ(KnownTransform("Bucket[16]"), "bucket[16]");
  EXPECT_EQ(KnownTransform("bucket[016]"), "bucket[16]");
  EXPECT_EQ(KnownTransform("truncate[00004]"), "truncate[4]");
  for (const char* text :
       {"bucket[1 6]", "bucket[ 16 ]", "bucket[16", "bucket[16]x", "bucket[+16]", "bucket[-16]",
        "bucket[0]", "bucket[00]", "bucket[]", "bucket", "bucket(16)", "truncate[4294967312]",
        "mon th", "month[1]", " day", "day "}) {
    EXPECT_EQ(KnownTransform(text), "") << text;
  }
}

TEST(Schema, ATypeIsWrittenInOneWay) {
  const Type list = Type::List({2, "", Type::Decimal(9, 2), true, ""});
  EXPECT_EQ(
      NameOf(list),
      R"json({"element":"decimal(9,2)","element-id":2,"element-required":true,"type":"list"})json");
  const Type map = Type::Map({3, "", TypeKind::kString, false, ""}, {4, "", list, false, ""});
  EXPECT_EQ(NameOf(map), R"({"key":"string","key-id":3,"type":"map","value":)" + NameOf(list) +
                             R"(,"value-id":4,"value-required":false})");
  const Type inside = Type::Struct({{5, "a", Type::Fixed(4), true, "four", "", "\"00000000\""}});
  EXPECT_EQ(NameOf(inside), R"({"fields":[{"doc":"four","id":5,"name":"a","required":true,)"
                            R"("type":"fixed[4]","write-default":"00000000"}],"type":"struct"})");
  for (const Type& type : {list, map, inside, Type(TypeKind::kUuid),
                           ParsePrimitiveType("geography(srid:4326, spherical)").value()}) {
    ASSERT_OK_AND(const Type again, ParseType(JsonOf(type)));
    EXPECT_EQ(again, type) << NameOf(type);
  }
  EXPECT_NE(list, Type::List({2, "", Type::Decimal(9, 3), true, ""}));
  EXPECT_NE(list, Type::List({8, "", Type::Decimal(9, 2), true, ""}));
}

TEST(Schema, TypesOfVersionThreeAreKnownAndNonsenseIsNot) {
  const auto read = [](const std::string& type) {
    return Schema::FromJson(nlohmann::json::parse(
        R"({"fields":[{"id":1,"name":"x","required":false,"type":)" + type + "}]}"));
  };
  for (const char* type : {"timestamp_ns", "timestamptz_ns", "unknown", "variant", "geometry",
                           "geography(srid:4326, spherical)", "fixed[16]"}) {
    EXPECT_OK(read(fmt::format("\"{}\"", type)).status());
  }
  std::string deep = "\"int\"";
  for (int i = 0; i < 80; ++i) {
    deep = R"({"type":"list","element-id":2,"element-required":false,"element":)" + deep + "}";
  }
  for (const std::string& type :
       {std::string("\"integer\""), std::string("\"decimal(50,2)\""), std::string("7"),
        std::string(R"({"type":"set"})"), std::string(R"({"type":"list"})"), deep}) {
    EXPECT_EQ(read(type).status().error_code(), "WH7050") << type.substr(0, 80);
  }
}

TEST(EvolveSchema, AddsOptionalFieldsAndWidensTypes) {
  Schema current = Flights();
  current.fields.push_back(NewField("count", "int"));
  current.fields.back().id = 5;
  current.fields.push_back(NewField("price", "decimal(9,2)"));
  current.fields.back().id = 6;
  Schema proposed = current;
  proposed.fields[4].type = TypeKind::kLong;
  proposed.fields[5].type = Type::Decimal(12, 2);
  proposed.fields[1].doc = "where it left";
  proposed.fields.insert(proposed.fields.begin(), NewField("note", "string"));
  ASSERT_OK_AND(const Schema evolved, EvolveSchema(current, proposed, 9));
  EXPECT_EQ(evolved.schema_id, current.schema_id + 1);
  EXPECT_EQ(evolved.Find("note")->id, 10);
  EXPECT_EQ(evolved.fields.back().name, "note");  // new fields follow the old ones
  EXPECT_EQ(evolved.Find("count")->type, TypeKind::kLong);
  EXPECT_EQ(evolved.Find("count")->id, 5);
  EXPECT_EQ(evolved.Find("price")->type, Type::Decimal(12, 2));
  EXPECT_EQ(evolved.Find("origin")->doc, "where it left");
}

TEST(EvolveSchema, RefusesWhatWouldBreakReadersAndNamesTheField) {
  const Schema current = Flights();
  const auto refusal = [&](auto&& change) {
    Schema proposed = current;
    change(proposed);
    const Status status = EvolveSchema(current, proposed, 4).status();
    EXPECT_EQ(status.code(), Code::kContractRefused);
    EXPECT_EQ(status.error_code(), "WH7054");
    EXPECT_FALSE(status.hint().empty());
    return status.message();
  };
  EXPECT_EQ(refusal([](Schema& s) { s.fields.erase(s.fields.begin() + 1); }),
            "field \"origin\" is missing from the proposed schema");
  EXPECT_EQ(refusal([](Schema& s) { s.fields[1].name = "orign"; }),
            "field \"origin\" is missing from the proposed schema");
  EXPECT_EQ(refusal([](Schema& s) { s.fields[3].type = TypeKind::kFloat; }),
            "field \"delay\" changes its type from double to float");
  EXPECT_EQ(refusal([](Schema& s) { s.fields[1].required = true; }),
            "field \"origin\" changes from optional to required");
  EXPECT_EQ(refusal([](Schema& s) { s.fields[0].required = false; }),
            "field \"id\" changes from required to optional");
  EXPECT_EQ(refusal([](Schema& s) { s.fields.push_back(NewField("x", "int", true)); }),
            "new field \"x\" is required");
}

TEST(EvolveSchema, TheHintSaysWhatIsAllowed) {
  Schema current = Flights();
  current.fields[3].type = TypeKind::kInt;
  Schema proposed = current;
  proposed.fields[3].type = TypeKind::kString;
  EXPECT_THAT(EvolveSchema(current, proposed, 4).status().hint(), HasSubstr("may become long"));
  proposed = current;
  proposed.fields[1].name = "orign";
  EXPECT_THAT(EvolveSchema(current, proposed, 4).status().hint(), HasSubstr("orign"));
}

TEST(Partitioning, ReadsTransformsAndNamesTheirFields) {
  ASSERT_OK_AND(const PartitionSpec spec, ParsePartitioning({"month(at)", " origin "}, Flights()));
  ASSERT_EQ(spec.fields.size(), 2u);
  EXPECT_EQ(spec.fields[0], (PartitionField{3, 1000, "at_month", "month"}));
  EXPECT_EQ(spec.fields[1], (PartitionField{2, 1001, "origin", "identity"}));
}

TEST(Partitioning, ReadsEveryTransformOfTheSpecification) {
  ASSERT_OK_AND(const PartitionSpec spec,
                ParsePartitioning({"bucket(16, id)", "truncate( 4 ,origin)", "year(at)", "day(at)",
                                   "hour(at)", "void(delay)"},
                                  Flights()));
  ASSERT_EQ(spec.fields.size(), 6u);
  EXPECT_EQ(spec.fields[0], (PartitionField{1, 1000, "id_bucket", "bucket[16]"}));
  EXPECT_EQ(spec.fields[1], (PartitionField{2, 1001, "origin_trunc", "truncate[4]"}));
  EXPECT_EQ(spec.fields[4], (PartitionField{3, 1004, "at_hour", "hour"}));
  EXPECT_EQ(spec.fields[5], (PartitionField{4, 1005, "delay_void", "void"}));
}

TEST(Partitioning, RefusesWhatItCannotDo) {
  EXPECT_THAT(ParsePartitioning({"bucket(id)"}, Flights()).status().message(),
              HasSubstr("bucket takes a positive number and a column"));
  EXPECT_THAT(ParsePartitioning({"bucket(0, id)"}, Flights()).status().message(),
              HasSubstr("positive number"));
  EXPECT_THAT(ParsePartitioning({"bucket(4, delay)"}, Flights()).status().message(),
              HasSubstr("of type double"));
  EXPECT_THAT(ParsePartitioning({"day(at)", "day(at)"}, Flights()).status().message(),
              HasSubstr("two fields have the name \"at_day\""));
  EXPECT_THAT(ParsePartitioning({"month(origin)"}, Flights()).status().message(),
              HasSubstr("column \"origin\" is of type string"));
  EXPECT_THAT(ParsePartitioning({"week(at)"}, Flights()).status().message(),
              HasSubstr("transform \"week\" is not known"));
  const Status status = ParsePartitioning({"orgin"}, Flights()).status();
  EXPECT_EQ(status.error_code(), "WH7056");
  EXPECT_THAT(status.hint(), HasSubstr("origin"));
}
}  // namespace
}  // namespace weirhouse::iceberg

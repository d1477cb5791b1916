#include "table/schema.h"

#include "table/table_fixture_test.h"

namespace weirhouse::table {
namespace {

using ::testing::HasSubstr;

Schema Flights() { return Schema::FromArrow(*FlightSchema()).value(); }
Field NewField(const char* name, const char* type, bool required = false) {
  Field field;
  field.name = name;
  field.type = {type};
  field.required = required;
  return field;
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

TEST(Schema, ANestedTypeIsCarriedThroughButNotRead) {
  const auto json = nlohmann::json::parse(R"({"type":"struct","schema-id":3,"fields":[
      {"id":1,"name":"l","required":false,
       "type":{"type":"list","element-id":2,"element":"int","element-required":false}}]})");
  ASSERT_OK_AND(const Schema schema, Schema::FromJson(json));
  EXPECT_EQ(schema.ToJson(), json);
  EXPECT_EQ(schema.ToArrow().status().error_code(), "WH7055");
}

TEST(EvolveSchema, AddsOptionalFieldsAndWidensTypes) {
  Schema current = Flights();
  current.fields.push_back(NewField("count", "int"));
  current.fields.back().id = 5;
  current.fields.push_back(NewField("price", "decimal(9,2)"));
  current.fields.back().id = 6;
  Schema proposed = current;
  proposed.fields[4].type = {"long"};
  proposed.fields[5].type = {"decimal(12,2)"};
  proposed.fields[1].doc = "where it left";
  proposed.fields.insert(proposed.fields.begin(), NewField("note", "string"));
  ASSERT_OK_AND(const Schema evolved, EvolveSchema(current, proposed, 9));
  EXPECT_EQ(evolved.schema_id, current.schema_id + 1);
  EXPECT_EQ(evolved.Find("note")->id, 10);
  EXPECT_EQ(evolved.fields.back().name, "note");  // new fields follow the old ones
  EXPECT_EQ(evolved.Find("count")->type.name, "long");
  EXPECT_EQ(evolved.Find("count")->id, 5);
  EXPECT_EQ(evolved.Find("price")->type.name, "decimal(12,2)");
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
  EXPECT_EQ(refusal([](Schema& s) { s.fields[3].type = {"float"}; }),
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
  current.fields[3].type = {"int"};
  Schema proposed = current;
  proposed.fields[3].type = {"string"};
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

TEST(Partitioning, RefusesWhatItCannotDo) {
  EXPECT_THAT(ParsePartitioning({"month(origin)"}, Flights()).status().message(),
              HasSubstr("column \"origin\" is of type string"));
  EXPECT_THAT(ParsePartitioning({"week(at)"}, Flights()).status().message(),
              HasSubstr("transform \"week\" is not known"));
  const Status status = ParsePartitioning({"orgin"}, Flights()).status();
  EXPECT_EQ(status.error_code(), "WH7056");
  EXPECT_THAT(status.hint(), HasSubstr("origin"));
}
}  // namespace
}  // namespace weirhouse::table

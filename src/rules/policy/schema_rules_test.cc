#include "rules/policy/schema_rules.h"

#include <nlohmann/json.hpp>

#include "ground/iceberg/type/type_json.h"
#include "rules/policy/judge_fixture.h"

namespace weirhouse::policy {
namespace {

using iceberg::Field;
using iceberg::TableMetadata;
using iceberg::Type;
using iceberg::TypeKind;

// "long", or the JSON of a nested type.
Type TypeNamed(const std::string& name) {
  if (name[0] != '{') return iceberg::ParsePrimitiveType(name).value();
  return iceberg::ParseType(nlohmann::json::parse(name)).value();
}

class SchemaRulesTest : public JudgeTest {
 protected:
  void SetUp() override {
    before_ = *NewTable("processed.trip");  // id long required, place string, fare double
    rules_.layer = Layer::kProcessed;
  }
  // The outcome of changing the current schema so.
  std::string After(const std::function<void(iceberg::Schema&)>& change, int format_version = 2) {
    TableMetadata after = before_;
    after.format_version = format_version;
    iceberg::Schema schema = before_.schema();
    schema.schema_id = 7;
    change(schema);
    after.schemas.push_back(schema);
    after.current_schema_id = 7;
    last_ = CheckSchema(&before_, after, rules_);
    return last_.ok() ? "ok" : last_.error_code();
  }
  static Field Optional(int id, const std::string& name, const std::string& type) {
    Field field;
    field.id = id;
    field.name = name;
    field.type = TypeNamed(type);
    return field;
  }
  void SetType(std::size_t column, const std::string& type) {
    before_.schemas[0].fields[column].type = TypeNamed(type);
  }
  static contract::Contract ContractOf(const std::string& version, const std::string& fields) {
    return contract::ParseContract(
               "apiVersion: v3.1.0\nkind: DataContract\nid: trip\nversion: " + version +
                   "\nstatus: active\nschema:\n  - name: trip\n"
                   "    properties:\n" +
                   fields,
               "contracts/trip.yaml")
        .value();
  }

  TableMetadata before_;
  Status last_;
};

TEST_F(SchemaRulesTest, AdditiveChangesPass) {
  EXPECT_EQ(After([](auto& s) { s.fields.push_back(Optional(4, "tip", "double")); }), "ok");
  EXPECT_EQ(After([](auto& s) { s.fields[1].doc = "where"; }), "ok");
  EXPECT_EQ(After([](auto& s) { std::swap(s.fields[1], s.fields[2]); }), "ok");
  SetType(1, "int");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = TypeKind::kLong; }), "ok");
  SetType(1, "float");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = TypeKind::kDouble; }), "ok");
  SetType(1, "decimal(9,2)");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = Type::Decimal(12, 2); }), "ok");
  SetType(1, "date");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = TypeKind::kTimestamp; }, 3), "ok");
}

TEST_F(SchemaRulesTest, BreakingChangesAreRefusedAndNamed) {
  EXPECT_EQ(After([](auto& s) { s.fields.pop_back(); }), "WH7073");
  EXPECT_THAT(last_.message(), ::testing::HasSubstr("\"fare\" is dropped"));
  EXPECT_EQ(After([](auto& s) { s.fields[1].name = "where"; }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.fields[1].required = true; }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.fields[0].required = false; }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.identifier_field_ids = {1}; }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = TypeKind::kLong; }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.fields[0].type = TypeKind::kInt; }), "WH7073");
  SetType(1, "decimal(9,2)");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = Type::Decimal(12, 3); }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = Type::Decimal(8, 2); }), "WH7073");
  SetType(1, "date");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = TypeKind::kTimestamp; }),
            "WH7073");  // version 2
}

TEST_F(SchemaRulesTest, ADroppedColumnThatComesBackUnderAnotherIdIsADrop) {
  EXPECT_EQ(After([](auto& s) { s.fields[2] = Optional(4, "fare", "double"); }), "WH7073");
}

TEST_F(SchemaRulesTest, NewColumnsAreOptionalAndHaveNewIds) {
  EXPECT_EQ(After([](auto& s) {
              s.fields.push_back(Optional(4, "tip", "double"));
              s.fields.back().required = true;
            }),
            "WH7073");
  before_.last_column_id = 5;
  EXPECT_EQ(After([](auto& s) { s.fields.push_back(Optional(5, "tip", "double")); }), "WH7073");
  iceberg::Schema older = before_.schemas[0];
  older.schema_id = 3;
  older.fields.push_back(Optional(4, "gone", "string"));
  before_.schemas.push_back(older);
  EXPECT_EQ(After([](auto& s) { s.fields.push_back(Optional(4, "tip", "string")); }), "WH7073");
  EXPECT_EQ(After([](auto& s) { s.fields.push_back(Optional(4, "gone", "string")); }), "ok");
}

TEST_F(SchemaRulesTest, NestedFieldsAreComparedById) {
  const std::string was =
      R"({"fields":[{"id":5,"name":"x","required":false,"type":"int"}],"type":"struct"})";
  const std::string wider =
      R"({"fields":[{"id":5,"name":"x","required":false,"type":"long"},{"id":9,"name":"y","required":false,"type":"int"}],"type":"struct"})";
  const std::string renamed =
      R"({"fields":[{"id":5,"name":"z","required":false,"type":"int"}],"type":"struct"})";
  SetType(1, was);
  before_.last_column_id = 6;
  EXPECT_EQ(After([&](auto& s) { s.fields[1].type = TypeNamed(wider); }), "ok");
  EXPECT_EQ(After([&](auto& s) { s.fields[1].type = TypeNamed(renamed); }), "WH7073");
  EXPECT_THAT(last_.message(), ::testing::HasSubstr("place.x"));
}

TEST_F(SchemaRulesTest, OpenTablesChangeAsTheyLike) {
  rules_.layer = Layer::kOpen;
  EXPECT_EQ(After([](auto& s) { s.fields.pop_back(); }), "ok");
}

constexpr char kFields[] = R"(      - {name: id, logicalType: integer, required: true}
      - {name: place, logicalType: string, required: true}
)";

TEST_F(SchemaRulesTest, TheWayOutIsInTheMessage) {
  const contract::Contract contract = ContractOf("1.0.0", kFields);
  rules_.contract = &contract;
  EXPECT_EQ(After([](auto& s) { s.fields.pop_back(); }), "WH7073");
  EXPECT_THAT(last_.hint(), ::testing::HasSubstr("wh contract publish trip --major"));
}

TEST_F(SchemaRulesTest, AMajorVersionOfTheContractMayAskForABreak) {
  const contract::Contract contract = ContractOf("2.0.0", kFields);
  rules_.contract = &contract;
  EXPECT_EQ(After([](auto& s) { s.fields.pop_back(); }), "ok");  // it has no fare any more
  EXPECT_EQ(After([](auto& s) { s.fields.erase(s.fields.begin() + 1); }), "WH7073");
  SetType(1, "long");
  EXPECT_EQ(After([](auto& s) { s.fields[1].type = TypeKind::kString; }), "ok");
}

TEST_F(SchemaRulesTest, ANewTableHasItsContractsColumns) {
  const contract::Contract contract = ContractOf("1.0.0", kFields);
  rules_.contract = &contract;
  EXPECT_OK(CheckSchema(nullptr, before_, rules_));
  before_.schemas[0].fields.erase(before_.schemas[0].fields.begin() + 1);
  EXPECT_EQ(CheckSchema(nullptr, before_, rules_).error_code(), "WH7073");
  before_ = *NewTable("processed.trip");
  SetType(1, "boolean");
  EXPECT_EQ(CheckSchema(nullptr, before_, rules_).error_code(), "WH7073");
}

TEST_F(SchemaRulesTest, NullsInARequiredColumnAreSeenInTheStatistics) {
  const contract::Contract contract = ContractOf("1.0.0", kFields);
  rules_.contract = &contract;
  const iceberg::TablePtr before = Filled("processed.trip");
  EXPECT_EQ(CodeOf(Who(Role::kWriter), before, Append(before, R"([{"id":4,"place":"d"}])")), "ok");
  const Status status = Judge(Who(Role::kWriter), before, Append(before, R"([{"id":4}])")).status();
  EXPECT_EQ(status.error_code(), "WH7073");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("\"place\""));
}
}  // namespace
}  // namespace weirhouse::policy

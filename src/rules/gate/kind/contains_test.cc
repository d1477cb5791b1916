#include <fmt/format.h>

#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using ContainsTest = GateTest;

constexpr const char* kThreeOrigins = "contains: { column: s, values: [EWR, JFK, LGA] }";

TEST_F(ContainsTest, PassesWhenEachValueOccursAmongOthersAndNulls) {
  SetRows(R"([{"s":"LGA"},{"s":null},{"s":"EWR"},{"s":"BOS"},{"s":"JFK"},{"s":"JFK"}])");
  const CheckResult result = JudgeOne(kThreeOrigins);
  EXPECT_EQ(result.state, State::kPassed);
  EXPECT_EQ(result.reason, "contains(s) 3 of 3 values occur");
  EXPECT_EQ(result.population, 6);
  EXPECT_EQ(result.nulls, 1);
}

TEST_F(ContainsTest, NamesTheValuesThatAreLacking) {
  SetRows(R"([{"s":"JFK"},{"s":"jfk"}])");
  const CheckResult result = JudgeOne(kThreeOrigins);
  EXPECT_EQ(result.state, State::kFailed);
  EXPECT_EQ(result.reason, "contains(s) 1 of 3 values occur, not EWR, LGA");
  EXPECT_EQ(result.detail.at("lacking"), nlohmann::json({"EWR", "LGA"}));
  EXPECT_EQ(result.observed, 1);
  EXPECT_EQ(result.bound, 3);
  EXPECT_EQ(JudgeOne("contains: { column: n, values: [1, 2, 3, 4, 5, 6] }").state, State::kFailed);
}

TEST_F(ContainsTest, OfNumbersTimesAndBooleansComparesValues) {
  SetRows(R"([{"n":1,"x":0.5,"b":false,"d":15706,"t":"2013-01-01T05:00:00Z"},{"n":3,"x":-0.0}])");
  EXPECT_EQ(StateOf("contains: { column: n, values: [3, 1] }"), State::kPassed);
  EXPECT_EQ(StateOf("contains: { column: n, values: [2] }"), State::kFailed);
  EXPECT_EQ(StateOf("contains: { column: x, values: [0, 5e-1] }"), State::kPassed);
  EXPECT_EQ(StateOf("contains: { column: b, values: [false] }"), State::kPassed);
  EXPECT_EQ(StateOf("contains: { column: b, values: [true] }"), State::kFailed);
  EXPECT_EQ(StateOf("contains: { column: d, values: [2013-01-01] }"), State::kPassed);
  EXPECT_EQ(StateOf("contains: { column: t, values: ['2013-01-01T05:00:00Z'] }"), State::kPassed);
}

TEST_F(ContainsTest, WithoutAValueFailsUnlessToldToSkip) {
  SetRows("[{},{}]");
  EXPECT_EQ(JudgeOne(kThreeOrigins).reason, "contains(s) no value to judge");
  EXPECT_EQ(StateOf(kThreeOrigins), State::kFailed);
  EXPECT_EQ(StateOf("contains: { column: s, values: [EWR], too_few: skip }"), State::kSkipped);
}

TEST_F(ContainsTest, IsTheSameFromStatesOfPartsInAnyOrder) {
  SetRows(R"([{"s":"JFK"},{"s":null},{"s":"EWR"},{"s":"JFK"}])");
  const GateDefinition gate = Gate(fmt::format("  - {}\n", kThreeOrigins));
  const Check& check = gate.checks.front();
  CheckState whole = CheckState::Of(check);
  ASSERT_OK(whole.Update(*input_.this_rows, 0));
  CheckState first = CheckState::Of(check);
  ASSERT_OK(first.Update(*input_.this_rows->Slice(0, 2), 0));
  CheckState last = CheckState::Of(check);
  ASSERT_OK(last.Update(*input_.this_rows->Slice(2), 2));
  ASSERT_OK_AND(CheckState stored, CheckState::Parse(check, first.Serialize()));
  ASSERT_OK(last.Merge(stored));
  EXPECT_EQ(last.Serialize(), whole.Serialize());
  ASSERT_OK_AND(const Finding finding, FinishCheck(last, check, {}));
  EXPECT_EQ(finding.reason, JudgeOne(kThreeOrigins).reason);
}

TEST_F(ContainsTest, RefusesWhatCanNotBeAValueOfTheColumn) {
  GateSchemas schemas;
  schemas.table = DefaultSchema();
  const auto code_of = [&](const std::string& check) {
    GateDefinition gate = Gate("  - " + check + "\n");
    return CheckGate(gate, schemas, *session_).error_code();
  };
  EXPECT_EQ(code_of("contains: { column: n, values: [1, 2] }"), "");
  EXPECT_EQ(code_of("contains: { column: n, values: ['1'] }"), "WH3005");
  EXPECT_EQ(code_of("contains: { column: nn, values: [1] }"), "WH3004");
  std::string many;
  for (int i = 0; i <= 1'000; ++i) many += fmt::format("{}{}", i == 0 ? "" : ", ", i);
  const auto parsed = ParseGates(
      "gate: g\ntable: processed.t\nchecks:\n  - contains: { column: n, values: [" + many + "] }\n",
      "gates/g.yaml");
  EXPECT_EQ(parsed.status().error_code(), "WH3002");
}
}  // namespace
}  // namespace weirhouse::gate

#include <nlohmann/json.hpp>

#include "rules/gate/parse/parse_gates.h"
#include "testing/projects/shop_fixture.h"
#include "work/pipeline/batch/pipeline_state.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kDayUs = 86'400'000'000;

struct GateHistoryTest : ShopTest {
  void SetUp() override {
    ShopTest::SetUp();
    ASSERT_OK_AND(
        gates, gate::ParseGates("gate: mean\ntable: processed.order\nchecks:\n"
                                "  - mean: { column: amount, within: 3 sigma of 7d, warmup: 3 }\n",
                                "gates/mean.yaml"));
  }
  // A batch of `day` as the next one to be judged.
  static gate::GateInput InputOf(std::int64_t day) {
    gate::GateInput input;
    input.batch = fmt::format("day {}", day);
    input.batch_end = input.now = EventTimeOfMicros(day * kDayUs);
    input.this_rows = weirhouse::testing::TableOf(
        arrow::schema({arrow::field("amount", arrow::int64())}),
        fmt::format(R"([{{"amount":{}}},{{"amount":{}}}])", day % 5, 3 * (day % 7)));
    return input;
  }
  gate::GateReport Judge(PipelineState& state, std::int64_t day) {
    gate::GateInput input = InputOf(day);
    auto report = state.Judge(gates.front(), input);
    EXPECT_OK(report);
    EXPECT_TRUE(input.history.empty()) << "it was lent";
    return *std::move(report);
  }
  void Publish(PipelineState& state, std::int64_t day) {
    const gate::GateReport report = Judge(state, day);
    StepInputs step;
    step.kind = catalog::RunKind::kProcessed;
    step.name = report.batch;
    ASSERT_OK_AND(const catalog::Run run, workspace->catalog().PlanRun(PlanOf(step)));
    Publication publication(*workspace, run, catalog::Layer::kProcessed, report.batch);
    publication.request().metrics.push_back(gate::MakeProfileMetric(report, true));
    publication.request().batch_end = report.batch_end;
    ASSERT_OK(publication.Commit());
    state.NotePublished({report});
  }

  std::vector<gate::GateDefinition> gates;
};

TEST_F(GateHistoryTest, AVeryLongRunHoldsWhatItsWindowsReachAndReadsTheRestAgain) {
  ASSERT_OK_AND(const auto state, PipelineState::Make(*workspace, NoProgress()));
  std::size_t most = 0;
  for (std::int64_t day = 0; day < 300; ++day) {
    Publish(*state, day);
    most = std::max(most, state->history["processed.order"].batches.size());
  }
  EXPECT_LT(most, 100U);
  // Of the next day, and of those that come late, it says what somebody does who has just begun.
  for (const std::int64_t day : {300, 250, 20, 299, 2}) {
    ASSERT_OK_AND(const auto fresh, PipelineState::Make(*workspace, NoProgress()));
    const gate::GateReport report = Judge(*state, day);
    const gate::GateReport expected = Judge(*fresh, day);
    ASSERT_EQ(report.checks.size(), 1U);
    EXPECT_EQ(report.state, expected.state) << day;
    EXPECT_EQ(report.checks[0].reason, expected.checks[0].reason) << day;
    EXPECT_EQ(report.checks[0].detail, expected.checks[0].detail) << day;
  }
}

TEST_F(GateHistoryTest, ALateBatchAmongManyIsJudgedByItsOwnWindow) {
  ASSERT_OK_AND(const auto state, PipelineState::Make(*workspace, NoProgress()));
  for (std::int64_t day = 0; day < 200; ++day) Publish(*state, day);
  Publish(*state, 400);  // after a gap: the window held enough once, and is empty now
  for (std::int64_t day = 401; day < 500; ++day) Publish(*state, day);
  for (const std::int64_t day : {100, 205, 402, 500}) {
    ASSERT_OK_AND(const auto fresh, PipelineState::Make(*workspace, NoProgress()));
    EXPECT_EQ(Judge(*state, day).checks[0].reason, Judge(*fresh, day).checks[0].reason) << day;
  }
}
}  // namespace
}  // namespace weirhouse::work

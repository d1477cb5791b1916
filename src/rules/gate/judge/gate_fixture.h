// What the tests of this folder share: a gate from a line of YAML, rows from JSON, a verdict.
#pragma once

#include <arrow/api.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/time.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/judge/judge.h"
#include "rules/gate/parse/parse_gates.h"
#include "testing/testing.h"

namespace weirhouse::gate {

inline constexpr std::int64_t kTestDayUs = 86'400'000'000;
inline EventTime DayEnd(std::int64_t day) { return EventTimeOfMicros((day + 1) * kTestDayUs); }

class GateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND(engine_, platform::SqlEngine::Open({}));
    ASSERT_OK_AND(session_, engine_->Connect());
    input_.batch = "day";
    input_.batch_end = DayEnd(100);
    input_.now = input_.batch_end;
  }

  static std::shared_ptr<arrow::Schema> DefaultSchema() {
    return arrow::schema({arrow::field("id", arrow::utf8()), arrow::field("n", arrow::int64()),
                          arrow::field("x", arrow::float64()), arrow::field("s", arrow::utf8()),
                          arrow::field("b", arrow::boolean()),
                          arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                          arrow::field("d", arrow::date32())});
  }

  static GateDefinition Gate(const std::string& checks) {
    auto gates = ParseGates("gate: g\ntable: processed.t\nchecks:\n" + checks, "gates/g.yaml");
    EXPECT_TRUE(gates.ok()) << gates.status().ToString();
    return gates.ok() ? gates->front() : GateDefinition{};
  }

  void SetRows(const std::string& json) {
    input_.this_rows = testing::TableOf(DefaultSchema(), json);
  }
  // Rows with the given values of "n"; "null" stays null.
  void SetNumbers(const std::vector<std::string>& values) {
    std::string json;
    for (const std::string& value : values) {
      json += (json.empty() ? "" : ",") + fmt::format(R"({{"n":{}}})", value);
    }
    SetRows("[" + json + "]");
  }

  GateReport Judge(const std::string& checks) { return JudgeGate(Gate(checks), input_, *session_); }
  // The only check of a gate of one check.
  CheckResult JudgeOne(const std::string& check) {
    const GateReport report = Judge("  - " + check + "\n");
    EXPECT_EQ(report.checks.size(), 1u);
    return report.checks.empty() ? CheckResult{} : report.checks.front();
  }
  State StateOf(const std::string& check) {
    const CheckResult result = JudgeOne(check);
    if (result.state == State::kError) last_error_ = result.reason;
    return result.state;
  }

  // A published batch of day `day` with `rows` rows; `numbers` = values of "n".
  static PublishedBatch Published(std::int64_t day, std::int64_t rows,
                                  const std::vector<std::int64_t>& numbers = {}) {
    auto profile = std::make_shared<BatchProfile>();
    profile->rows = rows;
    if (!numbers.empty()) {
      arrow::Int64Builder builder;
      EXPECT_TRUE(builder.AppendValues(numbers).ok());
      profile->columns["n"] =
          ProfileColumn(arrow::ChunkedArray(builder.Finish().ValueOrDie()), CountValues::kCapped)
              .value();
    }
    return {fmt::format("day{}", day), DayEnd(day), profile};
  }

  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
  GateInput input_;
  std::string last_error_;
};
}  // namespace weirhouse::gate

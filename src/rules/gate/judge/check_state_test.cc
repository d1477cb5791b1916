// Verdicts from merged states: however rows are split and in whatever order the states meet, also
// through their bytes, the finding is the one of all rows at once, bit for bit.
#include "rules/gate/state/check_state.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "ground/base/random.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/judge/gate_fixture.h"

namespace weirhouse::gate {
namespace {
using ::testing::HasSubstr;

// Every kind that is judged from its state, with bounds that some draws break.
constexpr std::string_view kAllKinds = R"(
  - row_count: { min: 10, max: 60 }
  - row_count_change: { vs: 28d, within: 50%, warmup: 2 }
  - freshness: { column: t, max: 1d }
  - freshness: { column: d, max: 10d, name: fresh_day }
  - arrives: { every: 1d }
  - required: { columns: [n, s], missing: ["", x], max_bad: 1% }
  - range: { column: n, min: -5, max: 900000, max_bad: 3 }
  - range: { column: x, min: -1e10, max: 1e10, max_bad: 50%, name: range_x }
  - accepted: { column: s, values: [a, b, c], max_bad: 10% }
  - rejected: { column: b, values: [true], max_bad: 90% }
  - pattern: { column: s, regex: "[a-c]", max_bad: 20% }
  - length: { column: s, max: 2, max_bad: 5 }
  - type: { column: s, type: integer, max_bad: 100% }
  - mean: { column: n, min: 0, max: 1000 }
  - mean: { column: x, min: -1e300, max: 1e300, name: mean_x, allow_nan: true }
  - sum: { column: n, min: 0 }
  - sum: { column: m, min: 0, name: sum_m }
  - stddev: { column: x, max: 1e300, allow_nan: true }
  - stddev: { column: m, max: 10, name: stddev_m }
  - min: { column: x, min: -1, allow_nan: true }
  - max: { column: m, max: 900.55 }
  - median: { column: n, min: 3 }
  - median: { column: x, min: -1, allow_nan: true, name: median_x }
  - quantile: { column: n, q: 0.9, max: 900 }
  - quantile: { column: x, q: 0.25, max: 1000, allow_nan: true, name: quantile_x }
  - mean: { column: n, within: 3 sigma of 28d, warmup: 2, name: usual_mean }
  - median: { column: n, within: 3 sigma of 28d, warmup: 2, name: usual_median }
  - distribution: { column: n, test: psi, baseline: 28d, max: 0.2, min_rows: 5, warmup: 2 }
  - distribution: { column: n, test: ks, baseline: 28d, min_p: 0.01, min_rows: 5, warmup: 2, name: ks_n }
)";

class CheckStateTest : public GateTest {
 protected:
  void SetUp() override {
    GateTest::SetUp();
    for (std::int64_t day = 60; day < 100; ++day) {
      std::vector<std::int64_t> numbers;
      for (std::int64_t i = 0; i < 30; ++i) numbers.push_back(i * i + day % 7);
      input_.history.push_back(Published(day, 30, numbers));
    }
  }

  std::shared_ptr<arrow::Table> Draw(Random& random) {
    const auto count = static_cast<std::int64_t>(random.Below(80));
    arrow::Int64Builder n;
    arrow::DoubleBuilder x;
    arrow::StringBuilder s;
    arrow::BooleanBuilder b;
    arrow::TimestampBuilder t(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                              arrow::default_memory_pool());
    arrow::Date32Builder d;
    arrow::Decimal128Builder m(arrow::decimal128(20, 2));
    const auto is_null = [&] { return random.Below(9) == 0; };
    arrow::Status status;
    const auto append = [&](auto& builder, const auto& value) {
      if (status.ok()) status = is_null() ? builder.AppendNull() : builder.Append(value);
    };
    constexpr double kOdd[] = {-0.0, 0.0, 1e300, -1e300, 5e-324, 0.1, 1e-17};
    for (std::int64_t i = 0; i < count; ++i) {
      append(n, random.Below(40) == 0 ? std::numeric_limits<std::int64_t>::max()
                                      : static_cast<std::int64_t>(random.Below(1000)) - 10);
      const std::uint64_t odd = random.Below(30);
      append(x, odd < std::size(kOdd) ? kOdd[odd]
                : odd == 29           ? std::numeric_limits<double>::quiet_NaN()
                : odd == 28           ? std::numeric_limits<double>::infinity()
                                      : random.Unit() * 100 - 50);
      constexpr std::string_view kTexts[] = {"a", "b", "c", "", "x", "7", "ünïcode", "\xff\xfe"};
      append(s, kTexts[random.Below(std::size(kTexts))]);
      append(b, random.Below(2) == 0);
      append(t, Micros(input_.now) - static_cast<std::int64_t>(random.Below(2 * kTestDayUs)));
      append(d, static_cast<std::int32_t>(85 + random.Below(20)));
      append(m, arrow::Decimal128(static_cast<std::int64_t>(random.Below(100'000)) - 100));
    }
    EXPECT_TRUE(status.ok()) << status.ToString();
    arrow::ArrayVector columns;
    for (arrow::ArrayBuilder* builder :
         std::initializer_list<arrow::ArrayBuilder*>{&n, &x, &s, &b, &t, &d, &m}) {
      columns.push_back(builder->Finish().ValueOrDie());
    }
    arrow::FieldVector fields;
    const std::string names = "nxsbtdm";
    for (std::size_t i = 0; i < columns.size(); ++i)
      fields.push_back(arrow::field(names.substr(i, 1), columns[i]->type()));
    return arrow::Table::Make(arrow::schema(fields), columns);
  }

  // The states of random parts of `rows`, some by way of their bytes, merged in random order.
  static CheckState MergedOf(const Check& check, const arrow::Table& rows, Random& random) {
    std::vector<CheckState> states;
    std::int64_t begin = 0;
    while (begin < rows.num_rows() || states.empty()) {
      const auto size = static_cast<std::int64_t>(1 + random.Below(20));
      CheckState state = CheckState::Of(check);
      EXPECT_OK(state.Update(*rows.Slice(begin, size), begin));
      if (random.Below(2) == 0) {
        const std::string bytes = state.Serialize();
        auto read = CheckState::Parse(check, bytes);
        EXPECT_OK(read.status());
        EXPECT_EQ(read->Serialize(), bytes);
        state = std::move(read).value();
      }
      states.push_back(std::move(state));
      begin += size;
    }
    while (states.size() > 1) {
      std::swap(states.back(), states[random.Below(states.size())]);
      CheckState last = std::move(states.back());
      states.pop_back();
      EXPECT_OK(states[random.Below(states.size())].Merge(last));
    }
    return std::move(states.front());
  }

  static std::string TextOf(const Result<Finding>& finding) {
    if (!finding.ok()) return finding.status().ToString();
    return fmt::format("{} {} {} {} {} {} {} {} [{}]", catalog::Name(finding->state),
                       finding->population, finding->nulls, finding->bad, finding->observed.dump(),
                       finding->bound.dump(), finding->detail.dump(), finding->reason,
                       fmt::join(finding->bad_rows, ","));
  }
};

TEST_F(CheckStateTest, GivesTheSameVerdictForAnySplitAndOrder) {
  const GateDefinition gate = Gate(std::string(kAllKinds));
  SeededRandom random(21);
  std::set<std::string> states_seen;
  for (int round = 0; round < 60; ++round) {
    input_.this_rows = Draw(random);
    const GateReport report = JudgeGate(gate, input_, *session_);
    for (std::size_t i = 0; i < gate.checks.size(); ++i) {
      const Check& check = gate.checks[i];
      const Against against{input_.batch_end, input_.now, input_.history};
      CheckState whole = CheckState::Of(check);
      ASSERT_OK(whole.Update(*input_.this_rows, 0));
      const CheckState merged = MergedOf(check, *input_.this_rows, random);
      EXPECT_EQ(merged.Serialize(), whole.Serialize()) << check.name;
      const auto finding = FinishCheck(merged, check, against);
      EXPECT_EQ(TextOf(finding), TextOf(FinishCheck(whole, check, against))) << check.name;
      ASSERT_OK(finding.status());
      // And what the judge says of the rows.
      const CheckResult& judged = report.checks[i];
      EXPECT_EQ(finding->reason, judged.reason);
      EXPECT_EQ(finding->observed, judged.observed) << check.name;
      EXPECT_EQ(finding->detail, judged.detail) << check.name;
      EXPECT_EQ(finding->bad, judged.bad) << check.name;
      states_seen.insert(check.kind + " " + std::string(catalog::Name(finding->state)));
    }
  }
  // The draws reach both sides of the bounds.
  for (const char* seen : {"row_count passed", "row_count failed", "required failed", "mean passed",
                           "mean failed", "distribution failed", "freshness passed",
                           "freshness failed", "range failed", "quantile failed"}) {
    EXPECT_TRUE(states_seen.contains(seen)) << seen;
  }
}

TEST_F(CheckStateTest, OfNoRowsChangesNothing) {
  const GateDefinition gate = Gate(std::string(kAllKinds));
  SeededRandom random(22);
  const auto rows = Draw(random);
  for (const Check& check : gate.checks) {
    CheckState state = CheckState::Of(check);
    ASSERT_OK(state.Update(*rows, 0));
    CheckState empty = CheckState::Of(check);
    ASSERT_OK(empty.Merge(state));
    ASSERT_OK(state.Merge(CheckState::Of(check)));
    EXPECT_EQ(empty.Serialize(), state.Serialize()) << check.name;
  }
}

TEST_F(CheckStateTest, SaysWhichKindsNeedTheirRows) {
  const GateDefinition gate = Gate(
      "  - unique: { columns: [id] }\n  - sql: { rows: 0, query: \"SELECT * FROM this\" }\n"
      "  - mean: { column: n, min: 0 }\n");
  EXPECT_THAT(std::string(WhyNeedsRows(gate.checks[0])), HasSubstr("keys are compared"));
  EXPECT_THAT(std::string(WhyNeedsRows(gate.checks[1])), HasSubstr("SQL query"));
  EXPECT_EQ(WhyNeedsRows(gate.checks[2]), "");
}

TEST_F(CheckStateTest, RefusesBytesOfAnotherCheckAndDamagedOnes) {
  const GateDefinition gate =
      Gate("  - mean: { column: n, min: 0 }\n  - range: { column: n, min: 0 }\n");
  SetNumbers({"1", "2", "-3"});
  CheckState state = CheckState::Of(gate.checks[0]);
  ASSERT_OK(state.Update(*input_.this_rows, 0));
  const std::string bytes = state.Serialize();
  const Status other = CheckState::Parse(gate.checks[1], bytes).status();
  EXPECT_EQ(other.code(), Code::kCorruption);
  EXPECT_EQ(other.error_code(), "WH3011");
  EXPECT_EQ(other.message(),
            "a stored state of a check cannot be read: it is of another kind of check");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(CheckState::Parse(gate.checks[0], bytes.substr(0, size)).status().code(),
              Code::kCorruption);
  }
}

TEST_F(CheckStateTest, OfAColumnWithTwoTypesIsAnError) {
  const GateDefinition gate = Gate("  - mean: { column: n, min: 0 }\n");
  SetNumbers({"1"});
  CheckState state = CheckState::Of(gate.checks[0]);
  ASSERT_OK(state.Update(*input_.this_rows, 0));
  const auto texts =
      testing::TableOf(arrow::schema({arrow::field("n", arrow::utf8())}), R"([{"n":"1"}])");
  EXPECT_EQ(state.Update(*texts, 1).error_code(), "WH3005");
}
}  // namespace
}  // namespace weirhouse::gate

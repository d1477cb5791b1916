// The gate of the example project over the real arrivals of 2013, day by day.
#include <arrow/api.h>
#include <arrow/compute/api_vector.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <vector>

#include "ground/base/time.h"
#include "ground/platform/sql/sql.h"
#include "rules/gate/judge/judge.h"
#include "rules/gate/parse/parse_gates.h"
#include "testing/testing.h"

namespace weirhouse::gate {
namespace {
using testing::ScratchFolder;

constexpr std::int64_t kDayUs = 86'400'000'000;

constexpr const char* kGate = R"(
gate: arrival
table: processed.arrival
when: before_publish
checks:
  - required: [flight_id, carrier, origin, dest, arrived_at, arr_delay, reported_at]
  - unique: { columns: [flight_id], scope: table }
  - row_count: { between: [1, 2000000], scope: batch }
  - row_count_change: { vs: same_weekday_4w, within: 60%, warmup: 4, severity: warn }
  - range: { column: arr_delay, min: -120, max: 2880 }
  - accepted: { column: origin, values: [EWR, JFK, LGA] }
  - pair: { expr: arrived_at <= reported_at, max_bad: 0 }
  - references: { column: tailnum, table: processed.plane, max_missing: 25%, severity: warn }
  - distribution: { column: arr_delay, test: psi, baseline: 28d, max: 2, warmup: 7, min_rows: 500, too_few: skip }
  - mean: { column: arr_delay, within: 8 sigma of 28d, warmup: 7 }
  - freshness: { column: arrived_at, max: 30m, severity: warn }
  - sql: { name: flies_forward, rows: 0, query: select a.* from this a join processed.departure d using (flight_id) where a.arrived_at < d.departed_at }
on_fail: { halt: true, alert: true, keep_staging: 14d }
)";

RowsPtr ReadArrow(const std::string& path) {
  auto file = arrow::io::ReadableFile::Open(path).ValueOrDie();
  auto reader = arrow::ipc::RecordBatchFileReader::Open(file).ValueOrDie();
  auto table = reader->ToTable().ValueOrDie();
  return table->CombineChunks().ValueOrDie();
}

// The year once for all tests: made by a script from the package, in a few seconds.
class RealYear : public ::testing::Test {
 protected:
  struct Year {
    RowsPtr arrival;
    RowsPtr departure;
    RowsPtr plane;
    std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> days;  // day → rows [from, to)
  };

  static void SetUpTestSuite() {
    const std::string source = testing::SourceFolder();
    const ScratchFolder folder;
    const std::string command = source + "/.deps/venv/bin/python " + source +
                                "/src/rules/gate/testdata/arrival_days.py " +
                                folder.path().string();
    if (!std::filesystem::exists(source + "/.deps/venv/bin/python")) return;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    year_ = new Year;
    year_->arrival = ReadArrow(folder / "arrival.arrow");
    year_->departure = ReadArrow(folder / "departure.arrow");
    year_->plane = ReadArrow(folder / "plane.arrow");
    const auto& times = static_cast<const arrow::TimestampArray&>(
        *year_->arrival->GetColumnByName("arrived_at")->chunk(0));
    for (std::int64_t row = 0; row < times.length(); ++row) {
      auto& range = year_->days.try_emplace(times.Value(row) / kDayUs, row, row).first->second;
      range.second = row + 1;
    }
  }
  static void TearDownTestSuite() { delete year_; }

  void SetUp() override {
    if (year_ == nullptr) GTEST_SKIP() << "the Python environment under .deps is missing";
    ASSERT_OK_AND(engine_, platform::SqlEngine::Open({}));
    ASSERT_OK_AND(session_, engine_->Connect());
    ASSERT_OK_AND(auto gates, ParseGates(kGate, "gates/arrival.yaml"));
    gate_ = gates.front();
    GateSchemas schemas;
    schemas.table = year_->arrival->schema();
    schemas.other = [&](const std::string& name) -> std::shared_ptr<arrow::Schema> {
      if (name == "processed.plane") return year_->plane->schema();
      if (name == "processed.departure") return year_->departure->schema();
      return nullptr;
    };
    ASSERT_OK(CheckGate(gate_, schemas, *session_));
  }

  GateInput InputFor(std::int64_t day, RowsPtr rows) {
    GateInput input;
    input.batch = FormatDate(day * kDayUs);
    input.batch_end = EventTimeOfMicros((day + 1) * kDayUs);
    input.now = input.batch_end;
    input.this_rows = std::move(rows);
    input.key_columns = {"flight_id"};
    const std::int64_t count = input.this_rows->num_rows();
    input.key_lookup = [count]() -> Result<std::vector<bool>> {
      return std::vector<bool>(static_cast<std::size_t>(count), false);
    };
    input.other_table = [](const std::string& name,
                           const std::vector<std::string>&) -> Result<RowsPtr> {
      return name == "processed.plane" ? year_->plane : year_->departure;
    };
    input.history = history_;
    return input;
  }

  void Publish(const GateReport& report) {
    // Through the stored form, as in production.
    const auto metric =
        MakeProfileMetric(report.table, report.batch, report.batch_end, true, report.profile);
    auto read = ReadHistory(std::span(&metric, 1));
    ASSERT_OK(read);
    history_.push_back(read->front());
  }

  RowsPtr Day(std::int64_t day) const {
    const auto [from, to] = year_->days.at(day);
    return year_->arrival->Slice(from, to - from);
  }

  // Judges and publishes all days; the number of reports by state.
  std::map<std::string, int> RunYear() {
    std::map<std::string, int> states;
    for (const auto& [day, range] : year_->days) {
      const GateReport report = JudgeGate(gate_, InputFor(day, Day(day)), *session_);
      ++states[std::string(catalog::Name(report.state))];
      reports_.push_back(report);
      if (report.publishes()) Publish(report);
    }
    return states;
  }

  static const CheckResult& CheckOf(const GateReport& report, const std::string& name) {
    for (const CheckResult& check : report.checks) {
      if (check.name == name) return check;
    }
    ADD_FAILURE() << "no check " << name;
    return report.checks.front();
  }

  static Year* year_;
  std::unique_ptr<platform::SqlEngine> engine_;
  std::unique_ptr<platform::SqlSession> session_;
  GateDefinition gate_;
  std::vector<PublishedBatch> history_;
  std::vector<GateReport> reports_;
};
RealYear::Year* RealYear::year_ = nullptr;

TEST_F(RealYear, NoRealDayFailsAndTheBadDayDoes) {
  const std::map<std::string, int> expected = {{"passed", 336}, {"warming", 28}, {"warned", 2}};
  EXPECT_EQ(RunYear(), expected);

  std::map<std::string, std::string> warned;
  double mean_max = 0;
  double psi_max = 0;
  int drift_skipped = 0;
  for (const GateReport& report : reports_) {
    if (report.state == State::kWarned) warned[report.batch] = report.Reasons();
    const CheckResult& mean = CheckOf(report, "mean(arr_delay)");
    if (mean.detail.contains("sigma")) {
      mean_max = std::max(mean_max, mean.detail["sigma"].get<double>());
    }
    const CheckResult& psi = CheckOf(report, "psi(arr_delay)");
    if (psi.observed.is_number()) psi_max = std::max(psi_max, psi.observed.get<double>());
    if (psi.state == State::kSkipped) ++drift_skipped;
  }
  const std::map<std::string, std::string> expected_warnings = {
      {"2013-02-09", "rows −82 %"}, {"2014-01-01", "rows −73 %; newest 15 h old"}};
  EXPECT_EQ(warned, expected_warnings);
  EXPECT_EQ(fmt::format("{:.1f}", mean_max), "6.0");
  EXPECT_EQ(fmt::format("{:.2f}", psi_max), "1.63");
  EXPECT_EQ(drift_skipped, 2);

  // 30 December again as 2 January, each delay 240 minutes too long.
  const std::int64_t december_30 = DaysFromCivil(2013, 12, 30);
  RowsPtr bad = Day(december_30);
  arrow::Int64Builder delays;
  const auto old = Day(december_30)->GetColumnByName("arr_delay");
  for (std::int64_t row = 0; row < bad->num_rows(); ++row) {
    const auto scalar = old->GetScalar(row).ValueOrDie();
    ASSERT_TRUE(delays.Append(static_cast<const arrow::Int64Scalar&>(*scalar).value + 240).ok());
  }
  const int at = bad->schema()->GetFieldIndex("arr_delay");
  bad = bad->SetColumn(at, bad->field(at),
                       std::make_shared<arrow::ChunkedArray>(delays.Finish().ValueOrDie()))
            .ValueOrDie();
  GateInput input = InputFor(DaysFromCivil(2014, 1, 2), bad);
  input.now = EventTimeOfMicros((december_30 + 1) * kDayUs);  // the times were not moved
  const GateReport report = JudgeGate(gate_, input, *session_);
  EXPECT_EQ(report.state, State::kFailed);
  EXPECT_THAT(report.Reasons(),
              ::testing::HasSubstr("mean(arr_delay) 261.4 is 16.7 sigma off (limit 8)"));
  EXPECT_THAT(report.Reasons(), ::testing::HasSubstr("psi(arr_delay) 6.75 (limit 2)"));
}

TEST_F(RealYear, ADayWithoutItsQueryIsJudgedInMilliseconds) {
  RunYear();
  // Of each day. The query over all departures of the year is its own cost.
  std::vector<std::int64_t> value_checks_us;
  std::map<std::string, std::int64_t> by_kind;
  for (const GateReport& report : reports_) {
    value_checks_us.push_back(0);
    for (const CheckResult& check : report.checks) {
      if (check.kind != "sql") value_checks_us.back() += check.duration_us;
      by_kind[check.kind] += check.duration_us;
    }
  }
  for (const auto& [kind, us] : by_kind) {
    RecordProperty(kind + "_us_per_run", fmt::format("{:.1f}", double(us) / 366));
    if (std::getenv("WEIRHOUSE_TEST_TIMES") != nullptr)
      fmt::print("{} {:.1f} us\n", kind, double(us) / 366);
  }
  // The median: a day on which something else had the processor says nothing.
  const auto median = value_checks_us.begin() + std::ssize(value_checks_us) / 2;
  std::nth_element(value_checks_us.begin(), median, value_checks_us.end());
  if (testing::kUnderSanitizer) return;
  EXPECT_LT(*median, 20'000) << "ten times what was measured";
}

TEST_F(RealYear, TheVerdictDoesNotSeeTheOrderOfRows) {
  const std::int64_t day = DaysFromCivil(2013, 1, 1);
  for (int i = 0; i < 10; ++i)
    Publish(JudgeGate(gate_, InputFor(day + i, Day(day + i)), *session_));
  RowsPtr rows = Day(day + 10);
  arrow::Int64Builder builder;
  for (std::int64_t i = 0; i < rows->num_rows(); ++i) {
    ASSERT_TRUE(builder.Append((i * 7919 + 13) % rows->num_rows()).ok());
  }
  const auto shuffled =
      arrow::compute::Take(arrow::Datum(rows), arrow::Datum(builder.Finish().ValueOrDie()))
          .ValueOrDie()
          .table();
  auto comparable = [&](const RowsPtr& of) {
    const GateReport report = JudgeGate(gate_, InputFor(day + 10, of), *session_);
    auto json = MakeVerdictRecord(report, gate_).checks;
    for (auto& check : json) check.erase("duration_us");
    return std::make_pair(json.dump(), ToJson(report.profile).dump());
  };
  EXPECT_EQ(comparable(rows), comparable(shuffled));
}
}  // namespace
}  // namespace weirhouse::gate

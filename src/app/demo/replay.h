// The records of each source in the order in which they became known.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::demo {

inline constexpr std::int64_t kDayMicros = std::int64_t{86'400} * 1'000'000;

// One record: a line of Replay::text, without its end.
struct Line {
  std::int64_t known_us = 0;
  std::uint32_t offset = 0;
  std::uint32_t size_bytes = 0;
  std::int64_t day() const { return known_us / kDayMicros; }
};

struct Replay {
  std::string source;     // "arrival"
  std::string extension;  // "jsonl", "csv"
  std::string header;     // the first line of each CSV file
  std::string text;
  std::vector<Line> lines;           // in order of known time
  std::set<std::uint32_t> invalid;   // lines that break the contract as they are
  std::vector<std::string> columns;  // of a CSV source

  std::string_view At(std::uint32_t line) const {
    return std::string_view(text).substr(lines[line].offset, lines[line].size_bytes);
  }
  // Adds a line and returns its number; the caller keeps the order of known time.
  std::uint32_t Add(std::int64_t known_us, std::string_view line);
};

// Which part of the year, and what the bad day changes.
struct Period {
  std::int64_t first_day = 0;  // days since 1970, of known time
  std::int64_t last_day = 0;
  int shift_days = 0;                // added to every time and to the date in the flight id
  std::int64_t added_delay_min = 0;  // to each arr_delay, and to nothing else
};
Period WholeYear();

// The flights of a period with their moments in UTC. Immutable.
class Flights;
// `package` = folder of the package's data files.
Result<std::shared_ptr<const Flights>> LoadFlights(const std::string& flights_csv,
                                                   const std::string& package,
                                                   const Period& period);
Replay ReplayArrivals(const Flights& flights);
Replay ReplayDepartures(const Flights& flights);
Result<Replay> ReplayWeather(const std::string& package, const Period& period);
// Planes are known before the first flight: one file of 31 December 2012.
Result<Replay> ReplayPlanes(const std::string& package);
}  // namespace weirhouse::demo

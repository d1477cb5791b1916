// Event time, process time and clocks. All times are microseconds since 1970-01-01 UTC.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ground/base/status.h"

namespace weirhouse {

// Event time and processing time never mix: no conversion exists between the two.
struct EventClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<EventClock, duration>;
};
struct ProcessClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ProcessClock, duration>;
};
using EventTime = EventClock::time_point;
using ProcessTime = ProcessClock::time_point;

constexpr EventTime EventTimeOfMicros(std::int64_t us) {
  return EventTime(std::chrono::microseconds(us));
}
constexpr ProcessTime ProcessTimeOfMicros(std::int64_t us) {
  return ProcessTime(std::chrono::microseconds(us));
}
constexpr std::int64_t Micros(EventTime time) { return time.time_since_epoch().count(); }
constexpr std::int64_t Micros(ProcessTime time) { return time.time_since_epoch().count(); }

// RFC 3339 in UTC, in the shortest exact form: "2013-12-30T20:15:00Z", "…:00.25Z".
std::string FormatTime(std::int64_t us);
inline std::string FormatTime(EventTime time) { return FormatTime(Micros(time)); }
inline std::string FormatTime(ProcessTime time) { return FormatTime(Micros(time)); }
// "2013-12-30"
std::string FormatDate(std::int64_t us);

// Parses a plain date or RFC 3339 with `T` or a blank, any offset or Z, and up to 6 fraction
// digits. A time without a zone is accepted only if `zoneless_is_utc` and is UTC. Refused:
// fractions below a microsecond that are not zero, and offsets that lead outside the years 0001 to
// 9999. Result: microseconds UTC.
Result<std::int64_t> ParseTimeMicros(std::string_view text, bool zoneless_is_utc = false);

// Days since 1970-01-01 of a proleptic Gregorian date (Hinnant, "chrono-compatible low-level date
// algorithms").
std::int64_t DaysFromCivil(std::int64_t year, unsigned month, unsigned day);
struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};
Civil CivilFromDays(std::int64_t days);

// "1h", "24h", "7d", "30m", "90s", "250ms", "2w" → microseconds.
Result<std::int64_t> ParseDurationMicros(std::string_view text);
// The shortest exact form that ParseDurationMicros reads: 86400000000 → "24h", 604800000000 → "7d".
std::string FormatDuration(std::int64_t us);

// The time since a start of the machine, sleep included, and which start that was.
struct Uptime {
  std::string boot;  // empty: unknown
  std::int64_t us = 0;
};

// Wall and monotonic time, behind an interface. Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual ProcessTime Now() = 0;
  virtual std::chrono::nanoseconds Monotonic() = 0;
  virtual Uptime SinceBoot() = 0;  // comparable between processes, unlike Monotonic
};
// The system's clock. No other code reads it.
Clock& SystemClock();

// A clock that moves only when it is told to. For tests. Threads: one.
class ManualClock : public Clock {
 public:
  explicit ManualClock(ProcessTime now) : now_(now), passed_(now.time_since_epoch()) {}
  ProcessTime Now() override { return now_; }
  std::chrono::nanoseconds Monotonic() override { return passed_; }
  Uptime SinceBoot() override { return {"manual", passed_.count()}; }
  void Advance(std::chrono::microseconds by) {
    now_ += by;
    passed_ += by;
  }
  // Sets the wall clock forward or back, and no time passes.
  void Jump(std::chrono::microseconds by) { now_ += by; }

 private:
  ProcessTime now_;
  std::chrono::microseconds passed_;
};
}  // namespace weirhouse

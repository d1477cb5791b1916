#include "app/demo/demo_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <string_view>
#include <thread>

#include "app/demo/fault.h"
#include "app/demo/landing_writer.h"
#include "app/demo/package.h"
#include "app/demo/replay.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/platform/io/local_store.h"

namespace weirhouse::demo {
namespace {
constexpr double kShareMax = 0.5;
constexpr std::string_view kUtcShift = "utc-shift";
constexpr int kBadDayShiftDays = 3;
constexpr std::int64_t kBadDayDelayMin = 240;
constexpr std::chrono::milliseconds kWaitStep{100};  // how soon an end is noticed

Status CheckOptions(const DemoDataOptions& options) {
  const auto refused = [](std::string message, std::string hint) {
    return Status(Code::kInvalidInput, std::move(message))
        .WithError("WH8044")
        .WithHint(std::move(hint));
  };
  for (const auto& [name, share] : {std::pair{"duplicates", options.duplicates},
                                    {"late", options.late},
                                    {"malformed", options.malformed},
                                    {"corrections", options.corrections}}) {
    if (!(share >= 0 && share <= kShareMax)) {
      return refused(fmt::format("the share of {} is out of range: {}%", name, share * 100),
                     "give a share from 0% to 50%");
    }
  }
  const Period year = WholeYear();
  const std::int64_t days_max = year.last_day - year.first_day + 1;
  if (options.days < 0 || options.days > days_max) {
    return refused(fmt::format("the number of days is out of range: {}", options.days),
                   fmt::format("give 1 to {} days, or 0 for all", days_max));
  }
  if (!(options.speed >= 0) || std::isinf(options.speed)) {
    return refused(fmt::format("the speed is out of range: {}", options.speed),
                   "600 replays a day in 144 seconds");
  }
  if (options.bad_day && *options.bad_day != kUtcShift) {
    return refused(fmt::format("no such bad day: \"{}\"", EscapeControl(*options.bad_day)),
                   fmt::format("the bad day is {}", kUtcShift));
  }
  return Status();
}

// flights.csv, inflated where DuckDB can read it.
Result<std::string> UnpackFlights(const std::string& package, const TemporaryFolder& folder) {
  WEIRHOUSE_TRY(const std::string archive, ReadPackageFile(package, "flights.csv.zip"));
  WEIRHOUSE_TRY(const std::string flights, InflateOnlyMember(archive));
  std::string path = folder.path() + "/flights.csv";
  WEIRHOUSE_TRY_STATUS(platform::LocalStore().Write(path, flights));
  return path;
}

// One source: what it holds and which line lands when.
struct Planned {
  Replay replay;
  Delivery delivery;
};

Planned PlanSource(const DemoDataOptions& options, Replay replay, DemoDataReport& report) {
  SourceReport source;
  Planned planned;
  planned.delivery = Deliver(options, replay, source);
  planned.replay = std::move(replay);
  for (const auto& [day, lines] : planned.delivery) {
    ++source.files;
    source.records += static_cast<std::int64_t>(lines.size());
  }
  report.sources.push_back(std::move(source));
  return planned;
}

Status LandDay(const DemoDataOptions& options, const Planned& planned, std::int64_t day,
               DemoDataReport& report) {
  const auto found = planned.delivery.find(day);
  if (found == planned.delivery.end()) return Status();
  const Replay& replay = planned.replay;
  std::string bytes;
  std::size_t size = replay.header.size() + 1;
  for (const std::uint32_t line : found->second) size += replay.lines[line].size_bytes + 1;
  bytes.reserve(size);
  if (!replay.header.empty()) bytes.append(replay.header).append(1, '\n');
  for (const std::uint32_t line : found->second) bytes.append(replay.At(line)).append(1, '\n');
  WEIRHOUSE_TRY(const bool written,
                LandFile(fmt::format("{}/landing/{}/{}.{}", options.project, replay.source,
                                     FormatDate(day * kDayMicros), replay.extension),
                         bytes));
  if (written) ++report.files_written;
  return Status();
}

// Waits until `until` on the monotonic clock; false if the caller wants to stop.
bool WaitUntil(std::chrono::nanoseconds until, const std::function<bool()>& go_on) {
  for (;;) {
    if (go_on && !go_on()) return false;
    const std::chrono::nanoseconds left = until - SystemClock().Monotonic();
    if (left <= std::chrono::nanoseconds::zero()) return true;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kWaitStep));
  }
}

// The files of one day appear together, when that day has ended in the replay.
Status LandAll(const DemoDataOptions& options, const std::vector<Planned>& sources,
               DemoDataReport& report) {
  std::set<std::int64_t> days;
  for (const Planned& source : sources) {
    for (const auto& [day, lines] : source.delivery) days.insert(day);
  }
  const std::chrono::nanoseconds start = SystemClock().Monotonic();
  const std::int64_t first_day = WholeYear().first_day;
  for (const std::int64_t day : days) {
    const double waited_s =
        options.speed > 0 ? static_cast<double>(std::max<std::int64_t>(day - first_day + 1, 0)) *
                                86'400.0 / options.speed
                          : 0.0;
    const auto until = start + std::chrono::nanoseconds(static_cast<std::int64_t>(waited_s * 1e9));
    if (!WaitUntil(until, options.go_on)) return Status();
    for (const Planned& source : sources) {
      WEIRHOUSE_TRY_STATUS(LandDay(options, source, day, report));
    }
  }
  return Status();
}
}  // namespace

Result<DemoDataReport> WriteDemoData(const DemoDataOptions& options) {
  WEIRHOUSE_TRY_STATUS(CheckOptions(options));
  WEIRHOUSE_TRY(const std::string package, FindPackage());
  WEIRHOUSE_TRY(const TemporaryFolder folder, TemporaryFolder::Make());
  WEIRHOUSE_TRY(const std::string flights_csv, UnpackFlights(package, folder));
  Period period = WholeYear();
  if (options.days > 0) period.last_day = period.first_day + options.days - 1;

  DemoDataReport report;
  std::vector<Planned> sources;
  if (options.bad_day) {
    // The last day of the year is short (only what was still in the air), so two days back is the
    // last full one but one: 30 December.
    const std::int64_t day = std::max(period.first_day, period.last_day - 2);
    const Period bad{day, day, kBadDayShiftDays, kBadDayDelayMin};
    DemoDataOptions plain;
    plain.project = options.project;
    WEIRHOUSE_TRY(const auto flights, LoadFlights(flights_csv, package, bad));
    sources.push_back(PlanSource(plain, ReplayArrivals(*flights), report));
    WEIRHOUSE_TRY_STATUS(LandAll(plain, sources, report));
    return report;
  }
  WEIRHOUSE_TRY(Replay planes, ReplayPlanes(package));
  WEIRHOUSE_TRY(Replay weather, ReplayWeather(package, period));
  WEIRHOUSE_TRY(const auto flights, LoadFlights(flights_csv, package, period));
  sources.push_back(PlanSource(options, std::move(planes), report));
  sources.push_back(PlanSource(options, ReplayDepartures(*flights), report));
  sources.push_back(PlanSource(options, ReplayArrivals(*flights), report));
  sources.push_back(PlanSource(options, std::move(weather), report));
  WEIRHOUSE_TRY_STATUS(LandAll(options, sources, report));
  return report;
}

std::string Describe(const DemoDataReport& report) {
  std::string text = "landing:";
  for (const SourceReport& source : report.sources) {
    const bool first = &source == &report.sources.front();
    text += fmt::format("{} {} {} file{} {}{}", first ? "" : ";", source.source,
                        WithThousands(source.files), source.files == 1 ? "" : "s",
                        WithThousands(source.records), first ? " records" : "");
    std::vector<std::string> faults;
    for (const auto& [count, name] : {std::pair{source.duplicates, "duplicate"},
                                      {source.late, "late"},
                                      {source.malformed, "malformed"},
                                      {source.corrections, "corrections"}}) {
      if (count > 0) faults.push_back(fmt::format("{} {}", WithThousands(count), name));
    }
    if (!faults.empty()) text += fmt::format(" ({})", Join(faults, ", "));
  }
  return text;
}
}  // namespace weirhouse::demo

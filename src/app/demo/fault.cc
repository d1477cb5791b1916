#include "app/demo/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "app/demo/malformed.h"
#include "ground/base/digest.h"
#include "ground/base/random.h"
#include "ground/base/time.h"

namespace weirhouse::demo {
namespace {
constexpr std::int64_t kLateDaysMax = 3;
constexpr std::uint64_t kCorrectionMinutesMax = 36 * 60;
constexpr std::int64_t kDelayMin = -120;  // of contracts/arrival.odcs.yaml
constexpr std::int64_t kDelayMax = 2880;
constexpr std::int64_t kMinuteUs = std::int64_t{60} * 1'000'000;

class Planner {
 public:
  Planner(const DemoDataOptions& options, Replay& replay, SourceReport& report)
      : options_(options),
        replay_(replay),
        report_(report),
        random_(options.seed ^ Fingerprint(replay.source)) {
    for (const Line& line : replay.lines) {
      if (days_.empty() || days_.back() != line.day()) days_.push_back(line.day());
    }
  }

  Delivery Run() {
    const auto count = static_cast<std::uint32_t>(replay_.lines.size());
    for (std::uint32_t line = 0; line < count; ++line) PlanOne(line);
    Delivery delivery;
    for (auto& [day, pieces] : pieces_) {
      std::stable_sort(pieces.begin(), pieces.end());
      for (const auto& [at_us, line] : pieces) delivery[day].push_back(line);
    }
    return delivery;
  }

 private:
  static std::uint64_t Fingerprint(std::string_view name) {
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a: only to give sources different seeds
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return hash;
  }

  bool Draw(double share) { return share > 0 && random_.Unit() < share; }

  // The day of one of the files `from` to `to` days after `day`; -1 if there is none.
  std::int64_t LaterFile(std::int64_t day, std::int64_t from, std::int64_t to) {
    const auto begin = std::lower_bound(days_.begin(), days_.end(), day + from);
    const auto end = std::upper_bound(begin, days_.end(), day + to);
    if (begin == end) return -1;
    return *(begin +
             static_cast<std::ptrdiff_t>(random_.Below(static_cast<std::uint64_t>(end - begin))));
  }

  // Puts `line` into the file of `day`: at its own moment there, or at a random one if that is
  // another day's file.
  void Place(std::int64_t day, std::uint32_t line) {
    const Line& what = replay_.lines[line];
    const std::int64_t at_us =
        what.day() == day ? what.known_us
                          : day * kDayMicros + static_cast<std::int64_t>(random_.Below(kDayMicros));
    pieces_[day].emplace_back(at_us, line);
  }

  void PlanOne(std::uint32_t line) {
    std::int64_t day = replay_.lines[line].day();
    if (Draw(options_.late)) {
      const std::int64_t later = LaterFile(day, 1, kLateDaysMax);
      if (later >= 0) {
        day = later;
        ++report_.late;
      }
    }
    Place(day, line);
    if (replay_.invalid.contains(line)) return;  // it is quarantined, and so would its copies be
    if (Draw(options_.duplicates)) {
      Place(LaterFile(day, 0, kLateDaysMax), line);
      ++report_.duplicates;
    }
    if (Draw(options_.malformed)) PlanMalformed(line);
    if (replay_.source == "arrival" && Draw(options_.corrections)) PlanCorrection(line);
  }

  void PlanMalformed(std::uint32_t line) {
    const std::span<const std::string_view> kinds = MalformedKinds(replay_);
    const std::string_view kind = kinds[random_.Below(kinds.size())];
    const std::string broken = BreakRecord(replay_, replay_.At(line), kind, random_);
    const Line original = replay_.lines[line];
    Place(original.day(), replay_.Add(original.known_us, broken));
    ++report_.malformed;
    ++report_.malformed_kinds[std::string(kind)];
  }

  // The same flight, reported again 1 minute to 36 hours later with a delay of up to 30 minutes
  // more or less.
  void PlanCorrection(std::uint32_t line) {
    const std::int64_t known_us =
        replay_.lines[line].known_us +
        static_cast<std::int64_t>(1 + random_.Below(kCorrectionMinutesMax)) * kMinuteUs;
    const std::int64_t change = 1 + static_cast<std::int64_t>(random_.Below(30));
    const bool more = random_.Below(2) == 0;
    const std::int64_t day = known_us / kDayMicros;
    if (!std::binary_search(days_.begin(), days_.end(), day)) return;
    const std::string record(replay_.At(line));
    const std::size_t delay_at = record.find("\"arr_delay\":") + 12;
    const std::size_t delay_end = record.find(',', delay_at);
    const std::size_t time_at = record.find("\"reported_at\":\"") + 15;
    std::int64_t delay = 0;
    std::from_chars(record.data() + delay_at, record.data() + delay_end, delay);
    const std::int64_t corrected =
        more ? std::min(delay + change, kDelayMax) : std::max(delay - change, kDelayMin);
    const std::string text =
        fmt::format("{}{}{}{}\"}}", record.substr(0, delay_at), corrected,
                    record.substr(delay_end, time_at - delay_end), FormatTime(known_us));
    Place(day, replay_.Add(known_us, text));
    ++report_.corrections;
  }

  const DemoDataOptions& options_;
  Replay& replay_;
  SourceReport& report_;
  SeededRandom random_;
  std::vector<std::int64_t> days_;  // with a file, ascending
  std::map<std::int64_t, std::vector<std::pair<std::int64_t, std::uint32_t>>> pieces_;
};
}  // namespace

Delivery Deliver(const DemoDataOptions& options, Replay& replay, SourceReport& report) {
  report.source = replay.source;
  return Planner(options, replay, report).Run();
}
}  // namespace weirhouse::demo

#include "work/workspace/state/clock_witness.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace weirhouse::work {
namespace {
constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kToleranceUs = 60 * kSecondUs;  // a time server corrects the clock …
constexpr std::int64_t kDriftShare = 1000;             // … or makes it run a little faster
constexpr std::int64_t kRememberEveryUs = 60 * kSecondUs;

std::string DurationText(std::int64_t us) {
  const std::int64_t seconds = us / kSecondUs;
  if (seconds < 7200) return fmt::format("{} s", seconds);
  if (seconds < 2 * 86400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86400);
}

std::optional<ClockSight> ReadSight(platform::ObjectStore& store, const std::string& path) {
  const auto text = store.Read(path);
  if (!text.ok()) return std::nullopt;
  const auto stored = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* key) {
    const auto found = stored.find(key);
    return found != stored.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  if (!stored.is_object() || !stored.contains("boot") || !stored["boot"].is_string())
    return std::nullopt;
  return ClockSight{stored["boot"].get<std::string>(), number("up_us"), number("wall_us"),
                    number("jump_us"), number("jumped_up_us")};
}
std::string WitnessIn(const std::string& state_folder) { return state_folder + "/clock"; }

ClockSight ClocksNow(Clock& clock) {
  Uptime up = clock.SinceBoot();
  ClockSight now;
  now.boot = std::move(up.boot);
  now.up_us = up.us;
  now.wall_us = Micros(clock.Now());
  return now;
}

void Remember(platform::ObjectStore& store, const std::string& state_folder,
              const ClockSight& sight) {
  const nlohmann::json stored = {{"boot", sight.boot},
                                 {"up_us", sight.up_us},
                                 {"wall_us", sight.wall_us},
                                 {"jump_us", sight.jump_us},
                                 {"jumped_up_us", sight.jumped_up_us}};
  store.Replace(WitnessIn(state_folder), stored.dump() + "\n")
      .Ignore("then a jump is seen later or not at all; the work itself does not need it");
}
}  // namespace

ClockSight After(const ClockSight& before, ClockSight now) {
  if (before.boot != now.boot || now.boot.empty()) return now;
  now.jump_us = before.jump_us;
  now.jumped_up_us = before.jumped_up_us;
  const std::int64_t passed = now.up_us - before.up_us;
  std::int64_t jump = 0;
  if (__builtin_sub_overflow(now.wall_us - before.wall_us, passed, &jump)) return now;
  if (std::abs(jump) <= kToleranceUs + std::abs(passed) / kDriftShare) return now;
  now.jump_us = jump;
  now.jumped_up_us = now.up_us;
  return now;
}

std::optional<std::string> AgeInDoubt(const ClockSight& sight, std::chrono::seconds age) {
  const std::int64_t since = sight.up_us - sight.jumped_up_us;
  const std::int64_t age_us = std::chrono::microseconds(age).count();
  if (sight.jump_us == 0 || since >= age_us) return std::nullopt;
  return fmt::format(
      "the wall clock jumped {} by {}, seen {} ago, so the ages of files say nothing yet: what "
      "waits "
      "for an age of {} stays for another {}",
      sight.jump_us > 0 ? "forward" : "back", DurationText(std::abs(sight.jump_us)),
      DurationText(since), DurationText(age_us), DurationText(age_us - since));
}

ClockSight LookAtClock(platform::ObjectStore& store, const std::string& state_folder,
                       Clock& clock) {
  const ClockSight now = ClocksNow(clock);
  const auto before = ReadSight(store, WitnessIn(state_folder));
  return before ? After(*before, now) : now;
}

ClockSight WatchClock(platform::ObjectStore& store, const std::string& state_folder, Clock& clock) {
  const ClockSight now = ClocksNow(clock);
  const auto before = ReadSight(store, WitnessIn(state_folder));
  if (!before) {
    Remember(store, state_folder, now);
    return now;
  }
  const ClockSight seen = After(*before, now);
  const bool jumped = seen.jumped_up_us != before->jumped_up_us;
  if (before->boot != seen.boot || jumped || seen.up_us - before->up_us > kRememberEveryUs)
    Remember(store, state_folder, seen);
  return seen;
}
}  // namespace weirhouse::work

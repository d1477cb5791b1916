// Tells when the wall clock jumped, by the time since the machine was started, which does not.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::work {

// Both clocks at one moment, and the last jump that was seen.
struct ClockSight {
  std::string boot;        // which start of the machine `up_us` counts from
  std::int64_t up_us = 0;  // since then
  std::int64_t wall_us = 0;
  std::int64_t jump_us = 0;       // by how much the wall clock jumped, + forward; 0 = never seen
  std::int64_t jumped_up_us = 0;  // when it was seen
};
// What `now` has to say after `before`: a jump is what both clocks differ by, beyond what servers
// of time correct. After a start of the machine nothing can be told.
ClockSight After(const ClockSight& before, ClockSight now);
// Why nobody can say which files are older than `age`: the clock jumped less than `age` ago.
std::optional<std::string> AgeInDoubt(const ClockSight& sight, std::chrono::seconds age);

// Both clocks now, after what the state folder remembers. A file that is missing or cannot be read
// says nothing.
ClockSight LookAtClock(platform::ObjectStore& store, const std::string& state_folder, Clock& clock);
// The same, for a writer: what was seen is remembered, at most once a minute.
ClockSight WatchClock(platform::ObjectStore& store, const std::string& state_folder, Clock& clock);
}  // namespace weirhouse::work

// Notices jumps of the wall clock, by comparing it with the time since the machine's start. After
// and AgeInDoubt are pure; the others read and write one small file.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::work {

// Both clocks at one moment, and the last jump that was noticed.
struct ClockSight {
  std::string boot;        // identifies the start of the machine that `up_us` counts from
  std::int64_t up_us = 0;  // since then
  std::int64_t wall_us = 0;
  std::int64_t jump_us = 0;       // by how much the wall clock jumped, + forward; 0 = never seen
  std::int64_t jumped_up_us = 0;  // when it was noticed
};
// `now` with what follows from `before`: a jump is a difference between both clocks beyond what
// time servers correct. After a start of the machine nothing can be told.
ClockSight After(const ClockSight& before, ClockSight now);
// Why it is unknown which files are older than `age`: the clock jumped less than `age` ago.
std::optional<std::string> AgeInDoubt(const ClockSight& sight, std::chrono::seconds age);

// Both clocks now, compared with the note in the state folder. A missing or unreadable note is
// ignored.
ClockSight LookAtClock(platform::ObjectStore& store, const std::string& state_folder, Clock& clock);
// The same for a writer: updates the note, at most once a minute.
ClockSight WatchClock(platform::ObjectStore& store, const std::string& state_folder, Clock& clock);
}  // namespace weirhouse::work

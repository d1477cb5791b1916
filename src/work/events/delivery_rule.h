// When a failed delivery is tried again, and when it is given up. Pure.
#pragma once

#include <chrono>

namespace weirhouse::work {

inline constexpr std::chrono::microseconds kFirstWait = std::chrono::seconds(1);
inline constexpr std::chrono::microseconds kLongestWait = std::chrono::minutes(10);
inline constexpr std::chrono::microseconds kTriedFor = std::chrono::hours(24);  // at least
// Includes the jitter, which lengthens a wait by up to a quarter.
inline constexpr std::chrono::microseconds kLongestWaitWithJitter = kLongestWait * 5 / 4;

// How long to wait after `tries` failed tries (1 and up): a second at first, then a third longer
// each time, at most ten minutes. `jitter` in [0, 1) adds up to a quarter, so that deliveries that
// failed together are not all tried again together.
std::chrono::microseconds WaitAfter(int tries, double jitter);

// The number of tries before an event is given up. Tries are counted, not timed, so that no jump of
// the clock ends them early; the waits between them add up to kTriedFor.
int TriesMax();
}  // namespace weirhouse::work

// When a delivery that failed is tried again, and when no more. Pure.
#pragma once

#include <chrono>

namespace weirhouse::work {

inline constexpr std::chrono::microseconds kFirstWait = std::chrono::seconds(1);
inline constexpr std::chrono::microseconds kLongestWait = std::chrono::minutes(10);
inline constexpr std::chrono::microseconds kTriedFor = std::chrono::hours(24);  // at least
// With the jitter, which lengthens a wait by up to a quarter.
inline constexpr std::chrono::microseconds kLongestWaitWithJitter = kLongestWait * 5 / 4;

// How long to wait after `tries` tries (1 and up) that failed: at first a second, then a third
// longer each time, ten minutes at most; `jitter` in [0, 1) adds up to a quarter, so that those who
// failed together do not come back together.
std::chrono::microseconds WaitAfter(int tries, double jitter);

// How many tries there are. Counted, not timed, so that no clock that jumps ends them early: the
// waits between them add up to kTriedFor.
int TriesMax();
}  // namespace weirhouse::work

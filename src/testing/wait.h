// Waits in tests for a condition instead of a fixed time.
#pragma once

#include <chrono>
#include <thread>

namespace weirhouse::testing {
// Checks `condition` every few milliseconds until it holds, for ten seconds at most; returns
// whether it held. A passing test takes only the time it needs.
template <typename Condition>
bool WaitUntil(Condition&& condition,
               std::chrono::milliseconds longest = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + longest;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}
}  // namespace weirhouse::testing

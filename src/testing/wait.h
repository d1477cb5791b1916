// Waiting in tests: for what is waited for, not for a time in which it should have come.
#pragma once

#include <chrono>
#include <thread>

namespace weirhouse::testing {
// Asks `condition` every few milliseconds until it holds, for ten seconds at most; whether it held. A test that fails waits
// that long; one that passes takes the time that it takes.
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

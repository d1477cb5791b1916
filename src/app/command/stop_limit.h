// SIGINT and SIGTERM end any verb, and the daemon, within seconds.
//
// The first signal lets the unit at hand finish, which it mostly does at once. If it does not (a
// file is being written, a cache is built, a query runs), the process ends after kStopGrace. That
// is as safe as any other end: what was not committed is not there.
#pragma once

#include <chrono>

namespace weirhouse::command {

inline constexpr std::chrono::seconds kStopGrace{5};

// Call once, before the first signal can come.
void PrepareStopLimit();
// Starts the kStopGrace of the process. Safe in a signal handler.
void StartStopLimit() noexcept;
// Ends this process and its child processes. Safe in a signal handler.
[[noreturn]] void EndNow() noexcept;
}  // namespace weirhouse::command

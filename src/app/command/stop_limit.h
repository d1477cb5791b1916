// SIGINT and SIGTERM end any verb, and the daemon, within seconds.
//
// The first lets the unit at hand end in good order: most of the time it does so at once. Where it
// does not (a file is being written, a cache is built, a query runs), the process ends after
// kStopGrace all the same, which is as safe as any other end: what was not committed is not there.
#pragma once

#include <chrono>

namespace weirhouse::command {

inline constexpr std::chrono::seconds kStopGrace{5};

// Once, before the first signal can come.
void PrepareStopLimit();
// From now on the process has kStopGrace left. Safe in a signal handler.
void StartStopLimit() noexcept;
// Ends the process here, and the children that it runs. Safe in a signal handler.
[[noreturn]] void EndNow() noexcept;
}  // namespace weirhouse::command

// The clock that files get their times from.
#pragma once

#include <chrono>

namespace weirhouse::platform {

// A file's times may be this much older than the moment it was written at: file systems take them
// from a clock that is set forward at each tick only (4 to 10 ms in Linux), network file systems
// from that of the server. Whoever asks "was this file written after T?" asks from T minus this on.
inline constexpr std::chrono::seconds kFileClockStep{1};
}  // namespace weirhouse::platform

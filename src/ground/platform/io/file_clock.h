// The precision of file times.
#pragma once

#include <chrono>

namespace weirhouse::platform {

// A file's times may be this much older than the moment of the write: local file systems use a
// clock that advances once per tick (4 to 10 ms on Linux), network file systems use the server's
// clock. To find files written after T, look for times after T minus this step.
inline constexpr std::chrono::seconds kFileClockStep{1};
}  // namespace weirhouse::platform

// The one function that the thin executable finds in libweirhouse_core.so.
#pragma once

namespace weirhouse::cli {

inline constexpr const char* kCoreLibrary = "libweirhouse_core.so";
inline constexpr const char* kCoreEntry = "weirhouse_run";
// Takes an invocation as JSON and returns the exit code.
using CoreEntry = int (*)(const char* invocation_json);
}  // namespace weirhouse::cli

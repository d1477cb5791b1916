// Named places where a test may end the process, and places where the crash harness may plant a
// bug. Threads: any.
//
//   WEIRHOUSE_FAILPOINT("catalog.commit.before");
//
// Armed by the environment, read once:
//
//   WEIRHOUSE_FAILPOINT=name[:hit]
//     _exit(137) when `name` is reached for the hit-th time (default 1)
//   WEIRHOUSE_FAILPOINT_LOSE=1
//     before ending, drop what was never fsynced (see ground/platform/io/local_store.h)
//   WEIRHOUSE_FAILPOINT_LIST=FILE
//     append each name on its first hit, so that a harness learns them
//
// Compiled to nothing unless WEIRHOUSE_FAILPOINTS is defined: a released build has none.
#pragma once

#include <string_view>

namespace weirhouse {
#ifdef WEIRHOUSE_FAILPOINTS
void ReachFailpoint(std::string_view name);
// Whether the bug named `bug` is planted. In the product the answer is always no: this function is
// hidden in the library and weak, so that only a program linked with testing/plants.cc (test
// programs, the crash harness's library) replaces it.
[[gnu::visibility("hidden")]] bool Planted(std::string_view bug);
// Called before the process ends at a failpoint with WEIRHOUSE_FAILPOINT_LOSE; set once by
// ground/platform/io/local_store.
void OnPowerLoss(void (*lose_unsynced)());
#define WEIRHOUSE_FAILPOINT(name) ::weirhouse::ReachFailpoint(name)
#else
constexpr bool Planted(std::string_view /*bug*/) { return false; }
inline void OnPowerLoss(void (* /*lose_unsynced*/)()) {}
#define WEIRHOUSE_FAILPOINT(name) \
  do {                            \
  } while (false)
#endif
}  // namespace weirhouse

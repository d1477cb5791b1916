// Named places where a test may end the process, and places where the crash harness may plant a bug.
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
// Whether `bug` is planted. The product's answer is no, and nothing outside of it changes that: the function is hidden in
// the library, and weak, so that testing/plants.cc takes its place where a test program, or the crash harness's own
// library, is linked with it.
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

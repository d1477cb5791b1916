#include "ground/platform/process/heap.h"

#include <arrow/memory_pool.h>
#include <malloc.h>

#include <cstdlib>

namespace weirhouse::platform {
namespace {
constexpr int kMallocArenas = 2;
constexpr int kKeptFreeBytes = 32 << 20;  // malloc's own maximum for the threshold of mappings
constexpr const char* kPoolVariable = "ARROW_DEFAULT_MEMORY_POOL";
}  // namespace

void ShareOneHeap() {
  mallopt(M_ARENA_MAX, kMallocArenas);
  mallopt(M_MMAP_THRESHOLD, kKeptFreeBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptFreeBytes);
  if (std::getenv(kPoolVariable) != nullptr) return;
  // Arrow reads it when its pool is first asked for; children choose for themselves.
  setenv(kPoolVariable, "system", 1);
  arrow::default_memory_pool();
  unsetenv(kPoolVariable);
}
}  // namespace weirhouse::platform

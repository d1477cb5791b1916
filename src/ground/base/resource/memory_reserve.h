// A memory reserve for threads that cannot handle a failed allocation.
//
// Our own threads handle std::bad_alloc: the operation fails and the process goes on. Threads of
// libraries (a flush of RocksDB, a task of DuckDB) would end the process, and so would code that
// runs while an exception propagates. Those are served from this reserve.
#pragma once

#include <cstddef>

namespace weirhouse {

// More than two RocksDB write buffers and the memory of one flush and one compaction.
inline constexpr std::size_t kMemoryReserveBytes = 48 << 20;

// Reserves addresses; memory is used only when the reserve is. Call once, on the main thread, which
// from then on counts as one of ours. Without this call there is no reserve and nothing else
// changes.
void HoldMemoryReserve();
// Marks the calling thread as one of ours: its allocations may fail with std::bad_alloc.
void MemoryMayRunOut() noexcept;
// Refills the used part of the reserve if memory is available. Cheap if nothing was used. Threads:
// any.
void RefillMemoryReserve() noexcept;

// While it lives, the calling thread allocates from the reserve: for calls into a library that must
// not be interrupted by an exception, and for cleanup that must not fail.
class UseMemoryReserve {
 public:
  UseMemoryReserve() noexcept;
  ~UseMemoryReserve();
  UseMemoryReserve(const UseMemoryReserve&) = delete;
  UseMemoryReserve& operator=(const UseMemoryReserve&) = delete;
};
}  // namespace weirhouse

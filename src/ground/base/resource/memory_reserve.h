// Memory kept aside for those who cannot live without.
//
// Our own threads take it that there is no more: what they do then ends with an error, and the
// process goes on. Threads of libraries (a flush of RocksDB, a task of DuckDB) would end the
// process with them, and so would what runs while an exception is on its way. These are served from
// a reserve, and the large pieces of work, which are ours, give way.
#pragma once

#include <cstddef>

namespace weirhouse {

// More than the two write buffers of RocksDB and what a flush and a compaction take at once.
inline constexpr std::size_t kMemoryReserveBytes = 48 << 20;

// Sets the reserve aside: addresses, and no memory until it is used. Once, by the main thread,
// which is one of ours from then on. Without it nothing is kept, and nothing else differs.
void HoldMemoryReserve();
// What the calling thread asks for may be refused (std::bad_alloc).
void MemoryMayRunOut() noexcept;
// Sets aside again what was used, if it can be had. Cheap where nothing was. Any thread.
void RefillMemoryReserve() noexcept;

// While it lives, the calling thread is served from the reserve: for calls into a library that must
// not be broken off, and for ends that cannot fail.
class UseMemoryReserve {
 public:
  UseMemoryReserve() noexcept;
  ~UseMemoryReserve();
  UseMemoryReserve(const UseMemoryReserve&) = delete;
  UseMemoryReserve& operator=(const UseMemoryReserve&) = delete;
};
}  // namespace weirhouse

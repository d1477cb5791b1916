#include "ground/base/resource/memory_reserve.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <exception>
#include <new>

namespace weirhouse {
namespace {
constexpr std::size_t kPieces = 12;
constexpr std::size_t kPieceBytes = kMemoryReserveBytes / kPieces;

// The pieces of the reserve; null if a piece is in use or could not be allocated.
std::array<std::atomic<void*>, kPieces> pieces{};
std::atomic<bool> holds{false};
thread_local bool may_run_out = false;
thread_local int users = 0;

// Mapped readable and writable, so that a system without overcommit accounts for it.
void* MapPiece() noexcept {
  void* const piece = mmap(nullptr, kPieceBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return piece == MAP_FAILED ? nullptr : piece;
}

// Returns one piece to the system, so that the allocation that waits for it can succeed.
bool GivePiece() noexcept {
  for (std::atomic<void*>& slot : pieces) {
    void* const piece = slot.exchange(nullptr);
    if (piece != nullptr && munmap(piece, kPieceBytes) == 0) return true;
  }
  return false;
}

// The new-handler: `operator new` calls it when no memory is left and tries again when it returns.
void OnNoMemory() {
  const bool refused = may_run_out && users == 0 && std::uncaught_exceptions() == 0;
  if (refused || !GivePiece()) throw std::bad_alloc();
}
}  // namespace

void HoldMemoryReserve() {
  MemoryMayRunOut();
  holds = true;
  RefillMemoryReserve();
  std::set_new_handler(OnNoMemory);
}

void MemoryMayRunOut() noexcept { may_run_out = true; }

void RefillMemoryReserve() noexcept {
  if (!holds.load()) return;
  for (std::atomic<void*>& slot : pieces) {
    if (slot.load() != nullptr) continue;
    void* const piece = MapPiece();
    if (piece == nullptr) return;
    void* none = nullptr;
    if (!slot.compare_exchange_strong(none, piece)) munmap(piece, kPieceBytes);
  }
}

UseMemoryReserve::UseMemoryReserve() noexcept { ++users; }
UseMemoryReserve::~UseMemoryReserve() { --users; }
}  // namespace weirhouse

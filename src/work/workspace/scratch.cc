#include "work/workspace/scratch.h"

#include <cstdlib>

namespace weirhouse::work {
namespace {
constexpr std::int64_t kPieceRows = 128 << 10;
constexpr std::int64_t kPieceBytes = 32 << 20;

std::int64_t PieceRows() {
#ifdef WEIRHOUSE_FAILPOINTS
  if (const char* const text = std::getenv("WEIRHOUSE_PIECE_ROWS"); text != nullptr) {
    if (const std::int64_t rows = std::strtoll(text, nullptr, 10); rows > 0) return rows;
  }
#endif
  return kPieceRows;
}
}  // namespace

platform::Scratch ScratchOf(const Workspace& workspace) {
  return {workspace.state_folder() + "/tmp", PieceRows(), kPieceBytes};
}
}  // namespace weirhouse::work

// How much of a step's rows is in memory at a time. Private to engine/.
#pragma once

#include "work/workspace/workspace.h"
#include "ground/platform/columnar/row_store.h"

namespace weirhouse::engine {

// Pieces of 131,072 rows or 32 MiB: what is made of one on its way takes about eight times as much.
// A test may make them smaller (WEIRHOUSE_PIECE_ROWS): nothing may differ then.
storage::Scratch ScratchOf(const Workspace& workspace);
}  // namespace weirhouse::engine

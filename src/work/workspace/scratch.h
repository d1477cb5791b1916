// How many of a step's rows are in memory at a time.
#pragma once

#include "ground/platform/columnar/row_store.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Pieces of 131,072 rows or 32 MiB; processing one takes about eight times its size. A test may
// make them smaller (WEIRHOUSE_PIECE_ROWS), which must not change any result.
platform::Scratch ScratchOf(const Workspace& workspace);
}  // namespace weirhouse::work

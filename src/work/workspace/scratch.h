// How much of a step's rows is in memory at a time.
#pragma once

#include "ground/platform/columnar/row_store.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Pieces of 131,072 rows or 32 MiB: what is made of one on its way takes about eight times as much.
// A test may make them smaller (WEIRHOUSE_PIECE_ROWS): nothing may differ then.
platform::Scratch ScratchOf(const Workspace& workspace);
}  // namespace weirhouse::work

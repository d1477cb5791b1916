// A table over another processed table: what becomes of it when that one gains and loses rows in a
// batch.
//
// The table is at all times what its SELECT gives over the rows that its driver has now. A row that
// left the driver takes its own row with it, and whichever row of the same key is next comes back.
#pragma once

#include <memory>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"

namespace weirhouse::work {

// Whether `transform`, of mode incremental, is driven by a processed table.
bool IsChained(const transform::CheckedTransform& transform);

// Decides what the changes of `upstream`, which covers the driver of `transform`, make of its
// table.
// Cost: O(rows that joined or left) where the driver's key is part of the table's key, and where
// nothing left. Else the SELECT runs over the driver's current rows, and the keys that a row left
// are decided anew.
Result<std::unique_ptr<TableWork>> MakeChainWork(PipelineState& state,
                                                 const transform::CheckedTransform& transform,
                                                 TableWork& upstream, ProcessTime run_time);
}  // namespace weirhouse::work

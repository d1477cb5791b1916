// A table over another processed table: how it changes when that table gains and loses rows in a
// batch.
//
// The table always holds what its SELECT gives over the current rows of its driver. A row that
// leaves the driver takes its own row with it, and the next row of the same key comes back.
#pragma once

#include <memory>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"

namespace weirhouse::work {

// Whether `transform` is incremental and driven by a processed table.
bool IsChained(const transform::CheckedTransform& transform);

// Computes what the changes of `upstream`, which covers the driver of `transform`, do to the
// transform's table. Cost: O(rows that joined or left) if the driver's key is part of the table's
// key, or nothing left. Otherwise the SELECT runs over the driver's current rows, and the keys of
// rows that left are decided again.
Result<std::unique_ptr<TableWork>> MakeChainWork(PipelineState& state,
                                                 const transform::CheckedTransform& transform,
                                                 TableWork& upstream, ProcessTime run_time);
}  // namespace weirhouse::work

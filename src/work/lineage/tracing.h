// `wh trace`: from a prediction, model, training set, commit, object or row to the bytes that
// arrived.
#pragma once

#include <string>

#include "ground/base/status.h"
#include "work/lineage/lineage.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// `what`: p-…, late#1 or late (the newest), late_v1#1, late#1@d1, r12, 1101 (a commit), o7,
// processed.arrival@1101, processed.arrival:KEY (a row by its key, several key columns separated by
// '/') or record:4021. Served values are computed again from the rows of that time, and bytes are
// hashed again: a difference is a node that is not intact, not an error. Cost on a year's data:
// under half a second for a prediction. Errors: WH6001–WH6007.
Result<lineage::TraceNode> Trace(Workspace& workspace, const std::string& what,
                                 const lineage::TraceOptions& options);
}  // namespace weirhouse::work

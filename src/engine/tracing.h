// `wh trace`: from a prediction, model, training set, commit, object or row down to the bytes that
// arrived.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/workspace.h"
#include "lineage/lineage.h"

namespace weirhouse::engine {

// `what`: p-…, late#1, late_v1#1, r12, o7, processed.arrival@1101, or processed.arrival:KEY (a row
// by its key, several key columns separated by '/').
Result<lineage::TraceNode> Trace(Workspace& workspace, const std::string& what,
                                 const lineage::TraceOptions& options);
}  // namespace weirhouse::engine

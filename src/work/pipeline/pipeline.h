// Arrival to features: lands what waits, then runs each batch through its layers, one commit for
// each batch and layer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The overdue checks of all gates, by the project's clock. Reads a few dozen verdicts of each gate
// with checks on time, and writes nothing. None while a run waits for a decision, because later
// batches wait for that too.
Result<std::vector<OverdueCheck>> FindOverdue(Workspace& workspace);

// Lands and runs everything that waits, batch by batch, until nothing waits, a gate halts, or
// Ctrl-C; then checks which tables are overdue, and tells the owner of a gate once when that
// changes. A halt is not an error here: see RunSummary::halted (verbs turn it into exit 3). Files
// are still landed after a halt.
Result<RunSummary> RunPending(Workspace& workspace, Progress& progress);

// Reads an object again that was quarantined as a whole because parsing it ended the process, moves
// its records to their final states, then runs what waits.
//   kNotFound (WH8037)      no object of this name ever arrived
//   kInvalidInput (WH1309)  it is not in quarantine as a whole, or cannot be taken back
//   kConflict (WH3023)      a halted run waits for a decision
Result<RunSummary> RetryObject(Workspace& workspace, const std::string& source,
                               const std::string& name, Progress& progress);

}  // namespace weirhouse::work

// Arrival to features: lands what waits, then runs each batch through its layers, one commit per
// batch and layer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Those of all gates, by the project's clock. Reads a few dozen verdicts of each such gate and
// writes nothing. None while a run waits for a decision: what is behind it waits for that.
Result<std::vector<OverdueCheck>> FindOverdue(Workspace& workspace);

// Lands and runs everything that waits, batch by batch, until nothing waits, a gate halts, or
// Ctrl-C; then looks which tables are overdue, and tells the owner of a gate once when that
// changes. A halt is no error here: see RunSummary::halted (verbs turn it into exit 3). Raw and
// contracts go on after a halt.
Result<RunSummary> RunPending(Workspace& workspace, Progress& progress);

// Reads an object once more that was quarantined whole because parsing it ended the process, moves
// its records to the states that they end in, then runs what waits.
//   kNotFound (WH8037)      no object of this name ever arrived
//   kInvalidInput (WH1309)  it is not in quarantine as a whole, or cannot be taken back
//   kConflict (WH3023)      a halted run waits for a decision
Result<RunSummary> RetryObject(Workspace& workspace, const std::string& source,
                               const std::string& name, Progress& progress);

}  // namespace weirhouse::work

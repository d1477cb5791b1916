// Runs that were planned and that nobody will publish.
#pragma once

#include <cstdint>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Gives up what is planned, and of a number up to `newest`: each such run fails with WH7125, and
// what it wrote is an orphan. Call it as the only one at work, when nothing is left to do: then
// whoever planned such a run is gone, and what it read will not be asked for again. (If it is after
// all, the same step resumes the run as after any failure.) What other threads and clients work at
// is left alone: predictions, commits of other engines, staging areas. The runs given up.
Result<std::vector<catalog::Run>> GiveUpRuns(Workspace& workspace, RunId newest);
// The number of the last run there is.
Result<RunId> NewestRun(Workspace& workspace);
}  // namespace weirhouse::work

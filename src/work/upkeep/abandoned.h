// Planned runs that will never be published.
#pragma once

#include <cstdint>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Gives up planned runs with numbers up to `newest`: each fails with WH7125, and its files become
// orphans. Call it when no other work runs and nothing is left to do: then the process that planned
// such a run is gone, and its input will not be processed again. (If it is after all, the same step
// resumes the run as after any failure.) Runs of other threads and clients are left alone:
// predictions, commits of other engines, staging areas. Returns the runs given up.
Result<std::vector<catalog::Run>> GiveUpRuns(Workspace& workspace, RunId newest);
// The number of the last run.
Result<RunId> NewestRun(Workspace& workspace);
}  // namespace weirhouse::work

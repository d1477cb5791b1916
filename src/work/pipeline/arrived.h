// The pipeline's run in a daemon, which looks at the landing folders again and again.
#pragma once

#include "ground/base/status.h"
#include "work/landing/landing_looks.h"
#include "work/pipeline/pipeline.h"

namespace weirhouse::work {

// As RunPending, but takes in what `looks` sees instead of listing every file that lies there.
Result<RunSummary> RunArrived(Workspace& workspace, Progress& progress,
                              landing::LandingLooks& looks);
}  // namespace weirhouse::work

// Writes what a feature commit published to the online store.
#pragma once

#include <vector>

#include "ground/base/status.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Applies the rows that the feature commit `seq` published. Call it only after that commit.
Status FillOnline(Workspace& workspace, const std::vector<ViewWork>& work, CommitSeq seq);
}  // namespace weirhouse::work

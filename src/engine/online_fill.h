// Bringing the online store to what the catalog says. Private to engine/.
#pragma once

#include <vector>

#include "base/status.h"
#include "engine/feature_step.h"
#include "engine/workspace.h"

namespace weirhouse::engine {

// Applies the rows that the feature commit `seq` published. Called only after that commit.
Status FillOnline(Workspace& workspace, const std::vector<ViewWork>& work, CommitSeq seq);
// Rebuilds the online store if it does not stand at the last feature commit (a crash came between).
Status RefreshOnline(Workspace& workspace);
}  // namespace weirhouse::engine

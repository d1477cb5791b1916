// The project as it was registered at an earlier commit, for who reads what stood then.
#pragma once

#include <memory>

#include "ground/base/status.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The definitions that the last `wh apply` up to the commit `seq` registered, and their seeds; null
// if there was none. kNotFound (WH2035): their code is not kept, or this release cannot read it;
// kCorruption (WH2024): it is not what was applied. Cost: two look-ups for each apply since, and
// every definition checked.
Result<std::shared_ptr<const ProjectDefinition>> ProjectAsOf(Workspace& workspace, CommitSeq seq);
}  // namespace weirhouse::work

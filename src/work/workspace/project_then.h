// The project as it was registered at an earlier commit, to read data of that time.
#pragma once

#include <memory>

#include "ground/base/status.h"
#include "work/project/project.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// The definitions, with their seeds, that the last `wh apply` up to the commit `seq` registered;
// null if there was none.
//   kNotFound (WH2035)    their code is not kept, or this release cannot read it
//   kCorruption (WH2024)  the stored code is not what was applied
// Cost: two look-ups for each apply since, and checking every definition.
Result<std::shared_ptr<const ProjectDefinition>> ProjectAsOf(Workspace& workspace, CommitSeq seq);
}  // namespace weirhouse::work

// A source that is read differently than before: how it was registered to be read, and what a
// change would do to objects that were already read.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "ground/base/status.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Adds an item for each source whose format or nulls changed. kContractRefused (WH2026) if the
// format of a source that has objects would change. Cost: reads no object.
Status CompareReadings(Workspace& workspace, const nlohmann::json& applied,
                       std::vector<PlanItem>& items);
// kContractRefused (WH2027) if a change of delimiter or nulls would cut an object into other
// records, or send good records to quarantine, also because they lack a table's key; names the
// objects. `digests` and `readings` are what is registered. Cost: decodes each object of a changed
// source twice, and rebuilds the tables that depend on it without publishing them.
Status CheckReadings(Workspace& workspace, const nlohmann::json& digests,
                     const nlohmann::json& readings, Progress& progress);
}  // namespace weirhouse::work

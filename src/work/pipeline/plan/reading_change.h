// A source that is read otherwise than before: what was registered of how it is read, and what a
// change would do to objects that were read already.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "ground/base/status.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/applied.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Adds an item for each source whose format or nulls changed. kContractRefused (WH2026) where the
// format of a source that has objects would be another. Cost: reads no object.
Status CompareReadings(Workspace& workspace, const nlohmann::json& applied,
                       std::vector<PlanItem>& items);
// kContractRefused (WH2027) where a change of delimiter or nulls would cut an object into other
// records, or put records into quarantine that were good, for want of a key in a table too; it
// names the objects. `digests` and `readings` are what is registered. Cost: decodes each object of
// a changed source twice, and rebuilds the tables that follow from it aside.
Status CheckReadings(Workspace& workspace, const nlohmann::json& digests,
                     const nlohmann::json& readings, Progress& progress);
}  // namespace weirhouse::work

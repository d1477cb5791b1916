// What the project's files would change in what was applied.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "ground/base/status.h"
#include "work/pipeline/plan/plan.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct PlanAnswer {
  work::Plan plan;
};
// The plan of `workspace`, which is by the project's files, once the data was looked at, too: see
// work::CheckPlan. Errors as that, and as work::MakePlan.
Result<PlanAnswer> RehearsePlan(work::Workspace& workspace, work::Progress& progress);
// The plan of the files of the project that `served` is open for, whatever it was opened by. The
// data is not looked at: apply may still refuse it.
//   kConflict (WH8032)  the files say that the state is elsewhere
//   errors of the files, and of work::MakePlan
// Cost: reads and checks every file of the project; looks at the landing folders. Threads: any.
Result<PlanAnswer> PlanOfFiles(work::Workspace& served);

// "add", "change", "remove"
std::string_view ActionName(work::PlanItem::Action action);
// {plan, items: [{action, kind, name, detail}], notes, waiting_objects, waiting_batches, waiting_in_topics,
// waiting_views, behind_halted}
nlohmann::json ToJson(const PlanAnswer& answer);
}  // namespace weirhouse::answers

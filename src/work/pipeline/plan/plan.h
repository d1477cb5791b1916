// What the project's files would change in what was applied, and applying it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct PlanItem {
  enum class Action : std::uint8_t { kAdd, kChange, kRemove };
  Action action = Action::kAdd;
  std::string kind;  // contract | processed | gate | feature view | training set | model | seed
  std::string name;
  std::string detail;  // "backfill", "full rebuild: order changed", "additive: field gate added", …
  bool follows = false;  // no file of its own changed, but one that it is made by
};
// What was stored and goes on when a person has decided about a run.
struct BehindHalt {
  RunId run;
  std::int64_t records = 0;  // of later batches; those of the run's own are not among them
};
struct Plan {
  std::vector<PlanItem> items;
  std::vector<std::string> notes;  // "processed.plane depends on arrival order"
  std::int64_t waiting_objects = 0;
  std::int64_t waiting_batches = 0;
  std::int64_t being_written = 0;              // landed files that somebody has open for writing
  std::map<std::string, std::string> untaken;  // landed files that no run takes in: path → why
  std::optional<BehindHalt> behind_halt;       // a halted run waits for a decision
  // Views that do not hold yet what their source published: the next run fills them.
  std::vector<std::string> waiting_views;
  std::string digest;     // 8 hex digits; apply takes it
  bool rebuilds = false;  // apply computes all tables anew
  bool empty() const { return items.empty(); }
};

// Compares; never writes. kContractRefused if a contract change is breaking without a major
// version.
Result<Plan> MakePlan(Workspace& workspace);
// What only a look at the data tells; never writes. Apply refuses what this refuses.
//   kInvalidInput (WH2111)     a seed that is new, or joined by a new table, holds a key twice
//   kContractRefused (WH2027)  good records would go into quarantine
//   kContractRefused (WH2028)  records of a source that is gone wait to be processed
//   kConflict (WH3023)         tables would be computed anew, and a halted run waits
//   whatever computing the tables anew ends with, if `rehearses` and that is what apply will do
// Cost: decodes the objects of sources that are read otherwise twice; a rehearsal is a rebuild
// without its writes.
Status CheckPlan(Workspace& workspace, const Plan& plan, Progress& progress, bool rehearses);
// Registers the definitions (refuses a stale digest with kConflict), with the tables computed anew
// in the same commit where that is due; then runs what waits. Either all of it is applied or
// nothing. `registered` is called between the two.
Result<RunSummary> Apply(Workspace& workspace, const std::string& plan_digest, Progress& progress,
                         const std::function<void()>& registered = {});
}  // namespace weirhouse::work

// What the project's files would change in what was applied, and applying them.
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
  bool follows = false;  // its own file is the same, but one that it depends on changed
};
// Stored batches that continue when a person has decided about a run.
struct BehindHalt {
  RunId run;
  std::int64_t records = 0;  // records of later batches, not of the run's own
};
struct Plan {
  std::vector<PlanItem> items;
  std::vector<std::string> notes;  // "processed.plane depends on arrival order"
  std::int64_t waiting_objects = 0;
  std::int64_t waiting_batches = 0;
  std::map<std::string, std::int64_t> waiting_in_topics;  // source → records of its topic, if any
  std::int64_t being_written = 0;              // landed files that a process has open for writing
  std::map<std::string, std::string> untaken;  // landed files that no run takes in: path → reason
  std::map<std::string, std::string> missing_folders;  // source → landing folder that is not there
  std::optional<BehindHalt> behind_halt;               // a halted run waits for a decision
  // Views that do not yet hold what their source published: the next run updates them.
  std::vector<std::string> waiting_views;
  std::string digest;     // 8 hex digits; apply takes it
  bool rebuilds = false;  // apply rebuilds all tables
  bool empty() const { return items.empty(); }
};

// Compares and never writes. kContractRefused if a contract has a breaking change without a new
// major version.
Result<Plan> MakePlan(Workspace& workspace);
// Checks that need the data; never writes. Apply refuses what this refuses.
//   kInvalidInput (WH2111)     a seed that is new, or joined by a new table, holds a key twice
//   kContractRefused (WH2027)  good records would go to quarantine
//   kContractRefused (WH2028)  records of a removed source wait to be processed
//   kConflict (WH3023)         tables would be rebuilt, and a halted run waits
//   and the errors of the rebuild, if `rehearses` and apply will rebuild
// Cost: decodes the objects of sources that are read differently twice; a rehearsal is a rebuild
// without its writes.
Status CheckPlan(Workspace& workspace, const Plan& plan, Progress& progress, bool rehearses);
// Registers the definitions (kConflict if the digest is stale), in one commit with the rebuilt
// tables if a rebuild is due; then runs what waits. Applies everything or nothing. Calls
// `registered` between the two.
Result<RunSummary> Apply(Workspace& workspace, const std::string& plan_digest, Progress& progress,
                         const std::function<void()>& registered = {});
}  // namespace weirhouse::work

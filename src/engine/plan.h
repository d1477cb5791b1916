// What the project's files would change in what was applied, and applying it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/pipeline.h"
#include "engine/workspace.h"

namespace weirhouse::engine {

struct PlanItem {
  enum class Action : std::uint8_t { kAdd, kChange, kRemove };
  Action action = Action::kAdd;
  std::string kind;  // contract | processed | gate | feature view | training set | model | seed
  std::string name;
  std::string detail;  // "backfill", "full rebuild: order changed", "additive: field gate added", …
};
struct Plan {
  std::vector<PlanItem> items;
  std::vector<std::string> notes;  // "processed.plane depends on arrival order"
  std::int64_t waiting_objects = 0;
  std::int64_t waiting_batches = 0;
  std::int64_t being_written = 0;              // landed files that somebody has open for writing
  std::map<std::string, std::string> untaken;  // landed files that no run takes in: path → why
  std::string digest;                          // 8 hex digits; apply takes it
  bool empty() const { return items.empty(); }
};

// Compares; never writes. kContractRefused if a contract change is breaking without a major
// version.
Result<Plan> MakePlan(Workspace& workspace);
// Registers the definitions (refuses a stale digest with kConflict), rebuilds what changed, then
// runs what waits.
Result<RunSummary> Apply(Workspace& workspace, const std::string& plan_digest, Progress& progress);
// kInvalidInput with a hint if the files differ from what was applied.
Status RequireApplied(Workspace& workspace);
}  // namespace weirhouse::engine

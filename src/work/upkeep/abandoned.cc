#include "work/upkeep/abandoned.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ground/base/failpoint.h"
#include "work/upkeep/upkeep.h"

namespace weirhouse::work {
namespace {
constexpr std::int64_t kAtOnce = 10'000;

// Kinds of runs that only the project's one working thread plans, one at a time.
constexpr std::array kOneAtATime{
    catalog::RunKind::kRaw,        catalog::RunKind::kProcessed,   catalog::RunKind::kRetry,
    catalog::RunKind::kDownstream, catalog::RunKind::kFeature,     catalog::RunKind::kCompaction,
    catalog::RunKind::kExpiry,     catalog::RunKind::kRollback,    catalog::RunKind::kTag,
    catalog::RunKind::kApply,      catalog::RunKind::kTrainingSet, catalog::RunKind::kModel,
    catalog::RunKind::kRelocation};
}  // namespace

Result<RunId> NewestRun(Workspace& workspace) {
  catalog::RunFilter filter;
  filter.limit = 1;
  WEIRHOUSE_TRY(const std::vector<catalog::Run> last, workspace.catalog().Runs(filter));
  return last.empty() ? RunId(0) : last.front().id;
}

Result<std::vector<catalog::Run>> GiveUpRuns(Workspace& workspace, RunId newest) {
  catalog::RunFilter filter;
  filter.state = catalog::RunState::kPlanned;
  filter.limit = kAtOnce;
  WEIRHOUSE_TRY(std::vector<catalog::Run> planned, workspace.catalog().Runs(filter));
  std::vector<catalog::Run> given_up;
  for (catalog::Run& run : planned) {
    const bool mine =
        std::find(kOneAtATime.begin(), kOneAtATime.end(), run.plan.kind) != kOneAtATime.end();
    if (!mine || run.id > newest) continue;
    const Status why = Status(Code::kConflict,
                              "given up: its process is gone, and what it was to "
                              "do was done otherwise or is no longer there")
                           .WithError(std::string(kGivenUp))
                           .WithHint("`wh gc` removes the files it left");
    WEIRHOUSE_TRY_STATUS(workspace.catalog().FailRun(run.id, why));
    WEIRHOUSE_FAILPOINT("run.given_up");
    given_up.push_back(std::move(run));
  }
  return given_up;
}
}  // namespace weirhouse::work

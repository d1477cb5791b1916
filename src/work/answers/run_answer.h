// What was run, newest first; and what was committed, in order.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct RunsAnswer {
  std::vector<catalog::Run> runs;  // newest first
};
Result<RunsAnswer> ListRuns(work::Workspace& workspace, std::int64_t limit);
// {"runs": [{run, kind, name, state, attempt, planned_at, finished_at, commit, error}]}
nlohmann::json ToJson(const RunsAnswer& answer);

// One commit and the run that made it.
struct CommittedRun {
  catalog::Catalog::CommitEntry entry;
  catalog::Run run;  // as it stands now: a run that had halted may have been decided about since
};
// Those after `after`, oldest first, at most `limit`; fewer where one cannot be told, kCorruption
// (WH7008 where a number is missing) once it is the first. Cost: one look-up for each.
Result<std::vector<CommittedRun>> CommittedSince(catalog::Catalog& catalog, CommitSeq after,
                                                 std::int64_t limit);
// {commit, run, kind, name, layer, batch, state, committed_at}; the state is that of the commit.
nlohmann::json ToJson(const CommittedRun& committed);
}  // namespace weirhouse::answers

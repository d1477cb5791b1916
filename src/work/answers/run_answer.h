// Runs, newest first, and commits, in order.
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
  catalog::Run run;  // its present state: a halted run may have been decided since
};
// The commits after `after`, oldest first, at most `limit`. If one of them cannot be read, the
// answer ends before it; if that is the first, it is an error: kCorruption (WH7008 if a number is
// missing). Cost: one look-up for each.
Result<std::vector<CommittedRun>> CommittedSince(catalog::Catalog& catalog, CommitSeq after,
                                                 std::int64_t limit);
// {commit, run, kind, name, layer, batch, state, committed_at}; the state is that of the commit.
nlohmann::json ToJson(const CommittedRun& committed);
}  // namespace weirhouse::answers

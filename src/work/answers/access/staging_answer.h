// Staging areas: which there are, and what is staged in one.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/foreign/staging_area.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct StagingAreasAnswer {
  std::vector<work::StagingArea> areas;  // newest first
};
Result<StagingAreasAnswer> ListStagingAreas(work::Workspace& workspace);
// {"staging_areas": [{run, tables: "a, b", state, opened_by, opened_at, problem}]}
nlohmann::json ToJson(const StagingAreasAnswer& answer);

struct StagedTable {
  SnapshotId snapshot;
  std::string rows;  // of the staged snapshot, as its summary has it; "?" where it does not say
};
struct StagingAreaAnswer {
  work::StagingArea area;
  // Of each table that exists: what is staged; absent: nothing.
  std::map<std::string, std::optional<StagedTable>> staged;
};
// kNotFound WH7110: no such area.
Result<StagingAreaAnswer> ReadStagingArea(work::Workspace& workspace, RunId run);
// {run, tables, state, opened_by, opened_at, staged_from, problem, staged}; `staged` (table → id of
// the snapshot) where anything is.
nlohmann::json ToJson(const StagingAreaAnswer& answer);

// ---- What `wh staging` tells of what it did
struct StagingOpenedAnswer {
  work::OpenedView opened;
  std::string uri;  // where other engines find the area
};
// The members of an area, and {uri, token}: with the secret, for whoever had it opened.
nlohmann::json ToJson(const StagingOpenedAnswer& answer);
// An area that was not published: {run, published, message, verdicts: [{gate, table, state,
// checks}]}
nlohmann::json RefusedJson(RunId run, const work::StagingVerdict& verdict);
}  // namespace weirhouse::answers

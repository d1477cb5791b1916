// Why a recorded snapshot is no longer kept.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct Expiry {
  std::string phrase;  // "expired by r45 (wh table expire or gc, keep 1) at 2026-11-30T03:46:38Z"
  nlohmann::json detail;  // {"snapshot": "processed.x@33", "by": "r45", "at": …, "how": …}
};
// Absent while the table keeps `snapshot`. Cost: the table's metadata; for an expired snapshot also
// the runs that expired snapshots of its table, and the list of its snapshots.
Result<std::optional<Expiry>> FindExpiry(Workspace& workspace,
                                         const catalog::SnapshotRecord& snapshot);
// Whether rows were only added to `table` (or compacted) since the commit `seq`, so that the
// commits of its rows tell its state at that time.
Result<bool> OnlyGrewSince(Workspace& workspace, const std::string& table, CommitSeq seq);
}  // namespace weirhouse::work

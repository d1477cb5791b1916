// Why a snapshot that was recorded is not kept any more.
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
// Absent while the table keeps `snapshot`. Cost: the table's metadata; for one that is gone the
// expiries of its table too, and the list of its snapshots.
Result<std::optional<Expiry>> ExpiryOf(Workspace& workspace,
                                       const catalog::SnapshotRecord& snapshot);
// Whether since the commit `seq` `table` has only been added to (or compacted), so that the commits
// of its rows tell how it stood then.
Result<bool> OnlyGrewSince(Workspace& workspace, const std::string& table, CommitSeq seq);
}  // namespace weirhouse::work

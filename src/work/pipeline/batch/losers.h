// system.losers: staged with the batch in which records lost, on main or, if a gate halts it,
// beside main. (record_query.h reads it.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/transform/upsert/loser_table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

class Publication;
class TableWork;

// Adds the losers of `work` to `publication`, under `ref`; for a table that ran as a whole, only
// those that changed. Returns the new state of system.losers; null if nothing changes.
Result<iceberg::TablePtr> StageLosers(Workspace& workspace, Publication& publication,
                                      const std::vector<std::unique_ptr<TableWork>>& work,
                                      const std::string& ref);
// Replaces system.losers with the losers of `work`, which holds every table; does nothing if they
// are equal.
Status ReplaceLosers(Workspace& workspace, Publication& publication,
                     const std::vector<std::unique_ptr<TableWork>>& work);
}  // namespace weirhouse::work

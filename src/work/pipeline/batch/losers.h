// system.losers: staged with the batch in which records lost, on main or, if a gate halts it,
// beside it. (record_query.h reads it.)
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

// Adds what `work` says of losers to `publication`, under `ref`. Of a table that ran as a whole
// only what is news. The new state of system.losers; null if nothing changes.
Result<iceberg::TablePtr> StageLosers(Workspace& workspace, Publication& publication,
                                      const std::vector<std::unique_ptr<TableWork>>& work,
                                      const std::string& ref);
// All of system.losers from `work`, which is every table; unless it says so already.
Status ReplaceLosers(Workspace& workspace, Publication& publication,
                     const std::vector<std::unique_ptr<TableWork>>& work);
}  // namespace weirhouse::work

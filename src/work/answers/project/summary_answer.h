// What a run did.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "work/workspace/run_summary.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

// {objects, duplicate_objects, records, states, rows_by_table, gates, warnings, batches, commits,
// unmatched_files, untaken_files, refused_objects, refused, refused_batches, quarantined, overdue,
// halted, interrupted}; `interrupted`: Ctrl-C ended it.
nlohmann::json SummaryJson(const work::RunSummary& summary, bool interrupted);
// "processed.arrival@1101": the tables that the halted run would have moved, and where they stand.
// None where that cannot be read: it is told beside a halt, which is told anyhow.
std::vector<std::string> HaltedTables(work::Workspace& workspace, RunId run);
}  // namespace weirhouse::answers

// The tables quarantine.<source>, and the states that the records of a batch end in. Private to
// engine/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch_records.h"
#include "engine/publication.h"
#include "engine/table_work.h"

namespace weirhouse::engine {

// What a batch puts into quarantine. It publishes whatever the gate says: what is in it will not
// change by a person's decision. `retried` (may be null): the batch is this object, read once more,
// whose row as a whole goes.
Status StageQuarantine(Workspace& workspace, Publication& publication,
                       const std::map<std::string, SourceRecords>& sources,
                       const std::vector<std::unique_ptr<TableWork>>& work,
                       const std::string& batch, const catalog::ObjectRecord* retried);
// One count per record of a batch: that of the transform its source drives, or "filtered" where
// none does. As deltas: a retried object was in quarantine with all its records.
std::vector<catalog::RecordStateCount> StateCounts(
    const std::map<std::string, SourceRecords>& sources,
    const std::vector<std::unique_ptr<TableWork>>& work, const catalog::ObjectRecord* retried);
// After all records were read again: each table holds what is in quarantine now. One that does
// already is not touched.
Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work);

}  // namespace weirhouse::engine

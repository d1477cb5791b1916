// The tables quarantine.<source>, where they change otherwise than by a batch's rows. Private to
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

// Takes the rows for the whole of `object` out of its quarantine table and adds `rows` (may be
// null).
Status StageRetriedQuarantine(Workspace& workspace, Publication& publication,
                              const catalog::ObjectRecord& object,
                              const std::shared_ptr<arrow::Table>& rows);
// After all records were read again: each table holds what is in quarantine now. One that does
// already is not touched.
Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work);

// Those of `rows` that `table` does not hold: by object, record and reason.
Result<std::shared_ptr<arrow::Table>> NotInQuarantine(Workspace& workspace,
                                                      const std::string& table,
                                                      const std::shared_ptr<arrow::Table>& rows);
}  // namespace weirhouse::engine

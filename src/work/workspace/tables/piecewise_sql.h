// Runs SQL over many rows, a piece at a time.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "rules/transform/check/check.h"
#include "rules/transform/run/poison.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Registers `rows` as transform::RegisterInput does; of the driver's rows, which RunInPieces takes
// piece by piece, only the columns.
Status RegisterRows(Workspace& workspace, platform::SqlSession& session,
                    const transform::CheckedTransform& transform, const std::string& name,
                    const std::shared_ptr<arrow::Table>& rows);

// As transform::RunAround over `driven`, the driver's rows, which were registered with
// RegisterRows. If each row gives at most one row of the answer, it runs over one piece at a time
// and writes the answer to a file; otherwise the engine holds what it needs. Cost: as one run, and
// a few ms for each piece.
Result<transform::GoodRows> RunInPieces(Workspace& workspace, platform::SqlSession& session,
                                        const transform::CheckedTransform& transform,
                                        const std::shared_ptr<arrow::Table>& driven,
                                        ProcessTime run_time);
}  // namespace weirhouse::work

// SQL over rows that are many, a piece at a time.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "rules/transform/check/check.h"
#include "rules/transform/run/poison.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// transform::RegisterInput of `rows`; of the driver's rows that RunInPieces takes piece by piece
// the columns alone.
Status RegisterRows(Workspace& workspace, platform::SqlSession& session,
                    const transform::CheckedTransform& transform, const std::string& name,
                    const std::shared_ptr<arrow::Table>& rows);

// transform::RunAround over `driven`, the rows of the driver, which are registered (RegisterRows).
// Where each gives at most one row of the answer, it is run over a piece of them at a time and the
// answer lies in a file; else the engine holds what it must. Cost: as one run, and a few ms for
// each piece.
Result<transform::GoodRows> RunInPieces(Workspace& workspace, platform::SqlSession& session,
                                        const transform::CheckedTransform& transform,
                                        const std::shared_ptr<arrow::Table>& driven,
                                        ProcessTime run_time);
}  // namespace weirhouse::work

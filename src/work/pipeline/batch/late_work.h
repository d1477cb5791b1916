// A table over records, when an object comes late: it was quarantined whole when it arrived and is
// taken back now (`wh quarantine retry`), so its records have lower numbers than some that were
// processed meanwhile.
//
// Which of equal rows stands, and with `order arrival` which of all rows of a key, goes by the
// record's number and not by when it was processed. So keys under which such a record meets a
// younger one are decided anew, from all records of the source, as a rebuild decides them.
#pragma once

#include <functional>
#include <memory>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"

namespace weirhouse::work {

// `work` is what TableWork::Make made of `late`, the answer for `records` alone; it is given back
// where no record meets a younger one. `all_records` reads the valid records of the source, those
// of `records` among them. The driver of `transform`, which is incremental, is left registered with
// them.
// Cost: where a record meets a younger one (with `order arrival`: where its key is known), all
// objects of the source are decoded and the SELECT runs over them. Memory: `late`, and all rows of
// the keys that are decided anew.
Result<std::unique_ptr<TableWork>> SettleLate(
    PipelineState& state, const transform::CheckedTransform& transform,
    std::unique_ptr<TableWork> work, const std::shared_ptr<arrow::Table>& late,
    const SourceRecords& records, ProcessTime run_time,
    const std::function<Result<std::shared_ptr<arrow::Table>>()>& all_records);
}  // namespace weirhouse::work

// The columns of a view whose values come from single rows each, for all labels at once.
#pragma once

#include <memory>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/feature_pieces.h"
#include "rules/feature/kernel/label_order.h"
#include "rules/feature/kernel/plan.h"

namespace arrow {
class ChunkedArray;
}  // namespace arrow

namespace weirhouse::feature {

// The columns `outputs` (indexes into plan.outputs; ChoosesRows holds for them) for `count`
// spine rows, of which `labels` are those with an entity. Chooses rows by entities and times first,
// and then reads the values of the pieces that chosen rows lie in. Memory: the columns, 24 bytes a
// label and one piece for each thread. Errors: those of the pieces, WH4015.
Result<std::vector<std::shared_ptr<arrow::ChunkedArray>>> LatestColumns(
    const ViewPlan& plan, const FeaturePieces& pieces, const LabelOrder& labels,
    const std::vector<std::size_t>& outputs, std::size_t count, int threads);
}  // namespace weirhouse::feature

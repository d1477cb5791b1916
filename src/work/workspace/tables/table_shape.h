// Whether existing tables have the columns and partitions that the project's files give them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::work {

// What would have to change for `table` to have the columns of `wanted`, in this order, and these
// partition expressions: "v double → decimal(18,4), w added". Empty if nothing would.
Result<std::string> ShapeDifference(const iceberg::TableMetadata& table,
                                    const arrow::Schema& wanted,
                                    const std::vector<std::string>& partition);

// Processed tables (with their histories) whose shape is not what their SQL gives: the difference,
// by table. External tables are left out. Cost: the metadata of each table.
Result<std::map<std::string, std::string>> TablesToReshape(Workspace& workspace);
// Feature tables with a column whose type differs from the view's because its source changed: the
// difference, by view.
Result<std::map<std::string, std::string>> ViewsToReshape(Workspace& workspace);
}  // namespace weirhouse::work

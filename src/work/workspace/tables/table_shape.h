// Whether the tables that stand have the columns and the partitions that the project's files give
// them.
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

// What would have to change for `table` to have the columns of `wanted`, in their order, and these
// partition expressions: "v double → decimal(18,4), w added". Empty if nothing.
Result<std::string> ShapeDifference(const iceberg::TableMetadata& table,
                                    const arrow::Schema& wanted,
                                    const std::vector<std::string>& partition);

// Processed tables (with their histories) that stand in another shape than their SQL gives: what
// differs, by table. Those of other engines are left out. Cost: the metadata of each table.
Result<std::map<std::string, std::string>> TablesToReshape(Workspace& workspace);
// Feature tables that hold a column under another type than their view gives now, because its
// source changed: what differs, by view.
Result<std::map<std::string, std::string>> ViewsToReshape(Workspace& workspace);
}  // namespace weirhouse::work

// Gives a table other columns or partitions when all of its rows are rewritten. Pure; threads: any.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// `base` with the columns of `proposed`, in that order, and these partition expressions, as the
// base of a StagedWrite with RemoveAllFiles. A column that keeps its name and a compatible type
// (EvolveSchema) keeps its id; any other gets a new id, so that old files are never read with a new
// type. Earlier snapshots keep their schema. Returns `base` itself if nothing differs. Errors:
// those of ParsePartitioning; kContractRefused if no column or partition ids are left.
Result<TablePtr> Reshape(const TablePtr& base, const Schema& proposed,
                         const std::vector<std::string>& partition);

// The property of a reshaped table that names its schema, because a table without rows has no
// snapshot to name it.
inline constexpr char kReshapedProperty[] = "weirhouse.reshaped";
}  // namespace weirhouse::iceberg

// A table that gets other columns or partitions because all of its rows are written anew.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// `base` with the columns of `proposed`, in their order, and these partition expressions: what a
// StagedWrite with RemoveAllFiles begins from. A column that keeps its name and may hold what it
// held (EvolveSchema) keeps its id; any other is a new one, so that nobody reads old files under a
// new type. Snapshots of before keep their schema. `base` itself where nothing differs.
Result<TablePtr> Reshaped(const TablePtr& base, const Schema& proposed,
                          const std::vector<std::string>& partition);

// Property of a reshaped table: the schema that it got. A table without rows has no snapshot to
// name it.
inline constexpr char kReshapedProperty[] = "weirhouse.reshaped";
}  // namespace weirhouse::iceberg

// The catalog records of a moved ref.
#pragma once

#include <string>
#include <vector>

#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// The snapshots that became visible under `ref`, oldest first: the new head and those of its
// ancestors that the old head did not have. For a ref that was rolled back, the new head alone.
// Empty if the ref did not change or was removed.
std::vector<catalog::SnapshotRecord> MakeMoveRecords(const TableMetadata* before,
                                                     const TableMetadata& after,
                                                     const std::string& ref);
}  // namespace weirhouse::iceberg

// What the catalog records when a ref moves.
#pragma once

#include <string>
#include <vector>

#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// The snapshots that became visible under `ref`, oldest first: the new head and those of its
// ancestors that the old head did not have. A ref that went back has its new head alone. Empty if
// the ref stayed or is gone.
std::vector<catalog::SnapshotRecord> RecordsOfMove(const TableMetadata* before,
                                                   const TableMetadata& after,
                                                   const std::string& ref);
}  // namespace weirhouse::iceberg

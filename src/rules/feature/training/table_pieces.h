// A feature table of the lake in pieces: the row groups of its files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/object_store.h"
#include "rules/feature/kernel/feature_pieces.h"

namespace weirhouse::feature {

// Reads the footers of the snapshot's files, and rows when they are asked for. `unique_keys`: as
// FeaturePieces::unique_keys. The store must outlive it. Errors: those of Scan.
Result<std::shared_ptr<const FeaturePieces>> OpenPieces(platform::ObjectStore& store,
                                                        const iceberg::TablePtr& table,
                                                        SnapshotId snapshot,
                                                        std::vector<std::string> columns,
                                                        bool unique_keys);
}  // namespace weirhouse::feature

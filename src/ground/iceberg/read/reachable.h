// Finds the files that a table's metadata still needs. Threads: any.
#pragma once

#include <set>
#include <string>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// The local paths of everything that some snapshot of `table` refers to: manifest lists, manifests,
// live data and delete files, statistics; and the current metadata.json and those of its log. A
// file that is not in the set may be deleted. Cost: reads every manifest list, and each manifest
// once.
//   kCorruption  a list or manifest cannot be read: delete nothing
Result<std::set<std::string>> ReachableFiles(platform::ObjectStore& store,
                                             const TableMetadata& table);

// The live files of one snapshot, each with the snapshot that added it: for `wh table files`.
Result<std::vector<DataFile>> LiveFiles(platform::ObjectStore& store, const TableMetadata& table,
                                        const Snapshot& snapshot);

// The partition of a file, in the spelling of paths: "day=2013-01-01, origin=JFK"; empty for an
// unpartitioned file.
std::string FormatPartition(const TableMetadata& table, const DataFile& file);
}  // namespace weirhouse::iceberg

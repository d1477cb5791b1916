// Which files a table's metadata still needs.
#pragma once

#include <set>
#include <string>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

// Paths, as the disk wants them, of everything that some snapshot of `table` leads to: manifest
// lists, manifests, live data and delete files, statistics; the current metadata.json and those of
// its log. What is not in it may go. Cost: reads every manifest list, and each manifest once.
//   kCorruption  a list or manifest cannot be read: nothing may be removed then
Result<std::set<std::string>> ReachableFiles(platform::ObjectStore& store,
                                             const TableMetadata& table);

// One snapshot's live files, with the snapshot that added them: what `wh table files` shows.
Result<std::vector<DataFile>> LiveFiles(platform::ObjectStore& store, const TableMetadata& table,
                                        const Snapshot& snapshot);

// "day=2013-01-01, origin=JFK": the partition of a file, as paths spell it; empty without one.
std::string PartitionOf(const TableMetadata& table, const DataFile& file);
}  // namespace weirhouse::iceberg

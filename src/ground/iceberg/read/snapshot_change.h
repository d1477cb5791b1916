// The actual change of a snapshot, read from its manifests. Policies and lineage use this and not
// the summary, which is only the writer's claim. Threads: any. Cost: mainly the manifests that the
// snapshots do not share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"

namespace weirhouse::iceberg {

struct SnapshotChange {
  std::vector<DataFile> added_data;     // live now, not before
  std::vector<DataFile> removed_data;   // live before, not now
  std::vector<DataFile> added_deletes;  // position and equality deletes
  std::vector<DataFile> removed_deletes;
  // Files that are live in both, with another sequence number: a hidden rewrite.
  std::vector<std::string> renumbered;
  // Files that are live in both, with another description: rows, size, partition, bounds, format.
  std::vector<std::string> redescribed;
  std::vector<std::string> new_manifests;  // in the list of `after` but not of `before`
  std::int64_t rows_before = 0;            // live rows; position deletes are counted exactly
  std::int64_t rows_after = 0;

  bool only_adds_data() const {
    return removed_data.empty() && added_deletes.empty() && removed_deletes.empty() &&
           renumbered.empty() && redescribed.empty();
  }
  bool changes_nothing() const { return only_adds_data() && added_data.empty(); }
};

// Called before a manifest list or manifest that `before` does not name is opened: an error ends
// the comparison. `size_bytes` is the length stated in the file's list, or -1.
using MayOpen = std::function<Status(const std::string& path, std::int64_t size_bytes)>;

// Compares two snapshots of one table (`before` nullptr: the empty table). Reads the manifests that
// the two do not share. Shared manifests are only searched, in the cache, for added files that they
// already hold, and are read if position deletes must be counted. With equality deletes
// `rows_after` is an upper bound. With `may_open` the later snapshot is a client's: a file of it that
// is missing is kNotFound, else kCorruption (WH7012).
//   kCorruption, kInvalidInput  a list or manifest cannot be read (WH7052, WH7053), or contradicts
//                               itself (WH7078: a file twice, deletes in a manifest of data, counts
//                               that are not its entries', sequence numbers to come)
Result<SnapshotChange> CompareSnapshots(platform::ObjectStore& store, const TableMetadata& table,
                                        const Snapshot* before, const Snapshot& after,
                                        const MayOpen& may_open = {});

// Whether two snapshots hold the same rows, as a multiset over the declared columns of the table's
// current schema, which a `replace` promises. Reads only the files that are not in both with the
// same deletes, one at a time.
//   kInvalidInput  WH7079: more than `bytes_max` of files would have to be read, or the type of a
//   column is not supported
Result<bool> HoldSameRows(platform::ObjectStore& store, const TableMetadata& table,
                          const Snapshot& before, const Snapshot& after, std::int64_t bytes_max);
}  // namespace weirhouse::iceberg

// What a snapshot really changed, read from its manifests. The summary is a claim; this is the
// evidence that policies judge and lineage records.
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
  // Files that are live in both under another sequence number: a rewrite in disguise.
  std::vector<std::string> renumbered;
  // Files that are live in both, but described otherwise: rows, size, partition, bounds, format.
  std::vector<std::string> redescribed;
  std::vector<std::string> new_manifests;  // in the list of `after`, not of `before`
  std::int64_t rows_before = 0;            // live rows, position deletes counted exactly
  std::int64_t rows_after = 0;

  bool only_adds_data() const {
    return removed_data.empty() && added_deletes.empty() && removed_deletes.empty() &&
           renumbered.empty() && redescribed.empty();
  }
  bool changes_nothing() const { return only_adds_data() && added_data.empty(); }
};

// Asked before a manifest list or manifest that `before` does not name is opened: an error ends
// the comparison. `size_bytes` is what the file's list says of it, or -1.
using MayOpen = std::function<Status(const std::string& path, std::int64_t size_bytes)>;

// Compares two snapshots of one table (`before` nullptr: the empty table). Reads manifests that the
// two do not share; those that they share are only asked, from the cache, whether they hold an
// added file already, and are read where there are position deletes to count. Equality deletes make
// `rows_after` an upper bound.
//   kCorruption, kInvalidInput  a list or manifest cannot be read (WH7052, WH7053), or contradicts
//                               itself (WH7078: a file twice, deletes in a manifest of data, counts
//                               that are not its entries', sequence numbers to come)
Result<SnapshotChange> CompareSnapshots(platform::ObjectStore& store, const TableMetadata& table,
                                        const Snapshot* before, const Snapshot& after,
                                        const MayOpen& may_open = {});

// Whether two snapshots hold the same rows, as a multiset over the declared columns of the table's
// current schema: what a `replace` promises. Only files that are not in both with the same deletes
// are read, one at a time.
//   kInvalidInput  WH7079: more than `bytes_max` of files would have to be read, or a column cannot
//                  be read here
Result<bool> HoldSameRows(platform::ObjectStore& store, const TableMetadata& table,
                          const Snapshot& before, const Snapshot& after, std::int64_t bytes_max);
}  // namespace weirhouse::iceberg

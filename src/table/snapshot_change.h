// What a snapshot really changed, read from its manifests. The summary is a claim; this is the
// evidence that policies judge and lineage records.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "table/table.h"

namespace weirhouse::table {

struct SnapshotChange {
  std::vector<DataFile> added_data;     // live now, not before
  std::vector<DataFile> removed_data;   // live before, not now
  std::vector<DataFile> added_deletes;  // position and equality deletes
  std::vector<DataFile> removed_deletes;
  // Data files that are live in both under another sequence number: a rewrite in disguise.
  std::vector<std::string> renumbered;
  std::vector<std::string> new_manifests;  // in the list of `after`, not of `before`
  std::int64_t rows_before = 0;            // live rows, position deletes counted exactly
  std::int64_t rows_after = 0;

  bool only_adds_data() const {
    return removed_data.empty() && added_deletes.empty() && removed_deletes.empty() &&
           renumbered.empty();
  }
};

// Compares two snapshots of one table (`before` nullptr: the empty table). Reads only manifests
// that the two do not share. Equality deletes make `rows_after` an upper bound.
//   kCorruption, kInvalidInput  a list or manifest cannot be read (WH7052, WH7053), is not where it
//                               says, or contradicts itself (a file twice, counts that are not its
//                               entries')
Result<SnapshotChange> CompareSnapshots(storage::Disk& disk, const TableMetadata& table,
                                        const Snapshot* before, const Snapshot& after);
}  // namespace weirhouse::table

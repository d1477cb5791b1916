// Which versions of each key are known, so that a record that comes again is told from a new
// version, however long ago the first one came.
//
// A version is (key, declared order, content digest). Of the versions with one key and one order,
// the one with the greatest digest is the best; the others lost against it (conflict). Like
// table::KeyIndex a cache: it names the snapshot it stands at and is rebuilt when that is not the
// table's.
//
// Keys in the store, all beginning with "version/" TABLE 0x00:
//   's'                                       → snapshot id, 8 bytes, little-endian
//   'b' KEY-LENGTH(4, big-endian) KEY ORDER          → digest (32), record (8): the best
//   'o' KEY-LENGTH(4, big-endian) KEY ORDER DIGEST   → record (8): another one
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/id.h"
#include "base/status.h"
#include "storage/disk.h"
#include "storage/kv.h"
#include "table/table.h"

namespace weirhouse::transform {

// `group` = VersionGroup(key, order).
struct Version {
  std::string group;
  Digest content;
  RecordId record;
};
// Bytes of a key and an order (both from table::EncodeKeys) as one.
std::string VersionGroup(std::string_view key, std::string_view order);

struct VersionChanges {
  std::vector<Version> best;    // replace what stood as their group's best
  std::vector<Version> others;  // join the others
  std::vector<Version> gone;    // are forgotten before these are written
};

// One table's versions. Threads: one writer; reads from any.
class VersionIndex {
 public:
  // `order_columns` empty: none declared, or `order arrival`.
  VersionIndex(storage::KvStore& store, std::string_view table_name,
               std::vector<std::string> key_columns, std::vector<std::string> order_columns);

  // Brings the index to the main snapshot of `history` (the `<table>_history` table): nothing to do
  // if it stands there, else a rebuild from a scan. A table without history passes its current
  // table: then a rebuild knows the current versions only, and a later repeat of an older one
  // counts as superseded or conflict instead of duplicate.
  Status Refresh(storage::Disk& disk, const table::TablePtr& history);

  // One answer per group, in order; `content` and `record` are the best's.
  Result<std::vector<std::optional<Version>>> FindBest(const std::vector<std::string>& groups);
  // The record of each version that is not its group's best; absent if unknown.
  Result<std::vector<std::optional<RecordId>>> FindOthers(const std::vector<Version>& versions);

  // After the commit of `staged`: stands at its snapshot.
  Status Apply(const table::TablePtr& staged, const VersionChanges& changes);

 private:
  Status Rebuild(storage::Disk& disk, const table::TablePtr& history);
  Status Write(const VersionChanges& changes, std::optional<SnapshotId> snapshot);
  std::string BestKey(std::string_view group) const;
  std::string OtherKey(const Version& version) const;

  storage::KvStore& store_;
  std::string prefix_;
  std::vector<std::string> key_columns_;
  std::vector<std::string> order_columns_;
};
}  // namespace weirhouse::transform

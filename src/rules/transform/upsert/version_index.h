// Which versions of each key are known, so that a record that comes again is told from a new
// version, however long ago the first one came.
//
// A version is (key, declared order, content digest). Of the versions with one key and one order,
// the one with the greatest digest is the best; the others lost against it (conflict). Like
// iceberg::KeyIndex a cache: it names the snapshot it stands at, catches up where rows were only
// added since, and is rebuilt otherwise.
//
// A table with history remembers all versions, from the history. One without remembers those that
// lost, from system.losers: its current versions are in the key index. So a table in which nothing
// ever loses pays nothing.
//
// Keys in the store, all beginning with "versions/" TABLE 0x00:
//   's'                        → snapshot id, 8 bytes, little-endian
//   'b' GROUP(32)              → digest (32), record (8): the best
//   'o' GROUP(32) DIGEST(32)   → record (8): another one
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/object_store.h"
#include "ground/platform/kv/kv.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

// `group` = VersionGroup(key, order).
struct Version {
  Digest group;
  Digest content;
  RecordId record;
};
// A key and an order (both from iceberg::EncodeKeys) as one.
Digest VersionGroup(std::string_view key, std::string_view order);

struct VersionChanges {
  std::vector<Version> best;    // replace what stood as their group's best
  std::vector<Version> others;  // join the others
  std::vector<Version> gone;    // are forgotten before these are written
};

enum class Memory : std::uint8_t {
  kHistory,  // all versions
  kLosers,   // those that lost
};

// One table's versions. Threads: one writer; reads from any.
class VersionIndex {
 public:
  // `order_columns` empty: none declared, or `order arrival`.
  VersionIndex(platform::KvStore& store, std::string_view table_name,
               std::vector<std::string> key_columns, std::vector<std::string> order_columns,
               Memory memory);

  Memory memory() const { return memory_; }
  // Brings the index to the main snapshot of `source`, which is the `<table>_history` table, or
  // system.losers (null if there is none). Nothing to do if it stands there. Where rows were only
  // added since, those are read; else all are, one file's in memory at a time.
  Status Refresh(platform::ObjectStore& store, const iceberg::TablePtr& source);

  // One answer per group, in order; `content` and `record` are the best's.
  Result<std::vector<std::optional<Version>>> FindBest(const std::vector<Digest>& groups);
  // The record of each version that is not its group's best; absent if unknown.
  Result<std::vector<std::optional<RecordId>>> FindOthers(const std::vector<Version>& versions);

  // After the commit of `staged`, the new state of what Refresh was given (null: that did not
  // change): stands at its snapshot.
  Status Apply(const iceberg::TablePtr& staged, const VersionChanges& changes);

 private:
  Status Rebuild(platform::ObjectStore& store, const iceberg::TablePtr& source);
  Status Read(platform::ObjectStore& store, const iceberg::TablePtr& source,
              std::optional<std::int64_t> after_sequence_number);
  Result<VersionChanges> VersionsOf(const arrow::Table& rows);
  Result<VersionChanges> BestAndOthers(std::vector<Version> standing);
  Result<std::vector<Version>> Oldest(std::vector<Version> others);
  Status Write(const VersionChanges& changes, std::optional<SnapshotId> snapshot);
  std::string BestKey(const Digest& group) const;
  std::string OtherKey(const Version& version) const;

  platform::KvStore& store_;
  std::string table_name_;
  std::string prefix_;
  std::vector<std::string> key_columns_;
  std::vector<std::string> order_columns_;
  Memory memory_;
};
}  // namespace weirhouse::transform

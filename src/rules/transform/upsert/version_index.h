// The known versions of each key, so that a record that comes again is told from a new version,
// however long ago the first one came.
//
// A version is (key, declared order, content digest). Of the versions with one key and one order,
// the one with the greatest digest is the best; the others lost to it (conflict). A cache like
// iceberg::KeyIndex: it stores the snapshot that it has reached, catches up if rows were only added
// since, and is rebuilt otherwise.
//
// A table with history remembers all versions, from the history. A table without one remembers
// those that lost, from system.losers: its current versions are in the key index. So a table in
// which nothing loses has no cost.
//
// Entries of the store "versions." TABLE, whose state is the snapshot id (8 bytes, little-endian) and
// a digest of the columns (8):
//   digest of GROUP            → digest (32), record (8): the best
//   digest of GROUP DIGEST     → record (8): another one
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
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
#include "ground/platform/kv/run_store.h"

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
// One digest for a key and an order (both from iceberg::EncodeKeys).
Digest VersionGroup(std::string_view key, std::string_view order);

struct VersionChanges {
  std::vector<Version> best;    // replace their groups' best
  std::vector<Version> others;  // added to the others
  std::vector<Version> gone;    // removed before these are written
};

enum class Memory : std::uint8_t {
  kHistory,  // all versions
  kLosers,   // versions that lost
};

// One table's versions. Threads: one writer; reads from any.
class VersionIndex {
 public:
  // `order_columns` empty: none declared, or `order arrival`.
  VersionIndex(platform::RunStores& stores, std::string_view table_name,
               std::vector<std::string> key_columns, std::vector<std::string> order_columns,
               Memory memory);
  // The name of its store.
  static std::string StoreName(std::string_view table_name);

  Memory memory() const { return memory_; }
  // Updates the index to the main snapshot of `source`, which is the `<table>_history` table, or
  // system.losers (null if there is none); does nothing if it is there. If rows were only added
  // since, reads those; otherwise all, one file at a time.
  Status Refresh(platform::ObjectStore& store, const iceberg::TablePtr& source);

  // One answer for each group, in order; `content` and `record` are those of the best version.
  Result<std::vector<std::optional<Version>>> FindBest(const std::vector<Digest>& groups);
  // The record of each version that is not its group's best; absent if unknown.
  Result<std::vector<std::optional<RecordId>>> FindOthers(const std::vector<Version>& versions);

  // After the commit of `staged`, the new state of the table given to Refresh (null: it did not
  // change): the index is then at its snapshot.
  Status Apply(const iceberg::TablePtr& staged, const VersionChanges& changes);

 private:
  struct Open;
  Result<Open*> Opened();
  Status Read(platform::ObjectStore& store, const iceberg::TablePtr& source,
              std::optional<std::int64_t> after_sequence_number);
  Result<VersionChanges> VersionsOf(const arrow::Table& rows);
  Result<VersionChanges> BestAndOthers(std::vector<Version> standing);
  Result<std::vector<Version>> Oldest(std::vector<Version> others);
  Status Write(const VersionChanges& changes, std::optional<SnapshotId> snapshot);

  platform::RunStores& stores_;
  std::string table_name_;
  std::vector<std::string> key_columns_;
  std::vector<std::string> order_columns_;
  Memory memory_;
  std::mutex mutex_;  // guards the opening
  std::shared_ptr<Open> open_;
};
}  // namespace weirhouse::transform

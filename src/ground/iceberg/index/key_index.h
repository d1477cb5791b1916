// Where the current row of each table key is, so that an upsert finds what it replaces without
// reading the table. A cache in RocksDB: it names the snapshot it stands at, and follows the
// table's or is rebuilt when that is another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/kv/kv.h"

namespace weirhouse::iceberg {

// What the index stores contradicts itself: it is to be filled anew.
inline constexpr Reason kKeyIndexDamaged{"WH7063"};

class KeyIndexWriter;

// What the index knows of a key's current row.
struct KeyEntry {
  RowPosition position;
  std::string order;  // memory-comparable bytes of the declared order columns; empty if none
  Digest content;     // of the declared columns
  RecordId record;    // `_record`
};

// One table's index. Threads: one writer; reads from any.
class KeyIndex {
 public:
  // `table_name` is a key space of its own inside `store`. `key_columns`, `order_columns` are the
  // table's.
  KeyIndex(platform::KvStore& store, std::string table_name, std::vector<std::string> key_columns,
           std::vector<std::string> order_columns);

  // Brings the index to `table`'s main snapshot: nothing to do if it stands there. From a snapshot
  // that the table still knows, by the files that differ: after a compaction, by the rows it
  // rewrote. Else a rebuild from a scan (seconds per million rows; one file's rows in memory at a
  // time).
  Status Refresh(platform::ObjectStore& store, const TablePtr& table);
  // One answer per key (encoded by EncodeKeys), in order.
  Result<std::vector<std::optional<KeyEntry>>> Find(const std::vector<std::string>& keys);
  // After the commit of `staged`, never before (not synced: a cache may lag, not lead): entries
  // replace what stood under their keys, `removed` keys go, and the index stands at the new
  // snapshot.
  Status Apply(const TablePtr& staged, std::span<const std::pair<std::string, KeyEntry>> entries,
               std::span<const std::string> removed);
  // The same of `count` entries that are made as they are written, since each names its file.
  using EntryAt = std::function<std::pair<std::string_view, KeyEntry>(std::size_t)>;
  Status Apply(const TablePtr& staged, std::size_t count, const EntryAt& entry_at,
               std::span<const std::string> removed);
  Result<std::int64_t> Count();
  // The snapshot the index stands at (0 = an empty table); absent if it must be rebuilt.
  Result<std::optional<SnapshotId>> StandsAt();

 private:
  friend class KeyIndexWriter;
  struct Files;
  std::string Key(char kind, std::string_view rest) const;
  std::string EntryKey(std::string_view key) const;
  std::string FileKey(std::uint32_t id) const;
  Status LoadFiles();
  static ScanOptions RowsToIndex(const TableMetadata& table);
  Status PutRows(const Scan& scan, const Scan::Task& task, KeyIndexWriter& writer) const;
  Result<bool> Follow(platform::ObjectStore& store, const TablePtr& table, SnapshotId from);
  Status Rebuild(platform::ObjectStore& store, const TablePtr& table, SnapshotId wanted);

  platform::KvStore& store_;
  std::string table_name_;
  std::vector<std::string> key_columns_;
  std::vector<std::string> order_columns_;
  std::shared_ptr<Files> files_;
};

}  // namespace weirhouse::iceberg

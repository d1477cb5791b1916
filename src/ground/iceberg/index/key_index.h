// Maps each key of a table to its current row, so that an upsert finds the row it replaces without
// reading the table. It is a cache in RocksDB: it stores the snapshot it reflects, and is updated
// or rebuilt when the table is at another one.
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

// The index contradicts itself and must be rebuilt.
inline constexpr Reason kKeyIndexDamaged{"WH7063"};

class KeyIndexWriter;

// The index's entry of a key.
struct KeyEntry {
  RowPosition position;
  std::string order;  // memory-comparable bytes of the order columns; empty if none
  Digest content;     // of the declared columns
  RecordId record;    // `_record`
};

// The index of one table. Threads: one writer; any readers. Errors: kCorruption (kKeyIndexDamaged),
// and those of the store.
class KeyIndex {
 public:
  // Each `table_name` has its own key space in `store`. `key_columns` and `order_columns` are the
  // table's.
  KeyIndex(platform::KvStore& store, std::string table_name, std::vector<std::string> key_columns,
           std::vector<std::string> order_columns);

  // Brings the index to `table`'s main snapshot; does nothing if it is there. From a snapshot that
  // the table still has, it applies the difference in files; after a compaction, the rewritten
  // rows. Otherwise it is rebuilt by a scan (seconds per million rows; one file's rows in memory at
  // a time).
  Status Refresh(platform::ObjectStore& store, const TablePtr& table);
  // One entry per key (encoded by EncodeKeys), in order; absent if the table has no such row.
  Result<std::vector<std::optional<KeyEntry>>> Find(const std::vector<std::string>& keys);
  // Call after the commit of `staged`, never before (not synced: a cache may be behind the table,
  // not ahead). Replaces the entries of these keys, deletes `removed` keys, and moves the index to
  // the new snapshot.
  Status Apply(const TablePtr& staged, std::span<const std::pair<std::string, KeyEntry>> entries,
               std::span<const std::string> removed);
  // As above, for `count` entries that are created while they are written, since each names its
  // file.
  using EntryAt = std::function<std::pair<std::string_view, KeyEntry>(std::size_t)>;
  Status Apply(const TablePtr& staged, std::size_t count, const EntryAt& entry_at,
               std::span<const std::string> removed);
  Result<std::int64_t> Count();
  // The snapshot that the index reflects (0 = an empty table); absent if it must be rebuilt.
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

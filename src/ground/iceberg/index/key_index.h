// Maps each key of a table to its current row, so that an upsert finds the row it replaces without
// reading the table. It is a cache in sorted runs (platform::RunStore): it stores the snapshot it
// reflects, and is updated or rebuilt when the table is at another one. Keyed digests of 128 bits
// stand for keys.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/index/sparse_list.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/kv/run_store.h"

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

// A row to be entered. The views need to be valid only while it is put.
struct IndexedRow {
  std::string_view key;  // encoded by EncodeKeys
  std::string_view file;
  std::int64_t position = 0;
  std::string_view order;
  const Digest* content = nullptr;  // null: all zero
  RecordId record;
};

enum class IndexedFacts : std::uint8_t {
  kAll,       // the whole KeyEntry
  kPosition,  // the position alone; the others are empty. Only the key columns are read of the table
};

// The index of one table. Threads: one writer; any readers. Errors: kCorruption (kKeyIndexDamaged,
// platform::kDamagedStoreError), and those of the store.
class KeyIndex {
 public:
  // Each `table_name` has its own store in `stores`. `key_columns` and `order_columns` are the
  // table's.
  KeyIndex(platform::RunStores& stores, std::string table_name,
           std::vector<std::string> key_columns, std::vector<std::string> order_columns,
           IndexedFacts facts = IndexedFacts::kAll);

  // Brings the index to `table`'s main snapshot; does nothing if it is there. From a snapshot that
  // the table still has, it applies the difference in files; after a compaction, the rewritten
  // rows. Otherwise it is rebuilt by a scan (about a second per million rows, nearly all for reading
  // and digesting them; one file's rows in memory at a time).
  Status Refresh(platform::ObjectStore& store, const TablePtr& table);
  // The entry of each key (encoded by EncodeKeys), in their order; none if the table has no such
  // row. Cost: 0.2 us for a key that is absent, nothing if the table is empty.
  Result<SparseList<KeyEntry>> Find(std::span<const std::string_view> keys);
  Result<SparseList<KeyEntry>> Find(std::span<const std::string> keys);
  // Call after the commit of `staged`, never before (not synced: a cache may be behind the table,
  // not ahead). Replaces the entries of these keys, deletes `removed` keys, and moves the index to
  // the new snapshot. Cost: 0.3 us a key, later merges included 0.5 to 1.
  Status Apply(const TablePtr& staged, std::span<const std::pair<std::string, KeyEntry>> entries,
               std::span<const std::string> removed);
  // As above, for rows that are named while they are written: `name_rows` calls `put` for each. If
  // it fails, the index must be rebuilt.
  using Put = std::function<Status(const IndexedRow&)>;
  using NameRows = std::function<Status(const Put& put)>;
  Status Apply(const TablePtr& staged, const NameRows& name_rows,
               std::span<const std::string> removed);
  // Reads the whole index.
  Result<std::int64_t> Count();
  // The snapshot that the index reflects (0 = an empty table); absent if it must be rebuilt.
  Result<std::optional<SnapshotId>> StandsAt();

 private:
  friend class KeyIndexWriter;
  struct Open;
  Result<Open*> Opened();
  ScanOptions RowsToIndex(const TableMetadata& table) const;
  Status PutRows(const Scan& scan, const Scan::Task& task, KeyIndexWriter& writer) const;
  Result<bool> Follow(Open& index, platform::ObjectStore& store, const TablePtr& table,
                      SnapshotId from);
  Status Rebuild(Open& index, platform::ObjectStore& store, const TablePtr& table,
                 SnapshotId wanted);
  Status NameFiles(Open& index, const std::vector<std::uint64_t>& ids, std::span<KeyEntry> entries);

  platform::RunStores& stores_;
  std::string table_name_;
  std::vector<std::string> key_columns_;
  std::vector<std::string> order_columns_;
  IndexedFacts facts_;
  std::mutex mutex_;  // guards the opening
  std::shared_ptr<Open> open_;
};

}  // namespace weirhouse::iceberg

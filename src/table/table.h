// Iceberg tables: the only reader (versions 1 to 3) and the only writer (version 2) inside.
//
// A table's state is an immutable metadata.json. Writing stages files nobody can see and a new
// metadata.json; the caller hands the pointer change to catalog::Commit. Nothing here touches the
// catalog.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/random.h"
#include "base/status.h"
#include "base/time.h"
#include "catalog/record.h"
#include "storage/disk.h"
#include "storage/parquet.h"
#include "table/schema.h"
#include "table/shared_text_map.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::table {

inline constexpr int kSnapshotsKept = 100;  // metadata.json is rewritten whole at each commit
// Of ledgers, which nobody reads as of a commit: their rows say it themselves.
inline constexpr int kLedgerSnapshotsKept = 10;
inline constexpr int kMetadataLogMax = 10;
inline constexpr int kManifestsMergeAt = 30;  // a plan opens every manifest, a merge rewrites them

// ---- Metadata
// ---------------------------------------------------------------------------------------------
struct Snapshot {
  SnapshotId id;
  std::optional<SnapshotId> parent;
  std::int64_t sequence_number = 0;
  std::int64_t timestamp_ms = 0;
  std::string manifest_list;
  int schema_id = 0;
  SharedTextMap summary;  // with "operation"
  // Members we do not interpret (first-row-id, added-rows, key-id), as JSON text.
  std::map<std::string, std::string> other_keys = {};
};
struct SnapshotRef {
  SnapshotId snapshot;
  std::string type = "branch";  // branch | tag
  // What a foreign engine set; carried through, we expire by kSnapshotsKept alone.
  std::optional<std::int64_t> min_snapshots_to_keep;
  std::optional<std::int64_t> max_snapshot_age_ms;
  std::optional<std::int64_t> max_ref_age_ms;
};

// A parsed metadata.json. Immutable; shared freely between threads.
struct TableMetadata {
  std::string name;               // "processed.arrival"; not part of the file
  std::string location;           // absolute folder of the table
  std::string metadata_location;  // the file this was read from; empty for a new table
  std::string uuid;
  int format_version = 2;  // what we write; 1 and 3 of others are kept as they are
  std::int64_t last_sequence_number = 0;
  std::int64_t last_updated_ms = 0;
  int last_column_id = 0;
  std::vector<Schema> schemas;
  int current_schema_id = 0;
  std::vector<PartitionSpec> specs;
  int default_spec_id = 0;
  int last_partition_id = 999;
  std::vector<SortOrder> sort_orders = {SortOrder{}};
  int default_sort_order_id = 0;
  std::map<std::string, std::string> properties;
  std::vector<Snapshot> snapshots;
  std::vector<std::pair<std::int64_t, SnapshotId>> snapshot_log;
  std::vector<std::pair<std::int64_t, std::string>> metadata_log;
  std::map<std::string, SnapshotRef> refs;
  // Top-level keys we do not interpret (statistics, partition-statistics, next-row-id, …), as JSON
  // text: written back as they were read.
  std::map<std::string, std::string> other_keys;

  const Schema& schema() const;
  const PartitionSpec& spec() const;
  const SortOrder& sort_order() const;
  const Snapshot* current_snapshot() const;  // main; nullptr if empty
  const Snapshot* FindSnapshot(SnapshotId id) const;
  const Snapshot* FindRef(std::string_view ref) const;
};
using TablePtr = std::shared_ptr<const TableMetadata>;

// Reads format versions 1 to 3. Errors: kCorruption (WH7050), kInvalidInput (WH7051) for a later
// version.
Result<TableMetadata> ParseTableMetadata(std::string_view json, std::string name,
                                         std::string metadata_location);
std::string SerializeTableMetadata(const TableMetadata& metadata);

// Loads and caches metadata by location (they never change; the last 64 are kept). Threads: any.
Result<TablePtr> LoadTable(storage::Disk& disk, const std::string& name,
                           const std::string& metadata_location);

struct NewTable {
  std::string name;
  std::string location;
  Schema schema;
  PartitionSpec spec;
  std::vector<std::string> sort_columns;
  std::map<std::string, std::string> properties;
};
// Forgets all cached metadata, manifests and delete files. For tests and benchmarks: what is cached
// is immutable, so nobody else needs it.
void ClearTableCaches();
// Metadata of a table that does not exist yet; written by the first StagedWrite.
Result<TablePtr> MakeTable(const NewTable& table, Random& random, Clock& clock);

// ---- Files
// ------------------------------------------------------------------------------------------------
struct DataFile {
  enum class Content : std::uint8_t { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };
  Content content = Content::kData;
  std::string path;
  std::string format = "PARQUET";
  int spec_id = 0;
  std::vector<std::optional<std::string>> partition;  // single-value bytes, in spec order
  std::int64_t row_count = 0;
  std::int64_t size_bytes = 0;
  std::map<int, storage::ColumnStatistics> columns;
  std::vector<std::int64_t> split_offsets;
  std::vector<int> equality_ids;
  std::optional<int> sort_order_id;
  std::optional<std::string> referenced_data_file;
  // Version 3: where a deletion vector lies in its Puffin file.
  std::optional<std::int64_t> content_offset;
  std::optional<std::int64_t> content_size_bytes;
  std::int64_t data_sequence_number = 0;
  std::int64_t file_sequence_number = 0;
  SnapshotId added_by;
};

// ---- Reading
// ---------------------------------------------------------------------------------------------- A
// closed range on one column, for pruning files by partition and bounds. Rows outside it may still
// be returned: the caller filters. Values are single-value bytes of the column's type; absent =
// unbounded.
struct ColumnRange {
  std::string column;
  std::optional<std::string> minimum;
  std::optional<std::string> maximum;
};
struct ScanOptions {
  std::optional<SnapshotId> snapshot;  // default: main
  std::vector<std::string> columns;  // default: all of the snapshot's schema, hidden ones included
  std::vector<ColumnRange> ranges;
  bool with_file_position = false;  // adds "_file" (utf8) and "_pos" (int64)
  bool with_sequence_number =
      false;  // adds "_sequence_number" (int64): the file's data sequence number
  // Only rows of files added after this snapshot's sequence number (an incremental read of
  // appends). A file that compaction merged counts as added with the last of its parts, so a reader
  // that lags behind a compaction may see rows again; ReadHistory tells them apart.
  std::optional<std::int64_t> after_sequence_number;
};

// A planned read: live files of one snapshot with the deletes that apply to each. Threads: Read
// from any.
class Scan {
 public:
  static Result<Scan> Plan(storage::Disk& disk, TablePtr table, const ScanOptions& options);

  struct Task {
    DataFile file;
    // Position and equality deletes that apply to it; shared with other tasks.
    std::vector<std::shared_ptr<const DataFile>> deletes;
  };
  std::span<const Task> tasks() const { return tasks_; }
  // Rows of one task in file order, deleted ones masked out, columns resolved by field id.
  Result<std::shared_ptr<arrow::Table>> Read(const Task& task) const;
  // All tasks in order. Memory: the whole result.
  Result<std::shared_ptr<arrow::Table>> ReadAll() const;
  const Schema& schema() const { return schema_; }

 private:
  storage::Disk* disk_ = nullptr;
  TablePtr table_;
  ScanOptions options_;
  Schema schema_;  // of the columns asked for
  std::vector<Task> tasks_;
};

// The catalog's commit sequence of a table's Iceberg sequence number (catalog::Catalog::SeqOf).
using CommitSeqOf = std::function<Result<CommitSeq>(std::int64_t sequence_number)>;

// Rows of an append-only (history) table by the commit that brought them: `after` < commit ≤
// `up_to`. A row's commit is its `_commit_seq`, or where that is null its file's, through `seq_of`.
// The result has the scan's columns and "_commit_seq", filled in. Outlives the snapshots kept: any
// commit that is not undone can be asked for. Memory: the whole result.
struct HistoryOptions {
  CommitSeq after{0};
  CommitSeq up_to{std::numeric_limits<std::int64_t>::max()};
  ScanOptions scan;  // `columns` and `ranges` as in a scan
};
Result<std::shared_ptr<arrow::Table>> ReadHistory(storage::Disk& disk, TablePtr table,
                                                  const HistoryOptions& options,
                                                  const CommitSeqOf& seq_of);

// The order-free digest of a table's declared (not hidden) columns: rows as canonical bytes,
// sorted. Equal rows give equal digests whatever the files, splits, arrival order or engine.
Result<Digest> ContentDigest(const arrow::Table& rows);
// The canonical bytes of one row over `columns` (indexes): what content digests and tie-breaks are
// made of. Built column by column; call once per table.
Result<std::vector<Digest>> RowDigests(const arrow::Table& rows, std::span<const int> columns);
// The same over the declared columns in name order: what KeyEntry::content and ContentDigest hold.
Result<std::vector<Digest>> DeclaredDigests(const arrow::Table& rows);

// ---- Writing
// ----------------------------------------------------------------------------------------------
struct RowPosition {
  std::string file;
  std::int64_t position = 0;
};

// Where appended rows went: input row i is at files[file_of_row[i]], position position_of_row[i].
struct AppendedRows {
  std::vector<DataFile> files;
  std::vector<std::int32_t> file_of_row;
  std::vector<std::int64_t> position_of_row;
};

struct StageOptions {
  std::string run_name;  // "r12": part of file names, so that orphans can be traced
  std::string idempotency_key;
  std::string ref = "main";  // or a staging ref: main stays where it is
  std::string operation;     // empty = chosen from what was done (append | overwrite | delete)
  ProcessTime now;
  std::map<std::string, std::string> summary;  // extra keys
  int snapshots_kept = kSnapshotsKept;         // and those that refs name
};

// What one staged write hands to catalog::CommitRequest.
struct StagedTable {
  TablePtr table;  // the new metadata
  catalog::TableChange change;
  std::vector<catalog::SnapshotRecord> snapshots;
  std::vector<catalog::FileRecord> files;  // all files written, metadata included
  std::vector<std::string>
      paths_to_sync;  // pass those of all tables to Disk::SyncAll at once, then commit
};

// Stages one change of one table: any of append, position deletes, whole-file removal, schema
// evolution. File names hold run, ordinal and a random part, so that a resumed attempt overwrites
// nothing and an orphan can be traced to its run. Threads: one.
//   data       <location>/data/<partition path>/<run>-<ordinal>-<8 hex>.parquet
//   metadata   <location>/metadata/<5-digit version>-<uuid>.metadata.json,
//              snap-<snapshot id>-1-<uuid>.avro (manifest list), <uuid>-m<n>.avro (manifests)
class StagedWrite {
 public:
  // `base` is the state the change applies to (its metadata_location is the expected pointer).
  StagedWrite(storage::Disk& disk, TablePtr base, Random& random, StageOptions options);
  ~StagedWrite();
  StagedWrite(StagedWrite&&) noexcept;

  // Evolves the schema additively (see EvolveSchema). Call before Append.
  Status SetSchema(const Schema& proposed);
  // Writes rows (columns matched by name; missing optional ones become null; NULL in a required one
  // is an error), split by partition, in input order within a partition. Sorted tables: the caller
  // sorts.
  Result<AppendedRows> Append(const arrow::Table& rows,
                              const storage::ParquetOptions& options = {});
  // Marks rows deleted: one position-delete file per partition touched. The rows must be live in
  // `base` or appended in this write (a row masked twice would be counted twice in total_rows).
  Status DeleteRows(std::span<const RowPosition> rows);
  // Drops whole data files (compaction, full rebuild). Position deletes that applied only to them
  // go too.
  Status RemoveFiles(std::span<const std::string> data_files);
  Status RemoveAllFiles();
  void SetProperty(const std::string& key, const std::string& value);

  // Writes manifests, manifest list and metadata.json. A table of version 1 becomes one of version
  // 2 with the first data written; data for one of version 3 is refused (WH7051). If nothing was
  // changed, `snapshots` is empty and the change is a no-op that must not be committed
  // (change.metadata_location == base's). Keeps the last kSnapshotsKept snapshots and those that
  // refs name. Manifests of earlier commits are taken over untouched, except that kManifestsMergeAt
  // small ones become one. Cost: O(new files + manifests), a few ms beside Parquet.
  Result<StagedTable> Finish();

  struct State;  // private to table/

 private:
  friend Result<StagedTable> StageCompaction(storage::Disk& disk, TablePtr base, Random& random,
                                             const StageOptions& stage,
                                             const struct CompactionOptions& options,
                                             const CommitSeqOf& seq_of);
  std::unique_ptr<State> state_;
};

// Changes refs or expires snapshots without new data: publishing a staged ref, dropping it,
// tagging.
struct RefChange {
  std::string ref;
  std::optional<SnapshotId> snapshot;  // absent = remove the ref
  std::string type = "branch";
};
Result<StagedTable> StageRefs(storage::Disk& disk, TablePtr base, Random& random,
                              std::span<const RefChange> changes, ProcessTime now);

// Live data files of a snapshot with the share of their rows that position deletes mask: what
// compaction looks at.
struct FileDeletes {
  DataFile file;
  std::int64_t deleted_rows = 0;
};
Result<std::vector<FileDeletes>> DeletedShares(storage::Disk& disk, TablePtr table);

struct CompactionOptions {
  double deleted_share_min = 0.10;    // files with a greater share of masked rows are rewritten
  bool all = false;                   // rewrite everything
  std::int64_t small_file_bytes = 0;  // also merge files below this size …
  int small_files_min = 2;            // … where a partition has at least so many of them
  std::int64_t rows_per_file_max = 1'000'000;
};
// Whether a compaction would rewrite anything. Reads manifests alone.
Result<bool> WantsCompaction(storage::Disk& disk, const TablePtr& base,
                             const CompactionOptions& options);
// Rewrites files with the rows they have now (operation "replace"): deletes are folded in, files of
// one partition merged, sorted tables sorted. Rows keep their commit: where `_commit_seq` is null
// it is filled in from `seq_of`, if the table has that column. Nothing to do: a no-op, see
// StagedWrite::Finish. Memory: one partition's rows.
Result<StagedTable> StageCompaction(storage::Disk& disk, TablePtr base, Random& random,
                                    const StageOptions& stage, const CompactionOptions& options,
                                    const CommitSeqOf& seq_of);
}  // namespace weirhouse::table

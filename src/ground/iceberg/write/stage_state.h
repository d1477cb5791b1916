// The state of a StagedWrite, shared by the files that implement it.
#pragma once

#include <arrow/type_fwd.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/write/stage.h"

namespace weirhouse::iceberg {

// Converts rows to the table's schema: its columns, order and types. Errors: kInvalidInput (WH7057)
// naming the column.
Result<std::shared_ptr<arrow::Table>> ConformRows(const arrow::Table& rows, const Schema& schema,
                                                  const std::string& table_name);

// The partition of each row. `values[g]` are group g's single-value bytes in spec order; groups are
// ordered by them, so that equal rows give equal files.
struct PartitionGroups {
  std::vector<std::vector<std::optional<std::string>>> values;
  std::vector<std::int32_t> group_of_row;
};
Result<PartitionGroups> GroupByPartition(const arrow::Table& rows, const PartitionSpec& spec,
                                         const TableMetadata& metadata, const Schema& schema);

// Whether writing and merging preserve this order: identity columns, ascending, nulls first.
bool IsPlainOrder(const SortOrder& order);

struct StagedWrite::State {
  platform::ObjectStore& store;
  TablePtr base;
  Random& random;
  StageOptions options;

  TableMetadata next;                // what Finish will write
  const Snapshot* parent = nullptr;  // in `base`
  Schema schema;                     // of the new snapshot
  bool schema_changed = false;
  bool properties_changed = false;
  int ordinal = 0;  // of files in this write
  std::vector<DataFile> added;
  // Set by compaction: the data sequence numbers of `added`, instead of the new snapshot's.
  std::vector<std::int64_t> added_sequence_numbers;
  std::map<std::string, std::vector<std::int64_t>, std::less<>> deleted_rows;
  std::set<std::string, std::less<>> removed_files;
  // Set by compaction: position-delete files that become one for each partition.
  std::set<std::string, std::less<>> merged_deletes;
  bool remove_all = false;
  std::vector<catalog::FileRecord> records;

  State(platform::ObjectStore& the_store, TablePtr the_base, Random& the_random,
        StageOptions the_options);

  bool changes_data() const {
    return !added.empty() || !deleted_rows.empty() || !removed_files.empty() || remove_all ||
           !merged_deletes.empty();
  }
  // <location>/data/<partition>/<run>-<ordinal>-<8 hex><suffix>.parquet
  std::string NewDataPath(const PartitionSpec& spec,
                          const std::vector<std::optional<std::string>>& partition,
                          std::string_view suffix);
  Result<DataFile> WriteData(const arrow::Table& rows,
                             const std::vector<std::optional<std::string>>& partition,
                             const platform::ParquetOptions& parquet);
  // Writes `bytes` and records the file for FileRecord and Flush.
  Status Write(catalog::FileKind kind, const std::string& path, std::string_view bytes);
  void Remember(catalog::FileKind kind, const std::string& path, std::int64_t size_bytes,
                const Digest& sha256);
};

// Turns a filled State into files and metadata: stage_commit.cc.
Result<StagedTable> CommitStaged(StagedWrite::State& state);

// Writes `next` as the metadata.json that follows `base`, with its log, and fills in table, change
// and files of the result.
Result<StagedTable> WriteNextMetadata(platform::ObjectStore& store, const TablePtr& base,
                                      Random& random, TableMetadata next, ProcessTime now,
                                      std::vector<catalog::FileRecord> records);
// The catalog's record of a snapshot, from its summary.
catalog::SnapshotRecord RecordOf(const TableMetadata& metadata, const Snapshot& snapshot,
                                 std::string_view ref);
// Removes snapshots beyond `keep` that no ref names, and their snapshot-log entries.
void ExpireSnapshots(TableMetadata& metadata, int keep = kSnapshotsKept);
}  // namespace weirhouse::iceberg

// Stages a write: files that no reader can see yet, and the metadata.json that will name them. The
// caller passes the pointer change to catalog::Commit. Nothing here accesses the catalog.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/history.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/object_store.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

struct RowPosition {
  std::string file;
  std::int64_t position = 0;
};

// The positions of appended rows: input row i is at files[file_of_row[i]], position
// position_of_row[i].
struct AppendedRows {
  std::vector<DataFile> files;
  std::vector<std::int32_t> file_of_row;
  std::vector<std::int64_t> position_of_row;
};

struct StageOptions {
  std::string run_name;  // "r12": part of file names, so that orphaned files can be traced
  std::string idempotency_key;
  std::string ref = "main";  // or a staging ref: main stays where it is
  std::string operation;     // empty = chosen from what was done (append | overwrite | delete)
  ProcessTime now;
  std::map<std::string, std::string> summary;  // extra keys
  int snapshots_kept = kSnapshotsKept;         // in addition to those that refs name
};

// The result of a staged write, for catalog::CommitRequest.
struct StagedTable {
  TablePtr table;  // the new metadata
  catalog::TableChange change;
  std::vector<catalog::SnapshotRecord> snapshots;
  std::vector<catalog::FileRecord> files;  // all files written, metadata included
  std::vector<std::string>
      paths_to_sync;  // pass the paths of all tables to ObjectStore::Flush at once, then commit
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
  StagedWrite(platform::ObjectStore& store, TablePtr base, Random& random, StageOptions options);
  ~StagedWrite();
  StagedWrite(StagedWrite&&) noexcept;

  // Evolves the schema additively (see EvolveSchema). Call before Append.
  Status SetSchema(const Schema& proposed);
  // Writes rows (columns matched by name; missing optional ones become null; NULL in a required one
  // is an error), split by partition, in input order within a partition. Sorted tables: the caller
  // sorts.
  Result<AppendedRows> Append(const arrow::Table& rows,
                              const platform::ParquetOptions& options = {});
  // Marks rows as deleted: one position-delete file per affected partition. The rows must be live
  // in `base` or appended in this write (a row deleted twice would be counted twice in total_rows).
  Status DeleteRows(std::span<const RowPosition> rows);
  // Removes whole data files (compaction, full rebuild), and position deletes that applied only to
  // them.
  Status RemoveFiles(std::span<const std::string> data_files);
  Status RemoveAllFiles();
  void SetProperty(const std::string& key, const std::string& value);

  // Writes manifests, manifest list and metadata.json. The first data written makes a table of
  // version 1 one of version 2; data for one of version 3 is refused (WH7051). If nothing was
  // changed, `snapshots` is empty and the change is a no-op that must not be committed
  // (change.metadata_location == base's). Keeps the last kSnapshotsKept snapshots and those that
  // refs name. Manifests of earlier commits are reused unchanged, except that kManifestsMergeAt
  // small ones are merged. Cost: O(new files + manifests), a few ms in addition to Parquet.
  Result<StagedTable> Finish();

  struct State;  // used only by the implementation

 private:
  friend Result<StagedTable> StageCompaction(platform::ObjectStore& store, TablePtr base,
                                             Random& random, const StageOptions& stage,
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
Result<StagedTable> StageRefs(platform::ObjectStore& store, TablePtr base, Random& random,
                              std::span<const RefChange> changes, ProcessTime now);
}  // namespace weirhouse::iceberg

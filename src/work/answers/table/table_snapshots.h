// What a table's snapshots hold: how it came to what it holds now, the files of one snapshot, what
// differs between two. All look back; none changes anything.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::answers {

// The snapshot that `text` names, as work::FindTableSnapshot; empty: main's. It lives as long as
// `table`.
//   kNotFound  WH7059: no such snapshot, or none at all yet
Result<const iceberg::Snapshot*> SnapshotNamed(work::Workspace& workspace,
                                               const iceberg::TableMetadata& table,
                                               const std::string& text);

// ---- History
struct TableCommit {
  catalog::SnapshotRecord snapshot;
  std::string by;                 // "processed 2013-12-30": kind and name of the run that made it
  std::vector<std::string> refs;  // branches and tags that are at it now
  bool kept = false;              // else it has expired
};
struct TableHistoryAnswer {
  std::vector<TableCommit> history;  // newest first
};
// The newest `limit` snapshots of all refs. kNotFound: no such table.
// Cost: reads the snapshots' records, and each run once.
Result<TableHistoryAnswer> ReadTableHistory(work::Workspace& workspace, const std::string& name,
                                            std::int64_t limit);
// {"history": [{commit: "@12", snapshot, operation, added, deleted, rows, run, by, refs, kept:
// "yes" or "expired", ref}]}; the Iceberg id is a text, as is the list of refs.
nlohmann::json ToJson(const TableHistoryAnswer& answer);

// ---- Files
struct TableFilesAnswer {
  iceberg::TablePtr table;
  std::vector<iceberg::DataFile> files;  // live in the snapshot; by sequence number, then path
  std::string partition(const iceberg::DataFile& file) const;  // "day=2013-01-01"; empty without
};
// `at` as SnapshotNamed. kNotFound: no such table or snapshot; kCorruption: its manifests cannot be
// read. Cost: reads the snapshot's manifests.
Result<TableFilesAnswer> ReadTableFiles(work::Workspace& workspace, const std::string& name,
                                        const std::string& at);
// "data", "position deletes", "equality deletes"
std::string_view ContentName(iceberg::DataFile::Content content);
// {"files": [{content, rows, bytes, partition, sequence, path, added_by_snapshot}]}
nlohmann::json ToJson(const TableFilesAnswer& answer);

// ---- Difference
inline constexpr std::int64_t kNoRowsMax = std::numeric_limits<std::int64_t>::max();
struct TableDiffAnswer {
  std::string table;
  SnapshotId from;
  SnapshotId to;
  std::int64_t rows_before = 0;
  std::int64_t rows_after = 0;
  std::int64_t differing_rows = 0;  // in one of the two alone
  std::size_t data_files_added = 0;
  std::size_t data_files_removed = 0;
  std::size_t delete_files_added = 0;
  std::size_t delete_files_removed = 0;
  // The first that differ, in the order of their values: "change" is "-" for rows of `from` alone
  // and "+" for rows of `to` alone; then the declared columns.
  std::shared_ptr<arrow::Table> rows;
};
// `from` and `to` as SnapshotNamed; `limit` of the rows that are listed.
//   kNotFound      no such table or snapshot
//   kInvalidInput  WH8048: the two have more than `rows_max` rows together
// Cost: reads all rows of both into memory.
Result<TableDiffAnswer> ReadTableDiff(work::Workspace& workspace, const std::string& name,
                                      const std::string& from, const std::string& to,
                                      std::int64_t limit, std::int64_t rows_max = kNoRowsMax);
// {table, from, to, rows_before, rows_after, differing_rows, data_files_added, data_files_removed,
// delete_files_added, delete_files_removed, rows: [{change, …}]}
nlohmann::json ToJson(const TableDiffAnswer& answer);
}  // namespace weirhouse::answers

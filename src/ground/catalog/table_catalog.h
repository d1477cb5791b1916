// The part of the catalog that records tables: pointers, namespaces, folders, snapshots and their
// files. Only Commit writes it, unless a function says otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

// Threads: any. Each read sees one committed state. Errors: kNotFound, kUnavailable, kCorruption.
class TableCatalog {
 public:
  virtual ~TableCatalog() = default;
  virtual Result<std::optional<TablePointer>> FindTable(std::string_view name) = 0;
  virtual Result<std::vector<TablePointer>> Tables() = 0;
  // A page of full names in one namespace (not below it), in byte order, after the full name
  // `after` (empty: from the beginning). Cost: O(page).
  virtual Result<std::vector<std::string>> TableNames(std::string_view name_space, PointerKind kind,
                                                      std::string_view after,
                                                      std::int64_t limit) = 0;
  // All namespaces by name, including those that exist only because they hold tables.
  virtual Result<std::vector<NamespaceRecord>> Namespaces() = 0;
  virtual Result<std::optional<NamespaceRecord>> FindNamespace(std::string_view name) = 0;
  // The folders of tables and views that are equal to, inside or around one of `places`, and those
  // that are unknown (PlaceRecord::place empty), by folder. Commit refuses to give a table a folder
  // of another. Cost: O(levels of a path), whatever the number of tables.
  virtual Result<std::vector<PlaceRecord>> PlacesAround(const std::vector<std::string>& places) = 0;
  // Frees folders that TableDrop::places_kept_until reserved. Writes outside a commit.
  virtual Status ReleasePlaces(const std::vector<std::string>& places) = 0;
  virtual Result<std::vector<SnapshotRecord>> Snapshots(
      std::string_view table) = 0;  // oldest first
  // The commit sequence that made `sequence_number` of `table` visible.
  virtual Result<CommitSeq> SeqOf(std::string_view table, std::int64_t sequence_number) = 0;
  // The snapshot of `table`'s main that was current as of `seq`; absent if the table did not exist
  // yet.
  virtual Result<std::optional<SnapshotRecord>> SnapshotAsOf(std::string_view table,
                                                             CommitSeq seq) = 0;
  virtual Result<std::vector<FileRecord>> Files(std::optional<std::string> table) = 0;
  // Files first recorded by commits after `after`.
  virtual Result<std::vector<FileRecord>> FilesSince(CommitSeq after) = 0;
  // Paths released by commits before `before` and not yet marked as removed from the disk.
  virtual Result<std::vector<std::string>> ReleasedFiles(ProcessTime before) = 0;
  virtual Status MarkRemoved(const std::vector<std::string>& paths) = 0;
};
}  // namespace weirhouse::catalog

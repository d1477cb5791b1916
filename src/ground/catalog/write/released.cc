// Files that nothing needs any more: first out of the books, later off the disk.
#include <algorithm>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
Result<std::string> PathOfRow(const platform::DatabaseRow& row) { return row.Text(0); }
}  // namespace

Status WriteReleased(CommitContext& commit) {
  for (const std::string& path : commit.request.released_files) {
    WEIRHOUSE_TRY_STATUS(commit.db.Run(
        "INSERT INTO released_file (path, seq, removed) VALUES (?, ?, 0) ON CONFLICT (path) DO "
        "NOTHING",
        {path, commit.seq.value()}));
    WEIRHOUSE_TRY_STATUS(commit.db.Run("UPDATE file SET released = 1 WHERE path = ?", {path}));
  }
  return Status::Ok();
}

Result<std::vector<std::string>> SqlCatalog::ReleasedFiles(ProcessTime before) {
  // Ordered like the index of files not yet removed: ordered by path, all files ever released would
  // be scanned.
  WEIRHOUSE_TRY(
      std::vector<std::string> paths,
      Collect<std::string>("SELECT f.path FROM released_file f JOIN commit_log c ON c.seq "
                           "= f.seq WHERE f.removed = 0 AND c.committed_at < ? ORDER BY "
                           "f.seq",
                           {Micros(before)}, PathOfRow));
  std::sort(paths.begin(), paths.end());
  return paths;
}

Status SqlCatalog::MarkRemoved(const std::vector<std::string>& paths) {
  return Write([&](platform::Database& db) {
    for (const std::string& path : paths) {
      WEIRHOUSE_TRY_STATUS(db.Run("UPDATE released_file SET removed = 1 WHERE path = ?", {path}));
    }
    return Status::Ok();
  });
}
}  // namespace weirhouse::catalog

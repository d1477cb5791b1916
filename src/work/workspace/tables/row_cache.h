// Tables that are read again and again while batches run: decoded files are kept, and only new
// files are read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Columns of tables in memory, file by file (files never change), for any snapshot. Keeps what the
// last call for a (table, columns) used and drops the rest. Threads: one.
class RowCache {
 public:
  explicit RowCache(Workspace& workspace) : workspace_(workspace) {}

  // Rows of the table's main snapshot, without those at `masked`. kNotFound if the table does not
  // exist. Cost: reads the files that the last call for the same columns did not read.
  Result<std::shared_ptr<arrow::Table>> Rows(const std::string& name,
                                             const std::vector<std::string>& columns,
                                             const std::vector<iceberg::RowPosition>& masked = {});
  // The rows at `positions` of the main snapshot. Cost: reads the files that hold them.
  Result<std::shared_ptr<arrow::Table>> RowsAt(const std::string& name,
                                               const std::vector<std::string>& columns,
                                               const std::vector<iceberg::RowPosition>& positions);

 private:
  using Files =
      std::map<std::string, std::shared_ptr<arrow::Table>>;  // file and its deletes → rows
  Workspace& workspace_;
  std::map<std::string, Files> cached_;  // table and columns → files
};
}  // namespace weirhouse::work

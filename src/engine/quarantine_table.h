// The tables quarantine.<source>, made anew from all records, or compared with what that would
// give. Private to engine/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch_records.h"
#include "engine/publication.h"
#include "engine/table_work.h"

namespace weirhouse::engine {

// After all records were read again: each table holds what is in quarantine now. One that does
// already is not touched.
Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work);

// What tells one row of quarantine from another.
struct QuarantineRow {
  std::string object;
  std::string object_digest;
  std::string ordinal;  // "null" of a whole object
  std::string reason;
  friend auto operator<=>(const QuarantineRow&, const QuarantineRow&) = default;
};
struct QuarantineComparison {
  struct Row {
    QuarantineRow row;
    std::int64_t stored = 0;  // how often it is there
    std::int64_t rebuilt = 0;
  };
  std::int64_t stored = 0;
  std::int64_t rebuilt = 0;
  std::int64_t differing = 0;
  std::vector<Row> rows;  // those that differ
};
// Compares `stored` (null: there is no such table) with what `records` and the tables rebuilt from
// them put into quarantine, as far as the rebuild read the objects. What feature views left out is
// not compared. `key_of`: only what has no key of that table; empty: all. Nothing is written.
Result<QuarantineComparison> CompareQuarantine(Workspace& workspace, const SourceRecords& records,
                                               const std::vector<std::unique_ptr<TableWork>>& work,
                                               const table::TablePtr& stored,
                                               const std::string& key_of);
// Those of `rows` that `table` does not hold: by object, record and reason.
Result<std::shared_ptr<arrow::Table>> NotInQuarantine(Workspace& workspace,
                                                      const std::string& table,
                                                      const std::shared_ptr<arrow::Table>& rows);
}  // namespace weirhouse::engine

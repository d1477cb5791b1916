// The tables quarantine.<source>: rebuilt from all records, or compared with that rebuild.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "work/pipeline/batch/table_work.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {

// After all records were read again: replaces each table with what is in quarantine now. A table
// that is equal already is not touched.
Status StageQuarantineAnew(Workspace& workspace, Publication& publication,
                           const std::map<std::string, SourceRecords>& sources,
                           const std::vector<std::unique_ptr<TableWork>>& work);

// What identifies a row of quarantine.
struct QuarantineRow {
  std::string object;
  std::string object_digest;
  std::string ordinal;  // "null" for a whole object
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
// Compares `stored` (null: there is no such table) with what `records` and `rejected`, rows that
// the rebuilt tables and views cannot keep, send to quarantine, for objects that the rebuild read.
// Writes nothing. `asked` tells whether records that a table or view keeps out are compared, by its
// name; "" is the contract.
Result<QuarantineComparison> CompareQuarantine(
    Workspace& workspace, const SourceRecords& records, std::vector<RejectedRecord> rejected,
    const iceberg::TablePtr& stored, const std::function<bool(const std::string&)>& asked);
}  // namespace weirhouse::work

// Which tables exist, and what each holds.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct TableRow {
  std::string table;
  std::int64_t rows = 0;  // of its main branch
  CommitSeq commit;       // that last moved its pointer
  std::string uuid;
  std::string metadata_location;
  std::optional<SnapshotId> snapshot;  // of its main branch; absent: nothing was published yet
};
struct TablesAnswer {
  std::vector<TableRow> tables;  // by name
};
// All of one committed state. Cost: one look-up for each table.
Result<TablesAnswer> ListTables(work::Workspace& workspace);
// {"tables": [{table, rows, commit: "@12", uuid, metadata_location, iceberg_snapshot}]}
nlohmann::json ToJson(const TablesAnswer& answer);

// One table: its contents and its history.
struct TableAnswer {
  iceberg::TablePtr table;
  Digest content;                                  // of its rows, whatever their order
  std::vector<catalog::SnapshotRecord> snapshots;  // of all refs, oldest first
  std::vector<std::string> partition() const;      // the names of its partition fields
};
//   kNotFound  no such table; the hint suggests a name
// Cost: reads all of its rows.
Result<TableAnswer> ReadTable(work::Workspace& workspace, const std::string& name);
// {table, content, metadata_location, partition, columns: [{id, column, type, required}],
// snapshots: [{snapshot, iceberg_id, operation, ref, added_rows, deleted_rows, total_rows, run}]}
nlohmann::json ToJson(const TableAnswer& answer);

// The rows as of `last`. Call it within catalog::AtOneMoment if it must agree with other reads.
Result<std::vector<TableRow>> TableRowsAsOf(catalog::Catalog& catalog, CommitSeq last);
// "@12"
std::string CommitText(CommitSeq seq);
}  // namespace weirhouse::answers

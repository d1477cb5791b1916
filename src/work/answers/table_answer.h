// Which tables there are, and what each holds.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct TableRow {
  std::string table;
  std::int64_t rows = 0;  // of its main
  CommitSeq commit;       // that moved its pointer last
  std::string uuid;
  std::string metadata_location;
  std::optional<SnapshotId> snapshot;  // of its main; absent: nothing was published to it yet
};
struct TablesAnswer {
  std::vector<TableRow> tables;  // by name
};
// All of one committed state. Cost: one look-up for each table.
Result<TablesAnswer> ListTables(work::Workspace& workspace);
// {"tables": [{table, rows, commit: "@12", uuid, metadata_location, iceberg_snapshot}]}
nlohmann::json ToJson(const TablesAnswer& answer);

// The rows as of `last`; call it within catalog::AtOneMoment where it must agree with other reads.
Result<std::vector<TableRow>> TableRowsAsOf(catalog::Catalog& catalog, CommitSeq last);
// "@12"
std::string CommitText(CommitSeq seq);
}  // namespace weirhouse::answers

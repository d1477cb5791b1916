// The tables that `wh sql` may read, by name: those of the catalog, records, seeds, and the
// catalog's own state as system.*. Private to command/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/status.h"
#include "engine/workspace.h"
#include "transform/loser_table.h"

namespace weirhouse::command {

// What --at asks for: a commit, which every table has a state of, or a snapshot, branch or tag,
// which each table named must have. Neither: as things stand.
struct AsOf {
  std::optional<CommitSeq> commit;
  std::string snapshot;  // an Iceberg snapshot id, a branch or a tag
};
// "1101", "processed.arrival@1101" or a time (the last commit before it) name a commit; a greater
// number and any other word a snapshot.
Result<AsOf> ParseAsOf(engine::Workspace& workspace, const std::string& at);

// All names, sorted: "processed.arrival", "records.arrival", "ref.airline", "system.runs".
Result<std::vector<std::string>> QueryTableNames(engine::Workspace& workspace);

// Column names and types of a table as of `at`, hidden ones included, without its rows.
Result<std::shared_ptr<arrow::Schema>> QueryTableSchema(engine::Workspace& workspace,
                                                        const std::string& name, const AsOf& at);
// Its rows, as of `at`. `columns` empty = all, hidden ones included.
Result<std::shared_ptr<arrow::Table>> QueryTableRows(engine::Workspace& workspace,
                                                     const std::string& name,
                                                     const std::vector<std::string>& columns,
                                                     const AsOf& at);

// ---- system.* (system_tables.cc)
std::vector<std::string> SystemTableNames();
Result<std::shared_ptr<arrow::Table>> SystemTable(engine::Workspace& workspace,
                                                  const std::string& name);
// system.losers as it stands: see transform/loser_table.h.
Result<std::shared_ptr<arrow::Table>> LosersTable(
    const std::vector<transform::StoredLoser>& losers);
}  // namespace weirhouse::command

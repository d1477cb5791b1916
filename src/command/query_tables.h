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

namespace weirhouse::command {

// The commit that --at names: "1101", "processed.arrival@1101" or a time (the last commit before
// it). Nothing for an empty text.
Result<std::optional<CommitSeq>> CommitAt(engine::Workspace& workspace, const std::string& at);

// All names, sorted: "processed.arrival", "records.arrival", "ref.airline", "system.runs".
Result<std::vector<std::string>> QueryTableNames(engine::Workspace& workspace);

// Column names and types of a table, without its rows.
Result<std::shared_ptr<arrow::Schema>> QueryTableSchema(engine::Workspace& workspace,
                                                        const std::string& name);
// Its rows, as of `at`. `columns` empty = all, hidden ones included.
Result<std::shared_ptr<arrow::Table>> QueryTableRows(engine::Workspace& workspace,
                                                     const std::string& name,
                                                     const std::vector<std::string>& columns,
                                                     std::optional<CommitSeq> at);

// ---- system.* (system_tables.cc)
std::vector<std::string> SystemTableNames();
Result<std::shared_ptr<arrow::Table>> SystemTable(engine::Workspace& workspace,
                                                  const std::string& name);
}  // namespace weirhouse::command

// The tables that `wh sql` may read, by name: those of the catalog, records, seeds, and the
// catalog's own state as system.*. Errors: kNotFound (WH8037 no such commit, WH2103 no such table),
// kInvalidInput (WH2035 records and seeds have no snapshot, branch or tag), those of the tables
// read. Cost: Open takes a few look-ups; Rows reads the columns asked for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "rules/transform/upsert/loser_table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

// What --at asks for: a commit, as of which every table has a state, or a snapshot, branch or tag,
// which each named table must have. Neither: the current state.
struct AsOf {
  std::optional<CommitSeq> commit;
  std::string snapshot;  // an Iceberg snapshot id, a branch or a tag
};
// "1101", "processed.arrival@1101" and a time (the last commit before it) name a commit; a greater
// number and any other word name a snapshot.
Result<AsOf> ParseAsOf(work::Workspace& workspace, const std::string& at);

// The tables of one committed state; commits made while they are read change nothing.
class QueryTables {
 public:
  // Fixes the state of all tables, and reads those of the system.* tables that `choose` picks.
  // `choose` is given all names, sorted: "processed.arrival", "records.arrival", "ref.airline",
  // "system.runs".
  using Chooser = std::function<Result<std::vector<std::string>>(const std::vector<std::string>&)>;
  static Result<QueryTables> Open(work::Workspace& workspace, AsOf at, const Chooser& choose);

  const std::vector<std::string>& chosen() const { return chosen_; }
  // Column names and types of a chosen table, hidden ones included, without its rows.
  Result<std::shared_ptr<arrow::Schema>> Schema(const std::string& name) const;
  // Its rows. `columns` empty = all, hidden ones included.
  Result<std::shared_ptr<arrow::Table>> Rows(const std::string& name,
                                             const std::vector<std::string>& columns) const;

 private:
  struct TableThen;
  QueryTables(work::Workspace& workspace, AsOf at) : workspace_(&workspace), at_(std::move(at)) {}
  // Absent if the table has no snapshot yet.
  Result<std::optional<iceberg::TablePtr>> Find(const std::string& name) const;
  Result<TableThen> FindThen(const iceberg::TablePtr& table) const;
  // Finds the definitions to read records and seeds by, if any of them is chosen.
  Status FindDefinitions();
  // The commit that made the named state of the chosen tables.
  Result<CommitSeq> CommitOfSnapshot() const;
  // The definitions to read records and seeds by; null if nothing was applied at that time.
  const work::ProjectDefinition* Definitions() const {
    return is_past_ ? then_.get() : &workspace_->project();
  }
  // The columns of a seed or of records; null if `name` is neither.
  std::shared_ptr<arrow::Schema> DefinedSchema(const std::string& name) const;
  Result<std::shared_ptr<arrow::Table>> CatalogRows(const std::string& name,
                                                    const std::vector<std::string>& columns) const;
  Result<std::shared_ptr<arrow::Table>> SystemRows(const std::string& name) const;

  work::Workspace* workspace_;
  AsOf at_;
  CommitSeq seq_;         // the last commit
  bool is_past_ = false;  // records and seeds are read as of seq_then_ …
  CommitSeq seq_then_;
  std::shared_ptr<const work::ProjectDefinition> then_;  // … by what was registered then
  std::map<std::string, std::string> metadata_;          // table → location of its metadata
  std::map<std::string, std::shared_ptr<arrow::Table>> system_;
  std::vector<std::string> chosen_;
};
// All names of tables that exist now.
Result<std::vector<std::string>> QueryTableNames(work::Workspace& workspace);

// ---- system.* (system_tables.cc)
std::vector<std::string> SystemTableNames();
Result<std::shared_ptr<arrow::Table>> SystemTable(work::Workspace& workspace,
                                                  const std::string& name);
// The current rows of system.losers: see rules/transform/upsert/loser_table.h.
Result<std::shared_ptr<arrow::Table>> LosersTable(
    const std::vector<transform::StoredLoser>& losers);
}  // namespace weirhouse::answers

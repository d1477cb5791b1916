// Processed tables that other engines write: apply creates and evolves them; runs read them as of a
// snapshot.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "ground/iceberg/table.h"
#include "work/project/table_rules.h"
#include "work/workspace/publication.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

inline constexpr std::string_view kExternalConsumer =
    "external";  // position: commit up to which SQL has read the tables of other engines

// The names of external tables that other transforms read, sorted.
std::vector<std::string> ExternalTablesRead(const ProjectDefinition& project);

// Checks that every external table can follow its definition, and that no SQL takes over a table
// that other engines wrote: kContractRefused (WH2025) if the table was made by SQL, or has rows
// that do not fit its contract.
Status CheckExternalTables(Workspace& workspace);
// Creates those that do not exist yet and evolves the others additively.
Status StageExternalTables(Workspace& workspace, Publication& publication);

// The table with `snapshot` as its main, so that past rows are read with today's columns; unchanged
// if that snapshot is no longer kept.
iceberg::TablePtr AtSnapshot(const iceberg::TablePtr& table, SnapshotId snapshot);
// The contract's columns (or `columns` of them) of all rows as of `snapshot` (absent: no rows).
// Columns that an engine added beyond the contract are not read downstream until the contract has
// them.
Result<std::shared_ptr<arrow::Table>> ExternalRows(Workspace& workspace,
                                                   const transform::CheckedTransform& transform,
                                                   std::optional<SnapshotId> snapshot,
                                                   std::vector<std::string> columns = {});
// As of the commit `seq`.
Result<std::shared_ptr<arrow::Table>> ExternalRowsAsOf(Workspace& workspace,
                                                       const transform::CheckedTransform& transform,
                                                       CommitSeq seq,
                                                       std::vector<std::string> columns = {});

// Tables of other engines that changed since SQL last read them.
struct ExternalNews {
  catalog::Catalog::CommitEntry upto;  // the last commit there is
  std::map<std::string, catalog::SnapshotRecord>
      snapshots;  // the changed tables, as of that commit
};
Result<std::optional<ExternalNews>> FindExternalNews(Workspace& workspace);
}  // namespace weirhouse::work

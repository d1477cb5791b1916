// Processed tables that other engines write: made and evolved by apply, read as of a snapshot.
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

// Their names, where some other transform reads them, sorted.
std::vector<std::string> ExternalTablesRead(const ProjectDefinition& project);

// Whether every external table can follow its definition: kContractRefused (WH2025) if it was made
// by SQL, or has rows that its contract no longer bears; and no SQL takes over a table that other
// engines wrote.
Status CheckExternalTables(Workspace& workspace);
// Creates those that do not exist yet and evolves the others additively.
Status StageExternalTables(Workspace& workspace, Publication& publication);

// The table with `snapshot` as its main: read so, the past has today's columns. As it is if that
// snapshot is not kept any more.
iceberg::TablePtr AtSnapshot(const iceberg::TablePtr& table, SnapshotId snapshot);
// The contract's columns (or `columns` of them) of all rows as of `snapshot` (absent: none). What
// an engine added beyond the contract is nobody's business downstream until the contract knows it.
Result<std::shared_ptr<arrow::Table>> ExternalRows(Workspace& workspace,
                                                   const transform::CheckedTransform& transform,
                                                   std::optional<SnapshotId> snapshot,
                                                   std::vector<std::string> columns = {});
// As of the commit `seq`.
Result<std::shared_ptr<arrow::Table>> ExternalRowsAsOf(Workspace& workspace,
                                                       const transform::CheckedTransform& transform,
                                                       CommitSeq seq,
                                                       std::vector<std::string> columns = {});

// Tables of other engines that SQL reads and that changed since it read them.
struct ExternalNews {
  catalog::Catalog::CommitEntry upto;                        // the last commit there is
  std::map<std::string, catalog::SnapshotRecord> snapshots;  // of those that changed, as of it
};
Result<std::optional<ExternalNews>> FindExternalNews(Workspace& workspace);
}  // namespace weirhouse::work

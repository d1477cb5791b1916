// What became of records: the records of a source as the pipeline reads them, and those that lost
// against another. Read-only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/transform/upsert/loser_table.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// The valid records of all objects of `source`, up to commit `upto` if given, with today's columns
// (contract::RecordsSchema). Each object is decoded under the contract version that the ledger
// recorded when it arrived, by the pipeline's code. Cost: decodes every object.
Result<std::shared_ptr<arrow::Table>> RecordsOfSource(Workspace& workspace,
                                                      const std::string& source,
                                                      std::optional<CommitSeq> upto);

// The same as of the commit `upto`, with the project of that time, `then` (ProjectAsOf), which
// defines the source's nulls, delimiter and contract; and with the quarantine of that time.
Result<std::shared_ptr<arrow::Table>> RecordsAsOf(
    Workspace& workspace, const std::shared_ptr<const ProjectDefinition>& then,
    const std::string& source, CommitSeq upto);

// One entry for each record that is not in its table because another is there, by (table, record);
// as of `snapshot`, or now. Cost: reads all of system.losers.
Result<std::vector<transform::StoredLoser>> CurrentLosers(
    Workspace& workspace, std::optional<SnapshotId> snapshot = std::nullopt);
// The same for one table, now. Cost: reads the files of system.losers that name it, one at a time.
Result<std::vector<transform::StoredLoser>> CurrentLosersOf(Workspace& workspace,
                                                            const std::string& table);
}  // namespace weirhouse::work

// What became of records, for those who look: the records of a source as the pipeline reads them,
// and those that lost against another. Only reads.
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
// pinned when it arrived, by the code that the pipeline uses. Cost: decodes every object.
Result<std::shared_ptr<arrow::Table>> RecordsOfSource(Workspace& workspace,
                                                      const std::string& source,
                                                      std::optional<CommitSeq> upto);

// The same as of the commit `upto`, while the project was `then` (ProjectAsOf), which defines the
// source: its nulls, delimiter and contract, and the records that were in quarantine.
Result<std::shared_ptr<arrow::Table>> RecordsAsOf(
    Workspace& workspace, const std::shared_ptr<const ProjectDefinition>& then,
    const std::string& source, CommitSeq upto);

// One entry per record that is not in its table because another stands there, by (table, record);
// as of `snapshot`, or now. Cost: reads the whole of system.losers.
Result<std::vector<transform::StoredLoser>> CurrentLosers(
    Workspace& workspace, std::optional<SnapshotId> snapshot = std::nullopt);
// The same of one table, now. Cost: the files of system.losers that name it, one in memory at a
// time, and what they say of it.
Result<std::vector<transform::StoredLoser>> CurrentLosersOf(Workspace& workspace,
                                                            const std::string& table);
}  // namespace weirhouse::work

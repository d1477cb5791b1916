// The steps of Commit, inside its transaction.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ground/catalog/catalog.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// Where one commit stands while it is written.
struct CommitContext {
  platform::Database& db;
  const CommitRequest& request;
  Run run;  // as it stood before
  CommitSeq seq;
  ProcessTime now;
  std::vector<ObjectId> objects;  // ids given so far
};

// ---- runs.cc
// The run of `plan`: new, resumed, or as it stands (see Catalog::PlanRun).
Result<Run> PlanOne(platform::Database& db, const RunPlan& plan, ProcessTime now);

// ---- pointer_write.cc
// Namespaces, drops, renames and table changes, in the order that CommitRequest states. kConflict
// (WH7002) names the first pointer that stands elsewhere.
Status WritePointers(CommitContext& commit);

// ---- place.cc
// Gives the table the folders that `change` names. kConflict (WH7002): one is another table's.
Status ClaimPlaces(CommitContext& commit, const TableChange& change);
// Frees the folders of a dropped table, or keeps them for a while.
Status LeavePlaces(CommitContext& commit, const TableDrop& drop);
Status RenamePlaces(CommitContext& commit, const TableRename& rename);

// ---- reply.cc
Status WriteReply(platform::Database& db, const StoredReply& reply, ProcessTime now);

// ---- totals.cc
Status CountNewRun(platform::Database& db);
// What this commit adds to the totals that are kept.
Status WriteTotals(CommitContext& commit);
// kCorruption (WH7008): a total is not the sum of its rows.
Status CheckTotals(platform::Database& db);

// ---- released.cc
Status WriteReleased(CommitContext& commit);

// ---- publish.cc
// Snapshots, files, objects (which get their ids), landings.
Status WriteTables(CommitContext& commit);
// Forgets how often parsing an object ended the process.
Status DropParseAttempts(platform::Database& db, const Arrival& arrival);
// Verdicts, metrics, record states, predictions, settings.
Status WriteJudgement(CommitContext& commit);
Status WriteEvents(CommitContext& commit);
// Fails before anything is written if a consumer has moved or this generation is fenced off.
Status CheckOffsets(platform::Database& db, const CommitRequest& request);
Status WriteOffsets(platform::Database& db, const CommitRequest& request, CommitSeq seq);

// ---- lineage_write.cc
Status WriteLineage(CommitContext& commit);

// ---- chain.cc
// The canonical record of a commit, built from the request and from the rows as they were written.
Result<std::string> BuildRecord(CommitContext& commit);
// h_0 = SHA-256(project id).
Result<Digest> ChainStart(platform::Database& db);
// h_n = SHA-256(0x02 ‖ h_(n-1) ‖ SHA-256(record)).
Digest ChainStep(const Digest& before, std::string_view record);
}  // namespace weirhouse::catalog

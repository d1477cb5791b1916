// The steps of Commit, inside its transaction.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ground/catalog/catalog.h"
#include "ground/platform/db/database.h"

namespace weirhouse::catalog {

// The state of one commit while it is written.
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
// Applies namespaces, drops, renames and table changes, in the order that CommitRequest states.
// kConflict (WH7002) names the first pointer that has moved.
Status WritePointers(CommitContext& commit);

// ---- place.cc
// Gives the table the folders that `change` names. kConflict (WH7002): one belongs to another
// table.
Status ClaimPlaces(CommitContext& commit, const TableChange& change);
// Frees the folders of a dropped table, or keeps them for a while.
Status LeavePlaces(CommitContext& commit, const TableDrop& drop);
Status RenamePlaces(CommitContext& commit, const TableRename& rename);

// ---- reply.cc
Status WriteReply(platform::Database& db, const StoredReply& reply, ProcessTime now);

// ---- totals.cc
Status CountNewRun(platform::Database& db);
// Adds this commit to the stored totals.
Status WriteTotals(CommitContext& commit);
// kCorruption (WH7008): a stored total is not the sum of its rows.
Status CheckTotals(platform::Database& db);

// ---- released.cc
Status WriteReleased(CommitContext& commit);

// ---- publish.cc
// Snapshots, files, objects (which get their ids), landings.
Status WriteTables(CommitContext& commit);
// Resets the parse attempts of an object.
Status DropParseAttempts(platform::Database& db, const Arrival& arrival);
// Verdicts, metrics, record states, predictions, settings.
Status WriteJudgement(CommitContext& commit);
Status WriteEvents(CommitContext& commit);
// Fails before anything is written if a consumer's offset has moved or its generation is fenced
// off.
Status CheckOffsets(platform::Database& db, const CommitRequest& request);
Status WriteOffsets(platform::Database& db, const CommitRequest& request, CommitSeq seq);

// ---- lineage_write.cc
Status WriteLineage(CommitContext& commit);

// ---- chain.cc
// The canonical record of a commit, built from the request and the written rows.
Result<std::string> BuildRecord(CommitContext& commit);
// h_0 = SHA-256(project id).
Result<Digest> ChainStart(platform::Database& db);
// h_n = SHA-256(0x02 ‖ h_(n-1) ‖ SHA-256(record)).
Digest ChainStep(const Digest& before, std::string_view record);
}  // namespace weirhouse::catalog

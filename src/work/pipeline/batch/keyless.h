// Records in quarantine because a table or a view cannot keep a row made of them: the row has no
// key (WH2112), SQL fails on it (WH2114, WH4006), it has no time (WH4015). Computes which of them a
// batch adds, and which leave because the row left or is now good.
//
// The quarantine of a table or view always holds what a rebuild would put there.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "work/pipeline/batch/table_work.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {

// The table or view ("feature.late_v1") that a reason of quarantine names; empty if it names none:
// then the record broke its contract.
std::string KeptOutBy(std::string_view reason);
// The reason without the place in the file, which changes when a line above it is added.
std::string WithoutPlace(std::string_view reason);

struct KeylessChange {
  std::vector<RejectedRecord> joined;
  // By reason without its place; a record appears once for each row that left.
  std::map<std::string, std::vector<RecordId>> left;
  bool empty() const { return joined.empty() && left.empty(); }
};
nlohmann::json ToJson(const KeylessChange& change);
// Throws nlohmann::json::exception if `stored` is not such a change.
Result<KeylessChange> KeylessFromJson(const nlohmann::json& stored);

// The records that one table or view keeps out.
struct KeptOut {
  std::string table;
  std::vector<RejectedRecord> rejected;
  std::vector<RejectedRecord> taken_back;  // rejected earlier; the rows they come from left
  bool whole = false;                      // `rejected` is all that it keeps out
};
// The change that follows. For tables that ran as a whole it is the difference from what is in
// quarantine; batches that a person discarded keep their rows there. Cost: for such tables, two
// columns of the quarantine.
Result<KeylessChange> ComputeKeylessChange(Workspace& workspace,
                                           const std::vector<KeptOut>& kept_out);
Result<KeylessChange> ComputeKeylessChange(Workspace& workspace,
                                           const std::vector<std::unique_ptr<TableWork>>& work);

// Whether the quarantine may hold rows of `table` that SQL failed on: only then are those that
// leave looked for, so that tables and views with good rows pay nothing.
Result<bool> KeepsOut(Workspace& workspace, const std::string& table);
// Records it. `anew`: `kept_out` is all there is; if nothing is kept out any more, that is
// recorded.
Status NoteKeptOut(Workspace& workspace, const std::vector<KeptOut>& kept_out, bool anew,
                   catalog::CommitRequest& request);
Status NoteKeptOut(Workspace& workspace, const std::vector<std::unique_ptr<TableWork>>& work,
                   bool anew, catalog::CommitRequest& request);

// All changes to one table quarantine.<source>.
struct QuarantineChange {
  std::shared_ptr<arrow::Table> joined;               // null: nothing
  std::map<std::string, std::vector<RecordId>> left;  // by reason
  const catalog::ObjectRecord* whole = nullptr;       // the row for this whole object leaves
};
using QuarantineChanges = std::map<std::string, QuarantineChange>;  // by source
// Where the first record that joins for a reason stands: "s/2024-01-01.jsonl:7", by that reason.
using QuarantinePlaces = std::map<std::string, std::string>;
QuarantinePlaces PlacesOf(const QuarantineChanges& changes);
// The reasons of the records that join, by source and reason. Cost: for each reason that `places`
// lacks, the object of its first record is read.
Result<std::vector<QuarantineReason>> ReasonsOf(Workspace& workspace, const KeylessChange& change,
                                                const QuarantinePlaces& places);
// Adds the rows of `change`, with bytes and place. Cost: each object that holds a record that joins
// is read again.
Status AddKeyless(Workspace& workspace, const KeylessChange& change, QuarantineChanges& changes);
// Stages each of `changes` on main. Cost: where rows leave, two columns of that quarantine.
Status StageQuarantine(Workspace& workspace, Publication& publication,
                       const QuarantineChanges& changes);
// Adds an event for each source whose records join the quarantine: their number, each record
// counted once however many tables keep it out, out of all that arrived with them. `sources`: those
// of the batch. Cost: the objects of each earlier commit that brought some of the records.
Status AddQuarantineEvents(Workspace& workspace, const QuarantineChanges& changes,
                           const std::map<std::string, SourceRecords>& sources,
                           catalog::CommitRequest& request);
}  // namespace weirhouse::work

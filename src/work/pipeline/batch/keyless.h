// Records in quarantine because a table or a view cannot keep a row of theirs: it has no key
// (WH2112), SQL fails on it (WH2114, WH4006), it tells no time (WH4015). Which of them a batch
// adds, and which leave because the row left or is a good one now.
//
// What stands there of a table or view is at all times what a rebuild would put there.
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

// Which table or view ("feature.late_v1") a reason of quarantine is told of; empty: none, the
// record broke its contract.
std::string KeptOutBy(std::string_view reason);
// The reason without the place in the file: a line above it moves that, and changes nothing.
std::string WithoutPlace(std::string_view reason);

struct KeylessChange {
  std::vector<RejectedRecord> joined;
  // By reason, without its place; once for each row that left.
  std::map<std::string, std::vector<RecordId>> left;
  bool empty() const { return joined.empty() && left.empty(); }
};
nlohmann::json ToJson(const KeylessChange& change);
// Throws nlohmann::json::exception where `stored` is none.
Result<KeylessChange> KeylessFromJson(const nlohmann::json& stored);

// What one table or view keeps out.
struct KeptOut {
  std::string table;
  std::vector<RejectedRecord> rejected;
  std::vector<RejectedRecord> taken_back;  // rejected before; the rows they were made of left
  bool whole = false;                      // `rejected` are all it has
};
// What that changes. Of what ran as a whole, whose batches a person left out keep theirs, it is the
// difference to what stands there. Cost: of such ones, two columns of the quarantine.
Result<KeylessChange> KeylessChangeOf(Workspace& workspace, const std::vector<KeptOut>& kept_out);
Result<KeylessChange> KeylessChangeOf(Workspace& workspace,
                                      const std::vector<std::unique_ptr<TableWork>>& work);

// Whether rows of `table` may stand in quarantine because SQL failed on them: then it is looked at
// which leave. So a table, or view, whose rows are all good pays nothing.
Result<bool> KeepsOut(Workspace& workspace, const std::string& table);
// Notes it. `anew`: that is all there is, and where nothing is kept out any more, that is noted.
Status NoteKeptOut(Workspace& workspace, const std::vector<KeptOut>& kept_out, bool anew,
                   catalog::CommitRequest& request);
Status NoteKeptOut(Workspace& workspace, const std::vector<std::unique_ptr<TableWork>>& work,
                   bool anew, catalog::CommitRequest& request);

// What else joins or leaves one table quarantine.<source>.
struct QuarantineChange {
  std::shared_ptr<arrow::Table> joined;               // null: nothing
  std::map<std::string, std::vector<RecordId>> left;  // by reason
  const catalog::ObjectRecord* whole = nullptr;       // the row for the whole of it leaves
};
using QuarantineChanges = std::map<std::string, QuarantineChange>;  // by source
// Where the first record that joins for a reason stands: "s/2024-01-01.jsonl:7", by that reason.
using QuarantinePlaces = std::map<std::string, std::string>;
QuarantinePlaces PlacesOf(const QuarantineChanges& changes);
// What is told of the records that join, by source and reason. Cost: for each reason that `places`
// does not have, the object of its first record is read.
Result<std::vector<QuarantineReason>> ReasonsOf(Workspace& workspace, const KeylessChange& change,
                                                const QuarantinePlaces& places);
// Adds the rows of `change`, with bytes and place. Cost: each object that holds one of those that
// join is read once more.
Status AddKeyless(Workspace& workspace, const KeylessChange& change, QuarantineChanges& changes);
// Stages each of `changes` on main. Cost: where rows leave, two columns of that quarantine.
Status StageQuarantine(Workspace& workspace, Publication& publication,
                       const QuarantineChanges& changes);
// Adds an event for each source of which records join the quarantine: how many, each counted once
// whatever it is told of, out of all that arrived with them. `sources`: those of the batch. Cost:
// the objects of each earlier commit that brought some of them.
Status TellQuarantined(Workspace& workspace, const QuarantineChanges& changes,
                       const std::map<std::string, SourceRecords>& sources,
                       catalog::CommitRequest& request);
}  // namespace weirhouse::work

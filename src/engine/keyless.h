// Records in quarantine because a row of theirs has no key (WH2112): which of them a batch adds,
// and which leave because the row left or has a key now. Private to engine/.
//
// What stands there of a table is at all times what a rebuild would put there.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/status.h"
#include "engine/batch_records.h"
#include "engine/publication.h"
#include "engine/table_work.h"

namespace weirhouse::engine {

struct KeylessChange {
  std::vector<RejectedRecord> joined;
  std::map<std::string, std::vector<RecordId>> left;  // by reason; once for each row that left
  bool empty() const { return joined.empty() && left.empty(); }
};
nlohmann::json ToJson(const KeylessChange& change);
// Throws nlohmann::json::exception where `stored` is none.
KeylessChange KeylessFromJson(const nlohmann::json& stored);

// What `work` changes. Of a table that ran as a whole, whose batches a person left out keep theirs,
// it is the difference to what stands there. Cost: of such a table, two columns of the quarantine.
Result<KeylessChange> KeylessChangeOf(Workspace& workspace,
                                      const std::vector<std::unique_ptr<TableWork>>& work);

// What else joins or leaves one table quarantine.<source>.
struct QuarantineChange {
  std::shared_ptr<arrow::Table> joined;               // null: nothing
  std::map<std::string, std::vector<RecordId>> left;  // by reason
  const catalog::ObjectRecord* whole = nullptr;       // the row for the whole of it leaves
};
using QuarantineChanges = std::map<std::string, QuarantineChange>;  // by source
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
}  // namespace weirhouse::engine

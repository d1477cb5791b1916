// Arrival to features: lands what waits, then runs each batch through its layers, one commit per
// batch and layer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalog/record.h"
#include "engine/workspace.h"

namespace weirhouse::engine {

// A check on time (`freshness`, `arrives`) that nothing newer has come for.
struct OverdueCheck {
  std::string gate;
  std::string table;
  std::string owner;
  std::string check;
  std::string kind;
  bool warns = false;    // `severity: warn`
  EventTime newest{};    // the newest value, or the end of the last batch
  EventTime since{};     // from when on it was overdue
  EventTime now{};       // the project's clock
  std::string max_text;  // "30h", as written
  std::string story;     // for people, the same until something changes
};
// Those of all gates, by the project's clock. Reads a few dozen verdicts of each such gate and
// writes nothing. None while a run waits for a decision: what is behind it waits for that.
Result<std::vector<OverdueCheck>> FindOverdue(Workspace& workspace);

struct RunSummary {
  std::int64_t objects = 0;            // new raw objects
  std::int64_t duplicate_objects = 0;  // the same arrival again
  std::int64_t records = 0;            // records in the new objects
  std::map<std::string, std::int64_t>
      states;  // record state → records, over all sources of this run
  std::map<std::string, std::int64_t> rows_by_table;                 // rows added
  std::map<std::string, std::map<std::string, std::int64_t>> gates;  // gate → verdict state → runs
  std::vector<std::string> warnings;                                 // one line each: warned gates
  std::int64_t batches = 0;
  std::int64_t commits = 0;
  std::vector<std::string> unmatched_files;
  std::vector<OverdueCheck> overdue;
  // Set when a gate did not pass: the run that waits for override or discard, and its story for
  // people.
  std::optional<RunId> halted;
  std::string halted_message;
};

// Lands and runs everything that waits, batch by batch, until nothing waits, a gate halts, or
// Ctrl-C; then looks which tables are overdue, and tells the owner of a gate once when that
// changes. A halt is no error here: see RunSummary::halted (verbs turn it into exit 3). Raw and
// contracts go on after a halt.
Result<RunSummary> RunPending(Workspace& workspace, Progress& progress);

// Rebuilds all processed and feature tables from raw with today's definitions; same content digests
// as the increments.
Result<RunSummary> RunFull(Workspace& workspace, Progress& progress);

// Publishes what a halted run staged, or leaves its batch out; both are recorded with the reason.
// Afterwards call RunPending for the backlog.
// `baseline`: whether the published batch counts as history; by default it does unless a check
// failed or could not be judged. One whose history was too short and that counts restarts the
// warm-up of the gates. The answer: whether it counts.
Result<bool> OverrideGate(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who, std::optional<bool> baseline = std::nullopt);
Status DiscardGate(Workspace& workspace, RunId run, const std::string& reason,
                   const std::string& who);

// Brings caches (key indexes, online store) to the catalog's state after a crash or a foreign
// commit.
Status RefreshCaches(Workspace& workspace);

// Sends what the outbox holds: notify and alert commands, the CloudEvent on stdin. At least once,
// with backoff; a command that fails 5 times leaves its event dead.
Status DispatchOutbox(Workspace& workspace);
}  // namespace weirhouse::engine

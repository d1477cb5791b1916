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

// An object that cannot be read as what its source says, of which every record is in quarantine, or
// that was set aside (WH1304).
struct RefusedObject {
  std::string object;        // "weather/2013-02-12.csv"
  std::string reason;        // "WH1310 object cannot be read: …"
  std::string found;         // where, and what is there; may be empty
  std::int64_t records = 0;  // all of them in quarantine; 0 where it cannot be cut into records
};
// Records that are in quarantine for one reason.
struct QuarantineReason {
  std::string source;
  std::string reason;
  std::int64_t records = 0;
  std::string first;  // "weather/2013-02-12.csv:26"
  std::string found;
};
// Every record of a source in a batch went into quarantine.
struct RefusedBatch {
  std::string batch;
  std::string source;
  std::int64_t records = 0;
};

// An object that ended the process so often while it was parsed is quarantined whole, unparsed.
inline constexpr int kParseAttemptsMax = 3;
inline bool IsSetAside(const catalog::ObjectRecord& object) {
  return object.attempts >= kParseAttemptsMax;
}

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
  // Landed files that are not taken in, or taken in and not removed as they should be: path → why.
  std::map<std::string, std::string> untaken_files;
  std::int64_t refused_objects = 0;
  std::vector<RefusedObject> refused;  // the first of them
  std::vector<QuarantineReason> quarantined;
  std::vector<RefusedBatch> refused_batches;
  // A file or a whole batch was refused: as loud as a gate that fails (verbs turn it into exit 3).
  bool refuses() const { return refused_objects > 0 || !refused_batches.empty(); }
  std::vector<OverdueCheck> overdue;
  // Set when a gate did not pass: the run that waits for override or discard, and its story for
  // people.
  std::optional<RunId> halted;
  std::string halted_message;
};

// What was refused, a line each: objects as a whole, whole batches, reasons of quarantine. For
// people; names as they came.
std::vector<std::string> RefusalLines(const RunSummary& summary);

// Lands and runs everything that waits, batch by batch, until nothing waits, a gate halts, or
// Ctrl-C; then looks which tables are overdue, and tells the owner of a gate once when that
// changes. A halt is no error here: see RunSummary::halted (verbs turn it into exit 3). Raw and
// contracts go on after a halt.
Result<RunSummary> RunPending(Workspace& workspace, Progress& progress);

// Rebuilds all processed and feature tables from raw with today's definitions; same content digests
// as the increments.
Result<RunSummary> RunFull(Workspace& workspace, Progress& progress);

// Reads an object once more that was quarantined whole because parsing it ended the process, moves
// its records to the states that they end in, then runs what waits.
//   kNotFound (WH8037)      no object of this name ever arrived
//   kInvalidInput (WH1309)  it is not in quarantine as a whole, or cannot be taken back
//   kConflict (WH3023)      a halted run waits for a decision
Result<RunSummary> RetryObject(Workspace& workspace, const std::string& source,
                               const std::string& name, Progress& progress);

// The run, if it waits for a decision.
//   kNotFound           no such run
//   kConflict (WH3020)  it waits for none
Result<catalog::Run> RequireHalted(Workspace& workspace, RunId run);
// Publishes what a halted run staged, or leaves its batch out; both are recorded with the reason.
// Afterwards call RunPending for the backlog.
// `baseline`: whether the published batch counts as history; by default it does unless a check
// failed or could not be judged. One whose history was too short and that counts restarts the
// warm-up of the gates. The answer: whether it counts.
Result<bool> OverrideGate(Workspace& workspace, RunId run, const std::string& reason,
                          const std::string& who, std::optional<bool> baseline = std::nullopt);
Status DiscardGate(Workspace& workspace, RunId run, const std::string& reason,
                   const std::string& who);

// A person asked this process to end: whatever ends it from now on, the object that is parsed is
// not to blame. Safe in a signal handler.
void NoteStopWanted() noexcept;
// This thread ends the process by a fault. If the object is parsed on another one, it is not to
// blame. Safe in a signal handler.
void NoteFault() noexcept;

// Brings caches (key indexes, online store) to the catalog's state after a crash or a foreign
// commit.
Status RefreshCaches(Workspace& workspace);
}  // namespace weirhouse::engine

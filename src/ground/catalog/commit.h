// The one transaction: all that a run publishes, the log of what was committed, and the replies to
// clients that go with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/ledger.h"
#include "ground/catalog/record.h"
#include "ground/catalog/settings.h"

namespace weirhouse::catalog {

// Everything a run publishes. Built by the run, judged by its gate, handed over once. Within it,
// drops come before renames, renames before table changes; each may conflict (WH7002). Namespaces
// are created and set before all of them, and dropped after.
//
// Commit adds by itself: the nodes of the run ("r12"), of the commit (its sequence, "1101"), of
// each object ("o7") and of each table whose main moved (kind snapshot, "processed.arrival@1101");
// the edges run → commit and run → snapshot (wrote), object → run (read), and, for a halted run
// that is overridden (also_state kCommitted), the same two from that run. Keys that only Commit
// knows are written so: {"object", "#0"} is objects[0], {"commit", ""} and {"run", ""} are this
// commit and this run, {"snapshot", "processed.arrival@"} gets this commit's sequence.
struct CommitRequest {
  RunId run;
  // Instead of `run`: the run is planned, started and ended in this very transaction. For what was
  // worked out elsewhere, as a commit of another engine is.
  std::optional<RunPlan> plan;
  std::string idempotency_key;  // the plan's
  RunState run_state =
      RunState::kCommitted;  // kHalted: staged refs, verdict, metrics, alert; offsets must be empty
  std::string layer;         // raw | processed | feature | model | serve | maintenance
  std::string batch;
  std::optional<EventTime> batch_end;  // moves a replay clock forward
  std::vector<TableChange> tables;
  std::vector<TableDrop> drops;
  std::vector<TableRename> renames;
  std::vector<NamespaceChange> namespaces;
  std::vector<SnapshotRecord> snapshots;
  std::vector<FileRecord> files;
  // Paths of recorded files that nothing needs any more: Files leaves them out from now on.
  std::vector<std::string> released_files;
  std::vector<ObjectRecord> objects;
  std::vector<LandingRecord> landings;
  std::vector<VerdictRecord> verdicts;
  std::vector<MetricRecord> metrics;
  std::vector<RecordStateCount> record_states;
  std::vector<NodeRecord> nodes;  // a node that exists keeps its first record
  std::vector<EdgeRecord> edges;  // both ends must exist or be in `nodes`
  std::vector<OffsetMove> offsets;
  std::vector<OutboxEvent> events;
  std::vector<PredictionRecord> predictions;
  std::vector<SettingChange> settings;
  std::optional<StoredReply> reply;         // kConflict (WH7099) if its key was answered meanwhile
  std::optional<RunId> also_closes;         // a halted run that this commit overrides or discards …
  std::optional<RunState> also_state;       // … and the state it gets
  std::vector<Arrival> forgotten_attempts;  // objects whose parse attempts count from 0 again
};

struct CommitAnswer {
  CommitSeq seq;
  RunId run;
  bool repeated = false;  // the idempotency key was there: the first answer, nothing written
  std::vector<ObjectId> objects;  // ids given to CommitRequest::objects, in order
};

// Threads: any; writes are serialized inside.
// Errors: kConflict (definite: another writer won, nothing was written), kUnavailable with error
// code WH7003 (the outcome of COMMIT is unknown: call Outcome with the key), kCorruption,
// kNotFound.
class CommitLog {
 public:
  virtual ~CommitLog() = default;
  // The one transaction. Commits that wait at the same time share one fsync; each is still
  // whole or nothing by itself. After OK all of it is visible and durable; after kConflict none of
  // it is. Asking again with the same key returns the first answer (repeated = true); the same key
  // with other content is kInvalidInput (WH7004).
  virtual Result<CommitAnswer> Commit(const CommitRequest& request) = 0;
  // The answer stored under an idempotency key, if that commit took place.
  virtual Result<std::optional<CommitAnswer>> Outcome(std::string_view idempotency_key) = 0;
  // A reply kept under a client's key, unless its time has passed.
  virtual Result<std::optional<StoredReply>> FindReply(std::string_view key) = 0;
  // Keeps a reply that no commit goes with (a refusal), and forgets those whose time has passed.
  // kConflict (WH7099) if its key has a reply already: the first one stays.
  virtual Status KeepReply(const StoredReply& reply) = 0;
  virtual Result<CommitSeq> LastSeq() = 0;
  struct CommitEntry {
    CommitSeq seq;
    RunId run;
    std::string layer;
    std::string batch;
    RunState state = RunState::kCommitted;  // kHalted: a verdict that stopped, nothing published
    ProcessTime committed_at;
    std::optional<EventTime> batch_end;
    // h_n = SHA-256(0x02 ‖ h_(n-1) ‖ SHA-256(record of the commit)), h_0 = SHA-256(project id).
    Digest chain;
  };
  virtual Result<std::vector<CommitEntry>> Commits(CommitSeq after,
                                                   std::int64_t limit) = 0;  // oldest first
  // The first commit of `layer` after `after` that published. Cost: O(1), whatever lies between.
  virtual Result<std::optional<CommitEntry>> NextCommit(std::string_view layer,
                                                        CommitSeq after) = 0;
  struct Offset {
    std::int64_t position = 0;
    std::int64_t generation = 0;
  };
  virtual Result<Offset> OffsetOf(const std::string& consumer) = 0;  // {0, 0} if it never moved
  // The project's replay clock: the greatest batch end among commits that published
  // (EventTime::min() before the first).
  virtual Result<EventTime> ReplayNow() = 0;
  // Recomputes the hash chain from the first commit, and from it the rows that each commit wrote
  // (pointers, snapshots, files, objects, verdicts, metrics, lineage, offsets); kCorruption
  // (WH7008) names the first entry that does not fit. Cost: reads every row once.
  virtual Status VerifyChain() = 0;
};
}  // namespace weirhouse::catalog

// The commit: everything a run publishes, in one transaction; the log of commits; and the replies
// to clients that are stored with it.
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
#include "ground/catalog/lineage.h"
#include "ground/catalog/record.h"
#include "ground/catalog/settings.h"

namespace weirhouse::catalog {

// Everything a run publishes. The run builds it, its gate judges it, and it is passed to Commit
// once. Within the commit, drops are applied before renames and renames before table changes; each
// may conflict (WH7002). Namespaces are created and set before all of them, and dropped after.
//
// Commit adds these itself: the nodes of the run ("r12"), of the commit (its sequence, "1101"), of
// each object ("o7") and of each table whose main moved (kind snapshot, "processed.arrival@1101");
// the edges run → commit and run → snapshot (wrote) and object → run (read); and, for a halted run
// that is overridden (also_state kCommitted), run → commit and run → snapshot from that run too.
struct CommitRequest {
  RunId run;
  // Instead of `run`: the run is planned, started and ended in this transaction. For work done
  // elsewhere, such as a commit of another engine.
  std::optional<RunPlan> plan;
  std::string idempotency_key;  // the plan's
  RunState run_state =
      RunState::kCommitted;  // kHalted: staged refs, verdict, metrics, alert; offsets must be empty
  Layer layer = Layer::kMaintenance;
  std::string batch;
  std::optional<EventTime> batch_end;  // moves a replay clock forward
  std::vector<TableChange> tables;
  std::vector<TableDrop> drops;
  std::vector<TableRename> renames;
  std::vector<NamespaceChange> namespaces;
  std::vector<SnapshotRecord> snapshots;
  std::vector<FileRecord> files;
  // Paths of recorded files that nothing needs any more: Files no longer lists them.
  std::vector<std::string> released_files;
  std::vector<ObjectRecord> objects;
  std::vector<LandingRecord> landings;
  std::vector<VerdictRecord> verdicts;
  std::vector<MetricRecord> metrics;
  std::vector<RecordStateCount> record_states;
  Lineage lineage;  // what the run read, used and wrote, in addition to what Commit adds itself
  std::vector<OffsetMove> offsets;
  std::vector<OutboxEvent> events;
  std::vector<PredictionRecord> predictions;
  std::vector<SettingChange> settings;
  std::optional<StoredReply> reply;         // kConflict (WH7099) if its key already has a reply
  std::optional<RunId> also_closes;         // a halted run that this commit overrides or discards …
  std::optional<RunState> also_state;       // … and the state it gets
  std::vector<Arrival> forgotten_attempts;  // objects whose parse attempts count from 0 again
};

struct CommitAnswer {
  CommitSeq seq;
  RunId run;
  // the key was committed before: this is the first answer, and nothing was written
  bool repeated = false;
  std::vector<ObjectId> objects;  // ids given to CommitRequest::objects, in order
};

// Threads: any; writes are serialized inside.
// Errors: kConflict (definite: another writer won, nothing was written), kUnavailable with error
// code WH7003 (the outcome of COMMIT is unknown: call Outcome with the key), kCorruption,
// kNotFound.
class CommitLog {
 public:
  virtual ~CommitLog() = default;
  // Commits `request` in one transaction. Commits that wait at the same time share one fsync; each
  // is still atomic by itself. After OK all of it is visible and durable; after kConflict none of
  // it is. Committing again with the same key returns the first answer (repeated = true); the same
  // key with other content is kInvalidInput (WH7004).
  virtual Result<CommitAnswer> Commit(const CommitRequest& request) = 0;
  // The answer of the commit with this idempotency key; absent if that commit did not take place.
  virtual Result<std::optional<CommitAnswer>> Outcome(std::string_view idempotency_key) = 0;
  // The reply stored under a client's key; absent if there is none or it has expired.
  virtual Result<std::optional<StoredReply>> FindReply(std::string_view key) = 0;
  // Stores a reply without a commit (a refusal), and removes expired ones. kConflict (WH7099) if
  // its key has a reply already: the first one stays.
  virtual Status KeepReply(const StoredReply& reply) = 0;
  virtual Result<CommitSeq> LastSeq() = 0;
  struct CommitEntry {
    CommitSeq seq;
    RunId run;
    Layer layer = Layer::kMaintenance;
    std::string batch;
    RunState state = RunState::kCommitted;  // kHalted: a verdict that stopped, nothing published
    ProcessTime committed_at;
    std::optional<EventTime> batch_end;
    // h_n = SHA-256(0x02 ‖ h_(n-1) ‖ SHA-256(record of the commit)), h_0 = SHA-256(project id).
    Digest chain;
  };
  virtual Result<std::vector<CommitEntry>> Commits(CommitSeq after,
                                                   std::int64_t limit) = 0;  // oldest first
  // The first commit of `layer` after `after` that published rows. Cost: O(1).
  virtual Result<std::optional<CommitEntry>> NextCommit(Layer layer, CommitSeq after) = 0;
  struct Offset {
    std::int64_t position = 0;
    std::int64_t generation = 0;
  };
  virtual Result<Offset> OffsetOf(const std::string& consumer) = 0;  // {0, 0} if it has not moved
  // The project's replay clock: the greatest batch end among published commits (EventTime::min()
  // before the first).
  virtual Result<EventTime> ReplayNow() = 0;
  // Recomputes the hash chain from the first commit, and compares with it the rows that each commit
  // wrote (pointers, snapshots, files, objects, verdicts, metrics, lineage, offsets); kCorruption
  // (WH7008) names the first entry that differs. Cost: reads every row once.
  virtual Status VerifyChain() = 0;
};
}  // namespace weirhouse::catalog

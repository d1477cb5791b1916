// The one transactional database: pointers, lineage, verdicts, metrics, offsets, answers and outbox
// of a run, all in one transaction. SQLite here; PostgreSQL comes as a second driver under the same
// conformance suite.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "catalog/record.h"

namespace weirhouse::catalog {

// Everything a run publishes. Built by the run, judged by its gate, handed over once.
struct CommitRequest {
  RunId run;
  std::string idempotency_key;  // the plan's
  RunState run_state =
      RunState::kCommitted;  // kHalted: staged refs, verdict, metrics, alert; offsets must be empty
  std::string layer;         // raw | processed | feature | model | serve | maintenance
  std::string batch;
  std::optional<EventTime> batch_end;  // moves a replay clock forward
  std::vector<TableChange> tables;
  std::vector<SnapshotRecord> snapshots;
  std::vector<FileRecord> files;
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
  std::vector<std::pair<std::string, nlohmann::json>>
      settings;                        // small state of the project, by key
  std::optional<RunId> also_closes;    // a halted run that this commit overrides or discards …
  std::optional<RunState> also_state;  // … and the state it gets
};

struct CommitAnswer {
  CommitSeq seq;
  bool repeated = false;  // the idempotency key was there: the first answer, nothing written
  std::vector<ObjectId> objects;  // ids given to CommitRequest::objects, in order
};

struct RunFilter {
  std::optional<std::string> kind;
  std::optional<RunState> state;
  std::optional<std::string> name;
  std::int64_t limit = 100;  // newest first
};
struct ObjectFilter {
  std::optional<std::string> source;
  std::optional<std::string> batch;
  std::optional<CommitSeq> seq;  // committed by this commit
  std::optional<std::string> state;
};
struct VerdictFilter {
  std::optional<std::string> gate;
  std::optional<RunId> run;
  std::int64_t limit = 1'000'000;  // newest first
};

// Threads: any; writes are serialized inside. All reads see one committed state each.
// Errors: kConflict (definite: another writer won, nothing was written), kUnavailable with error
// code WH7003 (the outcome of COMMIT is unknown: call Outcome with the key), kCorruption,
// kNotFound.
class Catalog {
 public:
  virtual ~Catalog() = default;

  // ---- Runs
  // Inserts a run as planned, or resumes the planned or failed run with the same step identity and
  // kind with attempt + 1 (same id, same reserved record ids). A committed one is returned as it
  // stands.
  virtual Result<Run> PlanRun(const RunPlan& plan) = 0;
  // Several at once, in one transaction.
  virtual Result<std::vector<Run>> PlanRuns(const std::vector<RunPlan>& plans) = 0;
  virtual Status FailRun(RunId run, const Status& why) = 0;
  virtual Result<Run> GetRun(RunId run) = 0;
  virtual Result<std::vector<Run>> Runs(const RunFilter& filter) = 0;

  // ---- The one transaction. After OK all of it is visible and durable; after kConflict none of it
  // is. Asking again with the same key returns the first answer (repeated = true); the same key
  // with other content is kInvalidInput (WH7004).
  virtual Result<CommitAnswer> Commit(const CommitRequest& request) = 0;
  // The answer stored under an idempotency key, if that commit took place.
  virtual Result<std::optional<CommitAnswer>> Outcome(std::string_view idempotency_key) = 0;
  // Counts one more parse attempt of an object (by source, name and digest), durably, and returns
  // the new count.
  virtual Result<int> CountParseAttempt(const std::string& source, const std::string& name,
                                        const Digest& digest) = 0;

  // ---- Reads
  virtual Result<std::optional<TablePointer>> FindTable(std::string_view name) = 0;
  virtual Result<std::vector<TablePointer>> Tables() = 0;
  virtual Result<std::vector<SnapshotRecord>> Snapshots(
      std::string_view table) = 0;  // oldest first
  // The commit sequence that made `sequence_number` of `table` visible.
  virtual Result<CommitSeq> SeqOf(std::string_view table, std::int64_t sequence_number) = 0;
  // The snapshot of `table`'s main that was current as of `seq` (absent: the table did not exist
  // yet).
  virtual Result<std::optional<SnapshotRecord>> SnapshotAsOf(std::string_view table,
                                                             CommitSeq seq) = 0;
  virtual Result<CommitSeq> LastSeq() = 0;
  virtual Result<std::vector<FileRecord>> Files(std::optional<std::string> table) = 0;
  virtual Result<std::vector<ObjectRecord>> Objects(const ObjectFilter& filter) = 0;
  virtual Result<std::optional<ObjectRecord>> FindObject(ObjectId id) = 0;
  // The object whose record range holds `record`.
  virtual Result<std::optional<ObjectRecord>> ObjectOfRecord(RecordId record) = 0;
  // An arrival with the same identity (source, name, digest), if there was one.
  virtual Result<std::optional<ObjectRecord>> FindArrival(const std::string& source,
                                                          const std::string& name,
                                                          const Digest& digest) = 0;
  virtual Result<std::optional<LandingRecord>> FindLanding(const std::string& path) = 0;
  virtual Result<std::vector<LandingRecord>> Landings(const std::string& source) = 0;
  virtual Result<std::vector<VerdictRecord>> Verdicts(const VerdictFilter& filter) = 0;
  // Metrics of `table` named `name` with batch end in [from, to), in baseline or not, oldest first.
  virtual Result<std::vector<MetricRecord>> Metrics(const std::string& table,
                                                    const std::string& name, EventTime from,
                                                    EventTime to) = 0;
  // Sums over all committed runs, by (source, state).
  virtual Result<std::vector<RecordStateCount>> RecordStates() = 0;
  virtual Result<std::optional<Node>> FindNode(const NodeRef& ref) = 0;
  virtual Result<std::vector<EdgeRecord>> EdgesInto(const NodeRef& ref) = 0;
  virtual Result<std::vector<EdgeRecord>> EdgesOutOf(const NodeRef& ref) = 0;
  virtual Result<std::vector<Node>> Nodes(const std::string& kind) = 0;
  struct Offset {
    std::int64_t position = 0;
    std::int64_t generation = 0;
  };
  virtual Result<Offset> OffsetOf(const std::string& consumer) = 0;  // {0, 0} if it never moved
  virtual Result<std::optional<PredictionRecord>> FindPrediction(const std::string& id) = 0;
  virtual Result<std::vector<PredictionRecord>> Predictions(
      std::int64_t limit) = 0;  // newest first
  virtual Result<std::optional<nlohmann::json>> Setting(const std::string& key) = 0;
  struct CommitEntry {
    CommitSeq seq;
    RunId run;
    std::string layer;
    std::string batch;
    ProcessTime committed_at;
    std::optional<EventTime> batch_end;
    Digest chain;  // hash chain, reference/lineage.md section 4
  };
  virtual Result<std::vector<CommitEntry>> Commits(CommitSeq after,
                                                   std::int64_t limit) = 0;  // oldest first
  // Recomputes the hash chain from the first commit; kCorruption names the first entry that does
  // not fit.
  virtual Status VerifyChain() = 0;

  // ---- Outbox (dispatch is at-least-once; see engine/outbox.h)
  virtual Result<std::vector<OutboxEvent>> PendingEvents(std::int64_t limit) = 0;
  virtual Status MarkEvent(std::int64_t id, std::string_view state, int attempts) = 0;

  // ---- The project's clock: wall time, or the greatest committed batch end (kMin before the
  // first).
  virtual Result<EventTime> ReplayNow() = 0;
};

struct SqliteCatalogOptions {
  bool read_only = false;
  Clock* clock = nullptr;  // null = SystemClock()
};
// Opens (or creates, with all migrations) the catalog in the SQLite file `path`. Reads use a
// second, read-only connection in WAL mode. The views `iceberg_tables` and
// `iceberg_namespace_properties` let pyiceberg's SqlCatalog (catalog name "weirhouse") read; it
// cannot write.
Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const SqliteCatalogOptions& options = {});
}  // namespace weirhouse::catalog

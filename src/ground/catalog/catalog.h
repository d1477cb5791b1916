// The one transactional database: pointers, lineage, verdicts, metrics, offsets, answers and outbox
// of a run, all in one transaction. On SQLite or PostgreSQL, under one conformance suite.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"

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
// What names an arrived object before it has an id.
struct Arrival {
  std::string source;
  std::string name;
  Digest digest;
};

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
  std::vector<std::pair<std::string, nlohmann::json>>
      settings;                             // small state of the project, by key; null removes it
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

struct RunFilter {
  std::optional<std::string> kind = std::nullopt;
  std::optional<RunState> state = std::nullopt;
  std::optional<std::string> name = std::nullopt;
  std::int64_t limit = 100;  // newest first
};
struct ObjectFilter {
  std::optional<std::string> source = std::nullopt;
  std::optional<std::string> batch = std::nullopt;
  std::optional<CommitSeq> seq = std::nullopt;  // committed by this commit
  std::optional<std::string> state = std::nullopt;
  // Quarantined whole as it came, or with so many attempts to parse it counted. Cost: O(those).
  std::optional<int> refused_at_attempts = std::nullopt;
};
struct VerdictFilter {
  std::optional<std::string> gate = std::nullopt;
  std::optional<RunId> run = std::nullopt;
  std::int64_t limit = 1'000'000;  // newest first
};

// Threads: any; writes are serialized inside. All reads see one committed state each.
// Errors: kConflict (definite: another writer won, nothing was written), kUnavailable with error
// code WH7003 (the outcome of COMMIT is unknown: call Outcome with the key), kCorruption,
// kNotFound.
class Catalog {
 public:
  virtual ~Catalog() = default;
  // Where it lies, for people: a path, or a server's address without the password.
  virtual std::string place() const = 0;

  // ---- Runs
  // Inserts a run as planned, or resumes the planned or failed run with the same step identity and
  // kind with attempt + 1 (same id; the same reserved record ids, unless others were reserved
  // since, whose records may be published by now: numbers follow that order). A committed, halted
  // or discarded one is returned as it stands.
  virtual Result<Run> PlanRun(const RunPlan& plan) = 0;
  // Several at once, in one transaction.
  virtual Result<std::vector<Run>> PlanRuns(const std::vector<RunPlan>& plans) = 0;
  // Ends a planned run with an error; kConflict if it has been published or halted meanwhile.
  virtual Status FailRun(RunId run, const Status& why) = 0;
  virtual Result<Run> GetRun(RunId run) = 0;
  // The run planned for this step, whatever its state. Kind and step identity name one run.
  virtual Result<std::optional<Run>> FindRun(std::string_view kind,
                                             const Digest& step_identity) = 0;
  virtual Result<std::vector<Run>> Runs(const RunFilter& filter) = 0;
  // How many runs are in each state; states without runs are left out.
  virtual Result<std::vector<std::pair<RunState, std::int64_t>>> RunCounts() = 0;

  // ---- The one transaction. Commits that wait at the same time share one fsync; each is still
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
  // Counts one more attempt to parse an object (by source, name and digest) that ended the process,
  // durably, and returns the new count.
  virtual Result<int> CountParseAttempt(const std::string& source, const std::string& name,
                                        const Digest& digest) = 0;
  // The same for several objects in one transaction (one fsync); counts in the order asked.
  virtual Result<std::vector<int>> CountParseAttempts(const std::vector<Arrival>& arrivals) = 0;
  // How many attempts are counted.
  virtual Result<int> ParseAttempts(const Arrival& arrival) = 0;
  // An object was parsed to its end: its attempts count from 0 again.
  virtual Status ForgetParseAttempts(const Arrival& arrival) = 0;

  // ---- Reads
  virtual Result<std::optional<TablePointer>> FindTable(std::string_view name) = 0;
  virtual Result<std::vector<TablePointer>> Tables() = 0;
  // A page of the full names in one namespace (not below it), as bytes in order, after the full
  // name `after` (empty: from the beginning). Cost: O(page).
  virtual Result<std::vector<std::string>> TableNames(std::string_view name_space, PointerKind kind,
                                                      std::string_view after,
                                                      std::int64_t limit) = 0;
  // Namespaces, those that only hold tables included, by name.
  virtual Result<std::vector<NamespaceRecord>> Namespaces() = 0;
  virtual Result<std::optional<NamespaceRecord>> FindNamespace(std::string_view name) = 0;
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
  // Those that commits after `after` were the first to record.
  virtual Result<std::vector<FileRecord>> FilesSince(CommitSeq after) = 0;
  // Paths released by commits before `before` that have not been marked as removed from the disk.
  virtual Result<std::vector<std::string>> ReleasedFiles(ProcessTime before) = 0;
  virtual Status MarkRemoved(const std::vector<std::string>& paths) = 0;
  virtual Result<std::vector<ObjectRecord>> Objects(const ObjectFilter& filter) = 0;
  struct ObjectTotals {
    std::int64_t objects = 0;
    std::int64_t records = 0;
  };
  // How many arrived, and with how many records. Cost: O(1).
  virtual Result<ObjectTotals> CountObjects() = 0;
  // The records of objects that commits after `after` brought.
  virtual Result<std::int64_t> RecordsSince(CommitSeq after) = 0;
  virtual Result<std::optional<ObjectRecord>> FindObject(ObjectId id) = 0;
  // The object whose record range holds `record`.
  virtual Result<std::optional<ObjectRecord>> ObjectOfRecord(RecordId record) = 0;
  // An arrival with the same identity (source, name, digest), if there was one.
  virtual Result<std::optional<ObjectRecord>> FindArrival(const std::string& source,
                                                          const std::string& name,
                                                          const Digest& digest) = 0;
  virtual Result<std::optional<LandingRecord>> FindLanding(const std::string& path) = 0;
  // Those of `paths` that are known, in no order. Cost: O(paths), whatever else has landed.
  virtual Result<std::vector<LandingRecord>> FindLandings(
      const std::vector<std::string>& paths) = 0;
  virtual Result<std::vector<LandingRecord>> Landings(const std::string& source) = 0;
  virtual Result<std::vector<VerdictRecord>> Verdicts(const VerdictFilter& filter) = 0;
  // Metrics of `table` named `name` with batch end in [from, to), in baseline or not, oldest first.
  virtual Result<std::vector<MetricRecord>> Metrics(const std::string& table,
                                                    const std::string& name, EventTime from,
                                                    EventTime to) = 0;
  // Sums over all commits that published, by (source, table, state). What a halted commit counted
  // is left out: the commit that overrides or discards it brings its own counts. Cost: O(sums).
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
  // All settings whose key begins with `prefix`, by key.
  virtual Result<std::vector<std::pair<std::string, nlohmann::json>>> Settings(
      std::string_view prefix) = 0;
  struct CommitEntry {
    CommitSeq seq;
    RunId run;
    std::string layer;
    std::string batch;
    RunState state = RunState::kCommitted;  // kHalted: a verdict that stopped, nothing published
    ProcessTime committed_at;
    std::optional<EventTime> batch_end;
    Digest chain;  // hash chain, reference/lineage.md section 4
  };
  virtual Result<std::vector<CommitEntry>> Commits(CommitSeq after,
                                                   std::int64_t limit) = 0;  // oldest first
  // The first commit of `layer` after `after` that published. Cost: O(1), whatever lies between.
  virtual Result<std::optional<CommitEntry>> NextCommit(std::string_view layer,
                                                        CommitSeq after) = 0;
  // Recomputes the hash chain from the first commit, and from it the rows that each commit wrote
  // (pointers, snapshots, files, objects, verdicts, metrics, lineage, offsets); kCorruption
  // (WH7008) names the first entry that does not fit. Cost: reads every row once.
  virtual Status VerifyChain() = 0;

  // ---- Outbox (dispatch is at-least-once; see work/events/courier.h)
  // Events of which it is not yet booked who gets them, oldest first.
  virtual Result<std::vector<OutboxEvent>> PendingEvents(std::int64_t limit) = 0;
  // Books who gets the pending events up to `last`, in one transaction; those that nobody gets are
  // done with. What is booked already stays as it is.
  virtual Status RouteEvents(std::int64_t last, const std::vector<Delivery>& owed) = 0;
  virtual Result<std::optional<OutboxEvent>> FindEvent(std::int64_t id) = 0;
  // The oldest pending delivery to `target` that may be tried now: its time has come, or is so far
  // away (`longest_wait`) that a clock must have gone back meanwhile.
  virtual Result<std::optional<Delivery>> DueDelivery(const std::string& target, ProcessTime now,
                                                      std::chrono::microseconds longest_wait) = 0;
  // When the next one is to be tried; absent: none is pending.
  virtual Result<std::optional<ProcessTime>> NextTry(const std::string& target) = 0;
  // How a try went, or that nothing will be tried any more. An event is done with once none of its
  // deliveries is pending. kNotFound (WH7086): it is not booked.
  virtual Status NoteDelivery(const Delivery& delivery) = 0;
  // The targets that something pending is for.
  virtual Result<std::vector<std::string>> WaitingTargets() = 0;
  struct TargetCount {
    std::string target;
    std::string state;
    std::int64_t deliveries = 0;
  };
  // How many deliveries are pending and given up. Cost: O(those).
  virtual Result<std::vector<TargetCount>> OpenDeliveries() = 0;
  // Those in `state` (any, if empty), oldest first, or newest first.
  virtual Result<std::vector<Delivery>> Deliveries(std::string_view state, bool newest_first,
                                                   std::int64_t limit) = 0;
  // How many events are in each state (pending, sent, dead).
  virtual Result<std::vector<std::pair<std::string, std::int64_t>>> EventCounts() = 0;

  // ---- The project's replay clock: the greatest batch end among commits that published
  // (EventTime::min() before the first).
  virtual Result<EventTime> ReplayNow() = 0;
};

struct CatalogOptions {
  bool read_only = false;
  bool create = true;  // false: kNotFound (WH7012) where there is none
  // From now on this one writes, alone: what an earlier claimant still tries to write is refused
  // (kUnavailable WH7100), whatever it believes to hold.
  bool claim = false;
  Clock* clock = nullptr;    // null = SystemClock()
  Random* random = nullptr;  // null = SystemRandom(); makes the project's id at creation
};
// Opens (or creates, with all migrations) the catalog in the SQLite file `path`. Reads use a
// second, read-only connection in WAL mode. The views `iceberg_tables` and
// `iceberg_namespace_properties` let pyiceberg's SqlCatalog (catalog name "weirhouse") read; it
// cannot write.
Result<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                   const CatalogOptions& options = {});
// The same on a PostgreSQL server, in the schema that `url` names (`?schema=…`), or else
// `default_schema`. Writers of one schema come one after the other, whichever machine they are on;
// connections that ended are opened anew. `url` may hold a password, which no message repeats.
//   kInvalidInput  WH7044 the URL cannot be read, WH7045 the server cannot be used
//   kUnavailable   WH7040 the server does not answer
Result<std::unique_ptr<Catalog>> OpenPostgresCatalog(const std::string& url,
                                                     const std::string& default_schema,
                                                     const CatalogOptions& options = {});
}  // namespace weirhouse::catalog

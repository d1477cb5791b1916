// What the catalog stores, as plain values: runs, tables, snapshots, objects, verdicts, metrics,
// lineage.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/time.h"
#include "ground/catalog/kind.h"

namespace weirhouse::catalog {

// ---- Runs
enum class RunState : std::uint8_t {
  kPlanned,    // inserted before any work; resumed after a crash with attempt + 1
  kCommitted,  // its commit is in the log
  kHalted,     // its gate did not pass: staged, waiting for override or discard
  kDiscarded,  // a person left the batch out; recorded with the reason
  kFailed,     // ended with an error, nothing published; may be planned again
};
std::string_view RunStateName(RunState state);

struct RunPlan {
  RunKind kind = RunKind::kInit;
  std::string name;      // of its subject: a batch ("2013-01-01"), a model, a training set
  Digest step_identity;  // SHA-256 of (code, configuration, seeds used, engine version, input
                         // snapshots)
  std::string idempotency_key;
  nlohmann::json inputs;  // snapshots and offsets it will read
  nlohmann::json parameters;
  std::int64_t record_ids_wanted = 0;  // record ids to reserve; see RunLog::PlanRun
};
struct Run {
  RunId id;
  RunPlan plan;
  RunState state = RunState::kPlanned;
  int attempt = 1;
  RecordId first_record_id;  // of the reserved range
  ProcessTime planned_at;
  std::optional<ProcessTime> finished_at;
  std::optional<CommitSeq> seq;
  nlohmann::json error;  // the error, if the run failed
};

// ---- Tables
enum class PointerKind : std::uint8_t { kTable, kView };  // they share one name space

// A table's full name is its namespace, a dot, and its own name, which holds no dot: "processed.
// arrival", or "a.b.t" for table "t" in the namespace of two levels "a.b".
struct TablePointer {
  std::string name;
  PointerKind kind = PointerKind::kTable;
  std::string uuid;
  std::string metadata_location;
  std::optional<std::string> previous_metadata_location;
  CommitSeq seq;  // of the commit that set it
};
// Moves (or creates) one table's pointer. `expected` absent = the table must not exist.
struct TableChange {
  std::string name;
  std::string uuid;
  std::optional<std::string> expected_metadata_location;
  std::string metadata_location;
  PointerKind kind = PointerKind::kTable;
  // The folders that belong to this table alone from now on: its location, and those that its
  // properties name, each in canonical spelling (platform::CanonicalPath). kConflict (WH7002) if
  // one is in, or contains, a folder of another table. Empty: no change.
  std::vector<std::string> places{};
};
// Removes one pointer. The records of its snapshots, files and lineage stay.
struct TableDrop {
  std::string name;
  std::string expected_metadata_location;
  // Until this time no other table may use the folders of this one, because their content is being
  // deleted (TableCatalog::ReleasePlaces ends it sooner). Absent: they are free at once.
  std::optional<ProcessTime> places_kept_until{};
};
// A folder that belongs to one table alone.
struct PlaceRecord {
  std::string table;
  std::string place;     // empty: the table was registered before its folders were recorded
  bool standing = true;  // false: the table was dropped, and its files are being deleted
};
// Renames a table or view: kConflict (WH7095) if the name is taken, kNotFound (WH7096) if its
// namespace does not exist. Snapshots, files and metrics recorded so far are found under the new
// name, and under the old one until another table takes it.
struct TableRename {
  std::string name;
  std::string new_name;
  std::string expected_metadata_location;
};
// A namespace, "a" or "a.b". Those of the layers always exist. A table may also be put into a
// namespace that was never created explicitly (our own steps do so); the namespace then exists
// without properties.
struct NamespaceRecord {
  std::string name;
  std::map<std::string, std::string> properties;
};
struct NamespaceChange {
  enum class What : std::uint8_t {
    kCreate,  // kConflict (WH7097) if it exists, kNotFound (WH7096) without its parent
    kSet,     // its properties become `properties`; kNotFound (WH7096)
    kDrop,    // kConflict (WH7098) unless empty, kNotFound (WH7096)
  };
  What what = What::kCreate;
  NamespaceRecord wanted;
  // The properties that kSet was based on: kConflict (WH7002) if they have changed. Absent: not
  // checked.
  std::optional<std::map<std::string, std::string>> expected_properties{};
};
// The reply to a client's request, stored under the client's key, so that a repeated request gets
// the same reply and does nothing.
struct StoredReply {
  std::string key;      // the client's key and identity
  std::string request;  // digest of method, path and body: another request under the key is refused
  int status = 200;
  std::string body;
  ProcessTime kept_until{};
};
// A snapshot that became visible (ref "main") or was staged (another ref). Several per table and
// commit are allowed.
struct SnapshotRecord {
  std::string table;
  SnapshotId snapshot;
  std::int64_t sequence_number = 0;
  std::string ref = "main";
  std::string operation;  // append | overwrite | replace | delete
  std::int64_t added_rows = 0;
  std::int64_t deleted_rows = 0;
  std::int64_t total_rows = 0;
  CommitSeq seq;  // filled in by Commit
  RunId run;      // filled in by Commit
};
// A file that a run wrote and a snapshot names; `wh verify` hashes it again.
struct FileRecord {
  std::string path;
  std::string table;  // empty for other artifacts
  FileKind kind = FileKind::kData;
  std::int64_t size_bytes = 0;
  Digest sha256;
  CommitSeq seq;
  RunId run;
};

// ---- Arrival
struct ObjectRecord {
  ObjectId id;  // filled in by Commit
  std::string source;
  std::string name;  // as it arrived: "2013-01-01.jsonl"
  Digest digest;
  std::int64_t size_bytes = 0;
  std::int64_t record_count = 0;
  RecordId first_record_id;
  std::string path;   // of the raw object
  std::string batch;  // the batch it belongs to
  std::string contract_version;
  std::string sender;
  ProcessTime arrived_at;
  ObjectState state = ObjectState::kStored;
  int attempts = 0;  // parse attempts that ended the process since it was last parsed to its end
  CommitSeq seq;
};
struct LandingRecord {  // a file seen in a landing folder
  std::string path;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_us = 0;
  std::uint64_t inode = 0;
  std::string source;
  Digest digest;
  LandingState state = LandingState::kStored;
  // The change time, which users cannot set: it reveals a file that was given the modification time
  // of another. 0: not recorded.
  std::int64_t ctime_us = 0;
};

// ---- Judgement
struct VerdictRecord {
  std::string gate;
  std::string table;
  VerdictState state = VerdictState::kError;
  std::string batch;
  EventTime batch_end{};
  nlohmann::json checks;        // list of {name, kind, state, observed, bound, population, …}
  std::string override_reason;  // set if a person published the batch anyway
  std::string override_by;
  RunId run;  // filled in by Commit
  CommitSeq seq;
};
// A value kept over time; profiles of published batches are the gates' history.
struct MetricRecord {
  std::string table;
  std::string name;  // "profile" | "row_count" | …
  std::string batch;
  EventTime batch_end{};
  bool in_baseline = true;  // false: kept, but not part of any history window
  nlohmann::json value;
  RunId run;
  CommitSeq seq;
};
// The number of raw records of a source that ended in a state through this run. Negative: a later
// winner took their place.
struct RecordStateCount {
  std::string source;
  std::string table;  // the processed table, or empty
  RecordState state = RecordState::kProcessed;
  std::int64_t count = 0;
};

// ---- Lineage
// Identifies a node; its key is unique within its kind (kind.h shows examples). Keys that only
// Commit knows are written as placeholders: {kObject, "#0"} is objects[0] of the request, {kCommit,
// ""} and {kRun, ""} are this commit and this run, {kSnapshot, "processed.arrival@"} gets this
// commit's sequence. The functions of lineage.h write them.
struct NodeRef {
  NodeKind kind = NodeKind::kRun;
  std::string key;
  friend auto operator<=>(const NodeRef&, const NodeRef&) = default;
};
struct NodeRecord {
  NodeKind kind = NodeKind::kRun;
  std::string key;
  nlohmann::json record;
};
// Direction: data flows from `from` to `to` (a run that read an object: object → run).
struct EdgeRecord {
  NodeRef from;
  NodeRef to;
  EdgeKind kind = EdgeKind::kRead;
  RunId run{};      // filled in by Commit
  CommitSeq seq{};  // filled in by Commit
};
struct Node {
  NodeId id;
  NodeRecord node;
  CommitSeq seq;
};

// ---- Walks over lineage
enum class WalkDirection : std::uint8_t {
  kBack,   // against the data flow: what a node was made from
  kForth,  // with the data flow: what was made from a node
};
struct WalkFilter {
  std::vector<EdgeKind> edge_kinds{};  // only these edges; empty: all
  std::vector<NodeKind> node_kinds{};  // only these nodes, and paths through them; empty: all
  std::int64_t nodes_max = 100'000;    // the start included
};
struct WalkedNode {
  Node node;
  int depth = 0;  // edges on the shortest path from the start
};
struct LineageWalk {
  // By depth, then in recording order. The start comes first; empty if it does not exist.
  std::vector<WalkedNode> nodes;
  // All followed edges, also those back to a node reached before: in the order of `nodes` at the
  // end nearer to the start, then by commit, then by the other end.
  std::vector<EdgeRecord> edges;
  // False: nodes_max was reached, and the walk ends at the last depth that it contains whole.
  bool whole = true;
};

// ---- Events and progress
struct OutboxEvent {
  std::int64_t id = 0;  // filled in by Commit
  std::string type;     // "weirhouse.table.committed"
  std::string subject;
  nlohmann::json data;
  CommitSeq seq;
  int attempts = 0;
  std::string state = "pending";  // pending | sent | dead
};
// The delivery of one event to one target. `target` is the sender's name for it.
struct Delivery {
  std::int64_t event = 0;
  std::string target;
  // pending | delivered | given_up | dropped (the target no longer exists)
  std::string state = "pending";
  int tries = 0;
  ProcessTime next_try;  // of a pending one
  std::string error;     // of the last try that failed
};
// Moves a consumer's offset from `expected` to `position`. A generation older than the stored one
// is refused.
struct OffsetMove {
  std::string consumer;
  std::int64_t expected = 0;
  std::int64_t position = 0;
  std::int64_t generation = 0;
};
struct PredictionRecord {
  std::string id;     // p-<UUIDv7>
  std::string model;  // "late#1"
  EventTime at{};
  nlohmann::json request;
  nlohmann::json vector;  // per feature: bits as hex, status, event time, view version, seq
  Digest vector_digest;
  nlohmann::json output;
  CommitSeq features_seq;  // the commit sequence of the online values
};
}  // namespace weirhouse::catalog

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
// -------------------------------------------------------------------------------------------------
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
  std::string name;      // of what: a batch ("2013-01-01"), a model, a training set
  Digest step_identity;  // SHA-256 of (code, configuration, seeds used, engine version, input
                         // snapshots)
  std::string idempotency_key;
  nlohmann::json inputs;  // snapshots and offsets it will read
  nlohmann::json parameters;
  std::int64_t record_ids_wanted = 0;  // reserves so many record ids; see Catalog::PlanRun
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
  nlohmann::json error;  // what went wrong, if it did
};

// ---- Tables
// -----------------------------------------------------------------------------------------------
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
  // The folders that are this table's alone from now on: its location, and those that its properties
  // name, each in one spelling (platform::CanonicalPath). kConflict (WH7002) if one lies in a folder
  // of another table or around it. Empty: they stay as they are.
  std::vector<std::string> places{};
};
// Removes one pointer. Its snapshots, files and lineage stay recorded.
struct TableDrop {
  std::string name;
  std::string expected_metadata_location;
  // Until then no other table gets the folders of this one, because whatever lies in them is being
  // deleted (Catalog::ReleasePlaces ends it sooner). Absent: they are free at once.
  std::optional<ProcessTime> places_kept_until{};
};
// A folder that is one table's alone.
struct PlaceRecord {
  std::string table;
  std::string place;     // empty: the table was registered before its folders were recorded
  bool standing = true;  // false: of a table that was dropped, and whose files are being deleted
};
// Gives a table or view another name: kConflict (WH7095) if that is taken, kNotFound (WH7096) if
// its namespace does not exist. Snapshots, files and metrics recorded so far go with it; the old
// name finds them too until another table takes it.
struct TableRename {
  std::string name;
  std::string new_name;
  std::string expected_metadata_location;
};
// A namespace, "a" or "a.b". Those of the layers exist from the beginning. A table may also be put
// into a namespace that was never created by name (our own steps do); it then exists without
// properties.
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
  // What kSet was worked out from: kConflict (WH7002) if the properties are others by now. Absent:
  // whatever they are.
  std::optional<std::map<std::string, std::string>> expected_properties{};
};
// The answer to a client's request, kept under the key that the client gave, so that asking again
// is answered again and does nothing.
struct StoredReply {
  std::string key;      // the client's key and who it is
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
// Every file that a run wrote and a snapshot names: what `verify` hashes again.
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
// ----------------------------------------------------------------------------------------------
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
  int attempts = 0;  // how often parsing it ended the process since it was last parsed to its end
  CommitSeq seq;
};
struct LandingRecord {  // what was seen in a landing folder
  std::string path;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_us = 0;
  std::uint64_t inode = 0;
  std::string source;
  Digest digest;
  LandingState state = LandingState::kStored;
  // Nobody can set it, so it tells a file apart that was given the time of another. 0: not kept.
  std::int64_t ctime_us = 0;
};

// ---- Judgement
// --------------------------------------------------------------------------------------------
struct VerdictRecord {
  std::string gate;
  std::string table;
  VerdictState state = VerdictState::kError;
  std::string batch;
  EventTime batch_end{};
  nlohmann::json checks;        // list of {name, kind, state, observed, bound, population, …}
  std::string override_reason;  // set when a person published anyway
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
// How many raw records of a source ended in a state through this run. Negative: a later winner
// moved them.
struct RecordStateCount {
  std::string source;
  std::string table;  // the processed table, or empty
  RecordState state = RecordState::kProcessed;
  std::int64_t count = 0;
};

// ---- Lineage
// ----------------------------------------------------------------------------------------------
// What a node stands for; its key is unique within its kind (kind.h shows one of each). Keys that
// only Commit knows are written so: {kObject, "#0"} is objects[0] of the request, {kCommit, ""} and
// {kRun, ""} are this commit and this run, {kSnapshot, "processed.arrival@"} gets this commit's
// sequence. The functions of lineage.h write them.
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
  kBack,   // against the data: what a node was made of
  kForth,  // with it: what was made of a node
};
struct WalkFilter {
  std::vector<EdgeKind> edge_kinds{};  // only along these; empty: along all
  std::vector<NodeKind> node_kinds{};  // only to these, and through them; empty: to all
  std::int64_t nodes_max = 100'000;    // the start included
};
struct WalkedNode {
  Node node;
  int depth = 0;  // edges on the shortest way from the start
};
struct LineageWalk {
  // By depth, then in the order in which they were recorded. The start comes first; empty if there is
  // no such node.
  std::vector<WalkedNode> nodes;
  // All that were followed, those back to a node that was reached before included: in the order of
  // `nodes` at the end that is nearer to the start, then by commit, then of the other end.
  std::vector<EdgeRecord> edges;
  // False: nodes_max was reached. The walk then ends at the last depth that it holds
  // whole.
  bool whole = true;
};

// ---- Events and progress
// ------------------------------------------------------------------------------------
struct OutboxEvent {
  std::int64_t id = 0;  // filled in by Commit
  std::string type;     // "weirhouse.table.committed"
  std::string subject;
  nlohmann::json data;
  CommitSeq seq;
  int attempts = 0;
  std::string state = "pending";  // pending | sent | dead
};
// What one target is owed of one event, and how far that is. `target` is whatever the sender calls
// it.
struct Delivery {
  std::int64_t event = 0;
  std::string target;
  std::string state = "pending";  // pending | delivered | given_up | dropped (the target is gone)
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
  CommitSeq features_seq;  // the commit sequence the online values stood at
};
}  // namespace weirhouse::catalog

// Nodes and edges of one commit.
#include <fmt/format.h>

#include <charconv>
#include <set>

#include "ground/catalog/store/row.h"
#include "ground/catalog/write/publish.h"

namespace weirhouse::catalog {
namespace {
using platform::DatabaseRow;

class LineageWriter {
 public:
  explicit LineageWriter(CommitContext& commit) : commit_(&commit) {}

  // Replaces the placeholders in `ref` that only this commit knows (see NodeRef).
  Result<NodeRef> Resolve(const NodeRef& ref) const {
    if (ref.kind == NodeKind::kCommit && ref.key.empty()) return CommitNode();
    if (ref.kind == NodeKind::kRun && ref.key.empty()) return RunNode(commit_->run.id);
    if (ref.kind == NodeKind::kSnapshot && ref.key.ends_with('@')) {
      return NodeRef{ref.kind, fmt::format("{}{}", ref.key, commit_->seq.value())};
    }
    if (ref.kind == NodeKind::kObject && ref.key.starts_with('#')) {
      std::size_t i = commit_->objects.size();
      const char* const end = ref.key.data() + ref.key.size();
      const auto read = std::from_chars(ref.key.data() + 1, end, i);
      if (read.ec == std::errc() && read.ptr == end && i < commit_->objects.size())
        return NodeRef{ref.kind, ToString(commit_->objects[i])};
      return Status(Code::kInvalidInput,
                    fmt::format("lineage names an object that this commit does not contain: \"{}\"",
                                ref.key))
          .WithError("WH7080");
    }
    return ref;
  }
  NodeRef CommitNode() const { return catalog::CommitNode(commit_->seq); }

  Status AddNode(const NodeRef& ref, const nlohmann::json& record) {
    if (ids_.contains(ref)) return Status::Ok();
    WEIRHOUSE_TRY(
        const std::optional<std::int64_t> id,
        commit_->db.Insert(
            "INSERT INTO node (kind, key, record, seq) VALUES (?, ?, ?, ?) ON CONFLICT (kind, "
            "key) DO NOTHING RETURNING id",
            {WordOf(ref.kind), ref.key, JsonText(record), commit_->seq.value()}));
    if (id) ids_.emplace(ref, *id);
    return Status::Ok();
  }

  Status AddEdge(const NodeRef& from, const NodeRef& to, EdgeKind kind) {
    WEIRHOUSE_TRY(const std::int64_t source, IdOf(from));
    WEIRHOUSE_TRY(const std::int64_t target, IdOf(to));
    return commit_->db.Run(
        "INSERT INTO edge (seq, src, dst, kind, run) VALUES (?, ?, ?, ?, ?) ON CONFLICT (seq, src, "
        "dst, kind) DO NOTHING",
        {commit_->seq.value(), source, target, WordOf(kind), commit_->run.id.value()});
  }

 private:
  Result<std::int64_t> IdOf(const NodeRef& ref) {
    if (const auto found = ids_.find(ref); found != ids_.end()) return found->second;
    std::int64_t id = 0;
    WEIRHOUSE_TRY_STATUS(commit_->db.Each("SELECT id FROM node WHERE kind = ? AND key = ?",
                                          {WordOf(ref.kind), ref.key}, [&](const DatabaseRow& row) {
                                            id = row.Int(0);
                                            return Status::Ok();
                                          }));
    if (id == 0) {
      return Status(Code::kInvalidInput,
                    fmt::format("a lineage edge names a node that does not exist: {} \"{}\"",
                                Name(ref.kind), ref.key))
          .WithError("WH7080")
          .WithHint("describe the node in the same commit, or commit what it represents first");
    }
    ids_.emplace(ref, id);
    return id;
  }

  CommitContext* commit_;
  std::map<NodeRef, std::int64_t> ids_;
};

Status AddRun(LineageWriter& lineage, const Run& run) {
  return lineage.AddNode(RunNode(run.id), {{"kind", run.plan.kind},
                                           {"name", run.plan.name},
                                           {"step", run.plan.step_identity.ToHex()},
                                           {"attempt", run.attempt}});
}

// Adds the objects that arrived, each read by the run that took it in.
Status AddObjects(LineageWriter& lineage, const CommitContext& commit) {
  for (std::size_t i = 0; i < commit.objects.size(); ++i) {
    const ObjectRecord& object = commit.request.objects[i];
    const NodeRef node = ObjectNode(commit.objects[i]);
    WEIRHOUSE_TRY_STATUS(lineage.AddNode(node, {{"source", object.source},
                                                {"name", object.name},
                                                {"sha256", object.digest.ToHex()},
                                                {"size_bytes", object.size_bytes},
                                                {"records", object.record_count}}));
    WEIRHOUSE_TRY_STATUS(lineage.AddEdge(node, RunNode(commit.run.id), EdgeKind::kRead));
  }
  return Status::Ok();
}

// One node per table whose main moved: the last of its snapshots stands for it.
std::map<std::string, const SnapshotRecord*> PublishedSnapshots(const CommitRequest& request) {
  std::map<std::string, const SnapshotRecord*> last;
  for (const SnapshotRecord& snapshot : request.snapshots) {
    if (snapshot.ref == "main") last[snapshot.table] = &snapshot;
  }
  return last;
}

Status AddOutputs(LineageWriter& lineage, const CommitContext& commit) {
  std::vector<NodeRef> writers{RunNode(commit.run.id)};
  if (commit.request.also_closes && commit.request.also_state == RunState::kCommitted) {
    // The published rows were written by the halted run.
    writers.push_back(RunNode(*commit.request.also_closes));
  }
  std::vector<NodeRef> outputs{lineage.CommitNode()};
  WEIRHOUSE_TRY_STATUS(
      lineage.AddNode(outputs.front(), {{"layer", commit.request.layer},
                                        {"batch", commit.request.batch},
                                        {"state", RunStateName(commit.request.run_state)},
                                        {"time", Micros(commit.now)}}));
  for (const auto& [table, snapshot] : PublishedSnapshots(commit.request)) {
    outputs.push_back(SnapshotNode(table, commit.seq));
    WEIRHOUSE_TRY_STATUS(
        lineage.AddNode(outputs.back(), {{"table", table},
                                         {"snapshot_id", snapshot->snapshot.value()},
                                         {"sequence_number", snapshot->sequence_number},
                                         {"rows", snapshot->total_rows}}));
  }
  for (const NodeRef& writer : writers) {
    for (const NodeRef& output : outputs) {
      WEIRHOUSE_TRY_STATUS(lineage.AddEdge(writer, output, EdgeKind::kWrote));
    }
  }
  return Status::Ok();
}
}  // namespace

Status WriteLineage(CommitContext& commit) {
  LineageWriter lineage(commit);
  // The caller's nodes first, because the first record of a node is kept and the caller's has more
  // detail.
  for (const NodeRecord& node : commit.request.lineage.nodes()) {
    WEIRHOUSE_TRY(const NodeRef ref, lineage.Resolve({node.kind, node.key}));
    WEIRHOUSE_TRY_STATUS(lineage.AddNode(ref, node.record));
  }
  WEIRHOUSE_TRY_STATUS(AddRun(lineage, commit.run));
  WEIRHOUSE_TRY_STATUS(AddObjects(lineage, commit));
  WEIRHOUSE_TRY_STATUS(AddOutputs(lineage, commit));
  for (const EdgeRecord& edge : commit.request.lineage.edges()) {
    WEIRHOUSE_TRY(const NodeRef from, lineage.Resolve(edge.from));
    WEIRHOUSE_TRY(const NodeRef to, lineage.Resolve(edge.to));
    WEIRHOUSE_TRY_STATUS(lineage.AddEdge(from, to, edge.kind));
  }
  return Status::Ok();
}
}  // namespace weirhouse::catalog

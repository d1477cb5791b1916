// Collects what a run read, used and wrote, for its commit: nodes and the edges between them.
// Commit checks that the nodes of edges exist (WH7080).
//
// Commit itself adds the nodes of the run, the commit, its objects and its tables' snapshots, and
// the edges run → commit, run → snapshot and object → run (commit.h). Everything else is added
// here, with the verb that describes it. Pure; a value type. Threads: one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

NodeRef RunNode(RunId run);
NodeRef CommitNode(CommitSeq commit);
NodeRef ObjectNode(ObjectId object);
// The snapshot of `table` after commit `seq`.
NodeRef SnapshotNode(const std::string& table, CommitSeq seq);
// Placeholders for the run and the commit that are being written.
NodeRef ThisRun();
NodeRef ThisCommit();

class Lineage {
 public:
  // This run read data from the node.
  void Read(NodeRef node) { Flow(std::move(node), EdgeKind::kRead, ThisRun()); }
  void Read(CommitSeq commit) { Read(CommitNode(commit)); }
  void Read(ObjectId object) { Read(ObjectNode(object)); }
  void ReadSnapshot(const std::string& table, CommitSeq seq) { Read(SnapshotNode(table, seq)); }

  // This run used an existing node: code, a contract, a feature view. With a record, the node is
  // created if it does not exist.
  void Uses(NodeRef node) { Flow(std::move(node), EdgeKind::kUses, ThisRun()); }
  void Uses(const NodeRef& node, nlohmann::json record);

  // This run created a training set, a model, a deployment or a prediction; `record` describes it.
  void Wrote(const NodeRef& node, nlohmann::json record);

  // This run is the decision about a halted run.
  void Overrode(RunId halted) { Flow(RunNode(halted), EdgeKind::kOverrode, ThisRun()); }
  void Discarded(RunId halted) { Flow(RunNode(halted), EdgeKind::kDiscarded, ThisRun()); }

  // Adds a node without an edge. An existing node keeps its first record.
  void Describe(NodeRef node, nlohmann::json record);
  // Adds an edge between two nodes, which exist or are described here.
  void Flow(NodeRef from, EdgeKind kind, NodeRef to);

  const std::vector<NodeRecord>& nodes() const { return nodes_; }
  const std::vector<EdgeRecord>& edges() const { return edges_; }

 private:
  std::vector<NodeRecord> nodes_;
  std::vector<EdgeRecord> edges_;
};
}  // namespace weirhouse::catalog

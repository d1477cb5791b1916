// What a run read, used and wrote, gathered for its commit: nodes and the edges between them.
//
// Commit itself adds the nodes of the run, the commit, its objects and its tables' snapshots, and
// the edges run → commit, run → snapshot and object → run (catalog.h). Everything else is said
// here, by the verb that it is. Pure; a value. Threads: none.
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
// `table` as the commit `seq` left it.
NodeRef SnapshotNode(const std::string& table, CommitSeq seq);
// The run and the commit that are being written.
NodeRef ThisRun();
NodeRef ThisCommit();

class Lineage {
 public:
  // Data flowed from there into this run.
  void Read(NodeRef node) { Flow(std::move(node), EdgeKind::kRead, ThisRun()); }
  void Read(CommitSeq commit) { Read(CommitNode(commit)); }
  void Read(ObjectId object) { Read(ObjectNode(object)); }
  void ReadSnapshot(const std::string& table, CommitSeq seq) { Read(SnapshotNode(table, seq)); }

  // This run went by it, a node that exists: code, a contract, a view. With a record, the node is
  // made if it does not.
  void Uses(NodeRef node) { Flow(std::move(node), EdgeKind::kUses, ThisRun()); }
  void Uses(const NodeRef& node, nlohmann::json record);

  // This run made it, a training set, a model, a deployment, a prediction; `record` says more.
  void Wrote(const NodeRef& node, nlohmann::json record);

  // The decision about a halted run that this run is.
  void Overrode(RunId halted) { Flow(RunNode(halted), EdgeKind::kOverrode, ThisRun()); }
  void Discarded(RunId halted) { Flow(RunNode(halted), EdgeKind::kDiscarded, ThisRun()); }

  // A node without an edge. One that exists keeps its first record.
  void Describe(NodeRef node, nlohmann::json record);
  // An edge between two nodes, which exist or are described here.
  void Flow(NodeRef from, EdgeKind kind, NodeRef to);

  const std::vector<NodeRecord>& nodes() const { return nodes_; }
  const std::vector<EdgeRecord>& edges() const { return edges_; }

 private:
  std::vector<NodeRecord> nodes_;
  std::vector<EdgeRecord> edges_;
};
}  // namespace weirhouse::catalog

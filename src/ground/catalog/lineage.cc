#include "ground/catalog/lineage.h"

#include <utility>

namespace weirhouse::catalog {

NodeRef RunNode(RunId run) { return {NodeKind::kRun, ToString(run)}; }
NodeRef CommitNode(CommitSeq commit) { return {NodeKind::kCommit, std::to_string(commit.value())}; }
NodeRef ObjectNode(ObjectId object) { return {NodeKind::kObject, ToString(object)}; }
NodeRef SnapshotNode(const std::string& table, CommitSeq seq) {
  return {NodeKind::kSnapshot, table + "@" + std::to_string(seq.value())};
}
NodeRef ThisRun() { return {NodeKind::kRun, ""}; }
NodeRef ThisCommit() { return {NodeKind::kCommit, ""}; }

void Lineage::Uses(const NodeRef& node, nlohmann::json record) {
  Describe(node, std::move(record));
  Uses(node);
}

void Lineage::Wrote(const NodeRef& node, nlohmann::json record) {
  Describe(node, std::move(record));
  Flow(ThisRun(), EdgeKind::kWrote, node);
}

void Lineage::Describe(NodeRef node, nlohmann::json record) {
  nodes_.push_back({node.kind, std::move(node.key), std::move(record)});
}

void Lineage::Flow(NodeRef from, EdgeKind kind, NodeRef to) {
  edges_.push_back({std::move(from), std::move(to), kind});
}
}  // namespace weirhouse::catalog

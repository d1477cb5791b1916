// The part of the catalog that stores lineage: nodes, the edges between them, and walks over both.
// Only Commit writes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

// Threads: any. Each read sees one committed state. Errors: kUnavailable, kCorruption.
class LineageStore {
 public:
  virtual ~LineageStore() = default;
  virtual Result<std::optional<Node>> FindNode(const NodeRef& ref) = 0;
  virtual Result<std::vector<EdgeRecord>> EdgesInto(const NodeRef& ref) = 0;
  virtual Result<std::vector<EdgeRecord>> EdgesOutOf(const NodeRef& ref) = 0;
  virtual Result<std::vector<Node>> Nodes(NodeKind kind) = 0;
  // Everything reachable from `start` over at most `depth` edges, breadth first, all of one
  // committed state. The graph may have cycles. Cost: O(edges within reach), one statement per 500
  // nodes of a depth; memory: the answer.
  virtual Result<LineageWalk> Walk(const NodeRef& start, WalkDirection direction, int depth,
                                   const WalkFilter& filter) = 0;
};
}  // namespace weirhouse::catalog

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

#include "ground/base/random.h"
#include "ground/catalog/conformance.h"

namespace weirhouse::catalog {
namespace {

// What Walk answers, worked out node by node from EdgesInto and EdgesOutOf.
struct PlainWalk {
  std::map<NodeRef, int> depths;
  std::set<std::string> edges;
};

std::string TextOfEdge(const EdgeRecord& edge) {
  return fmt::format("{}:{} -{}-> {}:{} @{} {}", Name(edge.from.kind), edge.from.key,
                     Name(edge.kind), Name(edge.to.kind), edge.to.key, edge.seq.value(),
                     edge.run.value());
}

template <typename Kind>
bool Holds(const std::vector<Kind>& wanted, Kind kind) {
  return wanted.empty() || std::ranges::find(wanted, kind) != wanted.end();
}

PlainWalk WalkPlainly(Catalog& catalog, const NodeRef& start, WalkDirection direction, int depth,
                      const WalkFilter& filter) {
  PlainWalk walk;
  if (!ValueOf(catalog.FindNode(start))) return walk;
  walk.depths[start] = 0;
  std::deque<NodeRef> waiting{start};
  while (!waiting.empty()) {
    const NodeRef at = waiting.front();
    waiting.pop_front();
    if (walk.depths[at] == depth) continue;
    const bool back = direction == WalkDirection::kBack;
    for (const EdgeRecord& edge : ValueOf(back ? catalog.EdgesInto(at) : catalog.EdgesOutOf(at))) {
      const NodeRef& far = back ? edge.from : edge.to;
      if (!Holds(filter.edge_kinds, edge.kind) || !Holds(filter.node_kinds, far.kind)) continue;
      walk.edges.insert(TextOfEdge(edge));
      if (walk.depths.emplace(far, walk.depths[at] + 1).second) waiting.push_back(far);
    }
  }
  return walk;
}

// A graph of `nodes` nodes with circles, edges to oneself and several edges between two nodes.
void MakeGraph(Catalog& catalog, Random& random, int nodes, int edges) {
  constexpr std::array kNodes{NodeKind::kContract, NodeKind::kView, NodeKind::kModel};
  constexpr std::array kEdges{EdgeKind::kUses, EdgeKind::kRead};
  const auto pick = [&](std::size_t of) { return static_cast<std::size_t>(random.Next() % of); };
  const auto node = [&](std::size_t number) {
    return NodeRef{kNodes[number % kNodes.size()], fmt::format("n{}", number)};
  };
  for (int commit = 0; commit < 3; ++commit) {
    const auto run = ValueOf(catalog.PlanRun(PlanOf(fmt::format("graph {}", commit))));
    CommitRequest request = SwapOf(run, fmt::format("raw.t{}", commit), std::nullopt, "m");
    for (int i = 0; i < nodes && commit == 0; ++i) {
      const NodeRef one = node(static_cast<std::size_t>(i));
      request.lineage.Describe(one, {{"number", i}});
    }
    for (int i = 0; i < edges / 3; ++i) {
      const auto count = static_cast<std::size_t>(nodes);
      const NodeRef from = node(pick(count));
      const NodeRef to = node(pick(count));
      request.lineage.Flow(from, kEdges[pick(2)], to);
    }
    ASSERT_OK(catalog.Commit(request));
  }
}

TEST_P(CatalogConformance, AWalkFindsWhatASearchEdgeByEdgeFinds) {
  SeededRandom random(31);
  MakeGraph(*catalog_, random, 40, 90);
  const std::vector<WalkFilter> filters{{},
                                        {.edge_kinds = {EdgeKind::kUses}},
                                        {.node_kinds = {NodeKind::kView, NodeKind::kModel}},
                                        {.edge_kinds = {EdgeKind::kRead, EdgeKind::kServedBy},
                                         .node_kinds = {NodeKind::kContract, NodeKind::kView}}};
  const std::vector<NodeRef> starts{{NodeKind::kContract, "n0"},
                                    {NodeKind::kView, "n1"},
                                    {NodeKind::kModel, "n8"},
                                    {NodeKind::kCommit, "1"},
                                    {NodeKind::kView, "none"}};
  for (const WalkDirection direction : {WalkDirection::kBack, WalkDirection::kForth}) {
    for (const int depth : {0, 1, 2, 5, 32}) {
      for (const WalkFilter& filter : filters) {
        for (const NodeRef& start : starts) {
          const auto told = fmt::format("{} {} depth {}", Name(start.kind), start.key, depth);
          const PlainWalk plain = WalkPlainly(*catalog_, start, direction, depth, filter);
          const auto walk = ValueOf(catalog_->Walk(start, direction, depth, filter));
          EXPECT_TRUE(walk.whole);
          std::map<NodeRef, int> depths;
          std::vector<std::pair<int, NodeId>> order;
          for (const WalkedNode& one : walk.nodes) {
            EXPECT_TRUE(
                depths.emplace(NodeRef{one.node.node.kind, one.node.node.key}, one.depth).second);
            order.emplace_back(one.depth, one.node.id);
          }
          EXPECT_EQ(depths, plain.depths) << told;
          EXPECT_TRUE(std::ranges::is_sorted(order)) << told;
          std::set<std::string> edges;
          for (const EdgeRecord& edge : walk.edges) {
            EXPECT_TRUE(edges.insert(TextOfEdge(edge)).second) << TextOfEdge(edge);
          }
          EXPECT_EQ(edges, plain.edges) << told;
        }
      }
    }
  }
}

TEST_P(CatalogConformance, AWalkThatIsCutHoldsWholeDepths) {
  const auto run = ValueOf(catalog_->PlanRun(PlanOf("tree")));
  CommitRequest request = SwapOf(run, "raw.t", std::nullopt, "m");
  for (int i = 0; i < 31; ++i) {  // a binary tree of five levels
    const NodeRef node{NodeKind::kView, fmt::format("n{}", i)};
    request.lineage.Describe(node, {{"number", i}});
    if (i > 0) {
      request.lineage.Flow(node, EdgeKind::kUses,
                           {NodeKind::kView, fmt::format("n{}", (i - 1) / 2)});
    }
  }
  ASSERT_OK(catalog_->Commit(request));
  const auto nodes_at = [&](std::int64_t nodes_max) {
    WalkFilter filter;
    filter.nodes_max = nodes_max;
    const auto walk =
        ValueOf(catalog_->Walk({NodeKind::kView, "n0"}, WalkDirection::kBack, 10, filter));
    EXPECT_EQ(walk.whole, nodes_max >= 31) << nodes_max;
    EXPECT_EQ(walk.edges.size() + 1, std::max<std::size_t>(walk.nodes.size(), 1));
    return walk.nodes.size();
  };
  EXPECT_EQ(nodes_at(100), 31U);
  EXPECT_EQ(nodes_at(31), 31U);
  EXPECT_EQ(nodes_at(30), 15U);
  EXPECT_EQ(nodes_at(8), 7U);
  EXPECT_EQ(nodes_at(7), 7U);
  EXPECT_EQ(nodes_at(6), 3U);
  const auto walk = ValueOf(catalog_->Walk({NodeKind::kView, "n0"}, WalkDirection::kBack, 10, {}));
  EXPECT_EQ(walk.nodes[3].node.node.record, (nlohmann::json{{"number", 3}}));
  EXPECT_EQ(walk.nodes[3].depth, 2);
}
}  // namespace
}  // namespace weirhouse::catalog

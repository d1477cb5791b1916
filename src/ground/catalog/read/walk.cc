// Walks over lineage: one recursive statement for the nodes, one for the edges between them, both of
// one state.
#include <fmt/format.h>

#include <map>
#include <set>

#include "ground/base/text.h"
#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::DatabaseValue;

// The statement's beginning, up to and with the table `nearest (id, depth)`, and its parameters.
struct Recursion {
  std::string sql;
  std::vector<DatabaseValue> parameters;
  std::string edge_condition;  // on an edge `e` whose other end is node `o`
  std::vector<DatabaseValue> condition_parameters;
};

void AddOneOf(const char* column, const std::vector<std::string>& values, Recursion& recursion) {
  if (values.empty()) return;
  std::vector<std::string> marks(values.size(), "?");
  recursion.edge_condition += fmt::format(" AND {} IN ({})", column, Join(marks, ", "));
  recursion.condition_parameters.insert(recursion.condition_parameters.end(), values.begin(),
                                        values.end());
}

// A row is a node and a distance, and comes once: so the recursion ends, even in a circle, with the
// last distance. Rows come by distance, since each round adds one to it, so that the limit leaves the
// nearest.
Recursion RecursionOf(const NodeRef& start, WalkDirection direction, int depth,
                      const WalkFilter& filter, std::int64_t rows_max) {
  const bool back = direction == WalkDirection::kBack;
  const char* near = back ? "dst" : "src";
  const char* far = back ? "src" : "dst";
  Recursion recursion;
  AddOneOf("e.kind", filter.edge_kinds, recursion);
  AddOneOf("o.kind", filter.node_kinds, recursion);
  // The other end's node is looked up only where its kind is asked for.
  const std::string other =
      filter.node_kinds.empty() ? "" : fmt::format(" JOIN node o ON o.id = e.{}", far);
  recursion.sql = fmt::format(
      "WITH RECURSIVE walk (id, depth) AS (SELECT id, 0 FROM node WHERE kind = ? AND key = ? UNION "
      "SELECT e.{1}, w.depth + 1 FROM walk w JOIN edge e ON e.{0} = w.id{2} WHERE w.depth < ?{3}), "
      "nearest (id, depth) AS (SELECT id, depth FROM walk LIMIT ?) ",
      near, far, other, recursion.edge_condition);
  recursion.parameters = {start.kind, start.key, std::int64_t{depth}};
  recursion.parameters.insert(recursion.parameters.end(), recursion.condition_parameters.begin(),
                              recursion.condition_parameters.end());
  recursion.parameters.emplace_back(rows_max);
  return recursion;
}

// Answers how many rows the recursion made: a node comes once for each distance.
Result<std::int64_t> ReadNodes(Database& db, const Recursion& recursion, LineageWalk& walk) {
  std::int64_t rows = 0;
  std::set<std::int64_t> seen;
  WEIRHOUSE_TRY_STATUS(
      db.Each(recursion.sql + "SELECT n.id, n.kind, n.key, n.record, n.seq, w.depth FROM nearest w "
                              "JOIN node n ON n.id = w.id ORDER BY w.depth, n.id",
              recursion.parameters, [&](const DatabaseRow& row) -> Status {
                ++rows;
                if (!seen.insert(row.Int(0)).second) return Status::Ok();
                WEIRHOUSE_TRY(Node node, NodeOfRow(row));
                walk.nodes.push_back({std::move(node), static_cast<int>(row.Int(5))});
                return Status::Ok();
              }));
  return rows;
}

// Leaves the depths that are whole.
void CutAt(int depth, LineageWalk& walk) {
  std::erase_if(walk.nodes, [&](const WalkedNode& one) { return one.depth >= depth; });
}

// Edges between nodes that were read, from those that lie less than `depth` away.
Status ReadEdges(Database& db, Recursion recursion, WalkDirection direction, int depth,
                 LineageWalk& walk) {
  const bool back = direction == WalkDirection::kBack;
  std::map<std::int64_t, const WalkedNode*> by_id;
  for (const WalkedNode& one : walk.nodes) by_id.emplace(one.node.id.value(), &one);
  const std::string sql =
      recursion.sql +
      fmt::format(
          "SELECT e.{0}, e.{1}, e.kind, e.run, e.seq FROM (SELECT id, min(depth) AS depth FROM "
          "nearest GROUP BY id) AS r JOIN edge e ON e.{0} = r.id JOIN node o ON o.id = e.{1} WHERE "
          "r.depth < ?{2} ORDER BY r.depth, e.{0}, "
          "e.seq, e.{1}, e.kind",
          back ? "dst" : "src", back ? "src" : "dst", recursion.edge_condition);
  recursion.parameters.emplace_back(std::int64_t{depth});
  recursion.parameters.insert(recursion.parameters.end(), recursion.condition_parameters.begin(),
                              recursion.condition_parameters.end());
  return db.Each(sql, recursion.parameters, [&](const DatabaseRow& row) {
    const auto near = by_id.find(row.Int(0));
    const auto far = by_id.find(row.Int(1));
    if (near == by_id.end() || far == by_id.end()) return Status::Ok();
    const NodeRecord& from = (back ? far : near)->second->node.node;
    const NodeRecord& to = (back ? near : far)->second->node.node;
    EdgeRecord edge;
    edge.from = {from.kind, from.key};
    edge.to = {to.kind, to.key};
    edge.kind = row.Text(2);
    edge.run = RunId(row.Int(3));
    edge.seq = CommitSeq(row.Int(4));
    walk.edges.push_back(std::move(edge));
    return Status::Ok();
  });
}
}  // namespace

Result<LineageWalk> SqlCatalog::Walk(const NodeRef& start, WalkDirection direction, int depth,
                                     const WalkFilter& filter) {
  LineageWalk walk;
  if (depth < 0 || filter.nodes_max < 1) return walk;
  // One row more than is wanted tells that there is more. A node comes at most once a distance.
  const std::int64_t rows_max = filter.nodes_max + 1;
  const auto read = [&](Database& db) -> Status {
    walk = {};
    Recursion recursion = RecursionOf(start, direction, depth, filter, rows_max);
    WEIRHOUSE_TRY(const std::int64_t rows, ReadNodes(db, recursion, walk));
    walk.whole = rows < rows_max;
    const int last = walk.nodes.empty() ? 0 : walk.nodes.back().depth;
    if (!walk.whole) CutAt(last, walk);
    const int reach = walk.whole ? depth : last - 1;
    return ReadEdges(db, std::move(recursion), direction, reach, walk);
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  return walk;
}
}  // namespace weirhouse::catalog

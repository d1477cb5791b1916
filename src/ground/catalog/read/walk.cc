// Walks over lineage, a distance at a time, all of one state. (A recursive statement would carry the
// distance in its rows, and so visit a node once for each distance at which it lies.)
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "ground/base/text.h"
#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"

namespace weirhouse::catalog {
namespace {
using platform::Database;
using platform::DatabaseRow;
using platform::DatabaseValue;

constexpr std::size_t kNodesAtOnce = 500;  // a statement takes 32,766 parameters on SQLite

std::string Marks(std::size_t count) { return Join(std::vector<std::string>(count, "?"), ", "); }

NodeRef RefOf(const Node& node) { return {node.node.kind, node.node.key}; }

class Walker {
 public:
  Walker(Database& db, WalkDirection direction, const WalkFilter& filter, LineageWalk& walk)
      : db_(db), is_back_(direction == WalkDirection::kBack), filter_(filter), walk_(walk) {}

  Status Begin(const NodeRef& start) {
    return db_.Each("SELECT id, kind, key, record, seq FROM node WHERE kind = ? AND key = ?",
                    {WordOf(start.kind), start.key}, [&](const DatabaseRow& row) -> Status {
                      WEIRHOUSE_TRY(Node node, ParseNodeRow(row));
                      Keep(std::move(node), 0);
                      return Status::Ok();
                    });
  }

  // Adds the nodes `depth` edges away; true if there were any and the limit permits them.
  Result<bool> Advance(int depth) {
    std::vector<std::int64_t> from;  // ascending, as nodes of one distance are
    for (auto one = walk_.nodes.rbegin(); one != walk_.nodes.rend(); ++one) {
      if (one->depth != depth - 1) break;
      from.push_back(one->node.id.value());
    }
    std::reverse(from.begin(), from.end());
    Level level;
    for (std::size_t at = 0; at < from.size(); at += kNodesAtOnce) {
      WEIRHOUSE_TRY_STATUS(
          Read(std::span(from).subspan(at, std::min(kNodesAtOnce, from.size() - at)), level));
    }
    if (std::ssize(walk_.nodes) + std::ssize(level.nodes) > filter_.nodes_max) {
      walk_.whole = false;
      return false;
    }
    std::move(level.edges.begin(), level.edges.end(), std::back_inserter(walk_.edges));
    for (auto& [id, node] : level.nodes) Keep(std::move(node), depth);
    return !level.nodes.empty();
  }

 private:
  struct Level {
    std::map<std::int64_t, Node> nodes;  // newly reached nodes
    std::vector<EdgeRecord> edges;
  };

  void Keep(Node node, int depth) {
    refs_.emplace(node.id.value(), RefOf(node));
    walk_.nodes.push_back({std::move(node), depth});
  }

  Status Read(std::span<const std::int64_t> from, Level& level) {
    const char* near = is_back_ ? "dst" : "src";
    const char* far = is_back_ ? "src" : "dst";
    std::string sql = fmt::format(
        "SELECT o.id, o.kind, o.key, o.record, o.seq, e.{0}, e.kind, e.run, e.seq FROM edge e JOIN "
        "node o ON o.id = e.{1} WHERE e.{0} IN ({2})",
        near, far, Marks(from.size()));
    std::vector<DatabaseValue> parameters(from.begin(), from.end());
    const auto add_one_of = [&](const char* column, const auto& kinds) {
      if (kinds.empty()) return;
      sql += fmt::format(" AND {} IN ({})", column, Marks(kinds.size()));
      for (const auto kind : kinds) parameters.emplace_back(WordOf(kind));
    };
    add_one_of("e.kind", filter_.edge_kinds);
    add_one_of("o.kind", filter_.node_kinds);
    sql += fmt::format(" ORDER BY e.{0}, e.seq, e.{1}, e.kind", near, far);
    return db_.Each(sql, parameters,
                    [&](const DatabaseRow& row) -> Status { return Take(row, level); });
  }

  Status Take(const DatabaseRow& row, Level& level) {
    const std::int64_t id = row.Int(0);
    auto known = refs_.find(id);
    NodeRef far;
    if (known != refs_.end()) {
      far = known->second;
    } else {
      auto place = level.nodes.find(id);
      if (place == level.nodes.end()) {
        WEIRHOUSE_TRY(Node node, ParseNodeRow(row));
        place = level.nodes.emplace(id, std::move(node)).first;
      }
      far = RefOf(place->second);
    }
    const NodeRef& near = refs_.at(row.Int(5));
    EdgeRecord edge;
    edge.from = is_back_ ? far : near;
    edge.to = is_back_ ? near : far;
    WEIRHOUSE_TRY(edge.kind, StoredKind<EdgeKind>(row.Text(6), "kind of a lineage edge"));
    edge.run = RunId(row.Int(7));
    edge.seq = CommitSeq(row.Int(8));
    level.edges.push_back(std::move(edge));
    return Status::Ok();
  }

  Database& db_;
  bool is_back_;
  const WalkFilter& filter_;
  LineageWalk& walk_;
  std::map<std::int64_t, NodeRef> refs_;  // of all reached nodes
};
}  // namespace

Result<LineageWalk> SqlCatalog::Walk(const NodeRef& start, WalkDirection direction, int depth,
                                     const WalkFilter& filter) {
  LineageWalk walk;
  if (depth < 0 || filter.nodes_max < 1) return walk;
  const auto read = [&](Database& db) -> Status {
    walk = {};
    Walker walker(db, direction, filter, walk);
    WEIRHOUSE_TRY_STATUS(walker.Begin(start));
    bool goes_on = !walk.nodes.empty();
    for (int at = 1; goes_on && at <= depth; ++at) {
      WEIRHOUSE_TRY(goes_on, walker.Advance(at));
    }
    return Status::Ok();
  };
  WEIRHOUSE_TRY_STATUS(ReadOneState(read));
  return walk;
}
}  // namespace weirhouse::catalog

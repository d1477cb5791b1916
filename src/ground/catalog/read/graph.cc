// Reads of lineage. Its rows are written in Commit only (lineage_write.cc).
#include <fmt/format.h>

#include "ground/catalog/store/row.h"
#include "ground/catalog/store/sql_catalog.h"

namespace weirhouse::catalog {
namespace {
using platform::DatabaseRow;

Result<EdgeRecord> ParseEdgeRow(const DatabaseRow& row) {
  EdgeRecord edge;
  edge.from.key = row.Text(1);
  edge.to.key = row.Text(3);
  WEIRHOUSE_TRY(edge.from.kind, StoredKind<NodeKind>(row.Text(0), "kind of a lineage node"));
  WEIRHOUSE_TRY(edge.to.kind, StoredKind<NodeKind>(row.Text(2), "kind of a lineage node"));
  WEIRHOUSE_TRY(edge.kind, StoredKind<EdgeKind>(row.Text(4), "kind of a lineage edge"));
  edge.run = RunId(row.Int(5));
  edge.seq = CommitSeq(row.Int(6));
  return edge;
}
}  // namespace

Result<std::optional<Node>> SqlCatalog::FindNode(const NodeRef& ref) {
  return FindOne<Node>(fmt::format("SELECT {} FROM node WHERE kind = ? AND key = ?", kNodeColumns),
                       {WordOf(ref.kind), ref.key}, ParseNodeRow);
}

Result<std::vector<Node>> SqlCatalog::Nodes(NodeKind kind) {
  return Collect<Node>(fmt::format("SELECT {} FROM node WHERE kind = ? ORDER BY id", kNodeColumns),
                       {WordOf(kind)}, ParseNodeRow);
}

Result<std::vector<EdgeRecord>> SqlCatalog::Edges(std::string_view sql, const NodeRef& ref) {
  return Collect<EdgeRecord>(sql, {WordOf(ref.kind), ref.key}, ParseEdgeRow);
}

Result<std::vector<EdgeRecord>> SqlCatalog::EdgesInto(const NodeRef& ref) {
  return Edges(
      "SELECT f.kind, f.key, t.kind, t.key, e.kind, e.run, e.seq FROM node t JOIN edge e ON e.dst "
      "= "
      "t.id JOIN node f ON f.id = e.src WHERE t.kind = ? AND t.key = ? ORDER BY e.seq, e.src, "
      "e.kind",
      ref);
}

Result<std::vector<EdgeRecord>> SqlCatalog::EdgesOutOf(const NodeRef& ref) {
  return Edges(
      "SELECT f.kind, f.key, t.kind, t.key, e.kind, e.run, e.seq FROM node f JOIN edge e ON e.src "
      "= "
      "f.id JOIN node t ON t.id = e.dst WHERE f.kind = ? AND f.key = ? ORDER BY e.seq, e.dst, "
      "e.kind",
      ref);
}
}  // namespace weirhouse::catalog

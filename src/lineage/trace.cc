#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "lineage/lineage.h"

namespace weirhouse::lineage {
namespace {
constexpr int kDepthMax = 32;
constexpr std::size_t kParentsShown = 3;

void AppendText(const TraceNode& node, const std::string& first, const std::string& rest,
                std::string& text) {
  text += first + EscapeControl(node.title);
  if (node.checked) text += node.intact ? "  ✓" : "  ✗ DIGEST DIFFERS";
  text += "\n";
  for (std::size_t i = 0; i < node.parents.size(); ++i) {
    const bool last = i + 1 == node.parents.size() && node.hidden == 0;
    AppendText(node.parents[i], rest + (last ? "└─ " : "├─ "), rest + (last ? "   " : "│  "), text);
  }
  if (node.hidden > 0)
    text += fmt::format("{}└─ … {} more (--records lists all)\n", rest, WithThousands(node.hidden));
}

Result<TraceNode> Walk(catalog::Catalog& catalog, const catalog::NodeRef& ref, int depth,
                       std::set<catalog::NodeRef>& path) {
  TraceNode node;
  node.kind = ref.kind;
  node.key = ref.key;
  WEIRHOUSE_TRY(const std::optional<catalog::Node> stored, catalog.FindNode(ref));
  if (!stored) {
    return Status(Code::kNotFound,
                  fmt::format("nothing of this name in lineage: {} {}", ref.kind, ref.key))
        .WithError("WH6001");
  }
  node.detail = stored->node.record;
  node.title = fmt::format("{} {}", ref.kind, ref.key);
  if (depth == 0 || !path.insert(ref).second) return node;
  WEIRHOUSE_TRY(const std::vector<catalog::EdgeRecord> edges, catalog.EdgesInto(ref));
  for (const catalog::EdgeRecord& edge : edges) {
    if (node.parents.size() >= kParentsShown && edge.from.kind == "object") {
      ++node.hidden;
      continue;
    }
    WEIRHOUSE_TRY(TraceNode parent, Walk(catalog, edge.from, depth - 1, path));
    parent.title += fmt::format("  ({})", edge.kind);
    node.parents.push_back(std::move(parent));
  }
  path.erase(ref);
  return node;
}
}  // namespace

nlohmann::json ToJson(const TraceNode& node) {
  nlohmann::json parents = nlohmann::json::array();
  for (const TraceNode& parent : node.parents) parents.push_back(ToJson(parent));
  nlohmann::json json = {{"kind", node.kind},
                         {"key", node.key},
                         {"title", node.title},
                         {"detail", node.detail},
                         {"parents", std::move(parents)}};
  if (node.checked) json["intact"] = node.intact;
  if (node.hidden > 0) json["hidden"] = node.hidden;
  return json;
}

std::string ToText(const TraceNode& node) {
  std::string text;
  AppendText(node, "", "", text);
  return text;
}

Result<TraceNode> TraceRecord(catalog::Catalog& catalog, storage::Disk& disk, RecordId record,
                              const contract::SourceFormat& format) {
  WEIRHOUSE_TRY(const std::optional<catalog::ObjectRecord> object, catalog.ObjectOfRecord(record));
  if (!object) {
    return Status(Code::kNotFound, fmt::format("no raw object holds record {}", record.value()))
        .WithError("WH6002");
  }
  WEIRHOUSE_TRY(const std::string bytes, disk.Read(object->path));
  const std::int64_t ordinal = record.value() - object->first_record_id.value();
  WEIRHOUSE_TRY(const contract::RecordRange range,
                contract::LocateRecord(bytes, format, object->name, ordinal));
  TraceNode node;
  node.kind = "record";
  node.key = std::to_string(record.value());
  node.checked = true;
  node.intact = Sha256Of(bytes) == object->digest;
  node.title = fmt::format("record {} = {} #{} bytes {}–{}: {}", record.value(), object->name,
                           ordinal, range.byte_offset, range.byte_offset + range.byte_length,
                           range.bytes.substr(0, 160));
  node.detail = {{"object", ToString(object->id)},
                 {"ordinal", ordinal},
                 {"byte_offset", range.byte_offset},
                 {"byte_length", range.byte_length},
                 {"bytes", range.bytes}};
  TraceNode raw;
  raw.kind = "object";
  raw.key = ToString(object->id);
  raw.checked = true;
  raw.intact = node.intact;
  raw.title =
      fmt::format("object {} {}/{}  {} bytes  sha256 {}…  contract {} {}", raw.key, object->source,
                  object->name, WithThousands(object->size_bytes),
                  object->digest.ToHex().substr(0, 12), object->source, object->contract_version);
  raw.detail = {{"path", object->path},
                {"sha256", object->digest.ToHex()},
                {"arrived_at", FormatTime(object->arrived_at)},
                {"batch", object->batch},
                {"records", object->record_count}};
  node.parents.push_back(std::move(raw));
  return node;
}

Result<TraceNode> TraceEdges(catalog::Catalog& catalog, const catalog::NodeRef& start, int depth) {
  std::set<catalog::NodeRef> path;
  return Walk(catalog, start, std::min(depth, kDepthMax), path);
}
}  // namespace weirhouse::lineage

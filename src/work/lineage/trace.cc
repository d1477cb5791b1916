#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/text.h"
#include "work/lineage/lineage.h"

namespace weirhouse::lineage {
namespace {
constexpr int kDepthMax = 32;
constexpr std::size_t kParentsShown = 3;
constexpr std::size_t kDigitsShown = 12;
constexpr std::size_t kBytesShown = 200;

void AppendText(const TraceNode& node, const std::string& first, const std::string& rest,
                std::string& text) {
  text += first + EscapeControl(node.title);
  if (node.checked) text += node.intact ? "  ✓" : "  ✗ DIFFERS";
  if (node.folded && node.intact && !node.AllIntact()) text += "  ✗ DIFFERS BELOW";
  text += "\n";
  if (node.folded) return;
  for (std::size_t i = 0; i < node.parents.size(); ++i) {
    const bool last = i + 1 == node.parents.size() && node.hidden == 0;
    AppendText(node.parents[i], rest + (last ? "└─ " : "├─ "), rest + (last ? "   " : "│  "), text);
  }
  if (node.hidden > 0)
    text += fmt::format("{}└─ … {} more (--records lists all)\n", rest, WithThousands(node.hidden));
}

// The nodes of a walk back, from which a tree is made: a node on two ways appears on both.
class WalkedTree {
 public:
  explicit WalkedTree(const catalog::LineageWalk& walk) {
    for (const catalog::WalkedNode& one : walk.nodes) {
      nodes_.emplace(RefOf(one.node.node), &one.node.node);
    }
    for (const catalog::EdgeRecord& edge : walk.edges) into_[edge.to].push_back(&edge);
  }
  static catalog::NodeRef RefOf(const catalog::NodeRecord& record) {
    return {record.kind, record.key};
  }

  TraceNode Draw(const catalog::NodeRef& ref, int depth) {
    TraceNode node;
    node.kind = catalog::Name(ref.kind);
    node.key = ref.key;
    node.detail = nodes_.at(ref)->record;
    node.title = fmt::format("{} {}", node.kind, ref.key);
    if (depth == 0 || !path_.insert(ref).second) return node;
    std::size_t objects = 0;
    for (const catalog::EdgeRecord* edge : into_[ref]) {
      if (edge->from.kind == catalog::NodeKind::kObject && ++objects > kParentsShown) {
        ++node.hidden;
        continue;
      }
      TraceNode parent = Draw(edge->from, depth - 1);
      parent.title += fmt::format("  ({})", catalog::Name(edge->kind));
      node.parents.push_back(std::move(parent));
    }
    path_.erase(ref);
    return node;
  }

 private:
  std::map<catalog::NodeRef, const catalog::NodeRecord*> nodes_;
  std::map<catalog::NodeRef, std::vector<const catalog::EdgeRecord*>> into_;
  std::set<catalog::NodeRef> path_;  // to the current node, because edges may form cycles
};

// Makes valid UTF-8 for JSON of any bytes.
std::string PrintableBytes(std::string_view bytes) {
  if (IsValidUtf8(bytes)) return std::string(bytes);
  return EscapeControl(bytes);
}

// At most kBytesShown bytes, cut between characters.
std::string Excerpt(std::string_view bytes) {
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.remove_suffix(1);
  if (bytes.size() <= kBytesShown) return std::string(bytes);
  std::size_t end = kBytesShown;
  while (end > 0 && (static_cast<unsigned char>(bytes[end]) & 0xC0U) == 0x80U) --end;
  return std::string(bytes.substr(0, end)) + "…";
}
}  // namespace

bool TraceNode::AllIntact() const {
  return intact && std::all_of(parents.begin(), parents.end(),
                               [](const TraceNode& parent) { return parent.AllIntact(); });
}

nlohmann::json ToJson(const TraceNode& node) {
  nlohmann::json parents = nlohmann::json::array();
  for (const TraceNode& parent : node.parents) parents.push_back(ToJson(parent));
  nlohmann::json json = {{"kind", node.kind},
                         {"key", node.key},
                         {"title", node.title},
                         {"detail", node.detail},
                         {"parents", std::move(parents)}};
  if (node.checked || !node.intact) json["intact"] = node.intact;
  if (node.hidden > 0) json["hidden"] = node.hidden;
  return json;
}

std::string ToText(const TraceNode& node) {
  std::string text;
  AppendText(node, "", "", text);
  return text;
}

std::string ShortDigest(std::string_view hex) {
  return fmt::format("{}…", hex.substr(0, kDigitsShown));
}

namespace {
constexpr std::int64_t kBytesKept = 1 << 20;  // larger objects are read again each time
}  // namespace

const RawObjects::Held& RawObjects::Hold(const catalog::ObjectRecord& object) {
  const auto known = held_.find(object.id.value());
  if (known != held_.end()) return known->second;
  if (held_.size() >= kObjectsKept) held_.erase(held_.begin());
  Held& held = held_[object.id.value()];
  if (object.size_bytes > kBytesKept) {
    const auto digest = platform::HashObject(store_, object.path);
    if (!digest.ok()) held.problem = digest.status().message();
    held.intact = digest.ok() && *digest == object.digest;
    return held;
  }
  auto bytes = store_.Read(object.path);
  if (bytes.ok()) {
    held.bytes = std::move(bytes).value();
    held.intact = Sha256Of(held.bytes) == object.digest;
  } else {
    held.problem = bytes.status().message();
  }
  return held;
}

TraceNode RawObjects::Object(const catalog::ObjectRecord& object) {
  const Held& held = Hold(object);
  TraceNode node;
  node.kind = "object";
  node.key = ToString(object.id);
  node.checked = true;
  node.intact = held.intact;
  node.title = fmt::format("object {} {}/{}, {} bytes, {} records, sha256 {}, contract {} {}",
                           node.key, object.source, object.name, WithThousands(object.size_bytes),
                           WithThousands(object.record_count), ShortDigest(object.digest.ToHex()),
                           object.source, object.contract_version);
  if (!held.problem.empty()) node.title += fmt::format(", cannot be read: {}", held.problem);
  node.detail = {{"path", object.path},
                 {"source", object.source},
                 {"name", object.name},
                 {"sha256", object.digest.ToHex()},
                 {"size_bytes", object.size_bytes},
                 {"arrived_at", FormatTime(object.arrived_at)},
                 {"sender", object.sender},
                 {"batch", object.batch},
                 {"state", object.state},
                 {"contract_version", object.contract_version},
                 {"first_record", object.first_record_id.value()},
                 {"records", object.record_count}};
  return node;
}

namespace {
// `kept`: the bytes of the object, if it is not larger than kBytesKept.
Result<contract::RecordRange> Locate(platform::ObjectStore& store,
                                     const catalog::ObjectRecord& object, const std::string& kept,
                                     const contract::SourceFormat& format, std::int64_t ordinal) {
  StreamOfBytes in_memory(kept);
  platform::RangeStream file(store, object.path, 0, object.size_bytes);
  ByteStream& bytes = object.size_bytes <= kBytesKept ? static_cast<ByteStream&>(in_memory) : file;
  WEIRHOUSE_TRY(auto found, contract::LocateRecords(bytes, object.size_bytes, format, object.name,
                                                    {&ordinal, 1}));
  return std::move(found.front());
}
}  // namespace

Result<TraceNode> RawObjects::Record(RecordId record) {
  WEIRHOUSE_TRY(const std::optional<catalog::ObjectRecord> object, catalog_.ObjectOfRecord(record));
  if (!object) {
    return Status(Code::kNotFound, fmt::format("no raw object holds record {}", record.value()))
        .WithError("WH6002");
  }
  const std::int64_t ordinal = record.value() - object->first_record_id.value();
  TraceNode node;
  node.kind = "record";
  node.key = std::to_string(record.value());
  node.checked = true;
  node.parents.push_back(Object(*object));
  node.intact = node.parents.front().intact;
  node.title =
      fmt::format("record {} = {}/{} #{}", record.value(), object->source, object->name, ordinal);
  node.detail = {{"object", ToString(object->id)}, {"ordinal", ordinal}};
  const Held& held = Hold(*object);
  const std::optional<contract::SourceFormat> format = format_of_(object->source);
  if (!held.problem.empty() || !format) {
    node.title +=
        format ? ", its object cannot be read" : ", of a source that is no longer defined";
    node.checked = format.has_value();
    return node;
  }
  const auto range = Locate(store_, *object, held.bytes, *format, ordinal);
  if (range.status().code() == Code::kUnavailable) return range.status();
  if (!range.ok()) {
    // If the bytes are those that arrived, nothing differs, even if the record cannot be found.
    node.checked = !held.intact;
    node.title += ", not found in its object: " + range.status().message();
    return node;
  }
  const bool too_large = range->byte_length > contract::kRecordBytesMax;
  node.title +=
      fmt::format(", bytes {}–{}: {}", range->byte_offset, range->byte_offset + range->byte_length,
                  too_large ? "larger than a record may be" : Excerpt(range->bytes));
  node.detail["byte_offset"] = range->byte_offset;
  node.detail["byte_length"] = range->byte_length;
  if (too_large) return node;
  node.detail["bytes"] = PrintableBytes(range->bytes);
  node.detail["sha256"] = Sha256Of(range->bytes).ToHex();
  return node;
}

Result<TraceNode> TraceRecord(catalog::Ledger& catalog, platform::ObjectStore& store,
                              RecordId record, const contract::SourceFormat& format) {
  RawObjects objects(catalog, store, [&format](const std::string&) { return format; });
  return objects.Record(record);
}

Result<TraceNode> TraceEdges(catalog::LineageStore& catalog, const catalog::NodeRef& start,
                             int depth) {
  const int reach = std::clamp(depth, 0, kDepthMax);
  WEIRHOUSE_TRY(const catalog::LineageWalk walk,
                catalog.Walk(start, catalog::WalkDirection::kBack, reach, {}));
  if (walk.nodes.empty()) {
    return Status(Code::kNotFound, fmt::format("no such node in lineage: {} {}",
                                               catalog::Name(start.kind), start.key))
        .WithError("WH6001");
  }
  TraceNode node = WalkedTree(walk).Draw(start, reach);
  if (!walk.whole) {
    node.title += fmt::format("  (only the nearest {} nodes are shown)", walk.nodes.size());
  }
  return node;
}

TraceNode CheckedFile(platform::ObjectStore& store, std::string kind, std::string key,
                      const std::string& path, const Digest& recorded) {
  TraceNode node;
  node.kind = std::move(kind);
  node.key = std::move(key);
  node.checked = true;
  node.detail = {{"path", path}, {"sha256", recorded.ToHex()}};
  const auto info = store.Stat(path);
  const auto found = info.ok() ? platform::HashObject(store, path) : info.status();
  if (!found.ok()) {
    node.intact = false;
    node.title =
        fmt::format("{} {}, cannot be read: {}", node.kind, node.key, found.status().message());
    return node;
  }
  node.intact = *found == recorded;
  node.title = fmt::format("{} {}, {} bytes, sha256 {}", node.kind, node.key,
                           WithThousands(info->size_bytes), ShortDigest(recorded.ToHex()));
  if (!node.intact) node.detail["found_sha256"] = found->ToHex();
  return node;
}
}  // namespace weirhouse::lineage

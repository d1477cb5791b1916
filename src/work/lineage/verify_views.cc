#include "work/lineage/verify_views.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/iceberg/table.h"
#include "rules/feature/rows/rows.h"

namespace weirhouse::lineage {
namespace {
constexpr char kFeatureConsumer[] = "feature";  // as work/pipeline/batch/pipeline_state.h names it

// "carrier_delay@1" → "feature.carrier_delay_v1".
std::string TableOfView(const std::string& id) {
  const auto at = id.rfind('@');
  return fmt::format("feature.{}_v{}", id.substr(0, at), id.substr(at + 1));
}

Result<std::string> SourceOfView(catalog::LineageStore& catalog, const std::string& id) {
  WEIRHOUSE_TRY(const auto node, catalog.FindNode({catalog::NodeKind::kView, id}));
  if (!node || !node->node.record.is_object()) return std::string();
  return node->node.record.value("source", std::string());
}

// The problem of one view; empty if there is none.
Result<std::string> ViewProblem(catalog::Catalog& catalog, platform::ObjectStore& store,
                                const std::string& id, CommitSeq offset) {
  const std::string name = TableOfView(id);
  WEIRHOUSE_TRY(const auto pointer, catalog.FindTable(name));
  WEIRHOUSE_TRY(const std::string source, SourceOfView(catalog, id));
  if (!pointer || source.empty()) return std::string();
  const auto table = iceberg::LoadTable(store, name, pointer->metadata_location);
  if (!table.ok()) return std::string();  // reported with the tables
  const auto held = (*table)->properties.find(feature::kSourceSnapshotProperty);
  WEIRHOUSE_TRY(const auto wanted, catalog.SnapshotAsOf(source, offset));
  if (!wanted || held == (*table)->properties.end()) return std::string();
  if (held->second == std::to_string(wanted->snapshot.value())) return std::string();
  return fmt::format(
      "the table {} is not at the feature offset {}: it holds snapshot {} of {}, which was at {} "
      "then; `wh run` rebuilds it",
      name, offset.value(), held->second, source, wanted->snapshot.value());
}
}  // namespace

Result<std::vector<std::string>> ViewsBehindOffset(catalog::Catalog& catalog,
                                                   platform::ObjectStore& store) {
  std::vector<std::string> problems;
  WEIRHOUSE_TRY(const std::optional<nlohmann::json> applied,
                catalog::setting::Applied().In(catalog));
  if (!applied || !applied->is_object() || !applied->contains("views")) return problems;
  WEIRHOUSE_TRY(const catalog::Catalog::Offset offset, catalog.OffsetOf(kFeatureConsumer));
  for (const auto& [id, digest] : applied->at("views").items()) {
    WEIRHOUSE_TRY(std::string problem, ViewProblem(catalog, store, id, CommitSeq(offset.position)));
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  return problems;
}
}  // namespace weirhouse::lineage

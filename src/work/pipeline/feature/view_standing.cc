#include "work/pipeline/feature/view_standing.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "rules/feature/rows/rows.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/project/table_rules.h"
#include "work/workspace/tables/external_table.h"

namespace weirhouse::work {

Result<std::string> ExplainLag(Workspace& workspace, const feature::ViewPlan& plan,
                               const std::optional<catalog::SnapshotRecord>& source) {
  if (!source) return std::string();
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table,
                workspace.FindTable(plan.view.table_name()));
  if (!table) {
    return source->total_rows > 0 ? std::string("it is new, and its source had rows before")
                                  : std::string();
  }
  for (const feature::RowExpression& expression : plan.expressions) {
    if ((*table)->schema().Find(expression.column) == nullptr)
      return fmt::format("its rows were made before it kept \"{}\"", expression.column);
  }
  const auto held = (*table)->properties.find(feature::kSourceSnapshotProperty);
  if (held == (*table)->properties.end()) return std::string();
  if (held->second == std::to_string(source->snapshot.value())) return std::string();
  return std::string("it was left out of what the feature offset went over");
}

Result<std::vector<std::string>> ViewsThatWait(Workspace& workspace) {
  catalog::Catalog& catalog = workspace.catalog();
  WEIRHOUSE_TRY(const auto rebuild, catalog::setting::RebuildPending().In(catalog));
  const bool all = rebuild.value_or(false);
  WEIRHOUSE_TRY(const auto offset, catalog.OffsetOf(std::string(kFeatureConsumer)));
  WEIRHOUSE_TRY(const auto next,
                NextCommit(workspace, kFeatureConsumer, catalog::Layer::kProcessed));
  WEIRHOUSE_TRY(const CommitSeq last, catalog.LastSeq());
  std::vector<std::string> waiting;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (plan.view.is_request()) continue;
    bool waits = all;
    if (next && !waits) {
      WEIRHOUSE_TRY(const auto published, catalog.SnapshotAsOf(plan.view.source, last));
      waits = published && published->seq.value() > offset.position;
    }
    if (!waits && offset.position > 0) {
      WEIRHOUSE_TRY(const auto source,
                    catalog.SnapshotAsOf(plan.view.source, CommitSeq(offset.position)));
      WEIRHOUSE_TRY(const std::string why, ExplainLag(workspace, plan, source));
      waits = !why.empty();
    }
    if (waits) waiting.push_back(plan.view.id());
  }
  return waiting;
}

Result<std::shared_ptr<arrow::Table>> SourceRowsAsOf(Workspace& workspace,
                                                     const std::string& source, CommitSeq seq) {
  WEIRHOUSE_TRY(const std::optional<catalog::SnapshotRecord> snapshot,
                workspace.catalog().SnapshotAsOf(source, seq));
  if (!snapshot) return std::shared_ptr<arrow::Table>();
  if (const auto* external = FindExternal(workspace.project(), source)) {
    return ExternalRows(workspace, *external, snapshot->snapshot);
  }
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(source));
  iceberg::ScanOptions options;
  // The snapshot is no longer kept. The current rows include its rows; rows that joined or left
  // since come again with the commits that still wait, which changes nothing.
  if (table->FindSnapshot(snapshot->snapshot) != nullptr) options.snapshot = snapshot->snapshot;
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, options));
  return scan.ReadAll();
}
}  // namespace weirhouse::work

// Which processed commits become one commit of features.
#include <set>
#include <string_view>
#include <utility>

#include "work/pipeline/batch/pipeline_state.h"

namespace weirhouse::work {
namespace {
// Whether a run only published a batch that landed, so that its features may join those of others.
Result<bool> OnlyPublishes(Workspace& workspace, RunId run) {
  WEIRHOUSE_TRY(const catalog::Run published, workspace.catalog().GetRun(run));
  return published.plan.kind == catalog::RunKind::kProcessed;
}

// Rows that the commit `seq` added to tables that views read.
Result<std::int64_t> RowsForViews(Workspace& workspace, CommitSeq seq) {
  std::set<std::string_view> sources;
  std::int64_t rows = 0;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (plan.view.is_request() || !sources.insert(plan.view.source).second) continue;
    WEIRHOUSE_TRY(const auto snapshot, workspace.catalog().SnapshotAsOf(plan.view.source, seq));
    if (snapshot && snapshot->seq == seq) rows += snapshot->added_rows;
  }
  return rows;
}
}  // namespace

Result<ToFeaturize> NextToFeaturize(Workspace& workspace, std::size_t count) {
  ToFeaturize found;
  WEIRHOUSE_TRY(auto next, NextCommit(workspace, kFeatureConsumer, catalog::Layer::kProcessed));
  std::int64_t rows = 0;
  bool plain = true;
  while (next) {
    WEIRHOUSE_TRY(const bool publishes, OnlyPublishes(workspace, next->run));
    WEIRHOUSE_TRY(const std::int64_t more, RowsForViews(workspace, next->seq));
    plain = plain && publishes;
    if (!found.entries.empty() && (!plain || rows + more > kRowsTogether)) {
      found.full = true;
      break;
    }
    rows += more;
    found.entries.push_back(*std::move(next));
    found.full = !plain || rows >= kRowsTogether || found.entries.size() >= count;
    if (found.full) break;
    WEIRHOUSE_TRY(
        next, workspace.catalog().NextCommit(catalog::Layer::kProcessed, found.entries.back().seq));
  }
  return found;
}
}  // namespace weirhouse::work

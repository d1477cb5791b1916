#include "engine/online_fill.h"

#include <arrow/api.h>

#include "engine/pipeline.h"
#include "feature/online_store.h"

namespace weirhouse::engine {
namespace {
bool ServedOnline(const feature::ViewPlan& plan) {
  return !plan.view.is_request() && plan.view.online_fill != feature::OnlineFill::kNone;
}

// Questions may lie this far back: a week, and how late rows of any source may come.
constexpr std::int64_t kAskedBackUs = 7 * 86'400'000'000;
std::int64_t KeptBeyondWindows(const ProjectDefinition& project) {
  std::int64_t lateness_us = 0;
  for (const Source& source : project.sources)
    lateness_us = std::max(lateness_us, source.lateness_us);
  return kAskedBackUs + lateness_us;
}

Result<std::shared_ptr<arrow::Table>> AllRows(Workspace& workspace, const std::string& name) {
  WEIRHOUSE_TRY(const table::TablePtr table, workspace.LoadTable(name));
  WEIRHOUSE_TRY(const table::Scan scan, table::Scan::Plan(workspace.disk(), table, {}));
  return scan.ReadAll();
}
}  // namespace

Status FillOnline(Workspace& workspace, const std::vector<ViewWork>& work, CommitSeq seq) {
  std::vector<feature::OnlineChange> changes;
  for (const ViewWork& view : work) {
    if (!ServedOnline(*view.plan)) continue;
    // Rows that replace the whole table: what is not among them must not be served any more.
    if (view.whole) WEIRHOUSE_TRY_STATUS(workspace.online().Reset(*view.plan));
    changes.push_back({view.plan, view.rows, view.replaced});
  }
  // Views that this commit left alone stand at it as well.
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    bool changed = false;
    for (const ViewWork& view : work) changed = changed || view.plan == &plan;
    if (!changed && ServedOnline(plan)) changes.push_back({&plan, nullptr, {}});
  }
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  return workspace.online().Apply(changes, seq, Micros(now)).status();
}

namespace {
// The commit that made the main snapshot of a view's table; absent if it has none yet.
Result<std::optional<CommitSeq>> CommitOf(Workspace& workspace, const feature::ViewPlan& plan) {
  const std::string name = plan.view.table_name();
  WEIRHOUSE_TRY(const std::optional<table::TablePtr> table, workspace.FindTable(name));
  if (!table || (*table)->current_snapshot() == nullptr) return std::optional<CommitSeq>();
  WEIRHOUSE_TRY(const CommitSeq seq,
                workspace.catalog().SeqOf(name, (*table)->current_snapshot()->sequence_number));
  return std::optional<CommitSeq>(seq);
}
}  // namespace

Status RefreshOnline(Workspace& workspace) {
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  // The store as a whole stands at the newest feature commit: a view that it left alone stands
  // there too.
  CommitSeq newest;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (!ServedOnline(plan)) continue;
    WEIRHOUSE_TRY(const std::optional<CommitSeq> seq, CommitOf(workspace, plan));
    if (seq) newest = std::max(newest, *seq);
  }
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (!ServedOnline(plan)) continue;
    WEIRHOUSE_TRY(const std::optional<CommitSeq> stands, CommitOf(workspace, plan));
    if (!stands) continue;
    const CommitSeq applied = workspace.online().AppliedSeq(plan);
    // A marker ahead of every commit means that the store is of another life: rebuilt like one that
    // lags.
    if (applied >= *stands && applied <= last) {
      if (applied >= newest) continue;
      const feature::OnlineChange nothing{&plan, nullptr, {}};
      WEIRHOUSE_TRY_STATUS(workspace.online().Apply({&nothing, 1}, newest, Micros(now)).status());
      continue;
    }
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                  AllRows(workspace, plan.view.table_name()));
    WEIRHOUSE_TRY_STATUS(
        workspace.online()
            .Rebuild(plan, rows, newest, Micros(now), KeptBeyondWindows(workspace.project()))
            .status());
  }
  return Status();
}

Status RefreshCaches(Workspace& workspace) {
  // Key and version indexes are refreshed when they are asked for: see Workspace::IndexOf.
  return RefreshOnline(workspace);
}
}  // namespace weirhouse::engine

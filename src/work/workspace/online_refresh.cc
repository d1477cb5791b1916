#include "work/workspace/online_refresh.h"

#include <arrow/api.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weirhouse::work {
namespace {
// Questions may go back this far: a week, and how late rows of any source may come.
constexpr std::int64_t kAskedBackUs = 7 * 86'400'000'000;

Result<std::shared_ptr<arrow::Table>> AllRows(Workspace& workspace, const std::string& name) {
  WEIRHOUSE_TRY(const iceberg::TablePtr table, workspace.LoadTable(name));
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(workspace.store(), table, {}));
  return scan.ReadAll();
}
}  // namespace

bool ServedOnline(const feature::ViewPlan& plan) {
  return !plan.view.is_request() && plan.view.online_fill != feature::OnlineFill::kNone;
}

std::int64_t KeptBeyondWindows(const ProjectDefinition& project) {
  std::int64_t lateness_us = 0;
  for (const Source& source : project.sources)
    lateness_us = std::max(lateness_us, source.lateness_us);
  return kAskedBackUs + lateness_us;
}

Result<ViewTable> TableOf(Workspace& workspace, const feature::ViewPlan& plan) {
  const std::string name = plan.view.table_name();
  ViewTable found;
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
  if (!table || (*table)->current_snapshot() == nullptr) return found;
  found.table = *table;
  WEIRHOUSE_TRY(found.seq,
                workspace.catalog().SeqOf(name, (*table)->current_snapshot()->sequence_number));
  return found;
}
namespace {
// Whether the snapshots `held` and `now` have the same rows: all snapshots between only rewrote
// files.
bool SameRows(const iceberg::TableMetadata& table, SnapshotId held, SnapshotId now) {
  if (held == now) return true;
  const iceberg::Snapshot* at = table.FindSnapshot(now);
  while (at != nullptr && at->parent) {
    const auto operation = at->summary.find("operation");
    if (operation == at->summary.end() || operation->second != "replace") return false;
    if (*at->parent == held) return true;
    at = table.FindSnapshot(*at->parent);
  }
  return false;
}

// Whether the rows that are served for `plan` are those of its current table.
bool HoldsTable(const feature::OnlineStore& online, const feature::ViewPlan& plan,
                const ViewTable& table, CommitSeq last) {
  const std::optional<SnapshotId> held = online.SnapshotOf(plan);
  const CommitSeq applied = online.AppliedSeq(plan);
  return held && applied.value() != 0 && applied <= last &&
         SameRows(*table.table, *held, table.table->current_snapshot()->id);
}
}  // namespace

Status DistrustOtherLives(const ProjectDefinition& project, catalog::Catalog& catalog,
                          platform::ObjectStore& store, feature::OnlineStore& online) {
  for (const feature::ViewPlan& plan : project.view_plans) {
    const CommitSeq applied = online.AppliedSeq(plan);
    if (!ServedOnline(plan) || applied.value() == 0) continue;
    const std::string name = plan.view.table_name();
    WEIRHOUSE_TRY(const auto at, catalog.SnapshotAsOf(name, applied));
    const std::optional<SnapshotId> held = online.SnapshotOf(plan);
    if (!at && !held) continue;  // no rows yet, in either
    bool same = at && held && at->snapshot == *held;
    if (at && held && !same) {
      WEIRHOUSE_TRY(const auto pointer, catalog.FindTable(name));
      if (pointer) {
        WEIRHOUSE_TRY(const iceberg::TablePtr table,
                      iceberg::LoadTable(store, name, pointer->metadata_location));
        same = SameRows(*table, *held, at->snapshot);
      }
    }
    if (!same) online.Distrust(plan);
  }
  return Status();
}

Status RefreshOnline(Workspace& workspace) {
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  // The store as a whole is at the newest feature commit; views that the commit did not change are
  // too.
  CommitSeq newest;
  std::vector<std::pair<const feature::ViewPlan*, ViewTable>> views;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    if (!ServedOnline(plan)) continue;
    WEIRHOUSE_TRY(ViewTable table, TableOf(workspace, plan));
    if (table.table == nullptr) continue;
    newest = std::max(newest, table.seq);
    views.emplace_back(&plan, std::move(table));
  }
  std::vector<feature::OnlineChange> changes;
  for (const auto& [plan, table] : views) {
    feature::OnlineChange change{plan, nullptr, {}};
    change.snapshot = table.table->current_snapshot()->id;
    if (HoldsTable(workspace.online(), *plan, table, last)) {
      if (workspace.online().AppliedSeq(*plan) >= newest &&
          workspace.online().SnapshotOf(*plan) == change.snapshot)
        continue;
    } else {
      WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                    AllRows(workspace, plan->view.table_name()));
      feature::ApplyReport report;
      WEIRHOUSE_TRY(change.anew,
                    workspace.online().Prepare(*plan, rows, Micros(now),
                                               KeptBeyondWindows(workspace.project()), &report));
    }
    changes.push_back(std::move(change));
  }
  if (changes.empty()) return Status();
  return workspace.online().Apply(changes, newest, Micros(now)).status();
}

Status RefreshCaches(Workspace& workspace) {
  // Key and version indexes are refreshed at their next use: see Workspace::IndexOf.
  return RefreshOnline(workspace);
}
}  // namespace weirhouse::work

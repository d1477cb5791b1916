#include "work/pipeline/feature/online_fill.h"

#include <arrow/api.h>

#include <algorithm>

#include "rules/feature/online/online_store.h"
#include "work/workspace/online_refresh.h"
#include "work/workspace/scratch.h"

namespace weirhouse::work {
static constexpr std::int64_t kAppliedAtOnce = 64 << 10;  // rows of a view: about 20 MB of writes

Status FillOnline(Workspace& workspace, const std::vector<ViewWork>& work, CommitSeq seq) {
  WEIRHOUSE_TRY(const EventTime now, workspace.Now());
  std::vector<feature::OnlineChange> changes;
  for (const ViewWork& view : work) {
    if (!ServedOnline(*view.plan)) continue;
    feature::OnlineChange change{view.plan, view.rows, view.replaced};
    if (const iceberg::Snapshot* snapshot = view.staged->current_snapshot())
      change.snapshot = snapshot->id;
    // These rows replace the whole table: rows that are not among them must no longer be served.
    if (view.whole) {
      feature::ApplyReport report;
      WEIRHOUSE_TRY(change.anew,
                    workspace.online().Prepare(*view.plan, view.rows, Micros(now),
                                               KeptBeyondWindows(workspace.project()), &report));
      change.rows = nullptr;
      change.removed_row_keys.clear();
    }
    changes.push_back(std::move(change));
  }
  // Views that this commit did not change are as of this commit too.
  for (const feature::ViewPlan& plan : workspace.project().view_plans) {
    bool changed = false;
    for (const ViewWork& view : work) changed = changed || view.plan == &plan;
    if (changed || !ServedOnline(plan)) continue;
    if (workspace.online().AppliedSeq(plan).value() == 0) {
      WEIRHOUSE_TRY(const ViewTable table, TableOf(workspace, plan));
      if (table.table != nullptr)
        continue;  // the online store lacks its rows: RefreshOnline adds them
    }
    changes.push_back({&plan, nullptr, {}});
  }
  workspace.online().TakeAtOnce(std::min(kAppliedAtOnce, ScratchOf(workspace).piece_rows));
  WEIRHOUSE_TRY_STATUS(workspace.online().Apply(changes, seq, Micros(now)).status());
  for (const ViewWork& view : work) {
    if (!ServedOnline(*view.plan)) continue;
    WEIRHOUSE_TRY_STATUS(
        workspace.online()
            .EvictIfDue(*view.plan, Micros(now), KeptBeyondWindows(workspace.project()))
            .status());
  }
  return Status();
}
}  // namespace weirhouse::work

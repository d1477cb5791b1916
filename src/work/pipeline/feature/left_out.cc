#include "work/pipeline/feature/left_out.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <map>

#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/refusals.h"
#include "work/records/batch_records.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
// Rows that come from no single record have no bytes to keep.
void WarnOfOthers(const ViewWork& view, const KeptOut& kept_out, LeftOut& told) {
  std::map<std::string, std::int64_t> counts;  // by reason
  for (const RejectedRecord& row : kept_out.rejected) {
    if (row.record.value() < 0) ++counts[MakeViolation(row).Reason()];
  }
  for (const auto& [why, count] : counts) {
    told.Warn(fmt::format("view {} left out {} rows of no one record: {}", view.plan->view.id(),
                          count, why));
  }
}

}  // namespace

std::vector<std::string> LeftOut::lines() const {
  RunSummary summary;
  summary.quarantined = reasons_;
  std::vector<std::string> lines = RefusalLines(summary);
  lines.insert(lines.end(), warnings_.begin(), warnings_.end());
  return lines;
}

void LeftOut::AddTo(RunSummary& summary) const {
  summary.quarantined.insert(summary.quarantined.end(), reasons_.begin(), reasons_.end());
  summary.warnings.insert(summary.warnings.end(), warnings_.begin(), warnings_.end());
}

std::vector<RejectedRecord> RejectedByView(const feature::ViewPlan& plan,
                                           const std::vector<feature::LeftOutRow>& rows) {
  std::vector<RejectedRecord> rejected;
  rejected.reserve(rows.size());
  for (const feature::LeftOutRow& left : rows) {
    rejected.push_back({RecordId(left.record), left.kind, plan.view.table_name(), left.place,
                        left.expression, left.found});
  }
  return rejected;
}

Result<LeftOut> StageLeftOut(Workspace& workspace, Publication& publication,
                             const std::vector<ViewWork>& work) {
  LeftOut told;
  std::vector<KeptOut> kept_out;
  for (const ViewWork& view : work) {
    const std::string name = view.plan->view.table_name();
    KeptOut one{name, RejectedByView(*view.plan, view.left_out),
                RejectedByView(*view.plan, view.taken_back), view.whole || view.tells_all};
    WarnOfOthers(view, one, told);
    if (one.whole) {
      WEIRHOUSE_TRY_STATUS(NoteKeptOut(workspace, {one}, /*anew=*/true, publication.request()));
      // If nothing was ever kept out, nothing in quarantine can leave.
      WEIRHOUSE_TRY(one.whole, KeepsOut(workspace, name));
    } else {
      WEIRHOUSE_TRY_STATUS(NoteKeptOut(workspace, {one}, /*anew=*/false, publication.request()));
    }
    kept_out.push_back(std::move(one));
  }
  WEIRHOUSE_TRY(const KeylessChange change, ComputeKeylessChange(workspace, kept_out));
  QuarantineChanges changes;
  WEIRHOUSE_TRY_STATUS(AddKeyless(workspace, change, changes));
  WEIRHOUSE_TRY_STATUS(StageQuarantine(workspace, publication, changes));
  WEIRHOUSE_TRY_STATUS(AddQuarantineEvents(workspace, changes, {}, publication.request()));
  WEIRHOUSE_TRY(const auto reasons, ReasonsOf(workspace, change, PlacesOf(changes)));
  for (const QuarantineReason& reason : reasons) told.Add(reason);
  return told;
}

Status TakeBackView(Workspace& workspace, Publication& publication, const std::string& table) {
  WEIRHOUSE_TRY(const bool kept_out, KeepsOut(workspace, table));
  if (!kept_out) return Status();
  const KeptOut nothing{table, {}, {}, /*whole=*/true};
  WEIRHOUSE_TRY(const KeylessChange change, ComputeKeylessChange(workspace, {nothing}));
  QuarantineChanges changes;
  WEIRHOUSE_TRY_STATUS(AddKeyless(workspace, change, changes));
  WEIRHOUSE_TRY_STATUS(StageQuarantine(workspace, publication, changes));
  return NoteKeptOut(workspace, {nothing}, /*anew=*/true, publication.request());
}
}  // namespace weirhouse::work

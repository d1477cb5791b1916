#include "engine/left_out.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/batch_records.h"
#include "engine/keyless.h"
#include "engine/quarantine_table.h"
#include "engine/table_work.h"

namespace weirhouse::engine {
namespace {
// A source's share: its objects, and what of their records is left out.
struct Share {
  SourceRecords records;
  std::vector<RejectedRecord> rejected;
};

Status AddRecord(Workspace& workspace, const RejectedRecord& rejected,
                 std::map<std::string, Share>& shares) {
  WEIRHOUSE_TRY(const auto object, workspace.catalog().ObjectOfRecord(rejected.record));
  if (!object || workspace.project().FindSource(object->source) == nullptr) return Status();
  Share& share = shares[object->source];
  share.records.source = object->source;
  const auto known = std::find_if(share.records.objects.begin(), share.records.objects.end(),
                                  [&](const auto& one) { return one.id == object->id; });
  if (known == share.records.objects.end()) share.records.objects.push_back(*object);
  share.rejected.push_back(rejected);
  return Status();
}

void Count(const Share& share, LeftOut& told) {
  std::map<std::string, QuarantineReason> reasons;
  for (const RejectedRecord& rejected : share.rejected) {
    const std::string text = ViolationOf(rejected).Reason();
    QuarantineReason& reason = reasons[text];
    if (reason.records++ > 0) continue;
    reason.source = share.records.source;
    reason.reason = text;
    reason.first = fmt::format("{}/{}", share.records.source, rejected.record.value());
    reason.found = rejected.found;
  }
  for (const auto& [text, reason] : reasons) told.Add(reason);
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

Result<LeftOut> StageLeftOut(Workspace& workspace, Publication& publication,
                             const std::vector<ViewWork>& work) {
  LeftOut told;
  std::map<std::string, Share> shares;
  std::map<std::string, std::int64_t> without_record;
  bool anew = false;
  for (const ViewWork& view : work) {
    anew = anew || (view.whole && !view.left_out.empty());
    for (const feature::LeftOutRow& left : view.left_out) {
      const RejectedRecord rejected{
          RecordId(left.record), left.error_code, view.plan->view.table_name(), left.place,
          left.expression,       left.found};
      if (left.record >= 0) {
        WEIRHOUSE_TRY_STATUS(AddRecord(workspace, rejected, shares));
      } else {
        ++without_record[fmt::format("{}: {}", view.plan->view.id(),
                                     ViolationOf(rejected).Reason())];
      }
    }
  }
  for (const auto& [why, count] : without_record)
    told.Warn(fmt::format("view {} left out {} rows of no one record", why, count));
  QuarantineChanges changes;
  for (auto& [source, share] : shares) {
    WEIRHOUSE_TRY(auto rows, QuarantineRejected(workspace, share.records, share.rejected));
    if (rows != nullptr && anew) {
      WEIRHOUSE_TRY(rows, NotInQuarantine(workspace, "quarantine." + source, rows));
    }
    if (rows == nullptr || rows->num_rows() == 0) continue;
    changes[source].joined = rows;
    Count(share, told);
  }
  WEIRHOUSE_TRY_STATUS(StageQuarantine(workspace, publication, changes));
  WEIRHOUSE_TRY_STATUS(TellQuarantined(workspace, changes, {}, publication.request()));
  return told;
}
}  // namespace weirhouse::engine

// Source rows that no feature row can be made of: their records go to quarantine.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/records/batch_records.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {

// What is reported about them.
class LeftOut {
 public:
  void Add(const QuarantineReason& reason) { reasons_.push_back(reason); }
  void Warn(std::string line) { warnings_.push_back(std::move(line)); }
  // Reasons and warnings, a line each.
  std::vector<std::string> lines() const;
  void AddTo(RunSummary& summary) const;

 private:
  std::vector<QuarantineReason> reasons_;
  std::vector<std::string> warnings_;  // of rows of no one record
};

// The quarantine entries for rows that a view left out.
std::vector<RejectedRecord> RejectedByView(const feature::ViewPlan& plan,
                                           const std::vector<feature::LeftOutRow>& rows);
// Adds the records of rows that `work` left out to the quarantine of their sources, and removes
// records whose rows left, in the commit of the feature rows.
Result<LeftOut> StageLeftOut(Workspace& workspace, Publication& publication,
                             const std::vector<ViewWork>& work);
// Removes from quarantine what the removed view with the feature table `table` left out.
Status TakeBackView(Workspace& workspace, Publication& publication, const std::string& table);
}  // namespace weirhouse::work

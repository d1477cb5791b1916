// Rows of which no feature row can be made: their records go into quarantine.
#pragma once

#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/records/batch_records.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {

// What is told of them.
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

// What the quarantine holds of rows that a view left out.
std::vector<RejectedRecord> RejectedByView(const feature::ViewPlan& plan,
                                           const std::vector<feature::LeftOutRow>& rows);
// Adds the records of rows that `work` left out to the quarantine of their sources, and takes those
// out of it whose rows left, in the commit of the feature rows.
Result<LeftOut> StageLeftOut(Workspace& workspace, Publication& publication,
                             const std::vector<ViewWork>& work);
// Takes out of quarantine what the view with the feature table `table`, which is gone, left out.
Status TakeBackView(Workspace& workspace, Publication& publication, const std::string& table);
}  // namespace weirhouse::work

// Rows of which no feature row can be made: their records go into quarantine. Private to engine/.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "engine/feature_step.h"
#include "engine/pipeline.h"

namespace weirhouse::engine {

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

// Adds the records of rows that `work` left out to the quarantine of their sources, in the commit
// of the feature rows. A view that is made anew tells none twice.
Result<LeftOut> StageLeftOut(Workspace& workspace, Publication& publication,
                             const std::vector<ViewWork>& work);
}  // namespace weirhouse::engine

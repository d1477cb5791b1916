// The log of predictions: durable before anyone is answered.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/record.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Group commit: whoever comes while nobody writes, writes what waits, in one run and one commit;
// who comes meanwhile waits for the next. Threads: any.
class PredictionLog {
 public:
  explicit PredictionLog(Workspace& workspace) : workspace_(workspace) {}
  // Returns when the prediction is durable, with its lineage. Cost: one commit, shared by all that
  // wait.
  Status Append(const catalog::PredictionRecord& prediction, const std::string& deployment);

 private:
  struct Entry {
    const catalog::PredictionRecord* prediction = nullptr;
    const std::string* deployment = nullptr;
    bool done = false;
    Status outcome;
  };
  Status Write(const std::vector<Entry*>& group);
  Status WriteGuarded(const std::vector<Entry*>& group);

  Workspace& workspace_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry*> waiting_;  // guarded by mutex_
  bool writing_ = false;         // guarded by mutex_
};
}  // namespace weirhouse::work

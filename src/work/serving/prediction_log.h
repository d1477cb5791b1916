// The log of predictions: a prediction is durable before its caller gets an answer.
#pragma once

#include <cstddef>
#include <string>

#include "ground/base/status.h"
#include "ground/base/writers/lead_queue.h"
#include "ground/catalog/record.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Group commit: a caller that comes while no other writes, writes all waiting predictions in one
// run and one commit; callers that come meanwhile wait for the next. Threads: any.
class PredictionLog {
 public:
  explicit PredictionLog(Workspace& workspace) : workspace_(workspace) {}
  // Returns when the prediction, with its lineage, is durable. Cost: one commit, shared by all
  // callers that wait.
  Status Append(const catalog::PredictionRecord& prediction, const std::string& deployment);

 private:
  // Bounds the size of one commit, not the throughput.
  static constexpr std::size_t kGroupMax = 256;

  struct Entry {
    const catalog::PredictionRecord* prediction = nullptr;
    const std::string* deployment = nullptr;
    Status outcome{};
  };
  using Queue = LeadQueue<Entry, kGroupMax>;
  Status Write(const Queue::Group& group);
  Status WriteGuarded(const Queue::Group& group);

  Workspace& workspace_;
  Queue queue_;
};
}  // namespace weirhouse::work

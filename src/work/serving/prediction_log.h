// The log of predictions: durable before anyone is answered.
#pragma once

#include <cstddef>
#include <string>

#include "ground/base/status.h"
#include "ground/base/writers/lead_queue.h"
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
  // What bounds the size of one commit, not the throughput.
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

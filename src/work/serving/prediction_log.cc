#include "work/serving/prediction_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kGroupMax = 256;  // bounds the size of one commit, not the throughput
}  // namespace

Status PredictionLog::Append(const catalog::PredictionRecord& prediction,
                             const std::string& deployment) {
  Entry entry;
  entry.prediction = &prediction;
  entry.deployment = &deployment;
  // Taken before others know of the entry: from there on nothing may be thrown.
  std::vector<Entry*> group;
  group.reserve(kGroupMax);
  std::unique_lock lock(mutex_);
  waiting_.push_back(&entry);
  while (!entry.done) {
    if (writing_) {
      changed_.wait(lock);
      continue;
    }
    writing_ = true;
    const std::size_t count = std::min(waiting_.size(), kGroupMax);
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
    group.assign(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    lock.unlock();
    const Status outcome = WriteGuarded(group);
    lock.lock();
    for (Entry* one : group) {
      one->outcome = outcome;
      one->done = true;
    }
    writing_ = false;
    changed_.notify_all();
  }
  return entry.outcome;
}

// Nothing may be thrown: others wait for whoever writes.
Status PredictionLog::WriteGuarded(const std::vector<Entry*>& group) {
  try {
    return Write(group);
  } catch (...) {
    return StatusOfException();
  }
}

Status PredictionLog::Write(const std::vector<Entry*>& group) {
  StepInputs step;
  step.kind = "prediction";
  step.name = group.front()->prediction->model;
  step.inputs = nlohmann::json::array();
  for (const Entry* entry : group) step.inputs.push_back(entry->prediction->id);
  Publication publication(workspace_, PlanOf(step), "serve", group.front()->prediction->id);
  catalog::CommitRequest& request = publication.request();
  for (const Entry* entry : group) {
    const catalog::PredictionRecord& prediction = *entry->prediction;
    const catalog::NodeRef node{"prediction", prediction.id};
    request.predictions.push_back(prediction);
    request.nodes.push_back({node.kind,
                             node.key,
                             {{"vector", prediction.vector_digest.ToHex()},
                              {"seq", prediction.features_seq.value()},
                              {"model", prediction.model},
                              {"deployment", *entry->deployment},
                              {"at", FormatTime(prediction.at)}}});
    request.edges.push_back({{"deployment", *entry->deployment}, node, "served_by", {}, {}});
    request.edges.push_back({{"run", ""}, node, "wrote", {}, {}});
    if (prediction.features_seq.value() > 0) {
      request.edges.push_back(
          {{"commit", std::to_string(prediction.features_seq.value())}, node, "read", {}, {}});
    }
  }
  const auto committed = publication.Commit();
  WEIRHOUSE_FAILPOINT("prediction.committed");
  return committed.status();
}
}  // namespace weirhouse::work

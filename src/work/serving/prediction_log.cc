#include "work/serving/prediction_log.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "ground/base/thread.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {

Status PredictionLog::Append(const catalog::PredictionRecord& prediction,
                             const std::string& deployment) {
  Entry entry{&prediction, &deployment};
  queue_.Do(entry, [this](Queue::Group& group) {
    queue_.Take(group);
    const Status outcome = WriteGuarded(group);
    for (Entry* one : group) one->outcome = outcome;
  });
  return std::move(entry.outcome);
}

// Throws nothing, because other callers wait for the one that writes.
Status PredictionLog::WriteGuarded(const Queue::Group& group) {
  try {
    return Write(group);
  } catch (...) {
    return StatusOfException();
  }
}

Status PredictionLog::Write(const Queue::Group& group) {
  StepInputs step;
  step.kind = catalog::RunKind::kPrediction;
  step.name = group.front()->prediction->model;
  step.inputs = nlohmann::json::array();
  for (const Entry* entry : group) step.inputs.push_back(entry->prediction->id);
  Publication publication(workspace_, PlanOf(step), catalog::Layer::kServe,
                          group.front()->prediction->id);
  catalog::CommitRequest& request = publication.request();
  for (const Entry* entry : group) {
    const catalog::PredictionRecord& prediction = *entry->prediction;
    const catalog::NodeRef node{catalog::NodeKind::kPrediction, prediction.id};
    request.predictions.push_back(prediction);
    request.lineage.Wrote(node, {{"vector", prediction.vector_digest.ToHex()},
                                 {"seq", prediction.features_seq.value()},
                                 {"model", prediction.model},
                                 {"deployment", *entry->deployment},
                                 {"at", FormatTime(prediction.at)}});
    request.lineage.Flow({catalog::NodeKind::kDeployment, *entry->deployment},
                         catalog::EdgeKind::kServedBy, node);
    if (prediction.features_seq.value() > 0) {
      request.lineage.Flow(catalog::CommitNode(prediction.features_seq), catalog::EdgeKind::kRead,
                           node);
    }
  }
  const auto committed = publication.Commit();
  WEIRHOUSE_FAILPOINT("prediction.committed");
  return committed.status();
}
}  // namespace weirhouse::work

// Predictions of deployed models: features as served, scored, logged, then returned.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "work/serving/online.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct Prediction {
  std::string id;     // p-<UUIDv7>
  std::string model;  // "late#1"
  nlohmann::json output;
  OnlineVector vector;
};
// Scores requests with deployed models, in one supervised child process for each. Threads: any.
class PredictionService {
 public:
  explicit PredictionService(Workspace& workspace);
  ~PredictionService();
  // Computes features, scores, logs the exact vector in one commit, then answers. Predictions that
  // wait for the log at the same time share a commit. `request` has exactly the fields that the
  // model declares under serve.request (WH4016, WH4017; null is a value). `texts`: fields typed as
  // text (see OnlineRequest). Errors: WH5023 (no model of this name is deployed), WH5024 (its
  // features are no longer served), those of OnlineFeatures and of model::Scorer.
  Result<Prediction> Predict(const std::string& model, const nlohmann::json& request,
                             std::optional<EventTime> at,
                             const std::map<std::string, std::string>& texts = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::work

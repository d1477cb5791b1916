// Models with what they were trained on, training sets, and which model is deployed.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct ModelRow {
  std::string model;      // "late#1"
  nlohmann::json record;  // as its training recorded it
  CommitSeq commit;
  bool deployed = false;

  nlohmann::json training_set() const;  // its id, or null
  std::string metrics() const;          // "roc_auc 0.7558"; empty: none were recorded
};
struct ModelsAnswer {
  std::vector<ModelRow> models;
};
Result<ModelsAnswer> ListModels(work::Workspace& workspace);
// {"models": [{model, training_set, metrics, commit, deployed, record}]}
nlohmann::json ToJson(const ModelsAnswer& answer);

// A training set that was built, or one that is defined and not built yet.
struct TrainingSetRow {
  std::string training_set;  // "late_v1#1"; only the name if it was not built
  nlohmann::json record;     // null if it was not built
  std::optional<CommitSeq> commit;

  nlohmann::json rows() const;      // null where it was not built
  nlohmann::json features() const;  // how many, or null
  nlohmann::json content() const;   // hex of the digest, or null
};
struct TrainingSetsAnswer {
  std::vector<TrainingSetRow> training_sets;
};
Result<TrainingSetsAnswer> ListTrainingSets(work::Workspace& workspace);
// {"training_sets": [{training_set, rows, features, content, commit, record}]}
nlohmann::json ToJson(const TrainingSetsAnswer& answer);

// The record that lineage keeps of one model ("model") or training set ("training_set").
struct RecordAnswer {
  std::string kind;
  catalog::Node node;
};
//   kNotFound (WH8037)  there is no such record; the hint names those that exist
Result<RecordAnswer> ReadModel(work::Workspace& workspace, const std::string& id);
Result<RecordAnswer> ReadTrainingSet(work::Workspace& workspace, const std::string& id);
// {KIND: {id, commit, record}}
nlohmann::json ToJson(const RecordAnswer& answer);
}  // namespace weirhouse::answers

// Training sets, models and deployments as runs: planned, committed, reproducible.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/model/scorer.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct TrainingSetBuilt {
  std::string id;  // "late_v1#1"
  std::int64_t rows = 0;
  std::int64_t features = 0;
  Digest content;  // of the set's columns, rows sorted
  std::int64_t naive_rows = 0;
  std::int64_t naive_differing = 0;
  CommitSeq seq;
  bool repeated = false;  // it existed: the same definitions on the same snapshots
};
// Builds the point-in-time join on the current snapshots, writes it as a table of its own
// (`training_set.NAME`), computes a sample of it again naively, and pins every input snapshot by a
// tag. The same inputs return the same set again. Errors: kNotFound (WH5020), WH4020 (the spine
// reads what it may not), kCorruption (WH4021: the sample differs; nothing is published), WH4023
// (columns changed in a way that the table of earlier builds cannot follow).
Result<TrainingSetBuilt> BuildTrainingSet(Workspace& workspace, const std::string& name,
                                          Progress& progress);

struct ModelTrained {
  std::string id;  // "late#1"
  std::string training_set;
  std::map<std::string, double> metrics;
  Digest digest;          // over the artifacts
  std::string folder;     // of the stored artifacts
  bool repeated = false;  // training gave the bytes of an existing model
};
// Runs the user's training command in a child on the latest build of its training set; stores
// artifacts write-once. `parameters` override those of the definition, which must name them
// (WH5021). The same artifacts from the same inputs and parameters are the same model. kGateFailed
// (WH5005) if a metric is outside its bounds: the run is recorded as failed, no model.
Result<ModelTrained> TrainModel(Workspace& workspace, const std::string& name,
                                const nlohmann::json& parameters, Progress& progress);
// Makes `model_id` ("late#1") the one that serves, with the scoring script as it is now: later edits of
// the project's files do not change a deployed model. WH5020, WH5022 (it cannot be served).
Status DeployModel(Workspace& workspace, const std::string& model_id);

struct Difference {
  std::string what;  // "training set content", "artifact model.joblib", "parameter max_depth",
                     // "code processed/arrival.sql"
  std::string recorded;
  std::string found;
};
struct Reproduction {
  std::string id;
  bool same = false;
  std::vector<std::pair<std::string, std::string>> digests;  // what → digest, as found
  std::vector<Difference> differences;                       // the most likely cause first
  std::map<std::string, double> metrics;                     // of a model, as found
  // Inputs that training read without declaring them, a line each. They make `same` false, because
  // equal bytes do not prove that the next training would give them.
  std::vector<std::string> unproven;
};
// Rebuilds a training set or model from the recorded code, parameters, declared inputs, environment
// and pinned snapshots into `folder` (empty = a scratch folder), and compares digests and metrics.
// If an input changed, that is a difference, and nothing is trained. `overrides` changes
// parameters, to see what differs.
Result<Reproduction> Reproduce(Workspace& workspace, const std::string& id,
                               const std::string& folder, const nlohmann::json& overrides,
                               Progress& progress);
}  // namespace weirhouse::work

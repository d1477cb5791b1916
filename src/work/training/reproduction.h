// The steps that make something again from what was recorded.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "ground/base/status.h"
#include "work/training/modeling.h"
#include "work/training/modeling_record.h"
#include "work/training/training_rows.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// A folder to work in: `project/` holds the recorded code, `job/` the results of training. A
// scratch folder is removed at the end. Threads: one.
class ReproductionFolder {
 public:
  // `folder` must be absent, empty, or left by an earlier reproduction (kInvalidInput WH6012).
  static Result<std::unique_ptr<ReproductionFolder>> Make(const std::string& folder);
  ~ReproductionFolder();
  ReproductionFolder(const ReproductionFolder&) = delete;
  ReproductionFolder& operator=(const ReproductionFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  ReproductionFolder(std::string path, bool scratch) : path_(std::move(path)), scratch_(scratch) {}
  std::string path_;
  bool scratch_;
};

// Writes the code stored under `key` to `folder` and loads it as a project. Checks its bytes
// against the recorded digest.
Result<std::shared_ptr<const ProjectDefinition>> LayOutProject(Workspace& workspace,
                                                               const std::string& key,
                                                               const std::string& folder);

// Builds a training set again from its pinned snapshots and compares; adds the first differences to
// `reproduction` and sets `same`. Returns its rows.
Result<TrainingRows> RebuildTrainingSet(Workspace& workspace, const std::string& id,
                                        const TrainingSetRecord& record,
                                        const std::string& code_folder, Reproduction& reproduction,
                                        Progress& progress);
// Trains again with the recorded parameters, overridden by `overrides`, and the recorded
// environment; compares every artifact.
Status Retrain(Workspace& workspace, const ModelRecord& record, const TrainingSetRecord& set,
               const TrainingRows& rows, const nlohmann::json& overrides,
               const ReproductionFolder& folder, Reproduction& reproduction, Progress& progress);
}  // namespace weirhouse::work

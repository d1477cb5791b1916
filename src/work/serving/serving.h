// What a deployed model is served from: its deployment, its artifacts, and its own copy of the
// code.
#pragma once

#include <memory>
#include <string>

#include "ground/base/status.h"
#include "rules/model/scorer.h"
#include "work/serving/online_query.h"
#include "work/training/modeling_record.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

struct Deployment {
  std::string key;  // "late#1@d1"
  DeploymentRecord record;
};
// The deployment that serves `model` now. WH5023 if there is none.
Result<std::string> CurrentDeployment(Workspace& workspace, const std::string& model);
Result<Deployment> LoadDeployment(Workspace& workspace, const std::string& key);

// The query for the model's features. WH5024 if a view is gone, or differs from the one in
// training.
Result<std::shared_ptr<const OnlineQuery>> QueryOf(Workspace& workspace,
                                                   const DeploymentRecord& record);
// Writes the recorded code to a folder below the state folder, so that later edits of the project
// change nothing, and returns the folder. Cheap if the folder exists.
Result<std::string> LayOutCode(Workspace& workspace, const DeploymentRecord& record);
// Hashes the stored artifacts. kCorruption WH5027 if one differs.
Status CheckArtifacts(const Workspace& workspace, const DeploymentRecord& record);
// The scoring process of a deployment, on its own copy of the code. Not started yet.
Result<std::unique_ptr<model::Scorer>> MakeScorer(Workspace& workspace,
                                                  const DeploymentRecord& record);
}  // namespace weirhouse::work

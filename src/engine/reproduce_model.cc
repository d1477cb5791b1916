// Training again, and what differs.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/arrow_rows.h"
#include "engine/reproduction.h"
#include "model/train.h"
#include "storage/parquet.h"

namespace weirhouse::engine {
namespace {
using nlohmann::json;

std::string TextOf(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Members of `recorded` and `found` (objects) that are not the same.
void CompareMembers(const std::string& what, const json& recorded, const json& found,
                    std::vector<Difference>& differences) {
  const json none = json::object();
  const json& before = recorded.is_object() ? recorded : none;
  const json& after = found.is_object() ? found : none;
  for (const auto& [name, value] : before.items()) {
    const auto now = after.find(name);
    if (now == after.end()) {
      differences.push_back({what + " " + name, TextOf(value), "absent"});
    } else if (*now != value) {
      differences.push_back({what + " " + name, TextOf(value), TextOf(*now)});
    }
  }
  for (const auto& [name, value] : after.items()) {
    if (!before.contains(name)) differences.push_back({what + " " + name, "absent", TextOf(value)});
  }
}

json MemberOf(const json& object, const char* name) {
  return object.is_object() && object.contains(name) ? object[name] : json();
}

// What may have changed the artifacts, in the order in which to look.
std::vector<Difference> Causes(const ModelRecord& record, const json& parameters,
                               const json& environment) {
  std::vector<Difference> causes;
  CompareMembers("parameter", record.parameters, parameters, causes);
  CompareMembers("code", MemberOf(record.environment, "scripts"), MemberOf(environment, "scripts"),
                 causes);
  const json was = MemberOf(record.environment, "python");
  const json is = MemberOf(environment, "python");
  if (was != is) causes.push_back({"python", TextOf(was), TextOf(is)});
  CompareMembers("package", MemberOf(record.environment, "packages"),
                 MemberOf(environment, "packages"), causes);
  CompareMembers("variable", MemberOf(record.environment, "variables"),
                 MemberOf(environment, "variables"), causes);
  return causes;
}

std::vector<Difference> CompareArtifacts(const std::vector<model::Artifact>& recorded,
                                         const std::vector<model::Artifact>& found) {
  std::vector<Difference> differences;
  std::map<std::string, std::pair<std::string, std::string>> names;
  for (const model::Artifact& artifact : recorded)
    names[artifact.name] = {artifact.digest.ToHex(), "absent"};
  for (const model::Artifact& artifact : found) {
    auto& entry = names.try_emplace(artifact.name, "absent", "absent").first->second;
    entry.second = artifact.digest.ToHex();
  }
  for (const auto& [name, digests] : names) {
    if (digests.first != digests.second)
      differences.push_back({"artifact " + name, digests.first, digests.second});
  }
  return differences;
}

// The interpreter that trained it, if it is still there; else the one of this machine.
std::string InterpreterOf(Workspace& workspace, const ModelRecord& record) {
  const json recorded = MemberOf(record.environment, "interpreter");
  if (!recorded.is_string() || !workspace.disk().Stat(recorded.get<std::string>()).ok()) return "";
  return recorded.get<std::string>();
}
}  // namespace

Status Retrain(Workspace& workspace, const ModelRecord& record, const TrainingSetRecord& set,
               const TrainingRows& rows, const json& overrides, const ReproductionFolder& folder,
               Reproduction& reproduction, Progress& progress) {
  if (set.code != record.code)
    WEIRHOUSE_TRY_STATUS(LayOutProject(workspace, record.code, folder / "project").status());
  const std::string set_path = folder / "training_set.parquet";
  WEIRHOUSE_TRY_STATUS(
      storage::WriteParquet(workspace.disk(), set_path, *PlainRows(rows.result.rows)).status());

  model::TrainingJob job;
  job.definition.name = record.name;  // without bounds: a worse model is a difference, no error
  job.definition.command = record.command;
  job.project_folder = folder / "project";
  job.training_set = {record.training_set, set_path,     set.split_column,
                      record.features,     record.label, rows.content};
  job.parameters = record.parameters;
  if (overrides.is_object()) job.parameters.update(overrides);
  job.output_folder = folder / "job";
  job.python = InterpreterOf(workspace, record);
  const json variables = MemberOf(record.environment, "variables");
  if (variables.is_object()) {
    for (const auto& [name, value] : variables.items()) {
      if (value.is_string()) job.environment[name] = value.get<std::string>();
    }
  }
  job.on_line = [&progress](std::string_view line) { progress.Say(line); };
  job.told_to_stop = [&progress] { return progress.Cancelled(); };
  progress.Update("training", 0, 0);
  WEIRHOUSE_TRY(const model::TrainingOutcome outcome, model::RunTraining(workspace.disk(), job));

  for (const model::Artifact& artifact : outcome.artifacts)
    reproduction.digests.emplace_back("artifact " + artifact.name, artifact.digest.ToHex());
  reproduction.digests.emplace_back("model", outcome.model_digest.ToHex());
  const std::vector<Difference> artifacts = CompareArtifacts(record.artifacts, outcome.artifacts);
  if (artifacts.empty()) return Status();
  reproduction.differences = Causes(record, job.parameters, outcome.environment);
  reproduction.differences.insert(reproduction.differences.end(), artifacts.begin(),
                                  artifacts.end());
  return Status();
}
}  // namespace weirhouse::engine

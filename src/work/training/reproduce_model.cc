// Trains a model again and compares the results.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "ground/platform/columnar/parquet.h"
#include "rules/model/inputs.h"
#include "rules/model/train.h"
#include "work/training/reproduction.h"
#include "work/workspace/applied.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

std::string TextOf(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Adds the members of `recorded` and `found` (objects) that differ.
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

// Possible causes of different artifacts, the likeliest first.
std::vector<Difference> Causes(const ModelRecord& record, const json& parameters,
                               const json& environment) {
  std::vector<Difference> causes;
  CompareMembers("parameter", record.parameters, parameters, causes);
  CompareMembers("code", MemberOf(record.environment, "scripts"), MemberOf(environment, "scripts"),
                 causes);
  const json was = MemberOf(record.environment, "python");
  const json is = MemberOf(environment, "python");
  if (was != is) causes.push_back({"python", TextOf(was), TextOf(is)});
  for (const char* name : {"interpreter", "processors", "platform"}) {
    const json before = MemberOf(record.environment, name);
    const json after = MemberOf(environment, name);
    if (!before.is_null() && before != after)
      causes.push_back({name, TextOf(before), TextOf(after)});
  }
  const std::size_t before = causes.size();
  CompareMembers("package", MemberOf(record.environment, "packages"),
                 MemberOf(environment, "packages"), causes);
  // Other files under the same version; a different version already explains the rest.
  if (causes.size() == before && MemberOf(record.environment, "installed").is_object()) {
    CompareMembers("files of installed", record.environment["installed"],
                   MemberOf(environment, "installed"), causes);
  }
  CompareMembers("variable", MemberOf(record.environment, "variables"),
                 MemberOf(environment, "variables"), causes);
  if (MemberOf(record.environment, "undeclared").is_object()) {
    CompareMembers("undeclared input", record.environment["undeclared"],
                   MemberOf(environment, "undeclared"), causes);
  }
  // The folder always differs here, so it is named only if nothing else does.
  const json folder = MemberOf(record.environment, "folder");
  if (causes.empty() && folder.is_string()) {
    causes.push_back(
        {"working directory", TextOf(folder), TextOf(MemberOf(environment, "folder"))});
  }
  return causes;
}

// The interpreter of the training if it still exists; else the one of this machine.
std::string InterpreterOf(Workspace& workspace, const ModelRecord& record) {
  const json recorded = MemberOf(record.environment, "interpreter");
  if (!recorded.is_string() || !workspace.local_store().Stat(recorded.get<std::string>()).ok())
    return "";
  return recorded.get<std::string>();
}

// Compares the recorded metrics with those of the new training.
void CompareMetrics(const std::map<std::string, double>& recorded,
                    const std::map<std::string, double>& found,
                    std::vector<Difference>& differences) {
  CompareMembers("metric", json(recorded), json(found), differences);
}

// Compares the declared inputs with the recorded digests, and copies those of the project beside
// its code.
Status LayOutInputs(Workspace& workspace, const ModelRecord& record, const std::string& folder,
                    Reproduction& reproduction) {
  for (const auto& [path, digest] : record.inputs) {
    const auto now = model::DigestInputs({path}, workspace.project().root);
    const std::string found = now.ok() ? now->at(path) : now.status().message();
    if (found != digest) {
      reproduction.differences.push_back({"input " + path, digest, found});
      continue;
    }
    const std::filesystem::path target = std::filesystem::path(folder) / path;
    if (path.front() == '/') continue;  // read from its own place
    std::error_code error;
    std::filesystem::create_directories(target.parent_path(), error);
    if (!error) {
      std::filesystem::copy(std::filesystem::path(workspace.project().root) / path, target,
                            std::filesystem::copy_options::recursive |
                                std::filesystem::copy_options::overwrite_existing,
                            error);
    }
    if (error) {
      return Status(Code::kUnavailable,
                    fmt::format("could not copy the input \"{}\": {}", path, error.message()))
          .WithError("WH6012");
    }
  }
  return Status();
}

// Restores the environment of the training, as far as that is possible.
void RestoreEnvironment(Workspace& workspace, const ModelRecord& record, model::TrainingJob& job) {
  job.python = InterpreterOf(workspace, record);
  const json variables = MemberOf(record.environment, "variables");
  if (variables.is_object()) {
    for (const auto& [name, value] : variables.items()) {
      if (value.is_string()) job.environment[name] = value.get<std::string>();
    }
  }
  const json processors = MemberOf(record.environment, "processors");
  if (processors.is_number_integer()) job.processors_max = processors.get<int>();
}

std::vector<std::string> PathsOf(const ModelRecord& record) {
  std::vector<std::string> paths;
  for (const auto& [path, digest] : record.inputs) paths.push_back(path);
  return paths;
}

// Notes inputs that neither training declared.
void NoteUnproven(const ModelRecord& record, const json& environment, Reproduction& reproduction) {
  reproduction.unproven = UnseenInputs(record.environment);
  for (std::string& line : UnseenInputs(environment)) {
    if (std::find(reproduction.unproven.begin(), reproduction.unproven.end(), line) ==
        reproduction.unproven.end())
      reproduction.unproven.push_back(std::move(line));
  }
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

}  // namespace

Status Retrain(Workspace& workspace, const ModelRecord& record, const TrainingSetRecord& set,
               const TrainingRows& rows, const json& overrides, const ReproductionFolder& folder,
               Reproduction& reproduction, Progress& progress) {
  if (set.code != record.code)
    WEIRHOUSE_TRY_STATUS(LayOutProject(workspace, record.code, folder / "project").status());
  const std::string set_path = folder / "training_set.parquet";
  WEIRHOUSE_TRY_STATUS(
      platform::WriteParquet(workspace.local_store(), set_path, *PlainRows(rows.result.rows))
          .status());

  model::TrainingJob job;
  job.definition.name = record.name;  // without bounds: a worse model is a difference, not an error
  job.definition.command = record.command;
  job.project_folder = folder / "project";
  job.training_set = {record.training_set, set_path,     set.split_column,
                      record.features,     record.label, rows.content};
  job.parameters = record.parameters;
  if (overrides.is_object()) job.parameters.update(overrides);
  job.output_folder = folder / "job";
  job.inputs = PathsOf(record);
  WEIRHOUSE_TRY(const auto code, LoadCode(workspace, record.code));
  for (const auto& [path, bytes] : code) job.code.insert(path);
  RestoreEnvironment(workspace, record, job);
  WEIRHOUSE_TRY_STATUS(LayOutInputs(workspace, record, job.project_folder, reproduction));
  if (!reproduction.differences.empty()) return Status();
  job.on_line = [&progress](std::string_view line) { progress.Say(line); };
  job.told_to_stop = [&progress] { return progress.Cancelled(); };
  progress.Update("training", 0, 0);
  WEIRHOUSE_TRY(const model::TrainingOutcome outcome,
                model::RunTraining(workspace.local_store(), job));

  for (const model::Artifact& artifact : outcome.artifacts)
    reproduction.digests.emplace_back("artifact " + artifact.name, artifact.digest.ToHex());
  reproduction.digests.emplace_back("model", outcome.model_digest.ToHex());
  reproduction.metrics = outcome.metrics;
  NoteUnproven(record, outcome.environment, reproduction);
  std::vector<Difference> differences = CompareArtifacts(record.artifacts, outcome.artifacts);
  CompareMetrics(record.metrics, outcome.metrics, differences);
  if (differences.empty()) return Status();
  reproduction.differences = Causes(record, job.parameters, outcome.environment);
  reproduction.differences.insert(reproduction.differences.end(), differences.begin(),
                                  differences.end());
  return Status();
}
}  // namespace weirhouse::work

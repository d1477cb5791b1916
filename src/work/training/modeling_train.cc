// Training sets → models: runs the user's command in a child process and keeps its artifacts
// write-once.
#include <fmt/format.h>

#include <filesystem>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "rules/model/train.h"
#include "work/pipeline/plan/plan.h"
#include "work/project/event/event_type.h"
#include "work/project/project_code.h"
#include "work/training/modeling.h"
#include "work/training/modeling_record.h"
#include "work/training/training_rows.h"
#include "work/workspace/applied.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
constexpr unsigned kArtifactMode = 0444;

Result<const model::ModelDefinition*> DefinitionOf(const ProjectDefinition& project,
                                                   const std::string& name) {
  if (const auto* definition = project.FindModel(name)) return definition;
  std::vector<std::string> known;
  for (const auto& model : project.models) known.push_back(model.name);
  return Status(Code::kNotFound, fmt::format("no such model: \"{}\"", EscapeControl(name)))
      .WithError("WH5020")
      .WithHint(DidYouMean(name, known));
}

// The parameters of the definition, overridden by `given`.
Result<json> ParametersOf(const model::ModelDefinition& definition, const json& given) {
  json parameters = definition.params.is_object() ? definition.params : json::object();
  if (given.is_null()) return parameters;
  if (!given.is_object())
    return Status(Code::kInvalidInput, "parameters are not an object").WithError("WH5021");
  std::vector<std::string> known;
  for (const auto& [name, value] : parameters.items()) known.push_back(name);
  for (const auto& [name, value] : given.items()) {
    if (!parameters.contains(name)) {
      return Status(Code::kInvalidInput, fmt::format("the model \"{}\" has no parameter \"{}\"",
                                                     definition.name, EscapeControl(name)))
          .WithError("WH5021")
          .WithHint(DidYouMean(name, known));
    }
    parameters[name] = value;
  }
  return parameters;
}

// The child process runs the files on the disk: they must be the recorded ones.
Status RequireFilesUnchanged(Workspace& workspace) {
  const ProjectDefinition& project = workspace.project();
  for (const auto& [path, bytes] : project.files) {
    if (path.starts_with("seed:")) continue;
    auto now = workspace.local_store().Read(project.root + "/" + path);
    if (now.ok() && *now == bytes) continue;
    if (!now.ok() && now.status().code() != Code::kNotFound) return now.status();
    return Status(Code::kConflict, fmt::format("a file of the project changed meanwhile: {}", path))
        .WithError("WH5026")
        .WithHint("run the command again; a running daemon reads the new files by itself");
  }
  return Status();
}

// How often training this model was completed: makes each training a step of its own, while one
// that was cut short is resumed.
Result<std::int64_t> TrainedTimes(Workspace& workspace, const std::string& name) {
  catalog::RunFilter filter;
  filter.kind = catalog::RunKind::kModel;
  filter.name = name;
  filter.state = catalog::RunState::kCommitted;
  filter.limit = 1'000'000;
  WEIRHOUSE_TRY(const std::vector<catalog::Run> runs, workspace.catalog().Runs(filter));
  return static_cast<std::int64_t>(runs.size());
}

struct Training {
  const model::ModelDefinition* definition = nullptr;
  std::string set_id;
  TrainingSetRecord set;
  json parameters;
};

Result<catalog::Run> PlanTraining(Workspace& workspace, const Training& training) {
  WEIRHOUSE_TRY(const std::int64_t times, TrainedTimes(workspace, training.definition->name));
  StepInputs step;
  step.kind = catalog::RunKind::kModel;
  step.name = training.definition->name;
  step.code = {workspace.project().code.ToHex()};
  step.inputs = {{"training_set", training.set_id},
                 {"content", training.set.content.ToHex()},
                 {"trained_before", times}};
  step.parameters = training.parameters;
  return workspace.catalog().PlanRun(PlanOf(step));
}

Result<model::TrainingOutcome> RunCommand(Workspace& workspace, const Training& training,
                                          const std::string& run_folder, Progress& progress) {
  const std::string set_path = run_folder + "/training_set.parquet";
  progress.Update("exporting", 0, training.set.rows);
  WEIRHOUSE_TRY_STATUS(ExportTrainingSet(workspace, training.set, set_path));
  model::TrainingJob job;
  job.definition = *training.definition;
  job.project_folder = workspace.project().root;
  job.training_set = {training.set_id,       set_path,           training.set.split_column,
                      training.set.features, training.set.label, training.set.content};
  job.parameters = training.parameters;
  job.code = CodeFiles(workspace.project());
  WEIRHOUSE_TRY(job.inputs, InputsOf(workspace.project(), training.definition->name));
  job.output_folder = run_folder + "/job";
  job.on_line = [&progress](std::string_view line) { progress.Say(line); };
  job.told_to_stop = [&progress] { return progress.Cancelled(); };
  progress.Update("training", 0, 0);
  auto outcome = model::RunTraining(workspace.local_store(), job);
  // The rows are in their table, so the copy is no longer needed.
  workspace.local_store().Delete(set_path).Ignore("a left-over copy only takes space");
  return outcome;
}

Status StoreArtifacts(Workspace& workspace, const std::string& from, const ModelRecord& record,
                      catalog::CommitRequest& request) {
  for (const model::Artifact& artifact : record.artifacts) {
    WEIRHOUSE_TRY(const std::string bytes,
                  workspace.local_store().Read(from + "/" + artifact.name));
    if (Sha256Of(bytes) != artifact.digest) {
      return Status(Code::kConflict,
                    fmt::format("an artifact changed after training: {}", artifact.name))
          .WithError("WH5004")
          .WithHint("the command left a process behind that still writes");
    }
    const std::string path = record.folder + "/" + artifact.name;
    WEIRHOUSE_FAILPOINT("model.artifact.before");
    WEIRHOUSE_TRY(const bool created, workspace.store().PutIfAbsent(path, bytes, kArtifactMode));
    if (!created) {
      WEIRHOUSE_TRY(const std::string stored, workspace.store().Read(path));
      if (stored != bytes) {
        return Status(Code::kCorruption,
                      fmt::format("a stored artifact does not match its digest: {}", path))
            .WithError("WH5027")
            .WithHint("restore it from a copy; `wh verify --deep` lists all that differ");
      }
    }
    request.files.push_back({path, "", catalog::FileKind::kArtifact, artifact.size_bytes,
                             artifact.digest, CommitSeq(), RunId()});
  }
  return Status();
}

ModelRecord RecordOfModel(Workspace& workspace, const Training& training,
                          model::TrainingOutcome&& outcome) {
  ModelRecord record;
  record.name = training.definition->name;
  record.digest = outcome.model_digest;
  record.folder = ArtifactsFolder(workspace.lake(), record.name, record.digest);
  record.artifacts = std::move(outcome.artifacts);
  record.metrics = std::move(outcome.metrics);
  record.parameters = training.parameters;
  record.environment = std::move(outcome.environment);
  record.inputs = std::move(outcome.inputs);
  record.command = training.definition->command;
  record.training_set = training.set_id;
  record.training_set_content = training.set.content;
  record.features = training.set.features;
  record.label = training.set.label;
  record.views = training.set.views;
  record.code = CodeKey(workspace.project().code);
  return record;
}

// The model that the same artifacts, metrics, inputs and parameters made before, if there is one.
Result<std::optional<std::string>> FindSame(Workspace& workspace, const ModelRecord& record) {
  WEIRHOUSE_TRY(const std::vector<catalog::Node> nodes,
                NumberedNodes(workspace.catalog(), catalog::NodeKind::kModel, record.name));
  for (const catalog::Node& node : nodes) {
    WEIRHOUSE_TRY(const ModelRecord known, ModelFromJson(node.node.record));
    if (known.digest == record.digest && known.parameters == record.parameters &&
        known.training_set_content == record.training_set_content && known.code == record.code &&
        known.metrics == record.metrics && known.inputs == record.inputs)
      return std::optional(node.node.key);
  }
  return std::optional<std::string>();
}

Status AddTrainingLineage(Workspace& workspace, const std::string& id, const ModelRecord& record,
                          catalog::CommitRequest& request) {
  WEIRHOUSE_TRY(const CodeObject code, StoreCode(workspace));
  request.files.push_back(code.file);
  const catalog::NodeRef set{catalog::NodeKind::kTrainingSet, record.training_set};
  const catalog::NodeRef model{catalog::NodeKind::kModel, id};
  request.lineage.Uses(code.node, code.record);
  request.lineage.Read(set);
  request.lineage.Wrote(model, ToJson(record));
  request.lineage.Flow(set, catalog::EdgeKind::kTrainedOn, model);
  return Status();
}

Result<ModelTrained> TrainPlanned(Workspace& workspace, const catalog::Run& run,
                                  const Training& training, Progress& progress) {
  const std::string run_folder =
      fmt::format("{}/runs/{}", workspace.state_folder(), ToString(run.id));
  WEIRHOUSE_TRY_STATUS(workspace.local_store().MakeFolder(run_folder));
  WEIRHOUSE_TRY(model::TrainingOutcome outcome,
                RunCommand(workspace, training, run_folder, progress));
  WEIRHOUSE_TRY_STATUS(RequireFilesUnchanged(workspace));
  WEIRHOUSE_FAILPOINT("model.train.after");
  const ModelRecord record = RecordOfModel(workspace, training, std::move(outcome));
  for (const std::string& line : UnseenInputs(record.environment))
    progress.Say(fmt::format("{}: `wh reproduce` cannot prove this model", line));
  WEIRHOUSE_TRY(const std::optional<std::string> same, FindSame(workspace, record));
  WEIRHOUSE_TRY(const std::int64_t number,
                NextNumber(workspace.catalog(), catalog::NodeKind::kModel, record.name));
  const std::string id = same.value_or(fmt::format("{}#{}", record.name, number));

  Publication publication(workspace, run, catalog::Layer::kModel, id);
  WEIRHOUSE_TRY_STATUS(
      StoreArtifacts(workspace, run_folder + "/job/model", record, publication.request()));
  WEIRHOUSE_TRY_STATUS(AddTrainingLineage(workspace, id, record, publication.request()));
  publication.request().events.push_back(
      MakeEvent(EventKind::kModelTrained, id,
                {{"model", id}, {"digest", record.digest.ToHex()}, {"metrics", record.metrics}}));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("model.committed");
  if (same) progress.Say(fmt::format("the artifacts are those of {}, to the byte", id));
  return ModelTrained{
      id, record.training_set, record.metrics, record.digest, record.folder, same.has_value()};
}
}  // namespace

Result<ModelTrained> TrainModel(Workspace& workspace, const std::string& name,
                                const nlohmann::json& parameters, Progress& progress) {
  Training training;
  WEIRHOUSE_TRY(training.definition, DefinitionOf(workspace.project(), name));
  WEIRHOUSE_TRY(training.parameters, ParametersOf(*training.definition, parameters));
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  WEIRHOUSE_TRY_STATUS(RequireFilesUnchanged(workspace));
  const std::string& set = training.definition->training_set;
  WEIRHOUSE_TRY(const catalog::Node node,
                FindNumbered(workspace.catalog(), catalog::NodeKind::kTrainingSet, set,
                             fmt::format("build it first: wh train-set build {}", set)));
  training.set_id = node.node.key;
  WEIRHOUSE_TRY(training.set, TrainingSetFromJson(node.node.record));
  WEIRHOUSE_TRY(const catalog::Run run, PlanTraining(workspace, training));
  auto trained = TrainPlanned(workspace, run, training, progress);
  if (!trained.ok()) {
    workspace.catalog()
        .FailRun(run.id, trained.status())
        .Ignore("the first error is the one to report");
  }
  return trained;
}
}  // namespace weirhouse::work

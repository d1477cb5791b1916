#include "work/serving/serving.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/project/event/event_type.h"
#include "work/training/modeling.h"
#include "work/training/training_rows.h"
#include "work/workspace/applied.h"
#include "work/workspace/publication.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// Which deployment serves a model; "deployed/NAME" holds its model's id for people.

Status CannotServe(const std::string& id, std::string why, std::string hint) {
  return Status(Code::kInvalidInput, fmt::format("\"{}\" cannot be served: {}", id, why))
      .WithError("WH5022")
      .WithHint(std::move(hint));
}

Result<DeploymentRecord> RecordOf(Workspace& workspace, const std::string& id,
                                  const ModelRecord& model) {
  const ProjectDefinition& project = workspace.project();
  const model::ModelDefinition* definition = project.FindModel(model.name);
  if (definition == nullptr || !definition->serve) {
    return CannotServe(
        id, "its definition has no `serve` section",
        fmt::format("add `serve: {{ python: score.py, … }}` to the model \"{}\"", model.name));
  }
  const model::ServeDefinition& serve = *definition->serve;
  if (project.files.count(serve.script) == 0) {
    return CannotServe(id,
                       fmt::format("its script \"{}\" is not a file of the project", serve.script),
                       "a script must be a file of the project and end in .py");
  }
  DeploymentRecord record;
  record.model = id;
  record.digest = model.digest;
  record.folder = model.folder;
  record.code = CodeKey(project.code);
  record.script = serve.script;
  record.request = serve.request;
  record.output = serve.output;
  record.features = model.features;
  record.views = model.views;
  return record;
}

// Checks that requests contain every field that the model's features are computed from.
Status CheckServedRequest(Workspace& workspace, const DeploymentRecord& record) {
  WEIRHOUSE_TRY(const std::shared_ptr<const OnlineQuery> query, QueryOf(workspace, record));
  for (const std::string& field : query->fields()) {
    if (std::find(record.request.begin(), record.request.end(), field) != record.request.end())
      continue;
    return CannotServe(
        record.model, fmt::format("its features need \"{}\", which requests do not contain", field),
        "add it to `serve.request` of the model");
  }
  return Status();
}

// Scores one row of its training set, in the types of requests, before the model serves: a model
// that cannot be loaded, or cannot answer, must not replace the one that serves now.
Status ScoreOnce(Workspace& workspace, const ModelRecord& model, const DeploymentRecord& record) {
  WEIRHOUSE_TRY(const std::shared_ptr<const OnlineQuery> query, QueryOf(workspace, record));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> row,
                SampleRow(workspace, model, query->schema()));
  WEIRHOUSE_TRY(const std::unique_ptr<model::Scorer> scorer, MakeScorer(workspace, record));
  const auto scored = scorer->Score(*row);
  if (scored.ok()) return Status();
  Status refused(scored.status().code(),
                 fmt::format("\"{}\" was not deployed, because it could not score a row: {}",
                             record.model, scored.status().message()));
  return std::move(refused)
      .WithError(scored.status().error_code())
      .WithHint("the model deployed before still serves; " + scored.status().hint());
}

Status CommitDeployment(Workspace& workspace, const std::string& model,
                        const DeploymentRecord& record, std::int64_t ordinal) {
  const std::string key = fmt::format("{}@d{}", record.model, ordinal);
  StepInputs step;
  step.kind = catalog::RunKind::kDeployment;
  step.name = record.model;
  step.code = {record.code};
  step.inputs = {{"model", record.model}, {"digest", record.digest.ToHex()}, {"ordinal", ordinal}};
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  WEIRHOUSE_TRY(const CodeObject code, StoreCode(workspace));

  Publication publication(workspace, run, catalog::Layer::kServe, record.model);
  catalog::CommitRequest& request = publication.request();
  request.files.push_back(code.file);
  const catalog::NodeRef deployment{catalog::NodeKind::kDeployment, key};
  request.lineage.Uses(code.node, code.record);
  request.lineage.Wrote(deployment, ToJson(record));
  request.lineage.Flow({catalog::NodeKind::kModel, record.model}, catalog::EdgeKind::kDeployedAs,
                       deployment);
  request.lineage.Flow(code.node, catalog::EdgeKind::kUses, deployment);
  request.settings.push_back(catalog::setting::Deployed().Of(model).To(record.model));
  request.settings.push_back(catalog::setting::Deployment().Of(model).To(key));
  request.events.push_back(MakeEvent(EventKind::kModelDeployed, record.model,
                                     {{"model", record.model}, {"deployment", key}}));
  return publication.Commit().status();
}
}  // namespace

Status DeployModel(Workspace& workspace, const std::string& model_id) {
  WEIRHOUSE_TRY(const NumberedId id, ParseNumberedId(model_id));
  WEIRHOUSE_TRY(const catalog::Node node,
                FindNumbered(workspace.catalog(), catalog::NodeKind::kModel, model_id,
                             fmt::format("train it first: wh model train {}", id.name)));
  WEIRHOUSE_TRY(const ModelRecord model, ModelFromJson(node.node.record));
  WEIRHOUSE_TRY(const DeploymentRecord record, RecordOf(workspace, model_id, model));
  WEIRHOUSE_TRY_STATUS(CheckArtifacts(workspace, record));
  WEIRHOUSE_TRY_STATUS(CheckServedRequest(workspace, record));
  WEIRHOUSE_TRY_STATUS(StoreCode(workspace).status());
  WEIRHOUSE_TRY_STATUS(ScoreOnce(workspace, model, record));

  WEIRHOUSE_TRY(const std::optional<std::string> current,
                catalog::setting::Deployment().Of(id.name).In(workspace.catalog()));
  if (current) {
    WEIRHOUSE_TRY(const Deployment serving, LoadDeployment(workspace, *current));
    if (ToJson(serving.record) == ToJson(record)) return Status();
  }
  WEIRHOUSE_TRY(const std::vector<catalog::Node> all,
                workspace.catalog().Nodes(catalog::NodeKind::kDeployment));
  std::int64_t ordinal = 1;
  for (const catalog::Node& one : all) ordinal += one.node.key.starts_with(id.name + "#") ? 1 : 0;
  return CommitDeployment(workspace, id.name, record, ordinal);
}

Result<std::string> CurrentDeployment(Workspace& workspace, const std::string& model) {
  // "late#1" works as well, while it is the deployed one.
  const std::string name = model.substr(0, model.find('#'));
  WEIRHOUSE_TRY(const std::optional<std::string> key,
                catalog::setting::Deployment().Of(name).In(workspace.catalog()));
  const std::string found = key.value_or("");
  if (key && (name == model || found.starts_with(model + "@"))) return found;
  WEIRHOUSE_TRY(const auto deployed, catalog::setting::Deployed().In(workspace.catalog()));
  std::vector<std::string> names;
  for (const auto& [known, id] : deployed) names.push_back(known);
  std::string hint =
      key ? fmt::format("\"{}\" is", found.substr(0, found.find('@'))) : DidYouMean(model, names);
  if (hint.empty()) hint = fmt::format("wh model deploy {}#1", name);
  return Status(Code::kNotFound,
                fmt::format("no such model is deployed: \"{}\"", EscapeControl(model)))
      .WithError("WH5023")
      .WithHint(std::move(hint));
}

Result<Deployment> LoadDeployment(Workspace& workspace, const std::string& key) {
  WEIRHOUSE_TRY(const std::optional<catalog::Node> node,
                workspace.catalog().FindNode({catalog::NodeKind::kDeployment, key}));
  if (!node) {
    return Status(Code::kCorruption,
                  fmt::format("the deployment \"{}\" is the one that answers, and the catalog has "
                              "no record of it",
                              key))
        .WithError("WH5025")
        .WithHint("`wh verify` checks the catalog; restore it from a copy");
  }
  WEIRHOUSE_TRY(DeploymentRecord record, DeploymentFromJson(node->node.record));
  return Deployment{key, std::move(record)};
}

Result<std::shared_ptr<const OnlineQuery>> QueryOf(Workspace& workspace,
                                                   const DeploymentRecord& record) {
  const auto gone = [&](const std::string& view, std::string_view why) {
    return Status(Code::kConflict, fmt::format("\"{}\" was trained on the view \"{}\", which {}",
                                               record.model, view, why))
        .WithError("WH5024")
        .WithHint("restore the view's definition, or train on the new version");
  };
  std::map<std::string, std::string> ids;  // "carrier_delay" → "carrier_delay@1"
  for (const auto& [id, digest] : record.views) {
    const feature::ViewPlan* plan = workspace.project().FindPlan(id);
    if (plan == nullptr) return gone(id, "the project no longer defines");
    if (plan->view.digest.ToHex() != digest) return gone(id, "is defined differently now");
    ids[plan->view.name] = id;
  }
  std::vector<std::string> selectors;
  for (const std::string& feature : record.features) {
    const auto dot = feature.find('.');
    const auto id = ids.find(feature.substr(0, dot));
    if (dot == std::string::npos || id == ids.end()) return gone(feature, "it does not name");
    selectors.push_back(fmt::format("{}:{}", id->second, feature.substr(dot + 1)));
  }
  return OnlineQuery::Make(workspace, selectors);
}

Result<std::string> LayOutCode(Workspace& workspace, const DeploymentRecord& record) {
  const std::string folder =
      fmt::format("{}/serve/{}/{}", workspace.state_folder(), record.model, record.code);
  WEIRHOUSE_TRY(const auto files, LoadCode(workspace, record.code));
  for (const auto& [path, bytes] : files) {
    const std::string target = folder + "/" + path;
    const auto there = workspace.local_store().Read(target);
    if (there.ok() && *there == bytes) continue;
    WEIRHOUSE_TRY_STATUS(workspace.local_store().Replace(target, bytes));
  }
  return folder;
}

Result<std::unique_ptr<model::Scorer>> MakeScorer(Workspace& workspace,
                                                  const DeploymentRecord& record) {
  model::ScorerOptions options;
  options.model = record.model;
  WEIRHOUSE_TRY(options.project_folder, LayOutCode(workspace, record));
  options.script = record.script;
  options.artifacts_folder = workspace.store().Spelling(record.folder);
  options.output = record.output;
  options.log_path = fmt::format("{}/serve/{}/score.log", workspace.state_folder(), record.model);
  return model::Scorer::Create(std::move(options));
}

Status CheckArtifacts(const Workspace& workspace, const DeploymentRecord& record) {
  const auto artifacts = model::ListArtifacts(workspace.store().Spelling(record.folder));
  if (artifacts.ok() && model::ModelDigest(*artifacts) == record.digest) return Status();
  return Status(Code::kCorruption,
                fmt::format("the artifacts of \"{}\" do not match its digest: {}", record.model,
                            artifacts.ok() ? record.folder : artifacts.status().message()))
      .WithError("WH5027")
      .WithHint("restore them from a copy; `wh verify --deep` lists all that differ");
}
}  // namespace weirhouse::work

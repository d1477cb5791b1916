// train-set build, list, show; model train, deploy, list, show; predict.
#include <fmt/format.h>

#include <algorithm>

#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "work/answers/model_answer.h"
#include "work/answers/sent_object.h"
#include "work/answers/table_answer.h"
#include "work/serving/predictions.h"
#include "work/training/modeling.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

void ShowRecord(Context& context, const answers::RecordAnswer& answer) {
  const catalog::Node& node = answer.node;
  context.Line(fmt::format("{}  commit {}", EscapeControl(node.node.key), node.seq.value()));
  if (!context.wants_json() && node.node.record.is_object()) {
    Listing listing("fields", {"field", "value"});
    for (const auto& [key, value] : node.node.record.items()) listing.Add({key, value});
    context.Print(listing);
  }
  context.Answer(answers::ToJson(answer));
}

// The metrics that the definition bounds: "roc_auc 0.756 (min 0.65)".
std::string BoundText(const work::ProjectDefinition& project, const std::string& model,
                      const std::map<std::string, double>& metrics) {
  std::string text;
  const model::ModelDefinition* definition = project.FindModel(model);
  for (const auto& [name, value] : metrics) {
    text += fmt::format("{}{} {:.3f}", text.empty() ? "" : "  ", name, value);
    if (definition == nullptr) continue;
    for (const model::MetricBound& bound : definition->metrics) {
      if (bound.metric != name) continue;
      if (bound.min) text += fmt::format(" (min {})", *bound.min);
      if (bound.max) text += fmt::format(" (max {})", *bound.max);
    }
  }
  return text;
}
}  // namespace

Result<int> RunTrainSetBuild(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  WEIRHOUSE_TRY(
      const work::TrainingSetBuilt built,
      work::BuildTrainingSet(*workspace, context.invocation().Word(0), context.progress()));
  context.Line(fmt::format(
      "{}  {} rows × {} features, {} rows re-derived naively: {} differ.   "
      "content {}",
      built.id, WithThousands(built.rows), built.features, WithThousands(built.naive_rows),
      WithThousands(built.naive_differing), built.content.ToHex().substr(0, 16)));
  context.Answer({{"training_set", built.id},
                  {"rows", built.rows},
                  {"features", built.features},
                  {"content", built.content.ToHex()},
                  {"naive_rows", built.naive_rows},
                  {"naive_differing", built.naive_differing},
                  {"commit", built.seq.value()}});
  return built.naive_differing == 0 ? kExitOk : kExitDiffers;
}

Result<int> RunTrainSetList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::TrainingSetsAnswer answer, answers::ListTrainingSets(*workspace));
  Listing listing("training_sets", {"training_set", "rows", "features", "content", "commit"});
  for (const answers::TrainingSetRow& row : answer.training_sets) {
    listing.Add({row.training_set, row.rows(), row.features(), row.content(),
                 row.commit ? json(answers::CommitText(*row.commit)) : json()});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunTrainSetShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::RecordAnswer answer,
                answers::ReadTrainingSet(*workspace, context.invocation().Word(0)));
  ShowRecord(context, answer);
  return kExitOk;
}

Result<int> RunModelTrain(Context& context) {
  WEIRHOUSE_TRY(const json parameters, context.Assignments(context.invocation().Options("param")));
  WEIRHOUSE_TRY(work::Workspace * workspace, context.WritingIfApplied());
  const std::string name = context.invocation().Word(0);
  WEIRHOUSE_TRY(const work::ModelTrained trained,
                work::TrainModel(*workspace, name, parameters, context.progress()));
  context.Line(fmt::format("{}  {}  on {}  digest {}", trained.id,
                           BoundText(workspace->project(), name, trained.metrics),
                           trained.training_set, trained.digest.ToHex().substr(0, 16)));
  context.Answer({{"model", trained.id},
                  {"training_set", trained.training_set},
                  {"metrics", trained.metrics},
                  {"digest", trained.digest.ToHex()},
                  {"folder", trained.folder}});
  return kExitOk;
}

Result<int> RunModelDeploy(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  const std::string id = context.invocation().Word(0);
  WEIRHOUSE_TRY_STATUS(work::DeployModel(*workspace, id));
  context.Line(fmt::format("{} answers now", EscapeControl(id)));
  context.Answer({{"model", id}, {"deployed", true}});
  return kExitOk;
}

Result<int> RunModelList(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::ModelsAnswer answer, answers::ListModels(*workspace));
  Listing listing("models", {"model", "training_set", "metrics", "commit", "deployed"});
  for (const answers::ModelRow& row : answer.models) {
    const std::string metrics = row.metrics();
    listing.Add({row.model, row.training_set(), metrics.empty() ? json() : json(metrics),
                 answers::CommitText(row.commit), row.deployed});
  }
  context.Print(listing, answers::ToJson(answer));
  return kExitOk;
}

Result<int> RunModelShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const answers::RecordAnswer answer,
                answers::ReadModel(*workspace, context.invocation().Word(0)));
  ShowRecord(context, answer);
  return kExitOk;
}

Result<int> RunPredict(Context& context) {
  const Invocation& invocation = context.invocation();
  const std::vector<std::string> assignments(invocation.words.begin() + 1, invocation.words.end());
  WEIRHOUSE_TRY(auto texts, context.NamedTexts(assignments));
  json request = json::object();
  if (const std::optional<std::string> text = invocation.Option("request")) {
    auto sent = answers::ParseSent(*text, "--request");
    if (!sent.ok()) return UsageError(sent.status().message());
    request = std::move(sent->members);
    for (const auto& [name, value] : request.items()) texts.erase(name);
    texts.merge(sent->numbers);
  }
  WEIRHOUSE_TRY(const std::optional<EventTime> at, context.AtTime());
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Writing());
  std::optional<work::PredictionService> own;
  work::PredictionService* service = nullptr;
  if (context.host() != nullptr) service = context.host()->predictions;
  if (service == nullptr) service = &own.emplace(*workspace);
  WEIRHOUSE_TRY(const work::Prediction prediction,
                service->Predict(invocation.Word(0), request, at, texts));
  context.Line(fmt::format("{}  {}  {}", prediction.id, prediction.model,
                           EscapeControl(Dump(prediction.output))));
  context.Say(fmt::format("  trace it: wh trace {}", prediction.id));
  context.Answer({{"prediction", prediction.id},
                  {"model", prediction.model},
                  {"output", prediction.output},
                  {"features", work::ToJson(prediction.vector)}});
  return kExitOk;
}
}  // namespace weirhouse::command

// train-set build, list, show; model train, deploy, list, show; predict.
#include <fmt/format.h>

#include <algorithm>

#include "app/command/sent_object.h"
#include "app/command/verbs.h"
#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "work/serving/predictions.h"
#include "work/training/modeling.h"

namespace weirhouse::command {
namespace {
using nlohmann::json;

// A field of a node's record as it is, or null.
json FieldOf(const json& record, std::string_view name) {
  if (!record.is_object()) return nullptr;
  const auto found = record.find(name);
  return found == record.end() ? json() : *found;
}

// How many a record lists.
json CountOf(const json& list) {
  return list.is_array() ? json(static_cast<std::int64_t>(list.size())) : json();
}

std::string MetricsText(const json& metrics) {
  if (!metrics.is_object()) return "";
  std::string text;
  for (const auto& [name, value] : metrics.items()) {
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                    value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : Dump(value));
  }
  return text;
}

Result<catalog::Node> FindNode(catalog::Catalog& catalog, const std::string& kind,
                               const std::string& what, const std::string& key) {
  WEIRHOUSE_TRY(const std::optional<catalog::Node> node, catalog.FindNode({kind, key}));
  if (node) return *node;
  WEIRHOUSE_TRY(const auto nodes, catalog.Nodes(kind));
  std::vector<std::string> known;
  for (const catalog::Node& one : nodes) known.push_back(one.node.key);
  return Status(Code::kNotFound, fmt::format("no such {}: \"{}\"", what, key))
      .WithError("WH8037")
      .WithHint(known.empty() ? fmt::format("none has been made yet") : DidYouMean(key, known));
}

void ShowNode(Context& context, const std::string& name, const catalog::Node& node) {
  context.Line(fmt::format("{}  commit {}", EscapeControl(node.node.key), node.seq.value()));
  if (!context.wants_json() && node.node.record.is_object()) {
    Listing listing("fields", {"field", "value"});
    for (const auto& [key, value] : node.node.record.items()) listing.Add({key, value});
    context.Print(listing);
  }
  context.Answer(
      {{name,
        {{"id", node.node.key}, {"commit", node.seq.value()}, {"record", node.node.record}}}});
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
  Listing listing("training_sets", {"training_set", "rows", "features", "content", "commit"});
  WEIRHOUSE_TRY(const auto nodes, workspace->catalog().Nodes("training_set"));
  for (const catalog::Node& node : nodes) {
    const json& record = node.node.record;
    listing.Add({node.node.key, FieldOf(record, "rows"), CountOf(FieldOf(record, "features")),
                 FieldOf(record, "content"), fmt::format("@{}", node.seq.value())});
    listing.Detail("record", record);
  }
  for (const feature::TrainingSetDefinition& set : workspace->project().training_sets) {
    const bool built = std::any_of(nodes.begin(), nodes.end(), [&](const catalog::Node& node) {
      return node.node.key.starts_with(set.name + "#");
    });
    if (!built) listing.Add({set.name, nullptr, nullptr, nullptr, nullptr});
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunTrainSetShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const catalog::Node node, FindNode(workspace->catalog(), "training_set",
                                                   "training set", context.invocation().Word(0)));
  ShowNode(context, "training_set", node);
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
  Listing listing("models", {"model", "training_set", "metrics", "commit", "deployed"});
  WEIRHOUSE_TRY(const auto nodes, workspace->catalog().Nodes("model"));
  for (const catalog::Node& node : nodes) {
    const json& record = node.node.record;
    const std::string name = node.node.key.substr(0, node.node.key.find('#'));
    WEIRHOUSE_TRY(const auto serving,
                  catalog::setting::Deployed().Of(name).In(workspace->catalog()));
    const bool deployed = serving && *serving == node.node.key;
    const std::string metrics = MetricsText(FieldOf(record, "metrics"));
    listing.Add({node.node.key, FieldOf(record, "training_set"),
                 metrics.empty() ? json() : json(metrics), fmt::format("@{}", node.seq.value()),
                 deployed});
    listing.Detail("record", record);
  }
  context.Print(listing);
  return kExitOk;
}

Result<int> RunModelShow(Context& context) {
  WEIRHOUSE_TRY(work::Workspace * workspace, context.Reading());
  WEIRHOUSE_TRY(const catalog::Node node,
                FindNode(workspace->catalog(), "model", "model", context.invocation().Word(0)));
  ShowNode(context, "model", node);
  return kExitOk;
}

Result<int> RunPredict(Context& context) {
  const Invocation& invocation = context.invocation();
  const std::vector<std::string> assignments(invocation.words.begin() + 1, invocation.words.end());
  WEIRHOUSE_TRY(auto texts, context.NamedTexts(assignments));
  json request = json::object();
  if (const std::optional<std::string> text = invocation.Option("request")) {
    auto sent = ParseSent(*text, "--request");
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

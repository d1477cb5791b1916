// Predictions: computes features as served, scores them with the deployed model, logs, then
// answers.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "ground/base/text.h"
#include "ground/platform/columnar/cell_json.h"
#include "work/serving/online.h"
#include "work/serving/prediction_log.h"
#include "work/serving/predictions.h"
#include "work/serving/serving.h"
#include "work/training/modeling.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

// A deployment ready to serve. Immutable except for the scorer, which is safe to share.
struct Serving {
  Deployment deployment;
  std::shared_ptr<const OnlineQuery> query;
  std::unique_ptr<model::Scorer> scorer;
};

Result<std::shared_ptr<const Serving>> MakeServing(Workspace& workspace, const std::string& key) {
  auto serving = std::make_shared<Serving>();
  WEIRHOUSE_TRY(serving->deployment, LoadDeployment(workspace, key));
  const DeploymentRecord& record = serving->deployment.record;
  WEIRHOUSE_TRY(serving->query, QueryOf(workspace, record));
  WEIRHOUSE_TRY_STATUS(CheckArtifacts(workspace, record));
  WEIRHOUSE_TRY(serving->scorer, MakeScorer(workspace, record));
  return std::shared_ptr<const Serving>(std::move(serving));
}

using Texts = std::map<std::string, std::string>;

// Checks that the request has exactly the fields that the model declares.
Status CheckRequest(const DeploymentRecord& record, const json& request, const Texts& texts) {
  if (!request.is_object())
    return Status(Code::kInvalidInput, "the request is not an object").WithError("WH4017");
  std::vector<std::string> sent;
  for (const auto& [name, value] : request.items()) sent.push_back(name);
  for (const auto& [name, text] : texts) sent.push_back(name);
  for (const std::string& name : sent) {
    if (std::find(record.request.begin(), record.request.end(), name) != record.request.end())
      continue;
    return Status(Code::kInvalidInput, fmt::format("the model \"{}\" takes no field \"{}\"",
                                                   record.model, EscapeControl(name)))
        .WithError("WH4016")
        .WithHint(fmt::format("it takes {}", Join(record.request, ", ")));
  }
  for (const std::string& name : record.request) {
    if (std::find(sent.begin(), sent.end(), name) != sent.end()) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("the request for \"{}\" lacks the field \"{}\"", record.model, name))
        .WithError("WH4017")
        .WithHint(fmt::format("it takes {}; null is a value", Join(record.request, ", ")));
  }
  return Status();
}

// The request as it was understood: each field in the type that its view gives it. A field that no
// view takes is kept as sent.
Result<json> UnderstoodRequest(const OnlineQuery& query, const json& request, const Texts& texts) {
  json understood = request;
  for (const auto& [name, text] : texts) {
    if (!request.contains(name)) understood[name] = text;
  }
  for (const feature::ViewPlan* plan : query.plans()) {
    const bool computed = plan->view.is_request();
    for (const feature::TypedName& name : computed ? plan->view.request : plan->view.entity) {
      WEIRHOUSE_TRY(
          const feature::Value value,
          feature::ValueOfField(request, texts, name,
                                computed ? feature::FieldRole::kValue : feature::FieldRole::kKey));
      understood[name.name] = feature::JsonOfValue(value);
    }
  }
  return understood;
}

json OutputOf(const arrow::Table& scored) {
  json output = json::object();
  for (int i = 0; i < scored.num_columns(); ++i)
    output[scored.field(i)->name()] = platform::CellToJson(*scored.column(i), 0);
  return output;
}
}  // namespace

struct PredictionService::State {
  explicit State(Workspace& opened) : workspace(opened), log(opened) {}

  // The deployment that serves `model` now; prepared once.
  Result<std::shared_ptr<const Serving>> Find(const std::string& model) {
    WEIRHOUSE_TRY(const std::string key, CurrentDeployment(workspace, model));
    const std::string name = model.substr(0, model.find('#'));
    const std::lock_guard lock(mutex);
    std::shared_ptr<const Serving>& known = serving[name];
    if (known == nullptr || known->deployment.key != key) {
      WEIRHOUSE_TRY(std::shared_ptr<const Serving> made, MakeServing(workspace, key));
      known = std::move(made);  // requests that use the old one keep it until they are answered
    }
    return known;
  }

  Workspace& workspace;
  PredictionLog log;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const Serving>> serving;  // guarded by mutex
};

PredictionService::PredictionService(Workspace& workspace)
    : state_(std::make_unique<State>(workspace)) {}
PredictionService::~PredictionService() = default;

Result<Prediction> PredictionService::Predict(const std::string& model, const json& request,
                                              std::optional<EventTime> at, const Texts& texts) {
  WEIRHOUSE_TRY(const std::shared_ptr<const Serving> serving, state_->Find(model));
  const DeploymentRecord& record = serving->deployment.record;
  WEIRHOUSE_TRY_STATUS(CheckRequest(record, request, texts));
  WEIRHOUSE_TRY(const EventTime time, RequestTime(state_->workspace, at));
  WEIRHOUSE_TRY(const json understood, UnderstoodRequest(*serving->query, request, texts));
  json fields = json::object();
  Texts taken;
  for (const std::string& field : serving->query->fields()) {
    const auto text = texts.find(field);
    if (text != texts.end()) taken.insert(*text);
    if (request.contains(field)) fields[field] = request.at(field);
  }

  Prediction prediction;
  prediction.model = record.model;
  WEIRHOUSE_TRY(prediction.vector, serving->query->Answer(fields, time, taken));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> scored,
                serving->scorer->Score(*prediction.vector.row));
  prediction.output = OutputOf(*scored);
  prediction.id = "p-" + state_->workspace.random().Uuid7(state_->workspace.clock().Now());

  catalog::PredictionRecord logged;
  logged.id = prediction.id;
  logged.model = record.model;
  logged.at = time;
  logged.request = understood;
  logged.vector = ToJson(prediction.vector)["features"];
  logged.vector_digest = prediction.vector.digest;
  logged.output = prediction.output;
  logged.features_seq = prediction.vector.seq;
  WEIRHOUSE_TRY_STATUS(state_->log.Append(logged, serving->deployment.key));
  return prediction;
}
}  // namespace weirhouse::work

#include "work/answers/model_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"
#include "work/answers/json_line.h"
#include "work/answers/table_answer.h"

namespace weirhouse::answers {
namespace {
using nlohmann::json;

// A field of a node's record as it is, or null.
json FieldOf(const json& record, std::string_view name) {
  if (!record.is_object()) return nullptr;
  const auto found = record.find(name);
  return found == record.end() ? json() : *found;
}

Result<RecordAnswer> FindRecord(catalog::Catalog& catalog, catalog::NodeKind kind,
                                const std::string& what, const std::string& key) {
  WEIRHOUSE_TRY(const std::optional<catalog::Node> node, catalog.FindNode({kind, key}));
  if (node) return RecordAnswer{std::string(catalog::Name(kind)), *node};
  WEIRHOUSE_TRY(const auto nodes, catalog.Nodes(kind));
  std::vector<std::string> known;
  for (const catalog::Node& one : nodes) known.push_back(one.node.key);
  return Status(Code::kNotFound, fmt::format("no such {}: \"{}\"", what, key))
      .WithError("WH8037")
      .WithHint(known.empty() ? fmt::format("none has been made yet") : DidYouMean(key, known));
}
}  // namespace

json ModelRow::training_set() const { return FieldOf(record, "training_set"); }

std::string ModelRow::metrics() const {
  const json recorded = FieldOf(record, "metrics");
  if (!recorded.is_object()) return "";
  std::string text;
  for (const auto& [name, value] : recorded.items()) {
    text += fmt::format(
        "{}{} {}", text.empty() ? "" : ", ", name,
        value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : JsonLine(value));
  }
  return text;
}

Result<ModelsAnswer> ListModels(work::Workspace& workspace) {
  ModelsAnswer answer;
  WEIRHOUSE_TRY(const auto nodes, workspace.catalog().Nodes(catalog::NodeKind::kModel));
  for (const catalog::Node& node : nodes) {
    const std::string name = node.node.key.substr(0, node.node.key.find('#'));
    WEIRHOUSE_TRY(const auto serving,
                  catalog::setting::Deployed().Of(name).In(workspace.catalog()));
    answer.models.push_back({node.node.key, node.node.record, node.seq,
                             serving.has_value() && *serving == node.node.key});
  }
  return answer;
}

json ToJson(const ModelsAnswer& answer) {
  json list = json::array();
  for (const ModelRow& row : answer.models) {
    const std::string metrics = row.metrics();
    list.push_back({{"model", row.model},
                    {"training_set", row.training_set()},
                    {"metrics", metrics.empty() ? json() : json(metrics)},
                    {"commit", CommitText(row.commit)},
                    {"deployed", row.deployed},
                    {"record", row.record}});
  }
  return {{"models", std::move(list)}};
}

json TrainingSetRow::rows() const { return FieldOf(record, "rows"); }
json TrainingSetRow::features() const {
  const json list = FieldOf(record, "features");
  return list.is_array() ? json(static_cast<std::int64_t>(list.size())) : json();
}
json TrainingSetRow::content() const { return FieldOf(record, "content"); }

Result<TrainingSetsAnswer> ListTrainingSets(work::Workspace& workspace) {
  TrainingSetsAnswer answer;
  WEIRHOUSE_TRY(const auto nodes, workspace.catalog().Nodes(catalog::NodeKind::kTrainingSet));
  for (const catalog::Node& node : nodes)
    answer.training_sets.push_back({node.node.key, node.node.record, node.seq});
  for (const feature::TrainingSetDefinition& set : workspace.project().training_sets) {
    const bool built = std::any_of(nodes.begin(), nodes.end(), [&](const catalog::Node& node) {
      return node.node.key.starts_with(set.name + "#");
    });
    if (!built) answer.training_sets.push_back({set.name, json(), std::nullopt});
  }
  return answer;
}

json ToJson(const TrainingSetsAnswer& answer) {
  json list = json::array();
  for (const TrainingSetRow& row : answer.training_sets) {
    json one = {{"training_set", row.training_set},
                {"rows", row.rows()},
                {"features", row.features()},
                {"content", row.content()},
                {"commit", row.commit ? json(CommitText(*row.commit)) : json()}};
    if (row.commit) one["record"] = row.record;
    list.push_back(std::move(one));
  }
  return {{"training_sets", std::move(list)}};
}

Result<RecordAnswer> ReadModel(work::Workspace& workspace, const std::string& id) {
  return FindRecord(workspace.catalog(), catalog::NodeKind::kModel, "model", id);
}

Result<RecordAnswer> ReadTrainingSet(work::Workspace& workspace, const std::string& id) {
  return FindRecord(workspace.catalog(), catalog::NodeKind::kTrainingSet, "training set", id);
}

json ToJson(const RecordAnswer& answer) {
  const catalog::Node& node = answer.node;
  return {{answer.kind,
           {{"id", node.node.key}, {"commit", node.seq.value()}, {"record", node.node.record}}}};
}
}  // namespace weirhouse::answers

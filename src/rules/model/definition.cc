#include "rules/model/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/yaml.h"
#include "rules/model/inputs.h"

namespace weirhouse::model {
namespace {
constexpr std::size_t kNameBytesMax = 128;
constexpr std::size_t kFieldsMax = 1000;

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  if (name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// A path stays inside the project: relative, with no "." or ".." step.
bool IsPathInside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos)
    return false;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view step = path.substr(begin, end - begin);
    if (step.empty() || step == "." || step == "..") return false;
    begin = end + 1;
  }
  return true;
}

Result<std::string> ReadName(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(std::string name, node.AsString(what));
  if (!IsName(name)) {
    return node
        .Error("WH5001",
               fmt::format("{} must be lower-case letters, digits and \"_\", found \"{}\"", what,
                           name))
        .WithHint("a name starts with a letter: it becomes part of ids and paths");
  }
  return name;
}

Result<std::vector<std::string>> ReadFields(const YamlNode& node, std::string_view what) {
  WEIRHOUSE_TRY(std::vector<std::string> fields, node.AsStringList(what));
  if (fields.empty() || fields.size() > kFieldsMax) {
    return node.Error("WH5001", fmt::format("{} must name 1 to {} fields", what, kFieldsMax));
  }
  std::set<std::string> seen;
  for (const std::string& field : fields) {
    if (field.empty()) return node.Error("WH5001", fmt::format("{} holds an empty name", what));
    if (!seen.insert(field).second)
      return node.Error("WH5001", fmt::format("{} names \"{}\" twice", what, field));
  }
  return fields;
}

Status ReadTrain(const YamlNode& node, ModelDefinition& model) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("train", {"cmd", "params"}));
  WEIRHOUSE_TRY(const YamlNode* cmd, node.Require("cmd", "train"));
  if (cmd->is_sequence()) {
    WEIRHOUSE_TRY(model.command, cmd->AsStringList("train.cmd"));
  } else {
    WEIRHOUSE_TRY(const std::string line, cmd->AsString("train.cmd"));
    auto words = SplitCommand(line);
    if (!words.ok()) return cmd->Error("WH5001", "train.cmd: " + words.status().message());
    model.command = std::move(words).value();
  }
  if (model.command.empty() || model.command[0].empty())
    return cmd->Error("WH5001", "train.cmd is empty").WithHint("for example: python train.py");
  model.params = nlohmann::json::object();
  if (const YamlNode* params = node.Find("params"); params != nullptr && !params->is_null()) {
    if (!params->is_map()) return params->Error("WH2004", "train.params must be a map of keys");
    model.params = params->ToJson();
  }
  return Status();
}

Result<std::vector<std::string>> ReadInputs(const YamlNode& model) {
  const YamlNode* node = model.Find("inputs");
  if (node == nullptr || node->is_null()) return std::vector<std::string>();
  WEIRHOUSE_TRY(std::vector<std::string> inputs, ReadFields(*node, "inputs"));
  for (const std::string& path : inputs) {
    if (path.front() == '/' ? path.find('\0') == std::string::npos : IsPathInside(path)) continue;
    return node
        ->Error("WH5001", fmt::format("inputs must name files or folders of the project, or "
                                      "absolute paths, found \"{}\"",
                                      path))
        .WithHint("for example: inputs: [data/zones.csv, /srv/shared/holidays.json]");
  }
  return inputs;
}

Status ReadMetrics(const YamlNode& node, ModelDefinition& model) {
  if (!node.is_map()) return node.Error("WH2004", "metrics must be a map of keys");
  for (const YamlNode::Entry& entry : node.entries()) {
    MetricBound bound;
    bound.metric = entry.key;
    const std::string what = fmt::format("metric \"{}\"", entry.key);
    WEIRHOUSE_TRY_STATUS(entry.value.CheckKeys(what, {"min", "max"}));
    if (const YamlNode* min = entry.value.Find("min")) {
      WEIRHOUSE_TRY(bound.min, min->AsDouble(what + " min"));
    }
    if (const YamlNode* max = entry.value.Find("max")) {
      WEIRHOUSE_TRY(bound.max, max->AsDouble(what + " max"));
    }
    if (!bound.min && !bound.max)
      return entry.value.Error("WH5001", what + " has no bound").WithHint("give min, max or both");
    if (bound.min && bound.max && !(*bound.min <= *bound.max))
      return entry.value.Error("WH5001", what + ": min is above max");
    model.metrics.push_back(std::move(bound));
  }
  std::sort(model.metrics.begin(), model.metrics.end(),
            [](const MetricBound& a, const MetricBound& b) { return a.metric < b.metric; });
  return Status();
}

Status ReadServe(const YamlNode& node, ModelDefinition& model) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("serve", {"python", "request", "output"}));
  ServeDefinition serve;
  WEIRHOUSE_TRY(const YamlNode* script, node.Require("python", "serve"));
  WEIRHOUSE_TRY(serve.script, script->AsString("serve.python"));
  if (!IsPathInside(serve.script) || !serve.script.ends_with(".py")) {
    return script
        ->Error("WH5001", fmt::format("serve.python must be a Python file of the project, found "
                                      "\"{}\"",
                                      serve.script))
        .WithHint("for example: score.py");
  }
  WEIRHOUSE_TRY(const YamlNode* request, node.Require("request", "serve"));
  WEIRHOUSE_TRY(serve.request, ReadFields(*request, "serve.request"));
  WEIRHOUSE_TRY(const YamlNode* output, node.Require("output", "serve"));
  WEIRHOUSE_TRY(serve.output, ReadFields(*output, "serve.output"));
  model.serve = std::move(serve);
  return Status();
}

Result<ModelDefinition> ReadModel(const YamlNode& node) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys(
      "a model", {"model", "training_set", "train", "inputs", "metrics", "serve", "mirror"}));
  ModelDefinition model;
  WEIRHOUSE_TRY(const YamlNode* name, node.Require("model", "a model"));
  WEIRHOUSE_TRY(model.name, ReadName(*name, "model"));
  model.span = name->span();
  WEIRHOUSE_TRY(const YamlNode* training_set, node.Require("training_set", "a model"));
  WEIRHOUSE_TRY(model.training_set, ReadName(*training_set, "training_set"));
  WEIRHOUSE_TRY(const YamlNode* train, node.Require("train", "a model"));
  WEIRHOUSE_TRY_STATUS(ReadTrain(*train, model));
  WEIRHOUSE_TRY_STATUS(ReadInputs(node).status());
  if (const YamlNode* metrics = node.Find("metrics"); metrics != nullptr && !metrics->is_null())
    WEIRHOUSE_TRY_STATUS(ReadMetrics(*metrics, model));
  if (const YamlNode* serve = node.Find("serve"); serve != nullptr && !serve->is_null())
    WEIRHOUSE_TRY_STATUS(ReadServe(*serve, model));
  if (const YamlNode* mirror = node.Find("mirror"); mirror != nullptr && !mirror->is_null()) {
    WEIRHOUSE_TRY_STATUS(mirror->CheckKeys("mirror", {"mlflow", "wandb"}));
    model.mirror = mirror->ToJson();
    model.notes.push_back(fmt::format(
        "model \"{}\": mirror is accepted and comes later; nothing is mirrored yet", model.name));
  }
  return model;
}
}  // namespace

Result<std::vector<std::string>> SplitCommand(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < command.size() &&
                 (command[i + 1] == '"' || command[i + 1] == '\\')) {
        word += command[++i];
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < command.size()) {
      word += command[++i];
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return Status(Code::kInvalidInput, "a quote is not closed").WithError("WH5001");
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) return Status(Code::kInvalidInput, "the command is empty").WithError("WH5001");
  return words;
}

Result<std::vector<std::string>> ParseInputs(std::string_view text, const std::string& path,
                                             const std::string& model) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(text, path));
  for (const YamlNode& document : documents) {
    const YamlNode* name = document.Find("model");
    if (name != nullptr && name->is_scalar() && name->text() == model) return ReadInputs(document);
  }
  return std::vector<std::string>();
}

Result<std::vector<ModelDefinition>> ParseModels(std::string_view text, const std::string& path) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(text, path));
  if (documents.empty()) {
    return Status(Code::kInvalidInput, fmt::format("the file holds no model: {}", path))
        .WithError("WH5001")
        .WithHint("define one (`model: NAME`), or remove the file");
  }
  std::vector<ModelDefinition> models;
  for (const YamlNode& document : documents) {
    WEIRHOUSE_TRY(ModelDefinition model, ReadModel(document));
    for (const ModelDefinition& known : models) {
      if (known.name != model.name) continue;
      return Status(Code::kInvalidInput, fmt::format("model \"{}\" is defined twice", model.name))
          .WithError("WH5001")
          .WithSpan(model.span);
    }
    models.push_back(std::move(model));
  }
  return models;
}
}  // namespace weirhouse::model

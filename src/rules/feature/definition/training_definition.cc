#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/finding/findings.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/definition/definition_reader.h"

namespace weirhouse::feature {
namespace {
constexpr std::int64_t kMillion = 1'000'000;

// "70%", "12.5%" → parts per million. Four decimals at most, so that the cut is exact.
Result<std::int64_t> ReadPercent(const YamlNode& node, const std::string& what) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(what));
  std::string digits(text.ends_with('%') ? text.substr(0, text.size() - 1) : std::string());
  const std::size_t point = digits.find('.');
  std::size_t decimals = 0;
  if (point != std::string::npos) {
    decimals = digits.size() - point - 1;
    digits.erase(point, 1);
  }
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0 || decimals > 4 ||
      value > 100 * kMillion) {
    return node.Error("WH4011", fmt::format("not a share: \"{}\" for {}", text, what))
        .WithHint("write a percentage with at most four decimals: 70%");
  }
  for (std::size_t i = decimals; i < 4; ++i) value *= 10;
  return value;
}

Status ReadSplit(const YamlNode& node, TrainingSetDefinition* definition) {
  WEIRHOUSE_TRY_STATUS(node.CheckKeys("split", {"by", "train", "valid", "test"}));
  if (const YamlNode* by = node.Find("by")) {
    WEIRHOUSE_TRY(const std::string text, by->AsString("split by"));
    if (text != "time") {
      return by->Error("WH4011", fmt::format("cannot split by \"{}\"", text))
          .WithHint("split by time: anything else lets the future into training");
    }
  }
  std::int64_t sum = 0;
  for (const char* part : {"train", "valid", "test"}) {
    const YamlNode* share = node.Find(part);
    if (share == nullptr) continue;
    WEIRHOUSE_TRY(const std::int64_t parts, ReadPercent(*share, part));
    definition->splits.push_back({part, parts});
    sum += parts;
  }
  if (sum != kMillion) {
    return node.Error("WH4011", fmt::format("the shares of the split add up to {}%, not 100%",
                                            static_cast<double>(sum) / 1e4));
  }
  return Status();
}

Result<FeatureSelector> ReadSelector(const YamlNode& node) {
  WEIRHOUSE_TRY(const std::string text, node.AsString("a feature"));
  FeatureSelector selector;
  selector.span = node.span();
  const std::size_t at = text.find('@');
  const std::size_t colon = text.find(':');
  int version = 0;
  if (at != std::string::npos && colon != std::string::npos && at < colon) {
    const char* const begin = text.data() + at + 1;
    const char* const end = text.data() + colon;
    const auto [stop, error] = std::from_chars(begin, end, version);
    if (error != std::errc() || stop != end) version = 0;
  }
  if (version < 1 || at == 0 || colon + 1 == text.size()) {
    return node.Error("WH4011", fmt::format("not a feature: \"{}\"", text))
        .WithHint("write view@version:* or view@version:column, as in carrier_delay@1:mean_24h");
  }
  selector.view = text.substr(0, at);
  selector.version = version;
  selector.column = text.substr(colon + 1);
  return selector;
}

Digest DigestOfSet(const TrainingSetDefinition& definition) {
  nlohmann::json features = nlohmann::json::array();
  for (const FeatureSelector& selector : definition.features) {
    features.push_back({selector.view, selector.version, selector.column});
  }
  nlohmann::json splits = nlohmann::json::array();
  for (const Split& split : definition.splits) {
    splits.push_back({split.name, split.parts_per_million});
  }
  const nlohmann::json json = {
      {"name", definition.name},
      {"spine", definition.spine},
      {"time", definition.time},
      {"label", definition.label},
      {"known", definition.known ? nlohmann::json(*definition.known) : nlohmann::json()},
      {"as_of_latest", definition.as_of_latest},
      {"features", features},
      {"splits", splits}};
  return Sha256Of(json.dump());
}

Status ReadTimes(const YamlNode& node, TrainingSetDefinition* definition) {
  WEIRHOUSE_TRY(const YamlNode* time, node.Require("time", "a training set"));
  WEIRHOUSE_TRY(definition->time, time->AsString("time"));
  if (const YamlNode* label = node.Find("label")) {
    WEIRHOUSE_TRY(definition->label, label->AsString("label"));
  }
  const YamlNode* known = node.Find("known");
  if (known != nullptr) {
    WEIRHOUSE_TRY(definition->known, known->AsString("known"));
  }
  if (const YamlNode* as_of = node.Find("as_of")) {
    WEIRHOUSE_TRY(const std::string text, as_of->AsString("as_of"));
    if (text != "latest" || known != nullptr) {
      return as_of
          ->Error("WH4011", known != nullptr ? "both \"known\" and \"as_of\" are given"
                                             : fmt::format("unknown as_of \"{}\"", text))
          .WithHint("as_of: latest, or known: COLUMN, or neither: known at the row's own time");
    }
    definition->as_of_latest = true;
  }
  return Status();
}

Result<TrainingSetDefinition> ReadTrainingSet(const YamlNode& node) {
  WEIRHOUSE_TRY_STATUS(
      node.CheckKeys("a training set", {"training_set", "spine", "time", "label", "known", "as_of",
                                        "features", "split", "description"}));
  TrainingSetDefinition definition;
  WEIRHOUSE_TRY(const YamlNode* name, node.Require("training_set", "a training set"));
  WEIRHOUSE_TRY(definition.name, name->AsString("the name of a training set"));
  WEIRHOUSE_TRY_STATUS(CheckName(*name, "the training set", definition.name));
  WEIRHOUSE_TRY(const YamlNode* spine, node.Require("spine", "a training set"));
  WEIRHOUSE_TRY(definition.spine, spine->AsString("spine"));
  definition.spine_span = spine->span();
  WEIRHOUSE_TRY_STATUS(ReadTimes(node, &definition));
  WEIRHOUSE_TRY(const YamlNode* features, node.Require("features", "a training set"));
  if (!features->is_sequence() || features->items().empty()) {
    return features->Error("WH2004", "features must be a list such as ['carrier_delay@1:*']");
  }
  for (const YamlNode& item : features->items()) {
    WEIRHOUSE_TRY(FeatureSelector selector, ReadSelector(item));
    definition.features.push_back(std::move(selector));
  }
  if (const YamlNode* split = node.Find("split")) {
    WEIRHOUSE_TRY_STATUS(ReadSplit(*split, &definition));
  }
  if (const YamlNode* description = node.Find("description")) {
    WEIRHOUSE_TRY(definition.description, description->AsString("description"));
  }
  definition.digest = DigestOfSet(definition);
  return definition;
}

Status UnknownSelector(const FeatureSelector& selector, std::string message, std::string hint) {
  return Status(Code::kInvalidInput, std::move(message))
      .WithError("WH4009")
      .WithSpan(selector.span)
      .WithHint(std::move(hint));
}

Result<const FeatureView*> ViewOf(const FeatureSelector& selector,
                                  const std::vector<FeatureView>& views) {
  const std::string id = fmt::format("{}@{}", selector.view, selector.version);
  std::vector<std::string> known;
  for (const FeatureView& view : views) {
    if (view.id() == id) return &view;
    known.push_back(view.id());
  }
  return UnknownSelector(selector, fmt::format("no feature view \"{}\"", id),
                         DidYouMean(id, known));
}
}  // namespace

Status CheckName(const YamlNode& node, std::string_view what, std::string_view name) {
  bool good = !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z';
  for (const char c : name) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  }
  if (good) return Status();
  return node.Error("WH4002", fmt::format("not a name: \"{}\" of {}", EscapeControl(name), what))
      .WithHint("names are lower-case letters, digits and underscores, a letter first, at most 64");
}

Result<std::int64_t> ReadDuration(const YamlNode& node, const std::string& what) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(what));
  auto us = ParseDurationMicros(text);
  if (us.ok()) return *us;
  return node.Error("WH4002", fmt::format("not a duration: \"{}\" for {}", text, what))
      .WithHint("write a whole number and a unit: 90s, 20m, 1h, 7d, 2w");
}

Status JoinFailures(std::vector<Status> failures) {
  if (failures.size() == 1) return std::move(failures.front());
  Findings findings;
  for (const Status& failure : failures) findings.Add(failure);
  return std::move(failures.front()).WithDiagnostics(findings.all());
}

Result<std::vector<TrainingSetDefinition>> ParseTrainingSets(std::string_view yaml,
                                                             const std::string& path) {
  WEIRHOUSE_TRY(const std::vector<YamlNode> documents, ParseYaml(yaml, path));
  if (documents.empty()) {
    return Status(Code::kInvalidInput, fmt::format("the file holds no training set: {}", path))
        .WithError("WH4011")
        .WithHint("define one (`training_set: NAME`), or remove the file");
  }
  std::vector<TrainingSetDefinition> definitions;
  std::vector<Status> failures;
  for (const YamlNode& document : documents) {
    Result<TrainingSetDefinition> definition = ReadTrainingSet(document);
    if (!definition.ok()) {
      failures.push_back(definition.status());
      continue;
    }
    definitions.push_back(std::move(definition).value());
  }
  if (!failures.empty()) return JoinFailures(std::move(failures));
  return definitions;
}

Result<std::vector<SelectedView>> SelectFeatures(const TrainingSetDefinition& definition,
                                                 const std::vector<FeatureView>& views) {
  std::vector<SelectedView> selected;
  std::set<std::string> taken;
  for (const FeatureSelector& selector : definition.features) {
    WEIRHOUSE_TRY(const FeatureView* view, ViewOf(selector, views));
    const std::vector<OutputColumn> columns = OutputColumnsOf(*view);
    if (selected.empty() || selected.back().view != view) selected.push_back({view, {}});
    std::vector<std::string> known;
    bool found = false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      known.push_back(columns[i].name);
      if (selector.column != "*" && selector.column != columns[i].name) continue;
      found = true;
      if (!taken.insert(columns[i].qualified).second) {
        return UnknownSelector(
            selector, fmt::format("feature \"{}\" is selected twice", columns[i].qualified),
            "select each once, and each view in one version only");
      }
      selected.back().columns.push_back(i);
    }
    if (!found) {
      return UnknownSelector(
          selector, fmt::format("no column \"{}\" in view \"{}\"", selector.column, view->id()),
          DidYouMean(selector.column, known));
    }
  }
  return selected;
}
}  // namespace weirhouse::feature

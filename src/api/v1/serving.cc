// Features as they are served, and predictions.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "api/v1/route.h"
#include "ground/base/text.h"
#include "rules/feature/definition/definition.h"
#include "work/answers/sent_object.h"

namespace weirhouse::v1 {
namespace {
using http::HttpRequest;
using nlohmann::json;

Result<std::optional<EventTime>> TimeOf(const json& value) {
  if (value.is_null()) return std::optional<EventTime>();
  if (!value.is_string()) {
    return Status(Code::kInvalidInput, "\"at\" must be a string with a time")
        .WithError("WH8048")
        .WithHint("for example \"2013-12-30T20:15:00Z\"");
  }
  auto time = ParseTimeMicros(value.get<std::string>());
  if (!time.ok()) {
    return Status(Code::kInvalidInput, fmt::format("\"at\" is {}", time.status().message()))
        .WithError("WH8048")
        .WithHint("for example \"2013-12-30T20:15:00Z\"");
  }
  return std::optional<EventTime>(EventTimeOfMicros(*time));
}

Result<answers::SentObject> BodyOf(const HttpRequest& request) {
  return answers::ParseSent(request.body, "the body");
}

Status Unusable(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH8048");
}

// Completes a selector: "carrier_delay" → "carrier_delay@1:*", the newest version;
// "carrier_delay@1:n_24h" stays.
Result<std::string> ExpandSelector(work::Workspace& workspace, const std::string& text) {
  if (text.find(':') != std::string::npos) return text;
  WEIRHOUSE_TRY(const feature::FeatureView* view,
                feature::FindView(workspace.project().views, text));
  return view->id() + ":*";
}

Result<work::OnlineVector> FeaturesOf(work::Workspace& workspace,
                                      const std::vector<std::string>& wanted, json fields,
                                      std::map<std::string, std::string> texts, const json& at) {
  work::OnlineRequest request;
  request.texts = std::move(texts);
  for (const std::string& text : wanted) {
    WEIRHOUSE_TRY(std::string selector, ExpandSelector(workspace, text));
    request.features.push_back(std::move(selector));
  }
  if (request.features.empty()) {
    return Unusable("no feature was named")
        .WithHint("name views or features, for example carrier_delay@1");
  }
  request.fields = std::move(fields);
  WEIRHOUSE_TRY(request.at, TimeOf(at));
  return work::OnlineFeatures(workspace, request);
}

// Reads a string or a list of strings; empty for null.
Result<std::vector<std::string>> TextList(const json& members, const char* name) {
  const json value = members.value(name, json());
  std::vector<std::string> texts;
  if (value.is_null()) return texts;
  for (const json& item : value.is_array() ? value : json::array({value})) {
    if (!item.is_string())
      return Unusable(fmt::format("\"{}\" must be a string or a list of strings", name));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

// A misspelt member must be refused: ignoring it would answer another question.
Status CheckMembers(const json& members) {
  static const std::vector<std::string> known = {"features", "views", "keys", "request", "at"};
  for (const auto& [name, value] : members.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return Unusable(fmt::format("the body has an unknown member: \"{}\"", EscapeControl(name)))
        .WithHint(fmt::format("it may have {}; entity keys go into \"keys\", other fields into "
                              "\"request\"",
                              Join(known, ", ")));
  }
  return Status();
}

// Merges the entity keys and the fields of the request. Numbers are compared as written, because
// two different numbers may be the same double.
Result<json> MergeFields(const answers::SentObject& body, answers::Texts* numbers) {
  json fields = json::object();
  for (const char* part : {"keys", "request"}) {
    const json sent = body.members.value(part, json());
    if (sent.is_null()) continue;
    if (!sent.is_object())
      return Unusable(fmt::format("\"{}\" must be an object with field names as members", part));
    const auto spelt = body.inner_numbers.find(part);
    for (const auto& [name, value] : sent.items()) {
      const bool number = value.is_number();
      const bool first = fields.emplace(name, value).second;
      const bool same = first || (number && numbers->count(name) != 0
                                      ? numbers->at(name) == spelt->second.at(name)
                                      : fields.at(name) == value);
      if (!same) {
        return Unusable(fmt::format("\"{}\" has different values in \"keys\" and in \"request\"",
                                    EscapeControl(name)));
      }
      if (number) (*numbers)[name] = spelt->second.at(name);
    }
  }
  return fields;
}
}  // namespace

Result<work::OnlineVector> PostFeatures(ApiCall& call) {
  WEIRHOUSE_TRY(const answers::SentObject body, BodyOf(call.request));
  WEIRHOUSE_TRY_STATUS(CheckMembers(body.members));
  std::vector<std::string> wanted;
  for (const char* name : {"features", "views"}) {
    WEIRHOUSE_TRY(const std::vector<std::string> texts, TextList(body.members, name));
    wanted.insert(wanted.end(), texts.begin(), texts.end());
  }
  answers::Texts numbers;
  WEIRHOUSE_TRY(json fields, MergeFields(body, &numbers));
  return FeaturesOf(call.workspace(), wanted, std::move(fields), std::move(numbers),
                    body.members.value("at", json()));
}

Result<work::OnlineVector> GetFeatures(ApiCall& call) {
  const auto& query = call.request.query;
  std::vector<std::string> wanted;
  for (const char* name : {"view", "features"}) {
    const auto found = query.find(name);
    if (found == query.end()) continue;
    for (const std::string_view part : Split(found->second, ','))
      if (!part.empty()) wanted.emplace_back(part);
  }
  std::map<std::string, std::string> texts(query.begin(), query.end());
  for (const char* name : {"view", "features", "at"}) texts.erase(name);
  const auto at = query.find("at");
  return FeaturesOf(call.workspace(), wanted, json::object(), std::move(texts),
                    at == query.end() ? json() : json(at->second));
}

Result<work::Prediction> PostPrediction(ApiCall& call) {
  WEIRHOUSE_TRY(answers::SentObject body, BodyOf(call.request));
  WEIRHOUSE_TRY(const std::optional<EventTime> at, TimeOf(body.members.value("at", json())));
  body.members.erase("at");
  return call.lease.predictions().Predict(call.request.parameters.at("name"), body.members, at,
                                          body.numbers);
}

json ToJson(const work::Prediction& prediction) {
  return {{"prediction", prediction.id},
          {"model", prediction.model},
          {"output", prediction.output},
          {"at", FormatTime(prediction.vector.at)},
          {"commit", prediction.vector.seq.value()},
          {"features_digest", prediction.vector.digest.ToHex()}};
}
}  // namespace weirhouse::v1

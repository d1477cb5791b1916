#include "app/daemon/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "app/command/print/listing.h"
#include "app/command/sent_object.h"
#include "ground/base/text.h"
#include "ground/catalog/settings.h"
#include "rules/feature/definition/definition.h"
#include "rules/policy/token.h"
#include "work/serving/online.h"
#include "work/workspace/cache_damage.h"

namespace weirhouse::daemon {
namespace {
using http::ErrorResponse;
using http::HttpRequest;
using http::HttpResponse;
using nlohmann::json;

constexpr std::int64_t kRunsDefault = 100;
constexpr std::int64_t kRunsMax = 10'000;

// Keeps what a verb prints.
class KeptStreams : public command::Streams {
 public:
  void Out(std::string_view text) override { out_ += text; }
  void Err(std::string_view /*text*/) override {}
  bool Cancelled() override { return false; }
  std::string TakeOut() { return std::move(out_); }

 private:
  std::string out_;
};

// The HTTP status of a verb that has answered: a difference and a gate that fails are answers.
int StatusOfAnswer(int code) {
  switch (code) {
    case 0:
    case 9:
      return 200;
    case 3:
      return 422;
    case 8:
      return 503;
    default:
      return 500;
  }
}

// Where the cache is damaged, those who only read have it mended and are asked to come again.
HttpResponse Refused(ProjectHost& host, const Status& status) {
  host.NoteIfReplaced(status);
  if (!work::IsCacheDamage(status)) return ErrorResponse(status);
  host.NoteDamage(status);
  return ErrorResponse(Status(Code::kUnavailable, status.message())
                           .WithError(status.error_code())
                           .WithHint("the cache is being made anew from the tables: ask again"));
}

// A reading verb, its JSON document as the body.
HttpResponse RunVerb(ProjectHost& host, command::Invocation invocation) {
  auto lease = host.Take();
  if (!lease.ok()) return ErrorResponse(lease.status());
  invocation.json = true;
  invocation.quiet = true;
  invocation.project = host.root();
  invocation.cwd = host.root();
  KeptStreams streams;
  auto aftermath = command::Aftermath::kNone;
  Status error;
  const int code =
      command::RunInHost(invocation, streams, *lease->host(), /*mends=*/false, &aftermath, &error);
  if (aftermath == command::Aftermath::kCacheDamaged) host.AskForMending();
  if (aftermath == command::Aftermath::kReplaced) host.NoteReplaced();
  // An error is what it is called, never an answer: a corrupt catalog exits with 9, as a difference does.
  const int status = error.ok() ? StatusOfAnswer(code) : http::HttpStatusOf(error.code());
  return http::JsonResponse(status, streams.TakeOut());
}

Result<std::optional<EventTime>> TimeOf(const json& value) {
  if (value.is_null()) return std::optional<EventTime>();
  if (!value.is_string()) {
    return Status(Code::kInvalidInput, "\"at\" must be a time in text")
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

Result<command::SentObject> BodyOf(const HttpRequest& request) {
  return command::ParseSent(request.body, "the body");
}

Status Unusable(std::string message) {
  return Status(Code::kInvalidInput, std::move(message)).WithError("WH8048");
}

// "carrier_delay" → "carrier_delay@1:*", the newest version; "carrier_delay@1:n_24h" stays.
Result<std::string> SelectorOf(work::Workspace& workspace, const std::string& text) {
  if (text.find(':') != std::string::npos) return text;
  WEIRHOUSE_TRY(const feature::FeatureView* view,
                feature::FindView(workspace.project().views, text));
  return view->id() + ":*";
}

HttpResponse AnswerFeatures(ProjectHost& host, work::Workspace& workspace,
                            const std::vector<std::string>& wanted, json fields,
                            std::map<std::string, std::string> texts, const json& at) {
  work::OnlineRequest request;
  request.texts = std::move(texts);
  for (const std::string& text : wanted) {
    auto selector = SelectorOf(workspace, text);
    if (!selector.ok()) return ErrorResponse(selector.status());
    request.features.push_back(std::move(selector).value());
  }
  if (request.features.empty()) {
    return ErrorResponse(Status(Code::kInvalidInput, "no feature was named")
                             .WithError("WH8048")
                             .WithHint("name views or features, for example carrier_delay@1"));
  }
  request.fields = std::move(fields);
  auto time = TimeOf(at);
  if (!time.ok()) return ErrorResponse(time.status());
  request.at = *time;
  const auto vector = work::OnlineFeatures(workspace, request);
  if (!vector.ok()) return Refused(host, vector.status());
  json answer = work::ToJson(*vector);
  answer["schema_version"] = 1;
  return http::JsonResponse(200, command::Dump(answer));
}

// A text or a list of texts; null is none.
Result<std::vector<std::string>> TextList(const json& members, const char* name) {
  const json value = members.value(name, json());
  std::vector<std::string> texts;
  if (value.is_null()) return texts;
  for (const json& item : value.is_array() ? value : json::array({value})) {
    if (!item.is_string())
      return Unusable(fmt::format("\"{}\" must be a text or a list of texts", name));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

// A misspelt member would be a question that nobody asked, answered as if it were right.
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

// The entity keys and the fields of the request, as one. Numbers are compared as they are spelt:
// two that differ may be the same double.
Result<json> FieldsOf(const command::SentObject& body, command::Texts* numbers) {
  json fields = json::object();
  for (const char* part : {"keys", "request"}) {
    const json sent = body.members.value(part, json());
    if (sent.is_null()) continue;
    if (!sent.is_object())
      return Unusable(fmt::format("\"{}\" must be an object of fields by name", part));
    const auto spelt = body.inner_numbers.find(part);
    for (const auto& [name, value] : sent.items()) {
      const bool number = value.is_number();
      const bool first = fields.emplace(name, value).second;
      const bool same = first || (number && numbers->count(name) != 0
                                      ? numbers->at(name) == spelt->second.at(name)
                                      : fields.at(name) == value);
      if (!same) {
        return Unusable(fmt::format(
            "\"{}\" has one value among the keys and another in the request", EscapeControl(name)));
      }
      if (number) (*numbers)[name] = spelt->second.at(name);
    }
  }
  return fields;
}

HttpResponse PostFeatures(ProjectHost& host, const HttpRequest& request) {
  const auto body = BodyOf(request);
  if (!body.ok()) return ErrorResponse(body.status());
  const Status known = CheckMembers(body->members);
  if (!known.ok()) return ErrorResponse(known);
  std::vector<std::string> wanted;
  for (const char* name : {"features", "views"}) {
    const auto texts = TextList(body->members, name);
    if (!texts.ok()) return ErrorResponse(texts.status());
    wanted.insert(wanted.end(), texts->begin(), texts->end());
  }
  command::Texts numbers;
  auto fields = FieldsOf(*body, &numbers);
  if (!fields.ok()) return ErrorResponse(fields.status());
  auto lease = host.Take();
  if (!lease.ok()) return ErrorResponse(lease.status());
  return AnswerFeatures(host, lease->workspace(), wanted, std::move(fields).value(),
                        std::move(numbers), body->members.value("at", json()));
}

HttpResponse GetFeatures(ProjectHost& host, const HttpRequest& request) {
  auto lease = host.Take();
  if (!lease.ok()) return ErrorResponse(lease.status());
  std::vector<std::string> wanted;
  for (const char* name : {"view", "features"}) {
    const auto found = request.query.find(name);
    if (found == request.query.end()) continue;
    for (const std::string_view part : Split(found->second, ','))
      if (!part.empty()) wanted.emplace_back(part);
  }
  std::map<std::string, std::string> texts(request.query.begin(), request.query.end());
  for (const char* name : {"view", "features", "at"}) texts.erase(name);
  const auto at = request.query.find("at");
  return AnswerFeatures(host, lease->workspace(), wanted, json::object(), std::move(texts),
                        at == request.query.end() ? json() : json(at->second));
}

HttpResponse PostPrediction(ProjectHost& host, const HttpRequest& request) {
  auto body = BodyOf(request);
  if (!body.ok()) return ErrorResponse(body.status());
  auto at = TimeOf(body->members.value("at", json()));
  if (!at.ok()) return ErrorResponse(at.status());
  body->members.erase("at");
  auto lease = host.Take();
  if (!lease.ok()) return ErrorResponse(lease.status());
  const auto prediction = lease->predictions().Predict(request.parameters.at("name"), body->members,
                                                       *at, body->numbers);
  if (!prediction.ok()) return Refused(host, prediction.status());
  return http::JsonResponse(
      200, command::Dump({{"schema_version", 1},
                          {"prediction", prediction->id},
                          {"model", prediction->model},
                          {"output", prediction->output},
                          {"at", FormatTime(prediction->vector.at)},
                          {"commit", prediction->vector.seq.value()},
                          {"features_digest", prediction->vector.digest.ToHex()}}));
}

HttpResponse GetRuns(ProjectHost& host, const HttpRequest& request) {
  catalog::RunFilter filter;
  filter.limit = kRunsDefault;
  if (const auto found = request.query.find("limit"); found != request.query.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), filter.limit);
    if (error != std::errc() || end != text.data() + text.size() || filter.limit < 1 ||
        filter.limit > kRunsMax) {
      return ErrorResponse(
          Status(Code::kInvalidInput, fmt::format("limit must be 1 to {}", kRunsMax))
              .WithError("WH8048"));
    }
  }
  auto lease = host.Take();
  if (!lease.ok()) return ErrorResponse(lease.status());
  const auto runs = lease->workspace().catalog().Runs(filter);
  if (!runs.ok()) return ErrorResponse(runs.status());
  json list = json::array();
  for (const catalog::Run& run : *runs) {
    list.push_back({{"run", ToString(run.id)},
                    {"kind", run.plan.kind},
                    {"name", run.plan.name},
                    {"state", catalog::RunStateName(run.state)},
                    {"attempt", run.attempt},
                    {"planned_at", FormatTime(run.planned_at)},
                    {"finished_at", run.finished_at ? json(FormatTime(*run.finished_at)) : json()},
                    {"commit", run.seq ? json(run.seq->value()) : json()},
                    {"error", run.error}});
  }
  return http::JsonResponse(200, command::Dump({{"schema_version", 1}, {"runs", std::move(list)}}));
}

command::Invocation Verb(std::string name, std::vector<std::string> words = {}) {
  command::Invocation invocation;
  invocation.verb = std::move(name);
  invocation.words = std::move(words);
  return invocation;
}

HttpResponse GetTrace(ProjectHost& host, const HttpRequest& request) {
  command::Invocation invocation = Verb("trace", {request.parameters.at("id")});
  if (request.query.count("records") != 0) invocation.options["records"] = {""};
  const auto feature = request.query.find("feature");
  if (feature != request.query.end()) invocation.options["feature"] = {feature->second};
  return RunVerb(host, std::move(invocation));
}
}  // namespace

http::Router MakeRoutes(ProjectHost& host) {
  http::Router router;
  router.Add("GET", "/healthz",
             [](const HttpRequest&) { return http::JsonResponse(200, R"({"status":"ok"})"); },
             {.is_instant = true});
  for (const auto& [path, verb] : {std::pair{"/v1/status", "status"},
                                   {"/v1/tables", "table list"},
                                   {"/v1/gates", "gate list"},
                                   {"/v1/models", "model list"}}) {
    router.Add("GET", path, [&host, name = std::string(verb)](const HttpRequest&) {
      return RunVerb(host, Verb(name));
    });
  }
  router.Add("GET", "/v1/runs",
             [&host](const HttpRequest& request) { return GetRuns(host, request); });
  router.Add("GET", "/v1/trace/{id}",
             [&host](const HttpRequest& request) { return GetTrace(host, request); });
  router.Add("GET", "/v1/features",
             [&host](const HttpRequest& request) { return GetFeatures(host, request); });
  for (const char* path : {"/v1/features", "/v1/features/online"}) {
    router.Add("POST", path,
               [&host](const HttpRequest& request) { return PostFeatures(host, request); });
  }
  router.Add("POST", "/v1/models/{name}",
             [&host](const HttpRequest& request) { return PostPrediction(host, request); });
  return router;
}

http::TokenVerdict CheckToken(ProjectHost& host, std::string_view token) {
  using Standing = http::TokenVerdict::Standing;
  // A catalog that cannot be had says nothing of the token.
  const auto unknown = [](const Status& why) {
    const bool later = why.code() == Code::kUnavailable;
    return http::TokenVerdict{later ? Standing::kUnknown : Standing::kRefused, why.message(),
                              why.error_code()};
  };
  auto lease = host.Take();
  if (!lease.ok()) return unknown(lease.status());
  work::Workspace& workspace = lease->workspace();
  const auto kept = catalog::setting::ProjectToken().In(workspace.catalog());
  if (!kept.ok()) return unknown(kept.status());
  if (*kept && http::TokenMatches(token, **kept)) return {Standing::kOwner};
  const auto found = policy::FindToken(workspace.catalog(), token);
  if (!found.ok()) return unknown(found.status());
  if (!*found) return {};
  const Status live = policy::CheckLive(**found, workspace.clock().Now());
  if (live.ok()) return {Standing::kGuest};
  return {Standing::kRefused, live.message(), live.error_code()};
}

Result<std::unique_ptr<rest::WorkspaceLease>> CatalogLease::Take(ProjectHost& host) {
  WEIRHOUSE_TRY(ProjectHost::Lease lease, host.Take());
  return std::unique_ptr<rest::WorkspaceLease>(new CatalogLease(std::move(lease)));
}
}  // namespace weirhouse::daemon

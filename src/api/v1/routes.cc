#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "api/v1/route.h"
#include "work/answers/json_line.h"
#include "work/workspace/cache_damage.h"

namespace weirhouse::v1 {
namespace {
using http::HttpRequest;
using http::HttpResponse;
using nlohmann::json;

constexpr std::int64_t kRunsDefault = 100;
constexpr std::int64_t kRunsMax = 10'000;
constexpr std::int64_t kRecordsBytesMax = std::int64_t{16} << 20;

constexpr Route kRoutes[] = {
    {"GET", "/v1/status", Role::kReader, Answered<GetStatus>, "\n"},
    {"GET", "/v1/tables", Role::kReader, Answered<GetTables>, "\n"},
    {"GET", "/v1/tables/{name}/history", Role::kReader, Answered<GetTableHistory>, "\n"},
    {"GET", "/v1/tables/{name}/files", Role::kReader, Answered<GetTableFiles>, "\n"},
    {"GET", "/v1/tables/{name}/diff", Role::kReader, Answered<GetTableDiff>, "\n", true},
    {"GET", "/v1/plan", Role::kReader, Answered<GetPlan>, "\n", true},
    {"GET", "/v1/contracts", Role::kReader, Answered<GetContracts>, "\n"},
    {"GET", "/v1/contracts/{id}", Role::kReader, Answered<GetContract>, "\n"},
    {"GET", "/v1/contracts/{id}/history", Role::kReader, Answered<GetContractHistory>, "\n"},
    {"GET", "/v1/policy", Role::kReader, Answered<GetPolicy>, "\n"},
    {"GET", "/v1/staging-areas", Role::kReader, Answered<GetStagingAreas>, "\n"},
    {"GET", "/v1/staging-areas/{run}", Role::kReader, Answered<GetStagingArea>, "\n"},
    {"GET", "/v1/tokens", Role::kOwner, Answered<GetTokens>, "\n"},
    {"GET", "/v1/gates", Role::kReader, Answered<GetGates>, "\n"},
    {"GET", "/v1/models", Role::kReader, Answered<GetModels>, "\n"},
    {"GET", "/v1/training-sets", Role::kReader, Answered<GetTrainingSets>, "\n"},
    {"GET", "/v1/trace/{id}", Role::kReader, Answered<GetTrace>, "\n"},
    {"GET", "/v1/quarantine/reasons", Role::kReader, Answered<GetQuarantineReasons>, "\n"},
    {"GET", "/v1/topics", Role::kReader, Answered<GetTopics>, "\n"},
    {"GET", "/v1/topics/{name}/records", Role::kReader, Answered<GetTopicRecords>, "\n", true},
    {"GET", "/v1/runs", Role::kReader, Answered<GetRuns>},
    {"GET", "/v1/features", Role::kReader, Answered<GetFeatures>},
    {"POST", "/v1/features", Role::kOwner, Answered<PostFeatures>},
    {"POST", "/v1/features/online", Role::kOwner, Answered<PostFeatures>},
    {"POST", "/v1/models/{name}", Role::kOwner, Answered<PostPrediction>},
};

HttpResponse Serve(const Options& options, const Route& route, const HttpRequest& request) {
  auto lease = options.take();
  if (!lease.ok()) return http::ErrorResponse(lease.status());
  ApiCall call{**lease, request};
  auto document = route.handler(call);
  if (!document.ok()) return ErrorReply(options, document.status());
  (*document)["schema_version"] = 1;
  return http::JsonResponse(200, answers::JsonLine(*document) + std::string(route.end));
}
}  // namespace

std::span<const Route> Routes() { return kRoutes; }

HttpResponse ErrorReply(const Options& options, const Status& status) {
  if (options.on_error) options.on_error(status);
  if (!work::IsCacheDamage(status)) return http::ErrorResponse(status);
  return http::ErrorResponse(
      Status(Code::kUnavailable, status.message())
          .WithError(status.error_code())
          .WithHint("the cache is being rebuilt from the tables; send the request again"));
}

Result<std::int64_t> ParseNumber(const HttpRequest& request, std::string_view name,
                                 std::int64_t fallback, std::int64_t least, std::int64_t most) {
  const auto found = request.query.find(std::string(name));
  if (found == request.query.end()) return fallback;
  const std::string& text = found->second;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= least && number <= most)
    return number;
  return Status(Code::kInvalidInput,
                fmt::format("{} must be a number from {} to {}", name, least, most))
      .WithError("WH8048");
}

Result<answers::StatusAnswer> GetStatus(ApiCall& call) {
  return answers::ReadStatus(call.workspace());
}
Result<answers::TablesAnswer> GetTables(ApiCall& call) {
  return answers::ListTables(call.workspace());
}
Result<answers::GatesAnswer> GetGates(ApiCall& call) {
  return answers::ListGates(call.workspace());
}
Result<answers::ModelsAnswer> GetModels(ApiCall& call) {
  return answers::ListModels(call.workspace());
}
Result<answers::TrainingSetsAnswer> GetTrainingSets(ApiCall& call) {
  return answers::ListTrainingSets(call.workspace());
}

Result<answers::PlanAnswer> GetPlan(ApiCall& call) {
  return answers::PlanOfFiles(call.workspace());
}
Result<answers::ContractsAnswer> GetContracts(ApiCall& call) {
  return answers::ListContracts(call.workspace());
}
Result<answers::ContractAnswer> GetContract(ApiCall& call) {
  return answers::ReadContract(call.workspace().project(), call.request.parameters.at("id"));
}
Result<answers::ContractHistoryAnswer> GetContractHistory(ApiCall& call) {
  return answers::ReadContractHistory(call.workspace(), call.request.parameters.at("id"));
}
Result<answers::PolicyAnswer> GetPolicy(ApiCall& call) {
  return answers::ReadPolicy(call.workspace());
}
Result<answers::StagingAreasAnswer> GetStagingAreas(ApiCall& call) {
  return answers::ListStagingAreas(call.workspace());
}
Result<answers::StagingAreaAnswer> GetStagingArea(ApiCall& call) {
  WEIRHOUSE_TRY(const RunId run, ParseRunId(call.request.parameters.at("run")));
  return answers::ReadStagingArea(call.workspace(), run);
}
Result<answers::TokensAnswer> GetTokens(ApiCall& call) {
  return answers::ListTokens(call.workspace());
}

Result<answers::RunsAnswer> GetRuns(ApiCall& call) {
  WEIRHOUSE_TRY(const std::int64_t limit,
                ParseNumber(call.request, "limit", kRunsDefault, 1, kRunsMax));
  return answers::ListRuns(call.workspace(), limit);
}

Result<answers::TraceAnswer> GetTrace(ApiCall& call) {
  lineage::TraceOptions options;
  options.all_records = call.request.query.count("records") != 0;
  const auto feature = call.request.query.find("feature");
  if (feature != call.request.query.end()) options.feature = feature->second;
  return answers::ReadTrace(call.workspace(), call.request.parameters.at("id"), options);
}

void AddRoutes(http::Router& router, Options options) {
  const auto shared = std::make_shared<const Options>(std::move(options));
  router.Add("GET", "/healthz",
             [](const HttpRequest&) { return http::JsonResponse(200, R"({"status":"ok"})"); },
             {.is_instant = true});
  for (const Route& route : Routes()) {
    router.Add(
        route.method, route.path,
        [shared, &route](const HttpRequest& request) { return Serve(*shared, route, request); },
        {.requires_token = route.role == Role::kOwner, .is_slow = route.is_slow});
  }
  // It starts a process and writes to the disk: for the owner.
  router.Add("GET", "/v1/doctor",
             [shared](const HttpRequest& request) { return GetDoctor(*shared, request); },
             {.requires_token = true, .is_slow = true});
  // Waits for the disk, at best together with others.
  router.Add("POST", "/v1/topics/{name}/records",
             [shared](const HttpRequest& request) { return PostRecords(*shared, request); },
             {.body_bytes_max = kRecordsBytesMax,
              .media_types = {"application/json", "application/x-ndjson"},
              .takes_gzip = true,
              .requires_token = true,
              .is_slow = true});
  router.Add("GET", "/v1/quarantine",
             [shared](const HttpRequest& request) { return GetQuarantine(shared, request); });
  router.Add("GET", "/v1/events",
             [shared](const HttpRequest& request) { return GetEvents(shared, request); });
}
}  // namespace weirhouse::v1

// The routes of our own HTTP API: name, required role, handler.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "api/v1/v1.h"
#include "ground/base/status.h"
#include "ground/platform/net/message.h"
#include "work/answers/access/policy_answer.h"
#include "work/answers/access/staging_answer.h"
#include "work/answers/access/token_answer.h"
#include "work/answers/gate_answer.h"
#include "work/answers/model_answer.h"
#include "work/answers/project/contract_answer.h"
#include "work/answers/project/plan_answer.h"
#include "work/answers/quarantine_answer.h"
#include "work/answers/run_answer.h"
#include "work/answers/status_answer.h"
#include "work/answers/stream/topic_answer.h"
#include "work/answers/table/table_snapshots.h"
#include "work/answers/table_answer.h"
#include "work/answers/trace_answer.h"
#include "work/serving/online.h"

namespace weirhouse::v1 {

// The context of one call, passed to its handler. Lives as long as the handler runs. Threads: one.
struct ApiCall {
  ProjectLease& lease;
  const http::HttpRequest& request;
  work::Workspace& workspace() const { return lease.workspace(); }
};

// Who may call a route. On an address other than loopback every route needs the project's token.
enum class Role : std::uint8_t {
  kReader,  // anyone on this machine
  kOwner,   // the holder of the project's token
};

nlohmann::json ToJson(const work::Prediction& prediction);

using Handler = Result<nlohmann::json> (*)(ApiCall& call);
// Wraps a handler that returns a typed answer, and converts the answer to JSON.
template <auto kFunction>
Result<nlohmann::json> Answered(ApiCall& call) {
  WEIRHOUSE_TRY(const auto answer, kFunction(call));
  return ToJson(answer);
}

struct Route {
  std::string_view method;
  std::string_view path;
  Role role = Role::kReader;
  Handler handler = nullptr;
  std::string_view end = {};  // appended: a line feed if a verb prints the same
  bool is_slow = false;       // may take seconds; see http::RouteOptions
};
std::span<const Route> Routes();

// ---- What people and programs ask of the catalog
Result<answers::StatusAnswer> GetStatus(ApiCall& call);
Result<answers::TablesAnswer> GetTables(ApiCall& call);
Result<answers::RunsAnswer> GetRuns(ApiCall& call);
Result<answers::GatesAnswer> GetGates(ApiCall& call);
Result<answers::ModelsAnswer> GetModels(ApiCall& call);
Result<answers::TrainingSetsAnswer> GetTrainingSets(ApiCall& call);
Result<answers::TraceAnswer> GetTrace(ApiCall& call);
Result<answers::QuarantineReasonsAnswer> GetQuarantineReasons(ApiCall& call);  // quarantine.cc
Result<answers::TableHistoryAnswer> GetTableHistory(ApiCall& call);            // tables.cc
Result<answers::TableFilesAnswer> GetTableFiles(ApiCall& call);
Result<answers::TableDiffAnswer> GetTableDiff(ApiCall& call);
Result<answers::PlanAnswer> GetPlan(ApiCall& call);
Result<answers::ContractsAnswer> GetContracts(ApiCall& call);
Result<answers::ContractAnswer> GetContract(ApiCall& call);
Result<answers::ContractHistoryAnswer> GetContractHistory(ApiCall& call);
Result<answers::PolicyAnswer> GetPolicy(ApiCall& call);
Result<answers::StagingAreasAnswer> GetStagingAreas(ApiCall& call);
Result<answers::StagingAreaAnswer> GetStagingArea(ApiCall& call);
Result<answers::TokensAnswer> GetTokens(ApiCall& call);

// ---- What models and their callers ask (serving.cc)
Result<work::OnlineVector> GetFeatures(ApiCall& call);
Result<work::OnlineVector> PostFeatures(ApiCall& call);
Result<work::Prediction> PostPrediction(ApiCall& call);
// ---- What takes a lease when it needs one, and gives it back between (doctor.cc, quarantine.cc,
// events.cc)
// Its checks, with the status that the first failing one has as an error.
http::HttpResponse GetDoctor(const Options& options, const http::HttpRequest& request);
http::HttpResponse GetQuarantine(std::shared_ptr<const Options> options,
                                 const http::HttpRequest& request);
// Commits as an endless stream of server-sent events, after Last-Event-ID or `after`.
http::HttpResponse GetEvents(const std::shared_ptr<const Options>& options,
                             const http::HttpRequest& request);

// Appends the lines of the body to a topic (topics.cc).
http::HttpResponse PostRecords(const Options& options, const http::HttpRequest& request);
Result<answers::TopicsAnswer> GetTopics(ApiCall& call);
Result<answers::TopicRecordsAnswer> GetTopicRecords(ApiCall& call);

// ---- Shared by handlers
// The response for an error; for a damaged cache it says that the request may be repeated.
http::HttpResponse ErrorReply(const Options& options, const Status& status);
// A query field as a number from `least` to `most`; `fallback` if absent. kInvalidInput (WH8048)
// otherwise.
Result<std::int64_t> ParseNumber(const http::HttpRequest& request, std::string_view name,
                                 std::int64_t fallback, std::int64_t least, std::int64_t most);
}  // namespace weirhouse::v1

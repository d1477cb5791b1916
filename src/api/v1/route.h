// The routes: what each is called, who may ask it, and what answers.
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
#include "work/answers/table/table_snapshots.h"
#include "work/answers/table_answer.h"
#include "work/answers/trace_answer.h"
#include "work/serving/online.h"

namespace weirhouse::v1 {

// What one request works with. Lives as long as its handler runs.
struct Ask {
  ProjectLease& lease;
  const http::HttpRequest& request;
  work::Workspace& workspace() const { return lease.workspace(); }
};

// Who may ask. On an address beyond loopback every route needs the project's token.
enum class Role : std::uint8_t {
  kReader,  // anybody on this machine
  kOwner,   // whoever has the project's token
};

nlohmann::json ToJson(const work::Prediction& prediction);

using Handler = Result<nlohmann::json> (*)(Ask& ask);
// The form of a handler that returns a typed answer.
template <auto kFunction>
Result<nlohmann::json> Answered(Ask& ask) {
  WEIRHOUSE_TRY(const auto answer, kFunction(ask));
  return ToJson(answer);
}

struct Route {
  std::string_view method;
  std::string_view path;
  Role role = Role::kReader;
  Handler handler = nullptr;
  std::string_view end = {};  // behind the document: a line feed where a verb prints the same
  bool is_slow = false;       // may take seconds; see http::RouteOptions
};
std::span<const Route> Routes();

// ---- What people and programs ask of the catalog
Result<answers::StatusAnswer> GetStatus(Ask& ask);
Result<answers::TablesAnswer> GetTables(Ask& ask);
Result<answers::RunsAnswer> GetRuns(Ask& ask);
Result<answers::GatesAnswer> GetGates(Ask& ask);
Result<answers::ModelsAnswer> GetModels(Ask& ask);
Result<answers::TrainingSetsAnswer> GetTrainingSets(Ask& ask);
Result<answers::TraceAnswer> GetTrace(Ask& ask);
Result<answers::QuarantineReasonsAnswer> GetQuarantineReasons(Ask& ask);  // quarantine.cc
Result<answers::TableHistoryAnswer> GetTableHistory(Ask& ask);            // tables.cc
Result<answers::TableFilesAnswer> GetTableFiles(Ask& ask);
Result<answers::TableDiffAnswer> GetTableDiff(Ask& ask);
Result<answers::PlanAnswer> GetPlan(Ask& ask);
Result<answers::ContractsAnswer> GetContracts(Ask& ask);
Result<answers::ContractAnswer> GetContract(Ask& ask);
Result<answers::ContractHistoryAnswer> GetContractHistory(Ask& ask);
Result<answers::PolicyAnswer> GetPolicy(Ask& ask);
Result<answers::StagingAreasAnswer> GetStagingAreas(Ask& ask);
Result<answers::StagingAreaAnswer> GetStagingArea(Ask& ask);
Result<answers::TokensAnswer> GetTokens(Ask& ask);

// ---- What models and their callers ask (serving.cc)
Result<work::OnlineVector> GetFeatures(Ask& ask);
Result<work::OnlineVector> PostFeatures(Ask& ask);
Result<work::Prediction> PostPrediction(Ask& ask);
// ---- What takes a lease when it needs one, and gives it back between (doctor.cc, quarantine.cc,
// events.cc)
// Its checks, with the status that the first failing one has as an error.
http::HttpResponse GetDoctor(const Options& options, const http::HttpRequest& request);
http::HttpResponse GetQuarantine(std::shared_ptr<const Options> options,
                                 const http::HttpRequest& request);
// Commits as server-sent events, from Last-Event-ID or `after` on, without an end.
http::HttpResponse GetEvents(const std::shared_ptr<const Options>& options,
                             const http::HttpRequest& request);

// ---- Shared by handlers
// An error as what is sent: of a damaged cache, that one may come again.
http::HttpResponse ErrorReply(const Options& options, const Status& status);
// A field of the query as a number from `least` to `most`; absent: `fallback`. WH8048.
Result<std::int64_t> NumberAsked(const http::HttpRequest& request, std::string_view name,
                                 std::int64_t fallback, std::int64_t least, std::int64_t most);
}  // namespace weirhouse::v1

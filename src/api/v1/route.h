// The routes of our own HTTP API: name, required role, handler.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "api/v1/v1.h"
#include "ground/base/status.h"
#include "ground/platform/net/message.h"
#include "work/answers/gate_answer.h"
#include "work/answers/model_answer.h"
#include "work/answers/quarantine_answer.h"
#include "work/answers/run_answer.h"
#include "work/answers/status_answer.h"
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
  // appended to the document: a line feed if a verb prints the same document
  std::string_view end = {};
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

// ---- What models and their callers ask (serving.cc)
Result<work::OnlineVector> GetFeatures(ApiCall& call);
Result<work::OnlineVector> PostFeatures(ApiCall& call);
Result<work::Prediction> PostPrediction(ApiCall& call);
// ---- Streams: each takes a lease when it needs one (quarantine.cc, events.cc)
http::HttpResponse GetQuarantine(std::shared_ptr<const Options> options,
                                 const http::HttpRequest& request);
// Commits as an endless stream of server-sent events, after Last-Event-ID or `after`.
http::HttpResponse GetEvents(const std::shared_ptr<const Options>& options,
                             const http::HttpRequest& request);

// ---- Shared by handlers
// The response for an error; for a damaged cache it says that the request may be repeated.
http::HttpResponse ErrorReply(const Options& options, const Status& status);
// A query field as a number from `least` to `most`; `fallback` if absent. kInvalidInput (WH8048)
// otherwise.
Result<std::int64_t> ParseNumber(const http::HttpRequest& request, std::string_view name,
                                 std::int64_t fallback, std::int64_t least, std::int64_t most);
}  // namespace weirhouse::v1

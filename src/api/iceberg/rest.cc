#include "api/iceberg/rest.h"

#include <fmt/format.h>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/base/text.h"
#include "rules/policy/token.h"

namespace weirhouse::rest {
namespace {
using http::HttpRequest;
using http::HttpResponse;
using nlohmann::json;

// State shared by all handlers.
struct Service {
  const Options& options;
  KeysAtWork keys;
};

Status NotAuthorized(std::string why) {
  return Status(Code::kPermissionDenied, std::move(why))
      .WithError("WH8073")
      .WithHint("an admin creates a token with `wh token create`");
}

Result<policy::Principal> PrincipalOf(work::Workspace& workspace, const HttpRequest& request) {
  WEIRHOUSE_TRY(const auto token, policy::FindToken(workspace.catalog(), request.token));
  if (!token) return NotAuthorized("the token is not this project's");
  WEIRHOUSE_TRY_STATUS(policy::CheckLive(*token, workspace.clock().Now()));
  return token->who;
}

// A staging area's token is valid for that area's prefix alone, and the prefix only for that token.
Status CheckPrefix(const policy::Principal& who, const HttpRequest& request) {
  const auto run = request.parameters.find("run");
  const std::string asked = run == request.parameters.end() ? "" : run->second;
  const std::string own = who.staging_area ? ToString(*who.staging_area) : "";
  if (asked == own) return Status();
  return Status(Code::kPermissionDenied,
                asked.empty() ? fmt::format("this token is valid only for staging area {}", own)
                              : fmt::format("this token is not valid for staging area {}",
                                            EscapeControl(asked)))
      .WithError("WH8095")
      .WithHint(own.empty() ? "use the token that `wh staging open` printed"
                            : fmt::format("use it with …/iceberg/staging/{}", own));
}

// Writes one line of JSON for a refusal by policy.
void Audit(const Service& service, const Route& route, const RestCall& call,
           const Status& refusal) {
  if (!service.options.audit) return;
  nlohmann::ordered_json line;
  line["time"] = FormatTime(call.workspace.clock().Now());
  line["principal"] = call.who().id;
  line["name"] = call.who().name;
  line["role"] = policy::RoleName(call.who().role);
  if (call.who().staging_area) line["staging_area"] = ToString(*call.who().staging_area);
  line["action"] = route.operation;
  line["table"] = Join(call.tables, ", ");
  line["code"] = refusal.error_code();
  line["reason"] = refusal.message();
  line["engine"] = call.caller.engine;
  line["remote"] = call.caller.remote;
  service.options.audit(
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

// The names in the path, for the audit line of a call that is refused before its handler.
std::vector<std::string> NamedByPath(const RestCall& call) {
  const auto& parameters = call.request.parameters;
  if (parameters.count("table") != 0) return {TableInPath(call).text};
  if (parameters.count("view") != 0) return {ViewInPath(call).text};
  if (parameters.count("namespace") != 0) return {NamespaceInPath(call).text};
  return {};
}

// Runs the handler, unless the request was answered before.
HttpResponse Answer(Service& service, const Route& route, RestCall& call) {
  const KeysAtWork::Hold hold(service.keys, call.caller.idempotency_key);
  auto kept = FindKept(call);
  if (!kept.ok()) return ErrorReply(kept.status(), route.subject);
  if (*kept) return **std::move(kept);

  auto reply = route.handler(call);
  if (!call.hidden_refusal.ok()) Audit(service, route, call, call.hidden_refusal);
  if (reply.ok()) {
    if (call.committed && service.options.on_commit) service.options.on_commit();
    Keep(call, *reply);
    return std::move(reply->response);
  }
  if (service.options.on_error) service.options.on_error(reply.status());
  const ErrorKind kind = ClassifyError(reply.status(), route.subject);
  if (kind.status == 403) Audit(service, route, call, reply.status());
  if (IsSettled(kind.status)) {
    // Another daemon on the same catalog stored a reply under this key first.
    kept = FindKept(call);
    if (kept.ok() && *kept) return **std::move(kept);
    Keep(call, {ErrorReply(reply.status(), route.subject)});
  }
  return ErrorReply(reply.status(), route.subject);
}

HttpResponse Serve(Service& service, const Route& route, const HttpRequest& request) {
  auto lease = service.options.take();
  if (!lease.ok()) return ErrorReply(lease.status(), route.subject);
  work::Workspace& workspace = (*lease)->workspace();
  auto principal = PrincipalOf(workspace, request);
  if (!principal.ok()) return ErrorReply(principal.status(), route.subject);
  RestCall call{workspace, request, {}};
  call.caller.who = std::move(principal).value();
  call.caller.engine = FindEngine(request);
  call.caller.remote = request.remote;
  call.tables = NamedByPath(call);
  if (const Status status = CheckPrefix(call.who(), request); !status.ok()) {
    Audit(service, route, call, status);
    return ErrorReply(status, route.subject);
  }
  if (const Status status = ReadKey(route, call); !status.ok())
    return ErrorReply(status, route.subject);
  if (route.body_bytes_max > 0) {
    auto body = ParseBody(request.body);
    if (!body.ok()) return ErrorReply(body.status(), route.subject);
    call.body = std::move(body).value();
  }
  return Answer(service, route, call);
}

// Everyone with a valid token may read the document.
HttpResponse ServeOpenApi(const Service& service, const HttpRequest& request) {
  auto lease = service.options.take();
  if (!lease.ok()) return ErrorReply(lease.status(), Subject::kCatalog);
  const auto principal = PrincipalOf((*lease)->workspace(), request);
  return principal.ok() ? OpenApiReply() : ErrorReply(principal.status(), Subject::kCatalog);
}
}  // namespace

void AddRoutes(http::Router& router, const Options& options) {
  const auto service = std::make_shared<Service>(options);
  http::Area area;
  area.prefix = "/iceberg";
  area.requires_token = true;
  area.hands_over_token = true;
  area.free_names = true;
  area.error_form = FaultReply;
  router.AddArea(std::move(area));
  for (const std::string_view base : {"/iceberg/v1", "/iceberg/staging/{run}/v1"}) {
    for (const Route& route : Routes()) {
      http::RouteOptions route_options;
      route_options.body_bytes_max = route.body_bytes_max;
      route_options.is_slow = route.kind == Kind::kChange;
      router.Add(
          route.method, fmt::format("{}{}", base, route.path),
          [service, &route](const HttpRequest& request) { return Serve(*service, route, request); },
          route_options);
    }
  }
  // JSON is YAML too.
  for (const char* path : {"/iceberg/openapi.json", "/iceberg/openapi.yaml"}) {
    router.Add("GET", path,
               [service](const HttpRequest& request) { return ServeOpenApi(*service, request); });
  }
}
}  // namespace weirhouse::rest

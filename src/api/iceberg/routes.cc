// The table of routes, the configuration that lists them, and their OpenAPI document.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/iceberg/idempotency.h"
#include "api/iceberg/route.h"
#include "ground/base/ascii.h"
#include "ground/base/text.h"

namespace weirhouse::rest {
namespace {
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kPages = "pageToken pageSize";

constexpr Route kRoutes[] = {
    {"GET", "/config", "getConfig", "the configuration that a client reads first",
     Subject::kCatalog, Kind::kRead, GetConfig, 0, "warehouse"},

    {"GET", "/namespaces", "listNamespaces", "namespaces directly below one, or at the top",
     Subject::kNamespace, Kind::kRead, ListNamespaces, 0, "parent pageToken pageSize"},
    {"POST", "/namespaces", "createNamespace", "creates a namespace", Subject::kNamespace,
     Kind::kChange, CreateNamespace, kBodyBytesMax},
    {"GET", "/namespaces/{namespace}", "loadNamespaceMetadata", "a namespace's properties",
     Subject::kNamespace, Kind::kRead, LoadNamespace},
    {"HEAD", "/namespaces/{namespace}", "namespaceExists", "whether a namespace exists",
     Subject::kNamespace, Kind::kRead, NamespaceExists},
    {"DELETE", "/namespaces/{namespace}", "dropNamespace", "drops a namespace that is empty",
     Subject::kNamespace, Kind::kChange, DropNamespace},
    {"POST", "/namespaces/{namespace}/properties", "updateProperties",
     "sets and removes properties of a namespace", Subject::kNamespace, Kind::kChange,
     UpdateNamespaceProperties, kBodyBytesMax},

    {"GET", "/namespaces/{namespace}/tables", "listTables", "tables of a namespace",
     Subject::kNamespace, Kind::kRead, ListTables, 0, kPages},
    {"POST", "/namespaces/{namespace}/tables", "createTable",
     "creates a table, or only its metadata if stage-create is set", Subject::kTable, Kind::kChange,
     CreateTable, kSchemaBodyBytesMax},
    {"POST", "/namespaces/{namespace}/register", "registerTable",
     "adopts a metadata file inside the warehouse as a table", Subject::kTable, Kind::kChange,
     RegisterTable, kBodyBytesMax},
    {"GET", "/namespaces/{namespace}/tables/{table}", "loadTable",
     "a table's metadata; snapshots=refs omits snapshots that no ref names", Subject::kTable,
     Kind::kRead, LoadTable, 0, "snapshots"},
    {"HEAD", "/namespaces/{namespace}/tables/{table}", "tableExists", "whether a table exists",
     Subject::kTable, Kind::kRead, TableExists},
    {"POST", "/namespaces/{namespace}/tables/{table}", "updateTable",
     "commits updates of one table if its requirements hold", Subject::kTable, Kind::kChange,
     CommitTable, kCommitBodyBytesMax},
    {"DELETE", "/namespaces/{namespace}/tables/{table}", "dropTable",
     "drops a table; purgeRequested deletes its files too", Subject::kTable, Kind::kChange,
     DropTable, 0, "purgeRequested"},
    {"POST", "/tables/rename", "renameTable", "renames a table", Subject::kTable, Kind::kChange,
     RenameTable, kBodyBytesMax},
    {"POST", "/namespaces/{namespace}/tables/{table}/metrics", "reportMetrics",
     "checks a client's report of a scan or commit and discards it", Subject::kTable, Kind::kRead,
     ReportMetrics, kBodyBytesMax},
    {"GET", "/namespaces/{namespace}/tables/{table}/credentials", "loadCredentials",
     "credentials for a table's files: none are needed", Subject::kTable, Kind::kRead,
     LoadCredentials},
    {"POST", "/transactions/commit", "commitTransaction",
     "commits updates of several tables, all or none", Subject::kTable, Kind::kChange,
     CommitTransaction, kCommitBodyBytesMax},

    {"GET", "/namespaces/{namespace}/views", "listViews", "views of a namespace",
     Subject::kNamespace, Kind::kRead, ListViews, 0, kPages},
    {"POST", "/namespaces/{namespace}/views", "createView", "creates a view", Subject::kView,
     Kind::kChange, CreateView, kSchemaBodyBytesMax},
    {"POST", "/namespaces/{namespace}/register-view", "registerView",
     "adopts a metadata file inside the warehouse as a view", Subject::kView, Kind::kChange,
     RegisterView, kBodyBytesMax},
    {"GET", "/namespaces/{namespace}/views/{view}", "loadView", "a view's metadata", Subject::kView,
     Kind::kRead, LoadView},
    {"HEAD", "/namespaces/{namespace}/views/{view}", "viewExists", "whether a view exists",
     Subject::kView, Kind::kRead, ViewExists},
    {"POST", "/namespaces/{namespace}/views/{view}", "replaceView",
     "commits updates of a view if its requirements hold", Subject::kView, Kind::kChange,
     ReplaceView, kSchemaBodyBytesMax},
    {"DELETE", "/namespaces/{namespace}/views/{view}", "dropView", "drops a view", Subject::kView,
     Kind::kChange, DropView},
    {"POST", "/views/rename", "renameView", "renames a view", Subject::kView, Kind::kChange,
     RenameView, kBodyBytesMax},
};

// "/v1/config" is the only path without the prefix that a configuration may name.
std::string EndpointName(const Route& route) {
  return fmt::format("{} /v1{}{}", route.method, route.path == "/config" ? "" : "/{prefix}",
                     route.path);
}

ordered_json ParameterOf(std::string_view name, std::string_view place) {
  return {{"name", name},
          {"in", place},
          {"required", place == "path"},
          {"schema", {{"type", "string"}}}};
}

ordered_json ParametersOf(const Route& route) {
  ordered_json parameters = ordered_json::array();
  for (const std::string_view step : Split(route.path, '/'))
    if (step.starts_with("{"))
      parameters.push_back(ParameterOf(step.substr(1, step.size() - 2), "path"));
  for (const std::string_view field : Split(route.query, ' '))
    if (!field.empty()) parameters.push_back(ParameterOf(field, "query"));
  if (route.kind != Kind::kRead) parameters.push_back(ParameterOf("Idempotency-Key", "header"));
  if (route.operation == "loadTable") parameters.push_back(ParameterOf("If-None-Match", "header"));
  return parameters;
}

ordered_json ResponsesOf(const Route& route) {
  const bool is_empty = route.method == "HEAD" || route.method == "DELETE" ||
                        route.path.ends_with("/rename") || route.path.ends_with("/metrics") ||
                        route.path.ends_with("/commit");
  ordered_json responses;
  if (is_empty) {
    responses["204"] = {{"description", "done, or it exists"}};
  } else {
    responses["200"] = {{"description", "the answer"},
                        {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
  }
  if (route.operation == "loadTable")
    responses["304"] = {{"description", "the client already has this state"}};
  responses["default"] = {{"$ref", "#/components/responses/Error"}};
  return responses;
}

std::string OpenApiDocument() {
  ordered_json document;
  document["openapi"] = "3.1.0";
  document["info"] = {
      {"title", "weirhouse: Iceberg REST catalog"},
      {"version", "1"},
      {"description",
       "The part of the Apache Iceberg REST catalog protocol, version 1, that this catalog serves. "
       "Bodies "
       "are those of the protocol's own specification. Several levels of a namespace are joined "
       "by %1F. A staging area serves the same below /iceberg/staging/{run}."}};
  document["servers"] = {{{"url", "/iceberg"}}};
  document["security"] = {{{"token", ordered_json::array()}}};
  for (const Route& route : kRoutes) {
    const std::string method = LowerCase(route.method);
    ordered_json& operation = document["paths"][fmt::format("/v1{}", route.path)][method];
    operation["operationId"] = route.operation;
    operation["summary"] = route.summary;
    operation["parameters"] = ParametersOf(route);
    if (route.body_bytes_max > 0) {
      operation["requestBody"] = {
          {"required", true},
          {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
    }
    operation["responses"] = ResponsesOf(route);
  }
  ordered_json& components = document["components"];
  components["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
  components["responses"]["Error"] = {
      {"description", "the error; its message ends with a code for `wh explain`"},
      {"content", {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}};
  components["schemas"]["Error"] = ordered_json::parse(R"({
    "type": "object", "required": ["error"], "properties": {"error": {
      "type": "object", "required": ["message", "type", "code"], "properties": {
        "message": {"type": "string"}, "type": {"type": "string"}, "code": {"type": "integer"}}}}})");
  return document.dump(2) + "\n";
}
}  // namespace

std::span<const Route> Routes() { return kRoutes; }

Result<Reply> GetConfig(RestCall& call) {
  const auto warehouse = call.request.query.find("warehouse");
  const std::string& name = call.workspace.project().name;
  if (warehouse != call.request.query.end() && !warehouse->second.empty() &&
      warehouse->second != name) {
    return Status(Code::kNotFound,
                  fmt::format("Warehouse does not exist: {}", EscapeControl(warehouse->second)))
        .WithError("WH8090")
        .WithHint(fmt::format("name the project, \"{}\", or no warehouse at all", name));
  }
  json endpoints = json::array();
  for (const Route& route : kRoutes) endpoints.push_back(EndpointName(route));
  return Reply{JsonReply({{"defaults", json::object()},
                          {"overrides", json::object()},
                          {"endpoints", std::move(endpoints)},
                          {"idempotency-key-lifetime", kKeyLifetime}})};
}

http::HttpResponse OpenApiReply() {
  static const std::string document = OpenApiDocument();
  return http::JsonResponse(200, document);
}
}  // namespace weirhouse::rest

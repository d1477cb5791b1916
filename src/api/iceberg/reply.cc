#include "api/iceberg/reply.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/digest.h"
#include "ground/base/text.h"

namespace weirhouse::rest {
namespace {
using nlohmann::json;

constexpr std::size_t kTagHexDigits = 32;

// Error codes with a more specific type than their class.
struct CodeKind {
  std::string_view code;
  ErrorKind kind;
};
constexpr CodeKind kKinds[] = {
    {"WH7003", {500, "CommitStateUnknownException"}},
    {"WH7012", {404, "NotFoundException"}},  // a file that a client names
    {"WH7092", {401, "NotAuthorizedException"}},
    {"WH7093", {401, "NotAuthorizedException"}},
    {"WH7095", {409, "AlreadyExistsException"}},
    {"WH7096", {404, "NoSuchNamespaceException"}},
    {"WH7097", {409, "AlreadyExistsException"}},
    {"WH7098", {409, "NamespaceNotEmptyException"}},
    {"WH7033", {404, "NoSuchNamespaceException"}},
    {"WH7101", {404, "NoSuchTableException"}},
    {"WH7102", {409, "AlreadyExistsException"}},
    {"WH7103", {404, "NoSuchViewException"}},
    {"WH7108", {400, "IllegalArgumentException"}},  // as Java's own server says it
    {"WH7130", {409, "NamespaceNotEmptyException"}},
    {"WH8073", {401, "NotAuthorizedException"}},
    {"WH8090", {404, "NoSuchWarehouseException"}},
    {"WH8093", {404, "NotFoundException"}},  // where a table is loaded; else it is corruption
    {"WH8092", {422, "UnprocessableEntityException"}},
    {"WH8094", {422, "UnprocessableEntityException"}},
    // The project is not open: nothing was started, so the same request may be sent again.
    {"WH8046", {429, "TooManyRequestsException"}},
};

std::string_view NotFoundType(Subject subject) {
  switch (subject) {
    case Subject::kNamespace:
      return "NoSuchNamespaceException";
    case Subject::kView:
      return "NoSuchViewException";
    case Subject::kTable:
      return "NoSuchTableException";
    case Subject::kCatalog:
      return "NotFoundException";
  }
  return "NotFoundException";
}

std::string_view TypeOfStatus(int status) {
  switch (status) {
    case 400:
      return "BadRequestException";
    case 401:
      return "NotAuthorizedException";
    case 403:
      return "ForbiddenException";
    case 404:
      return "NoSuchPathException";
    case 405:
      return "MethodNotAllowedException";
    case 429:
      return "TooManyRequestsException";
    default:
      return status < 500 ? "BadRequestException" : "ServiceFailureException";
  }
}

http::HttpResponse ErrorBody(ErrorKind kind, std::string_view message, std::string_view hint,
                             std::string_view code) {
  // The message comes first, because clients and their tests check how it begins; a conflict's
  // message is a whole sentence there. "No such table" needs no hint.
  const bool only_absent = kind.status == 404 && kind.type.starts_with("NoSuch") &&
                           kind.type != "NoSuchWarehouseException";
  std::string text(message);
  if (kind.status == 409 && !text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  if (!hint.empty()) text += fmt::format("; {}", hint);
  if (!code.empty() && !only_absent) text += fmt::format(" [{}]", code);
  nlohmann::ordered_json error;
  error["message"] = text;
  error["type"] = kind.type;
  error["code"] = kind.status;
  const nlohmann::ordered_json body = {{"error", std::move(error)}};
  http::HttpResponse response = http::JsonResponse(
      kind.status, body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  if (kind.status == 429 || kind.status == 503) response.headers.emplace_back("Retry-After", "1");
  if (kind.status == 401)
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"weirhouse\"");
  return response;
}

// A table reduced to the snapshots that refs name; clients request the others when they need them.
iceberg::TableMetadata OnlyRefs(const iceberg::TableMetadata& table) {
  std::set<SnapshotId> named;
  for (const auto& [name, ref] : table.refs) named.insert(ref.snapshot);
  iceberg::TableMetadata some = table;
  std::erase_if(some.snapshots, [&named](const iceberg::Snapshot& snapshot) {
    return !named.contains(snapshot.id);
  });
  return some;
}
}  // namespace

ErrorKind ClassifyError(const Status& status, Subject subject) {
  WEIRHOUSE_CHECK(!status.ok());
  // What is stored contradicts itself: never the client's doing, whatever it is called.
  if (status.code() == Code::kCorruption) return {500, "ServiceFailureException"};
  const auto* const narrower = std::ranges::find(kKinds, status.error_code(), &CodeKind::code);
  if (narrower != std::end(kKinds)) return narrower->kind;
  switch (status.code()) {
    case Code::kInvalidInput:
      return {400, "BadRequestException"};
    case Code::kGateFailed:
    case Code::kContractRefused:
    case Code::kPermissionDenied:
      return {403, "ForbiddenException"};
    case Code::kNotFound:
      return {404, NotFoundType(subject)};
    case Code::kConflict:
      return {409, "CommitFailedException"};
    case Code::kUnavailable:
      return {503, "ServiceUnavailableException"};
    case Code::kOk:
    case Code::kCorruption:
    case Code::kInternal:
      break;
  }
  return {500, "ServiceFailureException"};
}

http::HttpResponse ErrorReply(const Status& status, Subject subject) {
  return ErrorBody(ClassifyError(status, subject), status.message(), status.hint(),
                   status.error_code());
}

http::HttpResponse FaultReply(const http::Fault& fault) {
  return ErrorBody({fault.status, TypeOfStatus(fault.status)}, fault.message, fault.hint,
                   fault.code);
}

http::HttpResponse JsonReply(const json& body) {
  return http::JsonResponse(200, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

http::HttpResponse NoContent() {
  http::HttpResponse response;
  response.status = 204;
  return response;
}

http::HttpResponse LoadReply(const iceberg::TableMetadata& table, Snapshots snapshots,
                             const std::string& location) {
  const std::string& named = location.empty() ? table.metadata_location : location;
  std::string body = "{";
  if (!named.empty()) body += fmt::format("\"metadata-location\":{},", json(named).dump());
  body += "\"metadata\":";
  body += iceberg::SerializeTableMetadata(snapshots == Snapshots::kAll ? table : OnlyRefs(table));
  body += R"(,"config":{"scan-planning-mode":"client"}})";
  http::HttpResponse response = http::JsonResponse(200, std::move(body));
  if (!table.metadata_location.empty())
    response.headers.emplace_back("ETag", EntityTag(table.metadata_location, snapshots));
  return response;
}

http::HttpResponse ViewReply(const std::string& metadata_location, const json& metadata) {
  return JsonReply({{"metadata-location", metadata_location},
                    {"metadata", metadata},
                    {"config", json::object()}});
}

std::string EntityTag(std::string_view metadata_location, Snapshots snapshots) {
  const std::string pieces[] = {std::string(metadata_location),
                                snapshots == Snapshots::kAll ? "all" : "refs"};
  return "\"" + Sha256OfPieces(pieces).ToHex().substr(0, kTagHexDigits) + "\"";
}

bool NamesTag(std::string_view if_none_match, std::string_view tag) {
  for (std::string_view named : Split(if_none_match, ',')) {
    named = Trim(named);
    if (named.starts_with("W/")) named.remove_prefix(2);
    if (named == tag || named == "*") return true;
  }
  return false;
}
}  // namespace weirhouse::rest

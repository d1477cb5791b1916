// Replies in the form of the Apache Iceberg REST catalog spec.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/platform/net/message.h"

namespace weirhouse::rest {

// The subject of a route, which decides what "not found" and "conflict" mean in its replies.
enum class Subject : std::uint8_t { kCatalog, kNamespace, kTable, kView };

// An error's HTTP status, and its type name in Iceberg's clients.
struct ErrorKind {
  int status = 500;
  std::string_view type;
};
ErrorKind ClassifyError(const Status& status, Subject subject);
// {"error":{"message":…,"type":…,"code":…}}. The hint and the error code are part of the message,
// because clients show nothing else.
http::HttpResponse ErrorReply(const Status& status, Subject subject);
// As ErrorReply, for a refusal by the server before a handler is called.
http::HttpResponse FaultReply(const http::Fault& fault);

http::HttpResponse JsonReply(const nlohmann::json& body);
http::HttpResponse NoContent();

enum class Snapshots : std::uint8_t { kAll, kRefs };
// A load result: {"metadata-location", "metadata", "config"}. The metadata is written directly as
// text. A staged table has no location, and a table in a staging area has no metadata file: neither
// has an ETag. `location` is set for a view, whose clients require one in every reply.
http::HttpResponse LoadReply(const iceberg::TableMetadata& table, Snapshots snapshots,
                             const std::string& location = {});
// A view's load result.
http::HttpResponse ViewReply(const std::string& metadata_location, const nlohmann::json& metadata);

// The ETag: equal for equal content, because metadata files never change.
std::string EntityTag(std::string_view metadata_location, Snapshots snapshots);
// Whether the header field `If-None-Match` (RFC 9110 section 13.1.2) names `tag`.
bool NamesTag(std::string_view if_none_match, std::string_view tag);
}  // namespace weirhouse::rest

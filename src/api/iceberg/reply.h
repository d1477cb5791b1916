// Answers in the form of the Iceberg REST specification.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/platform/net/message.h"

namespace weirhouse::rest {

// What a route is about: what "not found" and "conflict" mean in its answers.
enum class Subject : std::uint8_t { kCatalog, kNamespace, kTable, kView };

// How an error is told: its HTTP status, and the name that Iceberg's clients know it by.
struct ErrorKind {
  int status = 500;
  std::string_view type;
};
ErrorKind ClassifyError(const Status& status, Subject subject);
// {"error":{"message":…,"type":…,"code":…}}; hint and error code are part of the message, which is
// all that clients show.
http::HttpResponse ErrorReply(const Status& status, Subject subject);
// The same for what the server refuses before a handler is asked.
http::HttpResponse FaultReply(const http::Fault& fault);

http::HttpResponse JsonReply(const nlohmann::json& body);
http::HttpResponse NoContent();

enum class Snapshots : std::uint8_t { kAll, kRefs };
// A load result: {"metadata-location", "metadata", "config"}. The metadata is written straight as
// text. A staged table has no location, and what is seen through a staging area is in no file: both go
// without an ETag. `location` is named for a view, whose clients want every answer to name one.
http::HttpResponse LoadReply(const iceberg::TableMetadata& table, Snapshots snapshots,
                             const std::string& location = {});
// A view's load result.
http::HttpResponse ViewReply(const std::string& metadata_location, const nlohmann::json& metadata);

// Equal for equal content: metadata files never change.
std::string EntityTag(std::string_view metadata_location, Snapshots snapshots);
// Whether a field `If-None-Match` names `tag`.
bool NamesTag(std::string_view if_none_match, std::string_view tag);
}  // namespace weirhouse::rest

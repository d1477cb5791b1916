// The routes of the REST catalog, and their handlers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/iceberg/reply.h"
#include "api/iceberg/rest_call.h"
#include "ground/base/status.h"

namespace weirhouse::rest {

inline constexpr std::int64_t kBodyBytesMax = 1 << 20;
inline constexpr std::int64_t kSchemaBodyBytesMax = 16 << 20;  // thousands of columns, nested
inline constexpr std::int64_t kCommitBodyBytesMax = 64 << 20;  // many tables, snapshots, statistics
inline constexpr std::size_t kTableChangesMax = 1'000;         // of one transaction

// The result of a handler.
struct Reply {
  http::HttpResponse response;
  // The form in which the reply is stored under an idempotency key; empty: as it is. See
  // idempotency.h.
  std::string kept = {};
};
using Handler = Result<Reply> (*)(RestCall& call);

enum class Kind : std::uint8_t {
  kRead,
  kChange,  // waits for the disk, so it runs on workers of its own
};

struct Route {
  std::string_view method;
  std::string_view path;       // below /v1: "/namespaces/{namespace}"
  std::string_view operation;  // "loadTable": for the audit log and the OpenAPI document
  std::string_view summary;
  Subject subject = Subject::kCatalog;
  Kind kind = Kind::kRead;
  Handler handler = nullptr;
  std::int64_t body_bytes_max = 0;  // 0: takes no body
  std::string_view query = {};      // names of its fields, separated by blanks
};
std::span<const Route> Routes();

// GET /v1/config and the OpenAPI document, which list the other routes.
Result<Reply> GetConfig(RestCall& call);
http::HttpResponse OpenApiReply();

Result<Reply> ListNamespaces(RestCall& call);
Result<Reply> CreateNamespace(RestCall& call);
Result<Reply> LoadNamespace(RestCall& call);
Result<Reply> NamespaceExists(RestCall& call);
Result<Reply> DropNamespace(RestCall& call);
Result<Reply> UpdateNamespaceProperties(RestCall& call);

Result<Reply> ListTables(RestCall& call);
Result<Reply> CreateTable(RestCall& call);
Result<Reply> RegisterTable(RestCall& call);
Result<Reply> LoadTable(RestCall& call);
Result<Reply> TableExists(RestCall& call);
Result<Reply> DropTable(RestCall& call);
Result<Reply> RenameTable(RestCall& call);
Result<Reply> LoadCredentials(RestCall& call);
Result<Reply> ReportMetrics(RestCall& call);
Result<Reply> CommitTable(RestCall& call);
Result<Reply> CommitTransaction(RestCall& call);

Result<Reply> ListViews(RestCall& call);
Result<Reply> CreateView(RestCall& call);
Result<Reply> RegisterView(RestCall& call);
Result<Reply> LoadView(RestCall& call);
Result<Reply> ViewExists(RestCall& call);
Result<Reply> ReplaceView(RestCall& call);
Result<Reply> DropView(RestCall& call);
Result<Reply> RenameView(RestCall& call);

// ---- Shared by handlers
// Checks that the namespace exists and is visible to the caller: kNotFound WH7033.
Status CheckVisible(RestCall& call, const Name& name_space);
// The pointer of a table or view that is visible to the caller: kNotFound WH7101 or WH7103.
Result<catalog::TablePointer> FindPointer(RestCall& call, const Name& name,
                                          catalog::PointerKind kind);
Status NotFound(std::string_view name, catalog::PointerKind kind);
// {"identifiers": […], "next-page-token"} of one kind in the path's namespace.
Result<Reply> ListPointers(RestCall& call, catalog::PointerKind kind);
Result<Reply> Rename(RestCall& call, catalog::PointerKind kind);
}  // namespace weirhouse::rest

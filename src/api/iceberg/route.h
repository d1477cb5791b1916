// The routes of the catalog: what each is called, takes and does.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/iceberg/ask.h"
#include "api/iceberg/reply.h"
#include "ground/base/status.h"

namespace weirhouse::rest {

inline constexpr std::int64_t kBodyBytesMax = 1 << 20;
inline constexpr std::int64_t kSchemaBodyBytesMax = 16 << 20;  // thousands of columns, nested
inline constexpr std::int64_t kCommitBodyBytesMax = 64 << 20;  // many tables, snapshots, statistics
inline constexpr std::size_t kTableChangesMax = 1'000;         // of one transaction

// What a handler answers.
struct Reply {
  http::HttpResponse response;
  // How the answer is kept under an idempotency key; empty: as it is. See idempotency.h.
  std::string kept = {};
};
using Handler = Result<Reply> (*)(Ask& ask);

enum class Kind : std::uint8_t {
  kRead,
  kChange,  // waits for the disk, so it runs beside the reads
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

// GET /v1/config and the OpenAPI document, which speak of the other routes.
Result<Reply> GetConfig(Ask& ask);
http::HttpResponse OpenApiReply();

Result<Reply> ListNamespaces(Ask& ask);
Result<Reply> CreateNamespace(Ask& ask);
Result<Reply> LoadNamespace(Ask& ask);
Result<Reply> NamespaceExists(Ask& ask);
Result<Reply> DropNamespace(Ask& ask);
Result<Reply> UpdateNamespaceProperties(Ask& ask);

Result<Reply> ListTables(Ask& ask);
Result<Reply> CreateTable(Ask& ask);
Result<Reply> RegisterTable(Ask& ask);
Result<Reply> LoadTable(Ask& ask);
Result<Reply> TableExists(Ask& ask);
Result<Reply> DropTable(Ask& ask);
Result<Reply> RenameTable(Ask& ask);
Result<Reply> LoadCredentials(Ask& ask);
Result<Reply> ReportMetrics(Ask& ask);
Result<Reply> CommitTable(Ask& ask);
Result<Reply> CommitTransaction(Ask& ask);

Result<Reply> ListViews(Ask& ask);
Result<Reply> CreateView(Ask& ask);
Result<Reply> RegisterView(Ask& ask);
Result<Reply> LoadView(Ask& ask);
Result<Reply> ViewExists(Ask& ask);
Result<Reply> ReplaceView(Ask& ask);
Result<Reply> DropView(Ask& ask);
Result<Reply> RenameView(Ask& ask);

// ---- Shared by handlers
// Whether the namespace is there and may be seen: kNotFound WH7033.
Status CheckVisible(Ask& ask, const Name& name_space);
// The pointer of a table or view that may be seen: kNotFound WH7101 or WH7103.
Result<catalog::TablePointer> PointerOf(Ask& ask, const Name& name, catalog::PointerKind kind);
Status NotThere(std::string_view name, catalog::PointerKind kind);
// {"identifiers": […], "next-page-token"} of one kind in the namespace asked for.
Result<Reply> ListPointers(Ask& ask, catalog::PointerKind kind);
Result<Reply> Rename(Ask& ask, catalog::PointerKind kind);
}  // namespace weirhouse::rest

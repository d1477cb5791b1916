// What the daemon answers over HTTP.
#pragma once

#include <memory>
#include <string_view>

#include "api/iceberg/rest.h"
#include "app/daemon/project_host.h"
#include "ground/platform/net/message.h"
#include "ground/platform/net/router.h"

namespace weirhouse::daemon {

//   GET  /healthz                    {"status":"ok"}
//   GET  /v1/status                  as `wh status --json`; so /v1/tables, /v1/gates,
//   /v1/trace/{id} GET  /v1/runs?limit=N            newest first GET  /v1/features?view=V&KEY=…
//   online values; POST /v1/features and /v1/features/online take
//                                    {"features" or "views", "keys", "request", "at"}
//   POST /v1/models/{name}           a prediction; the fields and, if wanted, "at"
// `host` must outlive the router.
http::Router MakeRoutes(ProjectHost& host);

// What `token` is worth: the project's own, or another's that lives. Reads the catalog, so that a
// new token counts at once and a revoked one no longer.
http::TokenVerdict CheckToken(ProjectHost& host, std::string_view token);

// The project, lent to the REST catalog.
class CatalogLease : public rest::WorkspaceLease {
 public:
  static Result<std::unique_ptr<rest::WorkspaceLease>> Take(ProjectHost& host);
  work::Workspace& workspace() override { return lease_.workspace(); }

 private:
  explicit CatalogLease(ProjectHost::Lease lease) : lease_(std::move(lease)) {}
  ProjectHost::Lease lease_;
};
}  // namespace weirhouse::daemon

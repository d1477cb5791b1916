// What the daemon answers over HTTP. Private to daemon/.
#pragma once

#include <atomic>
#include <string_view>

#include "daemon/project_host.h"
#include "http/router.h"

namespace weirhouse::daemon {

//   GET  /healthz                    {"status":"ok"}
//   GET  /v1/status                  as `wh status --json`; so /v1/tables, /v1/gates,
//   /v1/trace/{id} GET  /v1/runs?limit=N            newest first GET  /v1/features?view=V&KEY=…
//   online values; POST /v1/features and /v1/features/online take
//                                    {"features" or "views", "keys", "request", "at"}
//   POST /v1/models/{name}           a prediction; the fields and, if wanted, "at"
// `host` must outlive the router.
http::Router MakeRoutes(ProjectHost& host);

// Whether `token` is the project's. Reads the catalog, so that a new token counts at once.
bool CheckToken(ProjectHost& host, std::string_view token);
}  // namespace weirhouse::daemon

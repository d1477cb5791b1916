// Our own HTTP API, /v1/…, of an open project: the typed answers of work/answers as JSON. Only the
// protocol; docs/reference/http.md describes the routes.
#pragma once

#include <functional>
#include <memory>

#include "ground/base/status.h"
#include "ground/platform/net/router.h"
#include "work/serving/predictions.h"
#include "work/workspace/workspace.h"

namespace weirhouse::v1 {

// Keeps a project open while it lives. Release it before waiting for anything outside: the project
// can be closed and reopened only while there is no lease.
class ProjectLease {
 public:
  virtual ~ProjectLease() = default;
  virtual work::Workspace& workspace() = 0;
  virtual work::PredictionService& predictions() = 0;
};

struct Options {
  std::function<Result<std::unique_ptr<ProjectLease>>()> take;
  // Called with the reason of a failed request while its lease is held: marks a damaged cache for
  // repair, or notes another process that writes to the project. Any thread; must not wait for
  // leases to end.
  std::function<void(const Status& status)> on_error;
  // Called when records were appended to a topic, without a lease. Any thread.
  std::function<void()> on_append;
};
// Adds the routes; call it before the server starts. Threads: the functions of `options` are called
// from any.
void AddRoutes(http::Router& router, Options options);
}  // namespace weirhouse::v1

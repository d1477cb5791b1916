// Our own HTTP routes, /v1/…, over a project that is open: typed answers of work/answers as JSON.
// Protocol alone; what may be asked, and how, is docs/reference/http.md.
#pragma once

#include <functional>
#include <memory>

#include "ground/base/status.h"
#include "ground/platform/net/router.h"
#include "work/serving/predictions.h"
#include "work/workspace/workspace.h"

namespace weirhouse::v1 {

// A project that stays open while the lease lives. Whoever waits for something outside gives it
// back first: the project can be closed and opened anew only when nobody has one.
class ProjectLease {
 public:
  virtual ~ProjectLease() = default;
  virtual work::Workspace& workspace() = 0;
  virtual work::PredictionService& predictions() = 0;
};

struct Options {
  std::function<Result<std::unique_ptr<ProjectLease>>()> take;
  // Why a request failed, while its lease is held: notes a damaged cache to be mended, an other
  // process that writes to the project. Any thread; must not wait for leases to end.
  std::function<void(const Status& status)> on_error;
};
// Adds the routes. Threads: `options` is called from any.
void AddRoutes(http::Router& router, Options options);
}  // namespace weirhouse::v1

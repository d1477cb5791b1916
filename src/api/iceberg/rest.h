// The Apache Iceberg REST catalog of a project: only the protocol. Every change goes through
// work/foreign/foreign_commit.h.
//
// Source: Apache Iceberg, `open-api/rest-catalog-open-api.yaml`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/net/router.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::rest {

// Keeps a workspace open while it lives.
class WorkspaceLease {
 public:
  virtual ~WorkspaceLease() = default;
  virtual work::Workspace& workspace() = 0;
};

struct Options {
  std::function<Result<std::unique_ptr<WorkspaceLease>>()> take;
  std::function<void()> on_commit;  // called after a commit: downstream steps may be run
  // Called with the reason of a failed request. Any thread.
  std::function<void(const Status& status)> on_error;
  // Called with one JSON line for each refusal by policy: principal, operation, table, reason. Any
  // thread.
  std::function<void(const std::string& json_line)> audit;
};
// Adds /iceberg/v1/… and, for staging areas, /iceberg/staging/{run}/v1/… . Every route needs a
// token. `options` must outlive the router. Call it before the server starts. Errors of requests
// are replies in the form of the specification (reply.h).
void AddRoutes(http::Router& router, const Options& options);
}  // namespace weirhouse::rest

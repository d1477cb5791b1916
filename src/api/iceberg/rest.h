// The Apache Iceberg REST catalog over a project: protocol alone. Every change goes through
// work/foreign/foreign_commit.h.
//
// Source: Iceberg `open-api/rest-catalog-open-api.yaml`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ground/base/status.h"
#include "ground/platform/net/router.h"
#include "rules/policy/policy.h"
#include "work/workspace/workspace.h"

namespace weirhouse::rest {

// A workspace that stays open while the lease lives.
class WorkspaceLease {
 public:
  virtual ~WorkspaceLease() = default;
  virtual work::Workspace& workspace() = 0;
};

struct Options {
  std::function<Result<std::unique_ptr<WorkspaceLease>>()> take;
  std::function<void()> on_commit;  // something was committed: those downstream may be run
  // Why a request failed. Any thread.
  std::function<void(const Status& status)> on_error;
  // One line for each refusal by policy: who, what, on what, why. Any thread.
  std::function<void(const std::string& json_line)> audit;
};
// Adds /iceberg/v1/… and, for staging areas, /iceberg/staging/{run}/v1/… . Every route needs a token;
// `options` must outlive the router.
void AddRoutes(http::Router& router, const Options& options);
}  // namespace weirhouse::rest

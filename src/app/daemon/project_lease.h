// The project, lent to the servers of protocols, and what a token is worth in it.
#pragma once

#include <memory>
#include <string_view>

#include "api/iceberg/rest.h"
#include "api/v1/v1.h"
#include "app/daemon/project_host.h"
#include "ground/platform/net/authenticator.h"

namespace weirhouse::daemon {

// What `token` is worth: the project's own, or another's that lives. Reads the catalog, so that a
// new token counts at once and a revoked one no longer. Errors as http::Authenticator.
Result<http::Principal::Standing> CheckToken(ProjectHost& host, std::string_view token);

// What a request that failed tells of the project: damaged caches are noted to be mended.
void NoteTrouble(ProjectHost& host, const Status& status);

// For the REST catalog.
class CatalogLease : public rest::WorkspaceLease {
 public:
  static Result<std::unique_ptr<rest::WorkspaceLease>> Take(ProjectHost& host);
  work::Workspace& workspace() override { return lease_.workspace(); }

 private:
  explicit CatalogLease(ProjectHost::Lease lease) : lease_(std::move(lease)) {}
  ProjectHost::Lease lease_;
};

// For our own routes.
class ServedLease : public v1::ProjectLease {
 public:
  static Result<std::unique_ptr<v1::ProjectLease>> Take(ProjectHost& host);
  work::Workspace& workspace() override { return lease_.workspace(); }
  work::PredictionService& predictions() override { return lease_.predictions(); }

 private:
  explicit ServedLease(ProjectHost::Lease lease) : lease_(std::move(lease)) {}
  ProjectHost::Lease lease_;
};
}  // namespace weirhouse::daemon

// Lends the project to the servers of protocols, and checks tokens against it.
#pragma once

#include <memory>
#include <string_view>

#include "api/iceberg/rest.h"
#include "api/v1/v1.h"
#include "app/daemon/project_host.h"
#include "ground/platform/net/authenticator.h"

namespace weirhouse::daemon {

// The rights of `token`: the project's own, or another that is live. Reads the catalog, so that a
// new token counts at once and a revoked one no longer. Errors as http::Authenticator.
Result<http::Principal::Standing> CheckToken(ProjectHost& host, std::string_view token);

// Notes damaged caches, for repair, if that is why a request failed.
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

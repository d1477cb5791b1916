#include "app/daemon/project_lease.h"

#include "ground/catalog/settings.h"
#include "rules/policy/token.h"
#include "work/workspace/cache_damage.h"

namespace weirhouse::daemon {

Result<http::Principal::Standing> CheckToken(ProjectHost& host, std::string_view token) {
  WEIRHOUSE_TRY(ProjectHost::Lease lease, host.Take());
  work::Workspace& workspace = lease.workspace();
  WEIRHOUSE_TRY(const auto kept, catalog::setting::ProjectToken().In(workspace.catalog()));
  if (kept && http::TokenMatches(token, *kept)) return http::Principal::Standing::kOwner;
  WEIRHOUSE_TRY(const auto found, policy::FindToken(workspace.catalog(), token));
  if (!found) return http::UnknownToken();
  WEIRHOUSE_TRY_STATUS(policy::CheckLive(*found, workspace.clock().Now()));
  return http::Principal::Standing::kGuest;
}

void NoteTrouble(ProjectHost& host, const Status& status) {
  host.NoteIfReplaced(status);
  if (work::IsCacheDamage(status)) host.NoteDamage(status);
}

Result<std::unique_ptr<rest::WorkspaceLease>> CatalogLease::Take(ProjectHost& host) {
  WEIRHOUSE_TRY(ProjectHost::Lease lease, host.Take());
  return std::unique_ptr<rest::WorkspaceLease>(new CatalogLease(std::move(lease)));
}

Result<std::unique_ptr<v1::ProjectLease>> ServedLease::Take(ProjectHost& host) {
  WEIRHOUSE_TRY(ProjectHost::Lease lease, host.Take());
  return std::unique_ptr<v1::ProjectLease>(new ServedLease(std::move(lease)));
}
}  // namespace weirhouse::daemon

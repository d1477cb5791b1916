// One snapshot of a commit compared with its parent: what it does according to its manifests, and
// whether that is allowed.
#pragma once

#include <string>

#include "ground/base/status.h"
#include "rules/policy/location.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

inline constexpr std::int64_t kManifestBytesMax = 256 << 20;  // some 300,000 files
// How many bytes a `replace` may rewrite in one commit: its rows are read twice before the commit
// is accepted.
inline constexpr std::int64_t kReplaceBytesMax = 1 << 30;

// What a principal may do with the rows and refs of one table.
struct Powers {
  bool writes = false;     // appends, overwrites, deletes, as far as the layer allows
  bool maintains = false;  // rewrites, expires, tags, rolls back
  bool staged = false;     // through a staging area, where no one reads it yet
};
Powers PowersOver(const Principal& who, Layer layer);

// The error for a role that may not do `what`; `needed` names the roles that may.
Status RoleRefused(const ProposedCommit& commit, std::string_view what, std::string_view needed);

// A guard that checks every file before a comparison opens it.
iceberg::MayOpen OpensOnly(platform::ObjectStore& store, PathGuard& guard, const Places& places);

// Judges `change`, from `parent` (nullptr: the empty table) to `snapshot`.
Status JudgeStep(platform::ObjectStore& store, const ProposedCommit& commit, const Powers& powers,
                 const iceberg::Snapshot* parent, const iceberg::Snapshot& snapshot,
                 const iceberg::SnapshotChange& change);
}  // namespace weirhouse::policy

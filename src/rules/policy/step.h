// One snapshot of a commit beside its parent: what its manifests say it does, and whether that may
// be.
#pragma once

#include <string>

#include "ground/base/status.h"
#include "rules/policy/location.h"
#include "rules/policy/policy.h"

namespace weirhouse::policy {

inline constexpr std::int64_t kManifestBytesMax = 256 << 20;  // some 300,000 files
// What a `replace` may rewrite in one commit: its rows are read twice before the commit is taken.
inline constexpr std::int64_t kReplaceBytesMax = 1 << 30;

// What somebody may do with the rows and refs of one table.
struct Powers {
  bool writes = false;     // appends, overwrites, deletes, as far as the layer goes
  bool maintains = false;  // rewrites, expires, tags, rolls back
  bool staged = false;     // through a staging area: nobody reads it yet
};
Powers PowersOver(const Principal& who, Layer layer);

// "(role writer)" and the like: who was refused.
Status RoleRefused(const ProposedCommit& commit, std::string_view what, std::string_view needed);

// Looks at every file that a comparison is about to open.
iceberg::MayOpen OpensOnly(platform::ObjectStore& store, PathGuard& guard, const Places& places);

// Judges `change`, which `snapshot` makes to `parent` (nullptr: the empty table).
Status JudgeStep(platform::ObjectStore& store, const ProposedCommit& commit, const Powers& powers,
                 const iceberg::Snapshot* parent, const iceberg::Snapshot& snapshot,
                 const iceberg::SnapshotChange& change);
}  // namespace weirhouse::policy

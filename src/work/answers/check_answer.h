// The results of comparisons, and whether they differ: verify, reproduce, skew.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/lineage/lineage.h"
#include "work/serving/online.h"
#include "work/training/modeling.h"
#include "work/workspace/workspace.h"

namespace weirhouse::answers {

struct VerifyAnswer {
  lineage::VerifyReport report;
  bool deep = false;  // all bytes were hashed again
  std::vector<std::string>
      other_lives;  // catalogs that this one replaced, a line each; see Workspace
  bool same() const { return report.problems.empty(); }
};
// Compares the catalog with the disk: see lineage::Verify, also for `progress`.
Result<VerifyAnswer> ReadVerify(
    work::Workspace& workspace, bool deep,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);
// {objects, files, bytes, commits, snapshots, deep, orphans, orphan_bytes, first_orphans,
// other_lives, problems}
nlohmann::json ToJson(const VerifyAnswer& answer);

// {id, same, digests: [{what, digest}], metrics, unproven, differences: [{what, recorded, found}]}
nlohmann::json ToJson(const work::Reproduction& reproduction);

// {pairs, values, differing, status_differing, first, not_asked}
nlohmann::json ToJson(const work::SkewReport& report);
}  // namespace weirhouse::answers

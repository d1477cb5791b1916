// Upkeep of the whole project in one go: every table, and what belongs to none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// Small files only: what `table compact` takes unless it is told otherwise, and CollectGarbage.
iceberg::CompactionOptions SmallFiles(const Workspace& workspace);

struct TableUpkeep {
  std::string table;
  // Absent for a feature table, whose files are sorted runs that its own step merges.
  std::optional<CompactionReport> compacted;
  ExpiryReport expired;
};
struct GarbageReport {
  std::vector<TableUpkeep> tables;  // by name
  // Released files of tables that are gone; of a rehearsal, of any table.
  std::int64_t files_removed_of_gone = 0;
  SweepReport swept;                         // files that no commit names
  std::optional<std::string> ages_in_doubt;  // see AgesInDoubt
};
// Told as it goes on, so that what was done stands somewhere if a later part fails. Each may be
// empty.
struct GarbageTold {
  std::function<void(const std::string& table, const CompactionReport& report)> compacted;
  std::function<void(const std::string& table, const ExpiryReport& report)> expired;
  std::function<void(std::int64_t files)> removed_of_gone;
};
// Compacts and expires every table, takes released files off the disk and sweeps orphans that are
// older than `orphan_age`. With `options.dry_run` nothing is compacted or removed, and the report says
// what would be; files that a compaction would leave behind are not among those that are released.
// Errors: those of each part; the parts before it stand.
Result<GarbageReport> CollectGarbage(Workspace& workspace, const ExpiryOptions& options,
                                     std::chrono::seconds orphan_age, Progress& progress,
                                     const GarbageTold& told = {});
}  // namespace weirhouse::work

#include "work/upkeep/collect_garbage.h"

#include <algorithm>

#include "work/upkeep/upkeep_log.h"
#include "work/upkeep/upkeep_tables.h"

namespace weirhouse::work {
namespace {
// Every table has had its turn.
Status NoteTurns(Workspace& workspace) {
  UpkeepLog log = UpkeepLog::Read(workspace);
  const ProcessTime now = workspace.clock().Now();
  WEIRHOUSE_TRY(const std::vector<OwnTable> tables, OwnTables(workspace));
  for (const OwnTable& table : tables)
    log.tables[table.name] = {table.version, now, "by wh gc", ""};
  log.removed_at = log.swept_at = now;
  return log.Write(workspace);
}
}  // namespace

iceberg::CompactionOptions SmallFiles(const Workspace& workspace) {
  iceberg::CompactionOptions options;
  options.small_file_bytes = kSmallFileBytes;
  options.small_files_min = static_cast<int>(workspace.project().upkeep.small_files);
  return options;
}

Result<GarbageReport> CollectGarbage(Workspace& workspace, const ExpiryOptions& options,
                                     std::chrono::seconds orphan_age, Progress& progress,
                                     const GarbageTold& told) {
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  GarbageReport report;
  std::int64_t done = 0;
  for (const catalog::TablePointer& pointer : tables) {
    if (pointer.kind != catalog::PointerKind::kTable) continue;
    progress.Update("tables", done++, static_cast<std::int64_t>(tables.size()));
    TableUpkeep one;
    one.table = pointer.name;
    if (!pointer.name.starts_with("feature.")) {
      WEIRHOUSE_TRY(one.compacted, (options.dry_run ? RehearseCompaction : CompactTable)(
                                       workspace, pointer.name, SmallFiles(workspace)));
      if (told.compacted) told.compacted(one.table, *one.compacted);
    }
    if (options.dry_run) {
      WEIRHOUSE_TRY(one.expired, ReleaseTableFiles(workspace, pointer.name, options));
      if (options.grace.count() == 0) one.expired.files_removed = one.expired.files_released;
    } else {
      WEIRHOUSE_TRY(one.expired, ExpireTable(workspace, pointer.name, options));
    }
    if (told.expired) told.expired(one.table, one.expired);
    report.tables.push_back(std::move(one));
  }
  if (options.dry_run) {
    // Released before, of whichever table.
    WEIRHOUSE_TRY(report.files_removed_of_gone, CountRemovableFiles(workspace, options.grace));
  } else {
    WEIRHOUSE_TRY(report.files_removed_of_gone, RemoveReleasedFiles(workspace, options.grace));
  }
  if (told.removed_of_gone) told.removed_of_gone(report.files_removed_of_gone);
  WEIRHOUSE_TRY(report.swept, SweepOrphans(workspace, orphan_age, options.dry_run));
  report.ages_in_doubt = AgesInDoubt(workspace, std::max(options.grace, orphan_age));
  if (!options.dry_run) WEIRHOUSE_TRY_STATUS(NoteTurns(workspace));
  return report;
}
}  // namespace weirhouse::work

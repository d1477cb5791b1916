#include "work/upkeep/upkeep.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/writers/retry.h"
#include "ground/iceberg/read/reachable.h"
#include "ground/iceberg/read/snapshot_change.h"
#include "ground/iceberg/update/metadata_update.h"
#include "work/workspace/publication.h"
#include "work/workspace/state/clock_witness.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

Result<catalog::Run> PlanUpkeep(Workspace& workspace, catalog::RunKind kind,
                                const iceberg::TableMetadata& table, json parameters) {
  StepInputs step;
  step.kind = kind;
  step.name = table.name;
  step.inputs = {{"metadata", table.metadata_location}};
  step.parameters = std::move(parameters);
  step.tables = {table.name};
  return workspace.catalog().PlanRun(PlanOf(step));
}

struct FileCounts {
  std::int64_t data = 0;
  std::int64_t deletes = 0;
};
Result<FileCounts> CountFiles(Workspace& workspace, const iceberg::TableMetadata& table,
                              const iceberg::Snapshot& snapshot) {
  FileCounts counts;
  WEIRHOUSE_TRY(const std::vector<iceberg::DataFile> files,
                iceberg::LiveFiles(workspace.store(), table, snapshot));
  for (const iceberg::DataFile& file : files) {
    (file.content == iceberg::DataFile::Content::kData ? counts.data : counts.deletes) += 1;
  }
  return counts;
}

// One attempt at compaction, on the current table.
Result<CompactionReport> TryCompact(Workspace& workspace, const std::string& name,
                                    const iceberg::CompactionOptions& options) {
  WEIRHOUSE_TRY(const iceberg::TablePtr base, workspace.LoadTable(name));
  CompactionReport report;
  const iceberg::Snapshot* before = base->current_snapshot();
  if (before == nullptr) return report;
  WEIRHOUSE_TRY(const FileCounts found, CountFiles(workspace, *base, *before));
  report.files_before = report.files_after = found.data;
  report.delete_files_before = report.delete_files_after = found.deletes;
  WEIRHOUSE_TRY(const bool has_work, iceberg::WantsCompaction(workspace.store(), base, options));
  if (!has_work) return report;
  WEIRHOUSE_TRY(const catalog::Run run,
                PlanUpkeep(workspace, catalog::RunKind::kCompaction, *base,
                           {{"all", options.all},
                            {"small_file_bytes", options.small_file_bytes},
                            {"deleted_share_min", options.deleted_share_min}}));
  if (run.state != catalog::RunState::kPlanned)
    return report;  // done, and the table did not change since
  Publication publication(workspace, run, catalog::Layer::kMaintenance, name);
  WEIRHOUSE_TRY(
      const iceberg::StagedTable staged,
      iceberg::StageCompaction(workspace.store(), base, workspace.random(), publication.StageAs(),
                               options, [&](std::int64_t sequence_number) {
                                 return workspace.catalog().SeqOf(name, sequence_number);
                               }));
  WEIRHOUSE_FAILPOINT("upkeep.compaction_staged");
  if (staged.snapshots.empty()) return report;
  const iceberg::Snapshot* after = staged.table->current_snapshot();
  WEIRHOUSE_TRY(const iceberg::SnapshotChange change,
                iceberg::CompareSnapshots(workspace.store(), *staged.table, before, *after));
  if (change.rows_after > change.rows_before) {
    return Status(Code::kInternal, fmt::format("compaction of \"{}\" would make {} rows of {}",
                                               name, change.rows_after, change.rows_before))
        .WithError("WH7120")
        .WithHint(
            "nothing was changed; `wh verify --deep` names a file whose bytes changed; if it names "
            "none, please report it");
  }
  publication.Add(staged);
  WEIRHOUSE_TRY(const catalog::CommitAnswer answer, publication.Commit());
  WEIRHOUSE_FAILPOINT("upkeep.compaction_committed");
  WEIRHOUSE_TRY(const FileCounts left, CountFiles(workspace, *staged.table, *after));
  report.changed = true;
  report.files_after = left.data;
  report.delete_files_after = left.deletes;
  report.rows = change.rows_after;
  report.seq = answer.seq;
  return report;
}

// Which snapshots expire, and the refs that keep some which would have expired.
struct Choice {
  std::vector<SnapshotId> expired;
  std::set<std::string> spared_by;
};
Result<Choice> ChooseSnapshots(catalog::Catalog& catalog, const iceberg::TableMetadata& table,
                               const ExpiryOptions& options, std::int64_t now_ms) {
  std::set<SnapshotId> newest;
  const iceberg::Snapshot* at = table.current_snapshot();
  for (std::int64_t kept = 0; at != nullptr && kept < options.keep; ++kept) {
    newest.insert(at->id);
    at = at->parent ? table.FindSnapshot(*at->parent) : nullptr;
  }
  // After a rollback the ancestors of main are not all that main was at: the snapshots left behind
  // count among the newest until as many have followed, so that one can go forward again. The
  // recorded list of main's snapshots is read only where it matters.
  std::vector<catalog::SnapshotRecord> recorded;
  if (newest.size() < table.snapshots.size()) {
    WEIRHOUSE_TRY(recorded, catalog.Snapshots(table.name));
  }
  std::int64_t was_main = 0;
  for (auto one = recorded.rbegin(); one != recorded.rend() && was_main < options.keep; ++one) {
    if (one->ref != "main") continue;
    newest.insert(one->snapshot);
    ++was_main;
  }
  std::map<SnapshotId, std::string> named;
  for (const auto& [ref, target] : table.refs) named[target.snapshot] = ref;
  Choice choice;
  for (const iceberg::Snapshot& snapshot : table.snapshots) {
    if (newest.contains(snapshot.id)) continue;
    if (options.older_than &&
        now_ms - snapshot.timestamp_ms < std::chrono::milliseconds(*options.older_than).count())
      continue;
    if (const auto ref = named.find(snapshot.id); ref != named.end()) {
      choice.spared_by.insert(ref->second);
      continue;
    }
    choice.expired.push_back(snapshot.id);
  }
  return choice;
}

// Frees the places of tables whose purge a crash cut short, once no file lies in them.
Status FreeEmptiedPlaces(Workspace& workspace) {
  WEIRHOUSE_TRY(const auto places, workspace.catalog().PlacesAround({workspace.lake()}));
  std::vector<std::string> free;
  for (const catalog::PlaceRecord& place : places) {
    if (place.standing || place.place.empty()) continue;
    WEIRHOUSE_TRY(const platform::ObjectPage left,
                  workspace.store().List(place.place + "/", "", /*limit=*/1));
    if (left.objects.empty()) free.push_back(place.place);
  }
  return free.empty() ? Status() : workspace.catalog().ReleasePlaces(free);
}

// Removes released files whose grace period is over. A crash in between leaves them to the next
// call. A file that is live, under this or another spelling of its name, stays and is not checked
// again: it is when its other name is released.
Result<std::int64_t> RemoveReleased(Workspace& workspace, std::chrono::seconds grace) {
  if (AgesInDoubt(workspace, grace)) return std::int64_t{0};
  const ProcessTime before = workspace.clock().Now() - grace;
  WEIRHOUSE_TRY(const std::vector<std::string> paths, workspace.catalog().ReleasedFiles(before));
  if (paths.empty()) return std::int64_t{0};
  WEIRHOUSE_TRY(LiveFiles live, LiveFiles::LoadFor(workspace, paths));
  WEIRHOUSE_FAILPOINT("upkeep.remove_released");
  WEIRHOUSE_TRY(const RemovedFiles removed, RemoveUnlessLive(workspace, live, paths));
  std::vector<std::string> settled = removed.gone;
  settled.insert(settled.end(), removed.spared.begin(), removed.spared.end());
  WEIRHOUSE_TRY_STATUS(workspace.catalog().MarkRemoved(settled));
  return static_cast<std::int64_t>(removed.gone.size());
}

json JsonOfIds(const std::vector<SnapshotId>& ids) {
  json list = json::array();
  for (const SnapshotId id : ids) list.push_back(id.value());
  return list;
}

Result<ExpiryReport> TryExpire(Workspace& workspace, const std::string& name,
                               const ExpiryOptions& options) {
  WEIRHOUSE_TRY(const iceberg::TablePtr base, workspace.LoadTable(name));
  const ProcessTime now = workspace.clock().Now();
  WEIRHOUSE_TRY(Choice choice,
                ChooseSnapshots(workspace.catalog(), *base, options, Micros(now) / 1000));
  if (options.older_than && !choice.expired.empty() &&
      AgesInDoubt(workspace, *options.older_than)) {
    choice.expired.clear();
    choice.spared_by.insert("(the wall clock jumped)");
  }
  ExpiryReport report;
  report.snapshots_expired = static_cast<std::int64_t>(choice.expired.size());
  report.snapshots_kept =
      static_cast<std::int64_t>(base->snapshots.size()) - report.snapshots_expired;
  report.spared_by.assign(choice.spared_by.begin(), choice.spared_by.end());
  iceberg::TableMetadata left = *base;
  iceberg::UpdatedMetadata updated;
  if (!choice.expired.empty()) {
    const iceberg::Update update = iceberg::RemoveSnapshots{choice.expired};
    WEIRHOUSE_TRY(updated, iceberg::ApplyUpdates(base.get(), name, {&update, 1}, now));
    left = updated.metadata;
  }
  WEIRHOUSE_TRY(const std::set<std::string> needed,
                iceberg::ReachableFiles(workspace.store(), left));
  WEIRHOUSE_TRY(const std::vector<catalog::FileRecord> files, workspace.catalog().Files(name));
  std::vector<std::string> released;
  for (const catalog::FileRecord& file : files) {
    if (needed.contains(workspace.store().Spelling(file.path))) continue;
    released.push_back(file.path);
    report.bytes_released += file.size_bytes;
  }
  report.files_released = static_cast<std::int64_t>(released.size());
  if (options.dry_run || (released.empty() && choice.expired.empty())) return report;
  WEIRHOUSE_TRY(const catalog::Run run, PlanUpkeep(workspace, catalog::RunKind::kExpiry, *base,
                                                   {{"keep", options.keep},
                                                    {"snapshots", JsonOfIds(choice.expired)},
                                                    {"files", Sha256OfPieces(released).ToHex()}}));
  Publication publication(workspace, run, catalog::Layer::kMaintenance, name);
  if (!choice.expired.empty()) {
    WEIRHOUSE_TRY(const iceberg::StagedTable staged,
                  iceberg::StageMetadata(workspace.store(), base, workspace.random(),
                                         std::move(updated), now));
    publication.Add(staged);
  } else {
    // A writer that moves the table now may need files that are released here.
    publication.request().tables.push_back(
        {name, base->uuid, base->metadata_location, base->metadata_location});
  }
  publication.request().released_files = std::move(released);
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("upkeep.expiry_committed");
  return report;
}
}  // namespace

Result<CompactionReport> RehearseCompaction(Workspace& workspace, const std::string& table,
                                            const iceberg::CompactionOptions& options) {
  WEIRHOUSE_TRY(const iceberg::TablePtr base, workspace.LoadTable(table));
  CompactionReport report;
  const iceberg::Snapshot* const now = base->current_snapshot();
  if (now == nullptr) return report;
  WEIRHOUSE_TRY(const FileCounts found, CountFiles(workspace, *base, *now));
  WEIRHOUSE_TRY(const iceberg::CompactionPlan plan,
                iceberg::PlanCompaction(workspace.store(), base, options));
  report.changed = !plan.empty();
  report.files_before = found.data;
  report.files_after = found.data - plan.files_rewritten + plan.files_written;
  report.delete_files_before = report.delete_files_after = found.deletes;
  return report;
}

Result<CompactionReport> CompactTable(Workspace& workspace, const std::string& table,
                                      const iceberg::CompactionOptions& options) {
  return WithRetries(kWhileWritersWin, [&] { return TryCompact(workspace, table, options); });
}

std::optional<std::string> AgesInDoubt(Workspace& workspace, std::chrono::seconds age) {
  return AgeInDoubt(
      WatchClock(workspace.local_store(), workspace.state_folder(), workspace.clock()), age);
}

Result<ExpiryReport> ReleaseTableFiles(Workspace& workspace, const std::string& table,
                                       const ExpiryOptions& options) {
  WEIRHOUSE_CHECK(options.keep >= 1);  // a table keeps its current snapshot
  return WithRetries(kWhileWritersWin, [&] { return TryExpire(workspace, table, options); });
}

Result<ExpiryReport> ExpireTable(Workspace& workspace, const std::string& table,
                                 const ExpiryOptions& options) {
  WEIRHOUSE_TRY(ExpiryReport report, ReleaseTableFiles(workspace, table, options));
  if (!options.dry_run) {
    WEIRHOUSE_TRY(report.files_removed, RemoveReleased(workspace, options.grace));
    return report;
  }
  WEIRHOUSE_TRY(report.files_removed, CountRemovableFiles(workspace, options.grace));
  if (options.grace.count() == 0) report.files_removed += report.files_released;
  return report;
}

Result<std::int64_t> CountRemovableFiles(Workspace& workspace, std::chrono::seconds grace) {
  if (AgesInDoubt(workspace, grace)) return std::int64_t{0};
  WEIRHOUSE_TRY(const auto paths,
                workspace.catalog().ReleasedFiles(workspace.clock().Now() - grace));
  return static_cast<std::int64_t>(paths.size());
}

Result<std::int64_t> RemoveReleasedFiles(Workspace& workspace, std::chrono::seconds grace) {
  WEIRHOUSE_TRY(const std::int64_t removed, RemoveReleased(workspace, grace));
  WEIRHOUSE_TRY_STATUS(FreeEmptiedPlaces(workspace));
  return removed;
}
}  // namespace weirhouse::work

// Upkeep that runs by itself: what `wh serve` does while it is idle, and runs at their end.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/upkeep/upkeep.h"
#include "work/upkeep/upkeep_log.h"
#include "work/upkeep/upkeep_tables.h"

namespace weirhouse::work {
namespace {
constexpr std::chrono::seconds kLookEvery{60};
constexpr std::chrono::seconds kBusyLookEvery{10};
constexpr std::int64_t kBusyShare = 4;  // how many times more changes make a turn due while busy
// Moving a row costs as much as landing one, because the indexes follow: while batches wait, only
// files of a few batches are merged, so that each row moves once.
constexpr std::int64_t kBusyFileBytes = 1 << 20;
constexpr std::chrono::hours kRemoveEvery{1};
constexpr std::chrono::hours kSweepEvery{24};

// How often a table's metadata was written, from the number that its file's name begins with.
std::int64_t ParseVersion(const std::string& location) {
  const std::string_view name = std::string_view(location).substr(location.rfind('/') + 1);
  std::int64_t version = 0;
  std::from_chars(name.data(), name.data() + name.size(), version);
  return version;
}

std::set<std::string> NamesOfOwnTables(const ProjectDefinition& project) {
  std::set<std::string> names = {"system.losers"};
  for (const Source& source : project.sources) {
    names.insert("raw." + source.name);
    names.insert("quarantine." + source.name);
  }
  for (const transform::CheckedTransform& transform : project.transforms) {
    if (transform.definition.is_external()) continue;
    names.insert(transform.definition.name());
    names.insert(transform.definition.history_table());
  }
  for (const feature::FeatureView& view : project.views) names.insert(view.table_name());
  return names;
}

Result<std::string> TakeTable(Workspace& workspace, const std::string& name,
                              UpkeepTurns::While when) {
  std::string told;
  // Feature tables are sorted runs, which their own step merges.
  if (!name.starts_with("feature.")) {
    iceberg::CompactionOptions options;
    options.small_file_bytes = when == UpkeepTurns::While::kBusy ? kBusyFileBytes : kSmallFileBytes;
    options.small_files_min = static_cast<int>(workspace.project().upkeep.small_files);
    WEIRHOUSE_TRY(const CompactionReport report, CompactTable(workspace, name, options));
    if (report.changed && report.files_before == report.files_after) {
      told = fmt::format(" {} delete files became {};", WithThousands(report.delete_files_before),
                         WithThousands(report.delete_files_after));
    } else if (report.changed) {
      told = fmt::format(" {} data files became {};", WithThousands(report.files_before),
                         WithThousands(report.files_after));
    }
  }
  WEIRHOUSE_TRY(const ExpiryReport report, ReleaseTableFiles(workspace, name, {}));
  if (report.files_released > 0) {
    told += fmt::format(" {} files, {} bytes, are no longer needed;",
                        WithThousands(report.files_released), WithThousands(report.bytes_released));
  }
  if (!told.empty()) told.pop_back();
  return told;
}

// Whether `every` has passed. A clock that went back says nothing, so it has.
bool HasPassed(const std::optional<ProcessTime>& since, std::chrono::seconds every,
               ProcessTime now) {
  return !since || now < *since || now - *since >= every;
}

// The next piece of work, noted in `log`; `*noted`: the log changed.
Result<std::string> TakeOne(Workspace& workspace, UpkeepTurns::While when, UpkeepLog& log,
                            bool* noted) {
  const bool busy = when == UpkeepTurns::While::kBusy;
  const UpkeepPolicy& policy = workspace.project().upkeep;
  const std::int64_t changes_min = policy.after_changes * (busy ? kBusyShare : 1);
  WEIRHOUSE_TRY(const std::vector<OwnTable> tables, OwnTables(workspace));
  for (const OwnTable& table : tables) {
    if (log.ChangesOf(table.name, table.version) < changes_min) continue;
    const Result<std::string> told = TakeTable(workspace, table.name, when);
    UpkeepTurn& turn = log.tables[table.name];
    turn.at = workspace.clock().Now();
    turn.error = told.ok() ? "" : told.status().message();
    *noted = true;
    WEIRHOUSE_TRY_STATUS(told.status());  // its changes stay due
    WEIRHOUSE_FAILPOINT("upkeep.turn_taken");
    turn.told = *told;
    WEIRHOUSE_TRY(turn.version, VersionOf(workspace, table.name));
    if (!told->empty()) return fmt::format("upkeep of {}:{}", table.name, *told);
  }
  const ProcessTime now = workspace.clock().Now();
  if (HasPassed(log.removed_at, kRemoveEvery, now)) {
    log.removed_at = now;
    *noted = true;
    WEIRHOUSE_TRY(const std::int64_t removed, RemoveReleasedFiles(workspace, policy.grace));
    if (removed > 0) return fmt::format("upkeep: {} released files removed", removed);
  }
  if (!log.swept_at) {
    log.swept_at = now;
    *noted = true;
  }
  if (!busy && HasPassed(log.swept_at, kSweepEvery, now)) {
    log.swept_at = now;
    *noted = true;
    WEIRHOUSE_TRY(const SweepReport swept,
                  SweepOrphans(workspace, policy.orphan_age, /*dry_run=*/false));
    if (swept.removed > 0) return fmt::format("upkeep: {} orphans removed", swept.removed);
  }
  return std::string();
}
}  // namespace

Result<std::vector<OwnTable>> OwnTables(Workspace& workspace) {
  const std::set<std::string> own = NamesOfOwnTables(workspace.project());
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  std::vector<OwnTable> found;
  for (const catalog::TablePointer& table : tables) {
    if (table.kind == catalog::PointerKind::kTable && own.contains(table.name))
      found.push_back({table.name, ParseVersion(table.metadata_location)});
  }
  return found;
}

Result<std::int64_t> VersionOf(Workspace& workspace, const std::string& table) {
  WEIRHOUSE_TRY(const auto found, workspace.catalog().FindTable(table));
  return found ? ParseVersion(found->metadata_location) : std::int64_t{0};
}

Result<std::string> UpkeepTurns::Take(Workspace& workspace, While when) {
  const std::chrono::nanoseconds now = clock_.Monotonic();
  if (looked_ && now - *looked_ < (when == While::kBusy ? kBusyLookEvery : kLookEvery))
    return std::string();
  looked_ = now;
  if (!workspace.project().upkeep.by_itself) return std::string();
  UpkeepLog log = UpkeepLog::Read(workspace);
  bool noted = false;
  Result<std::string> told = TakeOne(workspace, when, log, &noted);
  if (noted) {
    const Status written = log.Write(workspace);
    if (told.ok()) WEIRHOUSE_TRY_STATUS(written);
  }
  if (told.ok() && !told->empty()) looked_.reset();  // the next table has its turn at the next call
  return told;
}
}  // namespace weirhouse::work

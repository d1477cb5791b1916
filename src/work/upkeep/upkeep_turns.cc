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

// One look at what waits for the next piece of work, which is noted.
class Look {
 public:
  Look(Workspace& workspace, UpkeepTurns::While when)
      : workspace_(workspace),
        policy_(workspace.project().upkeep),
        when_(when),
        log_(UpkeepLog::Read(workspace)) {}

  // Files are removed first: that is due once an hour, and tables may be due at every run. What
  // failed the last time comes last, so that it keeps nothing else waiting.
  Result<std::string> TakeOne() {
    const bool removal_failed = !log_.error.empty();
    std::string told;
    if (!removal_failed) {
      WEIRHOUSE_TRY(told, RemoveFiles());
    }
    if (told.empty()) {
      WEIRHOUSE_TRY(told, TakeTables(/*failed=*/false));
    }
    if (told.empty() && removal_failed) {
      WEIRHOUSE_TRY(told, RemoveFiles());
    }
    return told.empty() ? TakeTables(/*failed=*/true) : told;
  }
  Status Note() { return noted_ ? log_.Write(workspace_) : Status(); }

 private:
  bool busy() const { return when_ == UpkeepTurns::While::kBusy; }

  // A piece of work on a table that is due, of those whose last turn failed or of the others; the
  // table whose last turn is longest ago is first.
  Result<std::string> TakeTables(bool failed) {
    const std::int64_t changes_min = policy_.after_changes * (busy() ? kBusyShare : 1);
    WEIRHOUSE_TRY(std::vector<OwnTable> tables, OwnTables(workspace_));
    const auto turn_of = [&](const OwnTable& table) {
      const auto last = log_.tables.find(table.name);
      return last == log_.tables.end() ? UpkeepTurn() : last->second;
    };
    std::erase_if(tables, [&](const OwnTable& table) {
      return log_.ChangesOf(table.name, table.version) < changes_min ||
             turn_of(table).error.empty() == failed;
    });
    std::stable_sort(tables.begin(), tables.end(), [&](const OwnTable& a, const OwnTable& b) {
      return turn_of(a).at < turn_of(b).at;
    });
    for (const OwnTable& table : tables) {
      const Result<std::string> told = TakeTable(workspace_, table.name, when_);
      UpkeepTurn& turn = log_.tables[table.name];
      turn.at = workspace_.clock().Now();
      turn.error = told.ok() ? "" : told.status().message();
      noted_ = true;
      WEIRHOUSE_TRY_STATUS(told.status());  // its changes stay due
      WEIRHOUSE_FAILPOINT("upkeep.turn_taken");
      turn.told = *told;
      WEIRHOUSE_TRY(turn.version, VersionOf(workspace_, table.name));
      if (!told->empty()) return fmt::format("upkeep of {}:{}", table.name, *told);
    }
    return std::string();
  }

  // Released files whose grace period is over, and orphans; each from time to time.
  Result<std::string> RemoveFiles() {
    const ProcessTime now = workspace_.clock().Now();
    if (HasPassed(log_.removed_at, kRemoveEvery, now)) {
      const Result<std::int64_t> removed = RemoveReleasedFiles(workspace_, policy_.grace);
      WEIRHOUSE_TRY_STATUS(Noted(removed.status()));  // it stays due
      log_.removed_at = now;
      if (*removed > 0) return fmt::format("upkeep: {} released files removed", *removed);
    }
    if (!log_.swept_at) {
      log_.swept_at = now;
      noted_ = true;
    }
    if (!busy() && HasPassed(log_.swept_at, kSweepEvery, now)) {
      const Result<SweepReport> swept =
          SweepOrphans(workspace_, policy_.orphan_age, /*dry_run=*/false);
      WEIRHOUSE_TRY_STATUS(Noted(swept.status()));
      log_.swept_at = now;
      if (swept->removed > 0) return fmt::format("upkeep: {} orphans removed", swept->removed);
    }
    return std::string();
  }

  Status Noted(Status removal) {
    log_.error = removal.ok() ? "" : removal.message();
    noted_ = true;
    return removal;
  }

  Workspace& workspace_;
  const UpkeepPolicy& policy_;
  const UpkeepTurns::While when_;
  UpkeepLog log_;
  bool noted_ = false;
};
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
  Look look(workspace, when);
  Result<std::string> told = look.TakeOne();
  const Status written = look.Note();
  if (told.ok()) WEIRHOUSE_TRY_STATUS(written);
  if (told.ok() && !told->empty()) looked_.reset();  // the next table has its turn at the next call
  return told;
}
}  // namespace weirhouse::work

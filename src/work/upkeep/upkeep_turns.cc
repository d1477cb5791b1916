// Upkeep that runs by itself: what `wh serve` does while it is idle.
#include <fmt/format.h>

#include <charconv>
#include <set>

#include "ground/base/text.h"
#include "work/upkeep/upkeep.h"

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

// The tables that our own steps write.
std::set<std::string> OwnTables(const ProjectDefinition& project) {
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
}  // namespace

Result<std::string> UpkeepTurns::Take(Workspace& workspace, While when) {
  const bool busy = when == While::kBusy;
  const std::chrono::nanoseconds now = clock_.Monotonic();
  if (looked_ && now - *looked_ < (busy ? kBusyLookEvery : kLookEvery)) return std::string();
  const std::int64_t changes_min = busy ? changes_min_ * kBusyShare : changes_min_;
  looked_ = now;
  const std::set<std::string> own = OwnTables(workspace.project());
  WEIRHOUSE_TRY(const auto tables, workspace.catalog().Tables());
  for (const catalog::TablePointer& table : tables) {
    if (table.kind != catalog::PointerKind::kTable || !own.contains(table.name)) continue;
    const std::int64_t version = ParseVersion(table.metadata_location);
    const auto seen = seen_.find(table.name);
    if (version - (seen == seen_.end() ? 0 : seen->second) < changes_min) continue;
    WEIRHOUSE_TRY(std::string told, TakeTable(workspace, table.name, when));
    WEIRHOUSE_TRY(const auto after, workspace.catalog().FindTable(table.name));
    seen_[table.name] = after ? ParseVersion(after->metadata_location) : version;
    if (told.empty()) continue;
    looked_.reset();  // the next table has its turn at the next call
    return told;
  }
  if (!removed_ || now - *removed_ >= kRemoveEvery) {
    removed_ = now;
    WEIRHOUSE_TRY(const std::int64_t removed, RemoveReleasedFiles(workspace, kReaderGrace));
    if (removed > 0) return fmt::format("upkeep: {} released files removed", removed);
  }
  if (!busy && now - began_ - swept_ >= kSweepEvery) {
    swept_ = now - began_;
    WEIRHOUSE_TRY(const SweepReport swept, SweepOrphans(workspace, kOrphanAge, /*dry_run=*/false));
    if (swept.removed > 0) return fmt::format("upkeep: {} orphans removed", swept.removed);
  }
  return std::string();
}

Result<std::string> UpkeepTurns::TakeTable(Workspace& workspace, const std::string& name,
                                           While when) {
  std::string told;
  // Feature tables are sorted runs, which their own step merges.
  if (!name.starts_with("feature.")) {
    iceberg::CompactionOptions options;
    options.small_file_bytes = when == While::kBusy ? kBusyFileBytes : kSmallFileBytes;
    options.small_files_min = kSmallFilesMin;
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
  if (told.empty()) return told;
  told.pop_back();
  return "upkeep of " + name + ":" + told;
}
}  // namespace weirhouse::work

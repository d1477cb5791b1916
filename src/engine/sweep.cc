// Orphans: files below the lake that no commit names.
#include <algorithm>
#include <charconv>
#include <set>

#include "base/failpoint.h"
#include "engine/upkeep.h"

namespace weirhouse::engine {
namespace {
constexpr std::size_t kOrphansShown = 20;

// The run in a file's name ("r12-0-abcdef12.parquet"), if it has one.
std::optional<RunId> RunOf(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.size() < 3 || name[0] != 'r') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  const bool ends_well = end != name.data() + name.size() && *end == '-';
  return error == std::errc() && ends_well ? std::optional(RunId(number)) : std::nullopt;
}

class Sweep {
 public:
  Sweep(Workspace& workspace, std::chrono::seconds age, bool dry_run)
      : workspace_(workspace), dry_run_(dry_run) {
    youngest_us_ = Micros(workspace.clock().Now() - age);
  }

  Result<SweepReport> Run() {
    // Listed before the books are read: what a commit names in between is then in the books.
    WEIRHOUSE_TRY_STATUS(ListFiles(workspace_.lake()));
    WEIRHOUSE_TRY_STATUS(ReadBooks());
    for (const storage::FileInfo& file : files_) WEIRHOUSE_TRY_STATUS(Consider(file));
    std::sort(report_.first.begin(), report_.first.end());
    return std::move(report_);
  }

 private:
  Status ListFiles(const std::string& folder) {
    const auto entries = workspace_.disk().List(folder);
    if (entries.status().code() == Code::kNotFound) return Status();
    if (!entries.ok()) return entries.status();
    for (const storage::FileInfo& entry : *entries) {
      if (entry.is_folder) {
        WEIRHOUSE_TRY_STATUS(ListFiles(entry.path));
      } else {
        files_.push_back(entry);
      }
    }
    return Status();
  }

  Status ReadBooks() {
    catalog::Catalog& catalog = workspace_.catalog();
    WEIRHOUSE_TRY(const auto files, catalog.Files(std::nullopt));
    for (const catalog::FileRecord& file : files) named_.insert(file.path);
    WEIRHOUSE_TRY(const auto objects, catalog.Objects({}));
    for (const catalog::ObjectRecord& object : objects) named_.insert(object.path);
    // Released files have a grace of their own; see ExpireTable.
    WEIRHOUSE_TRY(const auto released, catalog.ReleasedFiles(ProcessTime::max()));
    named_.insert(released.begin(), released.end());
    for (const catalog::RunState state :
         {catalog::RunState::kPlanned, catalog::RunState::kHalted}) {
      catalog::RunFilter filter;
      filter.state = state;
      filter.limit = 1'000'000;
      WEIRHOUSE_TRY(const auto runs, catalog.Runs(filter));
      for (const catalog::Run& run : runs) open_.insert(run.id);
    }
    return Status();
  }

  Status Consider(const storage::FileInfo& file) {
    if (named_.contains(file.path)) return Status();
    ++report_.orphans;
    report_.orphan_bytes += file.size_bytes;
    if (const auto run = RunOf(file.path); run && open_.contains(*run)) {
      ++report_.of_open_runs;
      return Status();
    }
    if (file.mtime_us > youngest_us_) {
      ++report_.too_young;
      return Status();
    }
    if (report_.first.size() < kOrphansShown) report_.first.push_back(file.path);
    if (dry_run_) return Status();
    WEIRHOUSE_FAILPOINT("upkeep.sweep");
    WEIRHOUSE_TRY_STATUS(workspace_.disk().Remove(file.path));
    ++report_.removed;
    return Status();
  }

  Workspace& workspace_;
  const bool dry_run_;
  std::int64_t youngest_us_ = 0;
  std::vector<storage::FileInfo> files_;
  std::set<std::string, std::less<>> named_;
  std::set<RunId> open_;
  SweepReport report_;
};
}  // namespace

Result<SweepReport> SweepOrphans(Workspace& workspace, std::chrono::seconds age, bool dry_run) {
  return Sweep(workspace, age, dry_run).Run();
}
}  // namespace weirhouse::engine

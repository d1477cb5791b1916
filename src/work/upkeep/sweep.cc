// Orphans: files below the lake that no commit names.
#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/platform/io/file_clock.h"
#include "ground/platform/io/location.h"
#include "ground/platform/io/open_folder.h"
#include "work/upkeep/abandoned.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/tables/live_file.h"

namespace weirhouse::work {
namespace {
constexpr std::size_t kOrphansShown = 20;

// The run in a file's name ("r12-0-abcdef12.parquet"), if it has one.
std::optional<RunId> ParseRunOfFile(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.size() < 3 || name[0] != 'r') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  const bool ends_well = end != name.data() + name.size() && *end == '-';
  return error == std::errc() && ends_well ? std::optional(RunId(number)) : std::nullopt;
}

struct Found {
  std::string path;
  platform::Entry entry;
};

class Sweep {
 public:
  Sweep(Workspace& workspace, std::chrono::seconds age, bool dry_run)
      : workspace_(workspace), dry_run_(dry_run) {
    youngest_us_ = Micros(workspace.clock().Now() - age);
    if (AgesInDoubt(workspace, age)) youngest_us_ = std::numeric_limits<std::int64_t>::min();
  }

  Result<SweepReport> Run() {
    // Lists before reading the catalog, so that files committed in between are found there.
    WEIRHOUSE_TRY_STATUS(ListLake());
    WEIRHOUSE_TRY(LiveFiles live, LiveFiles::Load(workspace_));
    WEIRHOUSE_TRY_STATUS(GiveUp());
    WEIRHOUSE_TRY_STATUS(ReadRuns());
    std::vector<std::string> orphans;
    for (const Found& file : files_) {
      if (IsOrphan(live, file)) orphans.push_back(file.path);
    }
    if (!dry_run_) {
      WEIRHOUSE_FAILPOINT("upkeep.sweep");
      WEIRHOUSE_TRY(const RemovedFiles removed, RemoveUnlessLive(workspace_, live, orphans));
      report_.removed = static_cast<std::int64_t>(removed.gone.size());
    }
    std::sort(orphans.begin(), orphans.end());
    if (orphans.size() > kOrphansShown) orphans.resize(kOrphansShown);
    report_.first = std::move(orphans);
    return std::move(report_);
  }

 private:
  Status ListLake() {
    const auto lake = platform::OpenFolder::Open(workspace_.lake());
    if (lake.status().code() == Code::kNotFound) return Status();
    if (!lake.ok()) return lake.status();
    return ListFiles(*lake, platform::CanonicalPath(workspace_.lake()));
  }
  // A link in the lake is not one of our files, and is not followed.
  Status ListFiles(const platform::OpenFolder& folder, const std::string& path) {
    WEIRHOUSE_TRY(std::vector<platform::Entry> entries, folder.List());
    for (platform::Entry& entry : entries) {
      const std::string place = path + "/" + entry.name;
      if (entry.kind == platform::EntryKind::kFile) {
        files_.push_back({place, std::move(entry)});
      } else if (entry.kind == platform::EntryKind::kFolder) {
        const auto below = folder.Enter(entry.name);
        if (below.status().code() == Code::kNotFound) continue;
        if (!below.ok()) return below.status();
        WEIRHOUSE_TRY_STATUS(ListFiles(*below, place));
      }
    }
    return Status();
  }

  // Only the working thread sweeps, so no other run of its kinds is at work.
  Status GiveUp() {
    if (dry_run_) return Status();
    WEIRHOUSE_TRY(const RunId newest, NewestRun(workspace_));
    WEIRHOUSE_TRY(const auto runs, GiveUpRuns(workspace_, newest));
    report_.given_up = static_cast<std::int64_t>(runs.size());
    return Status();
  }

  Status ReadRuns() {
    // Released files have a grace period of their own; see ExpireTable.
    WEIRHOUSE_TRY(const auto released, workspace_.catalog().ReleasedFiles(ProcessTime::max()));
    for (const std::string& path : released) released_.insert(workspace_.store().Spelling(path));
    const ProcessTime longest_ago = workspace_.clock().Now() - UpkeepPolicy().orphan_age;
    for (const catalog::RunState state :
         {catalog::RunState::kPlanned, catalog::RunState::kHalted}) {
      catalog::RunFilter filter;
      filter.state = state;
      filter.limit = 1'000'000;
      WEIRHOUSE_TRY(const auto runs, workspace_.catalog().Runs(filter));
      for (const catalog::Run& run : runs) {
        open_.insert(run.id);
        // A file younger than a run at work may belong to it, whatever its name: clients choose the
        // names of files in a staging area. A run planned longer ago than any lease is no longer at
        // work, and neither is a run of the working thread, which does this upkeep.
        if (state != catalog::RunState::kPlanned || run.planned_at < longest_ago) continue;
        if (run.plan.kind == catalog::RunKind::kCompaction ||
            run.plan.kind == catalog::RunKind::kExpiry)
          continue;
        youngest_us_ = std::min(youngest_us_, Micros(run.planned_at - platform::kFileClockStep));
      }
    }
    return Status();
  }

  // Whether no commit names the file, now or soon. A modification time may be older than the file
  // (cp -p, rsync -a); its change time is not.
  bool IsOrphan(LiveFiles& live, const Found& file) {
    if (released_.contains(file.path) || live.Holds(file.path, file.entry)) return false;
    ++report_.orphans;
    report_.orphan_bytes += file.entry.size_bytes;
    if (const auto run = ParseRunOfFile(file.path); run && open_.contains(*run)) {
      ++report_.of_open_runs;
      return false;
    }
    if (std::max(file.entry.ctime_us(), file.entry.mtime_us()) > youngest_us_) {
      ++report_.too_young;
      return false;
    }
    return true;
  }

  Workspace& workspace_;
  const bool dry_run_;
  std::int64_t youngest_us_ = 0;
  std::vector<Found> files_;
  std::set<std::string, std::less<>> released_;
  std::set<RunId> open_;
  SweepReport report_;
};
}  // namespace

Result<SweepReport> SweepOrphans(Workspace& workspace, std::chrono::seconds age, bool dry_run) {
  return Sweep(workspace, age, dry_run).Run();
}
}  // namespace weirhouse::work

// The catalog against the disk, file by file.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <limits>
#include <set>
#include <thread>
#include <unordered_set>
#include <utility>

#include "ground/base/thread.h"
#include "ground/catalog/moment.h"
#include "ground/iceberg/table.h"
#include "ground/platform/io/file_clock.h"
#include "ground/platform/io/location.h"
#include "ground/platform/io/open_folder.h"
#include "work/lineage/lineage.h"
#include "work/lineage/verify_views.h"

namespace weirhouse::lineage {
namespace {
constexpr std::size_t kProblemsMax = 1000;
constexpr std::size_t kOrphansShown = 20;
constexpr int kThreadsMax = 16;
constexpr std::size_t kReportEvery = 128;

// A file that the catalog names.
struct Expected {
  std::string what;
  std::string path;
  std::int64_t size_bytes = 0;
  Digest digest;
  bool read_only = false;
};

class Checker {
 public:
  Checker(catalog::Catalog& catalog, platform::ObjectStore& store, const VerifyOptions& options)
      : catalog_(catalog), store_(store), options_(options) {}

  // A writer may be at work: the comparison is as of one moment, and a missing file is looked up
  // again before it is reported.
  Status Run(const std::function<void(std::int64_t, std::int64_t)>& progress) {
    std::vector<std::string> behind;
    const auto list = [&]() -> Status {
      WEIRHOUSE_TRY_STATUS(ListExpected());
      WEIRHOUSE_TRY(behind, ViewsBehindOffset(catalog_, store_));
      return Status();
    };
    WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog_, list));
    // Before all bytes are hashed: by then files of these tables may be released and removed.
    CheckTables();
    std::vector<std::string> of_tables = std::exchange(report_.problems, {});
    WEIRHOUSE_TRY_STATUS(CheckFiles(progress));
    WEIRHOUSE_TRY_STATUS(CheckCommits());
    for (std::string& problem : of_tables) Problem(std::move(problem));
    for (std::string& problem : behind) Problem(std::move(problem));
    if (const Status chain = catalog_.VerifyChain(); !chain.ok())
      Problem("commit chain: " + chain.message());
    WEIRHOUSE_TRY_STATUS(ListOrphans());
    const auto total = static_cast<std::int64_t>(expected_.size());
    progress(total, total);
    return Status();
  }
  VerifyReport TakeReport() { return std::move(report_); }

 private:
  void Problem(std::string text) {
    if (report_.problems.size() < kProblemsMax) report_.problems.push_back(std::move(text));
  }

  bool IsKnown(const std::string& path) const { return known_.contains(store_.Spelling(path)); }

  Status ListExpected() {
    WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects, catalog_.Objects({}));
    WEIRHOUSE_TRY(const std::vector<catalog::FileRecord> files, catalog_.Files(std::nullopt));
    for (const catalog::ObjectRecord& object : objects) {
      expected_.push_back({fmt::format("raw object {}", ToString(object.id)), object.path,
                           object.size_bytes, object.digest, true});
    }
    for (const catalog::FileRecord& file : files) {
      expected_.push_back({fmt::format("{} file of {}", catalog::Name(file.kind),
                                       file.table.empty() ? "the project" : file.table),
                           file.path, file.size_bytes, file.sha256, false});
    }
    report_.objects = static_cast<std::int64_t>(objects.size());
    report_.files = static_cast<std::int64_t>(files.size());
    for (const Expected& file : expected_) known_.insert(store_.Spelling(file.path));
    // Released files stay on the disk until the readers' grace is over: they are not orphans.
    WEIRHOUSE_TRY(const std::vector<std::string> released,
                  catalog_.ReleasedFiles(ProcessTime::max()));
    for (const std::string& path : released) released_.insert(store_.Spelling(path));
    WEIRHOUSE_TRY(pointers_, catalog_.Tables());
    WEIRHOUSE_TRY(seq_, catalog_.LastSeq());
    return Status();
  }

  // Threads take files from one list and write each result to the file's own place, so that the
  // report has one order.
  Status CheckFiles(const std::function<void(std::int64_t, std::int64_t)>& progress) {
    std::vector<std::string> found(expected_.size());
    std::atomic<std::int64_t> bytes{0};
    const std::thread::id reporter = std::this_thread::get_id();
    const auto check = [&](std::size_t i) {
      found[i] = options_.deep ? Hash(expected_[i], &bytes) : Look(expected_[i]);
      if (std::this_thread::get_id() == reporter && i % kReportEvery == 0)
        progress(static_cast<std::int64_t>(i), static_cast<std::int64_t>(expected_.size()));
      return Status();
    };
    WEIRHOUSE_TRY_STATUS(ForEachInParallel(
        expected_.size(), static_cast<std::size_t>(std::clamp(options_.threads, 1, kThreadsMax)),
        check));
    report_.bytes = bytes;
    WEIRHOUSE_TRY_STATUS(ForgetReleased(found));
    for (std::string& problem : found) {
      if (!problem.empty()) Problem(std::move(problem));
    }
    return Status();
  }

  // A file that a later commit released may be gone, and that is no problem.
  Status ForgetReleased(std::vector<std::string>& found) {
    if (std::all_of(found.begin(), found.end(), [](const auto& one) { return one.empty(); }))
      return Status();
    CommitSeq now;
    std::unordered_set<std::string> needed;
    WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog_, [&]() -> Status {
      WEIRHOUSE_TRY(now, catalog_.LastSeq());
      if (now == seq_) return Status();
      WEIRHOUSE_TRY(const std::vector<catalog::FileRecord> files, catalog_.Files(std::nullopt));
      for (const catalog::FileRecord& file : files) needed.insert(file.path);
      return Status();
    }));
    if (now == seq_) return Status();
    for (std::size_t i = 0; i < found.size(); ++i) {
      const bool is_object = expected_[i].read_only;
      if (!is_object && !needed.contains(expected_[i].path)) found[i].clear();
    }
    return Status();
  }

  std::string Look(const Expected& file) {
    const auto info = store_.Stat(file.path);
    if (!info.ok()) return fmt::format("{} is missing: {}", file.what, file.path);
    if (info->size_bytes != file.size_bytes) {
      return fmt::format("{} has {} bytes, recorded {}: {}", file.what, info->size_bytes,
                         file.size_bytes, file.path);
    }
    return Writable(file);
  }

  std::string Hash(const Expected& file, std::atomic<std::int64_t>* bytes_read) {
    const auto found = platform::HashObject(store_, file.path);
    if (!found.ok()) {
      if (found.status().code() == Code::kNotFound)
        return fmt::format("{} is missing: {}", file.what, file.path);
      const std::string& why = found.status().message();
      const bool named = why.find(file.path) != std::string::npos;
      return fmt::format("{} cannot be read: {}{}", file.what, why, named ? "" : ": " + file.path);
    }
    *bytes_read += file.size_bytes;
    if (*found != file.digest) {
      return fmt::format("{} has other bytes: sha256 {}, recorded {}: {}", file.what,
                         found->ToHex(), file.digest.ToHex(), file.path);
    }
    return Writable(file);
  }

  // Raw objects are write-once: no one may write to them, including their owner.
  std::string Writable(const Expected& file) const {
    if (!file.read_only) return {};
    using std::filesystem::perms;
    std::error_code error;
    const perms mode = std::filesystem::status(store_.Spelling(file.path), error).permissions();
    const perms writers = perms::owner_write | perms::group_write | perms::others_write;
    if (error || (mode & writers) == perms::none) return {};
    return fmt::format("{} can be written to (mode {:04o}): {}", file.what,
                       static_cast<unsigned>(mode & perms::all), file.path);
  }

  // Checks that each commit has one run, and that each run's inputs exist.
  Status CheckCommits() {
    CommitSeq after;
    std::set<std::int64_t> runs;
    while (true) {
      WEIRHOUSE_TRY(const auto entries, catalog_.Commits(after, 512));
      if (entries.empty()) return Status();
      for (const auto& entry : entries) {
        ++report_.commits;
        if (!runs.insert(entry.run.value()).second) {
          Problem(fmt::format("commit {} has a run that another commit has: {}", entry.seq.value(),
                              ToString(entry.run)));
        }
        const auto run = catalog_.GetRun(entry.run);
        if (!run.ok())
          Problem(fmt::format("commit {} has no run: {}", entry.seq.value(), ToString(entry.run)));
        WEIRHOUSE_TRY(const auto node, catalog_.FindNode(catalog::CommitNode(entry.seq)));
        if (!node) Problem(fmt::format("commit {} is not in lineage", entry.seq.value()));
      }
      after = entries.back().seq;
    }
  }

  // Checks that each table's pointer names a recorded metadata file, and that its snapshots reach
  // only recorded files: all snapshots if deep, else the current one.
  void CheckTables() {
    for (const catalog::TablePointer& pointer : pointers_) {
      if (!IsKnown(pointer.metadata_location)) {
        Problem(fmt::format("the table {} points to metadata that no commit wrote: {}",
                            pointer.name, pointer.metadata_location));
      }
      const auto table = iceberg::LoadTable(store_, pointer.name, pointer.metadata_location);
      if (!table.ok()) {
        Problem(
            fmt::format("the table {} cannot be read: {}", pointer.name, table.status().message()));
        continue;
      }
      for (const iceberg::Snapshot& snapshot : (*table)->snapshots) {
        const iceberg::Snapshot* current = (*table)->current_snapshot();
        if (!options_.deep && (current == nullptr || snapshot.id != current->id)) continue;
        CheckSnapshot(*table, snapshot);
      }
    }
  }

  void CheckSnapshot(const iceberg::TablePtr& table, const iceberg::Snapshot& snapshot) {
    ++report_.snapshots;
    if (!IsKnown(snapshot.manifest_list)) {
      Problem(fmt::format("snapshot {} of {} has a manifest list that no commit wrote: {}",
                          snapshot.id.value(), table->name, snapshot.manifest_list));
    }
    iceberg::ScanOptions options;
    options.snapshot = snapshot.id;
    const auto scan = iceberg::Scan::Plan(store_, table, options);
    if (!scan.ok()) {
      Problem(fmt::format("snapshot {} of {} cannot be planned: {}", snapshot.id.value(),
                          table->name, scan.status().message()));
      return;
    }
    const auto check = [&](const iceberg::DataFile& file) {
      if (IsKnown(file.path) || !reported_.insert(file.path).second) return;
      const bool released = released_.contains(store_.Spelling(file.path));
      Problem(fmt::format("snapshot {} of {} has a file that {}: {}", snapshot.id.value(),
                          table->name, released ? "was released all the same" : "no commit wrote",
                          file.path));
    };
    for (const iceberg::Scan::Task& task : scan->tasks()) {
      check(task.file);
      for (const auto& deletes : task.deletes) check(*deletes);
    }
  }

  // Lists files in the lake that no commit names. A planned run may be writing now, so files
  // younger than the oldest such run are skipped.
  Status ListOrphans() {
    if (options_.lake.empty()) return Status();
    std::vector<Leftover> leftovers;
    const auto lake = platform::OpenFolder::Open(options_.lake);
    if (!lake.ok() && lake.status().code() != Code::kNotFound) return lake.status();
    if (lake.ok()) {
      WEIRHOUSE_TRY_STATUS(ListUnknown(*lake, platform::CanonicalPath(options_.lake), leftovers));
    }
    if (leftovers.empty()) return Status();
    WEIRHOUSE_TRY(const std::int64_t before_us, CatchUp());
    for (Leftover& leftover : leftovers) {
      if (leftover.changed_us >= before_us || known_.contains(leftover.path)) continue;
      ++report_.orphans;
      report_.orphan_bytes += leftover.size_bytes;
      report_.first_orphans.push_back(std::move(leftover.path));
    }
    std::sort(report_.first_orphans.begin(), report_.first_orphans.end());
    if (report_.first_orphans.size() > kOrphansShown) report_.first_orphans.resize(kOrphansShown);
    return Status();
  }

  // Reads what was committed while the lake was listed. Returns when the oldest run began that may
  // still be writing.
  Result<std::int64_t> CatchUp() {
    std::int64_t before_us = std::numeric_limits<std::int64_t>::max();
    WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(catalog_, [&]() -> Status {
      catalog::RunFilter filter;
      filter.state = catalog::RunState::kPlanned;
      filter.limit = std::numeric_limits<std::int64_t>::max();
      WEIRHOUSE_TRY(const std::vector<catalog::Run> running, catalog_.Runs(filter));
      for (const catalog::Run& run : running)
        before_us = std::min(before_us, Micros(run.planned_at - platform::kFileClockStep));
      WEIRHOUSE_TRY(const CommitSeq now, catalog_.LastSeq());
      if (now == seq_) return Status();
      WEIRHOUSE_TRY(const std::vector<catalog::FileRecord> files, catalog_.FilesSince(seq_));
      for (const catalog::FileRecord& file : files) known_.insert(store_.Spelling(file.path));
      WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects, catalog_.Objects({}));
      for (const catalog::ObjectRecord& object : objects) {
        if (object.seq > seq_) known_.insert(store_.Spelling(object.path));
      }
      WEIRHOUSE_TRY(const std::vector<std::string> released,
                    catalog_.ReleasedFiles(ProcessTime::max()));
      for (const std::string& path : released) known_.insert(store_.Spelling(path));
      return Status();
    }));
    return before_us;
  }

  struct Leftover {
    std::string path;
    std::int64_t size_bytes = 0;
    std::int64_t changed_us = 0;
  };

  // A link is not one of our files, and is not followed.
  Status ListUnknown(const platform::OpenFolder& folder, const std::string& path,
                     std::vector<Leftover>& leftovers) {
    WEIRHOUSE_TRY(const std::vector<platform::Entry> entries, folder.List());
    for (const platform::Entry& entry : entries) {
      std::string place = path + "/" + entry.name;
      if (entry.kind == platform::EntryKind::kFolder) {
        const auto below = folder.Enter(entry.name);
        if (below.status().code() == Code::kNotFound) continue;
        if (!below.ok()) return below.status();
        WEIRHOUSE_TRY_STATUS(ListUnknown(*below, place, leftovers));
      } else if (entry.kind == platform::EntryKind::kFile && !known_.contains(place) &&
                 !released_.contains(place)) {
        leftovers.push_back(
            {std::move(place), entry.size_bytes, std::max(entry.mtime_us(), entry.ctime_us())});
      }
    }
    return Status();
  }

  catalog::Catalog& catalog_;
  platform::ObjectStore& store_;
  const VerifyOptions& options_;
  CommitSeq seq_;  // the last commit of the state that is checked
  std::vector<catalog::TablePointer> pointers_;
  std::vector<Expected> expected_;
  std::unordered_set<std::string> known_;     // their paths
  std::unordered_set<std::string> released_;  // paths that must no longer be needed
  std::unordered_set<std::string> reported_;  // files named in a problem already
  VerifyReport report_;
};
}  // namespace

Result<VerifyReport> Verify(catalog::Catalog& catalog, platform::ObjectStore& store,
                            const VerifyOptions& options,
                            const std::function<void(std::int64_t, std::int64_t)>& progress) {
  Checker checker(catalog, store, options);
  WEIRHOUSE_TRY_STATUS(checker.Run(progress));
  return checker.TakeReport();
}

Result<VerifyReport> Verify(catalog::Catalog& catalog, platform::ObjectStore& store, bool deep,
                            const std::function<void(std::int64_t, std::int64_t)>& progress) {
  VerifyOptions options;
  options.deep = deep;
  WEIRHOUSE_TRY(const auto lake, catalog::setting::Lake().In(catalog));
  options.lake = lake.value_or(options.lake);
  return Verify(catalog, store, options, progress);
}
}  // namespace weirhouse::lineage

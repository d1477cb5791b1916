// Upkeep that changes no row which may still be read: compaction, expiry, sweeping; and the changes
// of a table's refs that a user makes: rollback and tags. Each is a run in lineage.
//
// Files are removed in two steps, so that no reader loses a file that it has begun to read: a
// commit releases them in the catalog, and only after a grace period they are removed from the
// disk.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

inline constexpr std::int64_t kSmallFileBytes = 8 << 20;

// The error of a planned run that was given up.
inline constexpr std::string_view kGivenUp = "WH7125";

struct CompactionReport {
  bool changed = false;
  std::int64_t files_before = 0;
  std::int64_t files_after = 0;
  std::int64_t delete_files_before = 0;
  std::int64_t delete_files_after = 0;
  std::int64_t rows = 0;
  CommitSeq seq;
};
// Rewrites files with many deleted rows and merges small ones. The rows stay the same, which is
// checked before the commit. Tries again a few times if another writer moves the table meanwhile.
//   kConflict  it was moved each time (WH7002)
Result<CompactionReport> CompactTable(Workspace& workspace, const std::string& table,
                                      const iceberg::CompactionOptions& options);

// What CompactTable would do, by the files alone: `rows` stays 0, and a file whose rows are all
// deleted counts as one that becomes a file.
Result<CompactionReport> RehearseCompaction(Workspace& workspace, const std::string& table,
                                            const iceberg::CompactionOptions& options);

struct ExpiryOptions {
  // The newest snapshots that main is or was at (at least 1) …
  std::int64_t keep = iceberg::kSnapshotsKept;
  std::optional<std::chrono::seconds> older_than;  // … and all younger ones
  std::chrono::seconds grace = UpkeepPolicy().grace;
  bool dry_run = false;
};
struct ExpiryReport {
  std::int64_t snapshots_expired = 0;
  std::int64_t snapshots_kept = 0;
  std::vector<std::string> spared_by;  // refs that keep snapshots which would have expired
  std::int64_t files_released = 0;     // no longer needed by any snapshot
  std::int64_t bytes_released = 0;
  std::int64_t files_removed = 0;  // from the disk, of any table: released at least `grace` ago
};
// Drops snapshots that are neither among the newest, nor young, nor named by a branch, a tag or a
// training set (which tags its inputs), and releases every file that no other snapshot needs.
Result<ExpiryReport> ExpireTable(Workspace& workspace, const std::string& table,
                                 const ExpiryOptions& options);
// The same, but released files stay on the disk for RemoveReleasedFiles.
Result<ExpiryReport> ReleaseTableFiles(Workspace& workspace, const std::string& table,
                                       const ExpiryOptions& options);

// How many files RemoveReleasedFiles would remove.
Result<std::int64_t> CountRemovableFiles(Workspace& workspace, std::chrono::seconds grace);
// Removes files from the disk that were released at least `grace` ago; returns how many.
Result<std::int64_t> RemoveReleasedFiles(Workspace& workspace, std::chrono::seconds grace);

// Upkeep of the project's own tables, a piece at a time, by the project's policy: for a daemon that
// is idle, and once at the end of a run. A table that changed often enough since its last turn has
// small files merged, expired snapshots dropped and unneeded files released; from time to time
// released files and orphans are removed. A writer that is never idle gives turns to tables that
// changed several times as often, so that a stream of small batches does not leave ever more files.
// Tables of other engines are left to those. What was done is noted (upkeep_log.h), so that each
// process continues. Threads: only the one that writes.
class UpkeepTurns {
 public:
  explicit UpkeepTurns(Clock& clock) : clock_(clock) {}
  enum class While { kIdle, kBusy };
  // Does one piece of work and returns a line for people; empty if nothing was due, or if the
  // policy says that upkeep is not done by itself. An error is noted too.
  Result<std::string> Take(Workspace& workspace, While when = While::kIdle);

 private:
  Clock& clock_;
  std::optional<std::chrono::nanoseconds> looked_;
};

// Makes an earlier snapshot of main current again, in a commit of its own: later commits stay
// recorded, and downstream tables follow. For tables that other engines write.
//   kPermissionDenied  raw is append-only (WH7072), the table is made by a definition (WH7075),
//                      main never was at that snapshot, so no gate has passed it (WH7124)
//   kNotFound          no such snapshot (WH7059)
Result<CommitSeq> RollbackTable(Workspace& workspace, const std::string& table,
                                SnapshotId snapshot);
// Tags a snapshot, which then never expires, or (absent) removes the tag. Tags of training sets
// cannot be removed.
Result<CommitSeq> TagTable(Workspace& workspace, const std::string& table, const std::string& tag,
                           std::optional<SnapshotId> snapshot);

// Why files that wait for an age or a grace period of `age` are left alone for now: the wall clock
// jumped, so their ages are unknown. Absent if it did not.
std::optional<std::string> AgesInDoubt(Workspace& workspace, std::chrono::seconds age);

struct SweepReport {
  std::int64_t orphans = 0;
  std::int64_t orphan_bytes = 0;
  std::int64_t removed = 0;
  std::int64_t too_young = 0;     // younger than any lease
  std::int64_t of_open_runs = 0;  // files of runs that are planned or halted
  std::int64_t given_up =
      0;  // planned runs that were marked as failed, because they will never be published
  std::vector<std::string> first;  // at most 20 paths
};
// Removes files below the lake that the catalog never named or has released: left by crashed
// attempts, lost conflicts and refused commits. Spares files younger than `age`, and files of runs
// that have not ended. Runs whose process is gone are given up first (WH7125).
Result<SweepReport> SweepOrphans(Workspace& workspace, std::chrono::seconds age, bool dry_run);

// The snapshot of `table` that `text` names: "@1101" or "1101" (a commit), an Iceberg snapshot id,
// or a branch or tag. kNotFound WH7059.
Result<SnapshotId> FindTableSnapshot(Workspace& workspace, const iceberg::TableMetadata& table,
                                     const std::string& text);
}  // namespace weirhouse::work

// Upkeep that changes no row anyone may still ask for: compaction, expiry, sweeping; and the few
// changes of a table's refs that a person makes: rollback and tags. Each is a run in lineage.
//
// Files go in two steps, so that no reader loses what it has just begun to read: a commit takes
// them out of the catalog's books, and only after a grace they leave the disk.
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
inline constexpr int kSmallFilesMin = 8;  // fewer in one partition are not worth a rewrite
inline constexpr std::chrono::seconds kReaderGrace{3600};     // the longest a reader may take
inline constexpr std::chrono::seconds kOrphanAge{24 * 3600};  // longer than any lease

// The error of a run that was planned, and that nobody will publish.
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
// Rewrites files of which enough rows are masked and merges small ones; the rows stay the same,
// which is checked before it is committed. A table that another writer moves meanwhile is tried
// again a few times.
//   kConflict  it was moved each time (WH7002)
Result<CompactionReport> CompactTable(Workspace& workspace, const std::string& table,
                                      const iceberg::CompactionOptions& options);

struct ExpiryOptions {
  std::int64_t keep = iceberg::kSnapshotsKept;     // the newest that main is or was, at least 1 …
  std::optional<std::chrono::seconds> older_than;  // … and whatever is younger
  std::chrono::seconds grace = kReaderGrace;
  bool dry_run = false;
};
struct ExpiryReport {
  std::int64_t snapshots_expired = 0;
  std::int64_t snapshots_kept = 0;
  std::vector<std::string> spared_by;  // refs that hold snapshots which would have gone
  std::int64_t files_released = 0;     // no longer needed by any snapshot
  std::int64_t bytes_released = 0;
  std::int64_t files_removed = 0;  // left the disk: released at least `grace` ago
};
// Drops snapshots that are neither among the newest, nor young, nor named by a branch, a tag or a
// training set (which tags what it used), and releases every file that none of the rest needs.
Result<ExpiryReport> ExpireTable(Workspace& workspace, const std::string& table,
                                 const ExpiryOptions& options);
// The same, but what was released stays on the disk for RemoveReleasedFiles.
Result<ExpiryReport> ReleaseOfTable(Workspace& workspace, const std::string& table,
                                    const ExpiryOptions& options);

// Takes files off the disk that were released at least `grace` ago; how many.
Result<std::int64_t> RemoveReleasedFiles(Workspace& workspace, std::chrono::seconds grace);

// Upkeep of the project's own tables, a piece at a time, for whoever has nothing else to do: a
// table that changed often enough since its last turn has small files merged, snapshots beyond
// those that are kept expired and what nobody needs released; now and then released files and
// orphans leave the disk. Who always has something else to do gives a turn to tables that changed
// several times as often, so that a stream of small batches does not leave files without end.
// Tables of other engines are theirs to look after. Threads: one, the one that writes.
class UpkeepTurns {
 public:
  explicit UpkeepTurns(Clock& clock, std::int64_t changes_min = kChangesMin)
      : clock_(clock), changes_min_(changes_min), began_(clock.Monotonic()) {}
  enum class While { kIdle, kBusy };
  // One piece of work, told for people; empty if nothing was to do, or it is too early to look.
  Result<std::string> Take(Workspace& workspace, While when = While::kIdle);

 private:
  static constexpr std::int64_t kChangesMin = 64;
  Result<std::string> TakeTable(Workspace& workspace, const std::string& name, While when);

  Clock& clock_;
  const std::int64_t changes_min_;
  const std::chrono::nanoseconds began_;
  std::optional<std::chrono::nanoseconds> looked_;
  std::optional<std::chrono::nanoseconds> removed_;
  std::chrono::nanoseconds swept_{};
  std::map<std::string, std::int64_t> seen_;  // by table: its version at its last turn
};

// Makes an earlier snapshot of main the current one again, as a commit of its own: what was
// committed since stays recorded, and those downstream follow. For tables that other engines write.
//   kPermissionDenied  raw is append-only (WH7072), the table is made by a definition (WH7075),
//                      main never was there, so no gate has passed it (WH7124)
//   kNotFound          no such snapshot (WH7059)
Result<CommitSeq> RollbackTable(Workspace& workspace, const std::string& table,
                                SnapshotId snapshot);
// Names a snapshot for good, or (absent) removes the name. Tags of training sets cannot be removed.
Result<CommitSeq> TagTable(Workspace& workspace, const std::string& table, const std::string& tag,
                           std::optional<SnapshotId> snapshot);

// Why files that wait for an age or a grace of `age` are left where they are for now: the wall
// clock jumped, so their ages say nothing. Absent: it did not.
std::optional<std::string> AgesInDoubt(Workspace& workspace, std::chrono::seconds age);

struct SweepReport {
  std::int64_t orphans = 0;
  std::int64_t orphan_bytes = 0;
  std::int64_t removed = 0;
  std::int64_t too_young = 0;      // younger than any lease
  std::int64_t of_open_runs = 0;   // of runs that are planned or halted
  std::int64_t given_up = 0;       // runs that were planned, and that nobody will publish
  std::vector<std::string> first;  // at most 20 paths
};
// Removes files below the lake that the catalog has never named or has released: left behind by
// crashed attempts, lost conflicts and refused commits. Spares what is younger than `age`, and what
// belongs to a run that has not ended. A run whose process is gone is given up first (WH7125).
Result<SweepReport> SweepOrphans(Workspace& workspace, std::chrono::seconds age, bool dry_run);

// The snapshot that `text` names in `table`: "@1101" or "1101" (a commit), an Iceberg snapshot id,
// or a branch or tag. kNotFound WH7059.
Result<SnapshotId> FindTableSnapshot(Workspace& workspace, const iceberg::TableMetadata& table,
                                     const std::string& text);
}  // namespace weirhouse::work

// Compaction: rewrites data files with their live rows.
#pragma once

#include <cstdint>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/read/history.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/io/object_store.h"

namespace weirhouse::iceberg {

struct CompactionOptions {
  double deleted_share_min = 0.10;    // files with a greater share of masked rows are rewritten
  bool all = false;                   // rewrite everything
  std::int64_t small_file_bytes = 0;  // also merge files below this size …
  int small_files_min = 2;            // … where a partition has at least so many of them
  std::int64_t rows_per_file_max = 1'000'000;
};
// What a compaction would do.
struct CompactionPlan {
  std::int64_t files_rewritten = 0;
  std::int64_t files_written = 0;  // in their place, at most: rows may all be deleted
  std::int64_t delete_files_merged = 0;
  bool empty() const { return files_rewritten == 0 && delete_files_merged == 0; }
};
// Reads only manifests.
Result<CompactionPlan> PlanCompaction(platform::ObjectStore& store, const TablePtr& base,
                                      const CompactionOptions& options);
Result<bool> WantsCompaction(platform::ObjectStore& store, const TablePtr& base,
                             const CompactionOptions& options);
// Rewrites data files with their live rows (operation "replace"): applies deletes, merges files of
// one partition, sorts sorted tables. Rows keep their commit: a null `_commit_seq` is filled in
// from `seq_of` if the table has that column. If there is nothing to do the result is a no-op, see
// StagedWrite::Finish. Memory: one partition's rows.
Result<StagedTable> StageCompaction(platform::ObjectStore& store, TablePtr base, Random& random,
                                    const StageOptions& stage, const CompactionOptions& options,
                                    const CommitSeqOf& seq_of);
}  // namespace weirhouse::iceberg

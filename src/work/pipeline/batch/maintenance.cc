// Upkeep that changes no row: folding deletes into data files once enough of a file is masked.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
constexpr double kDeletedShareMax = 0.10;
constexpr std::int64_t kRowsFoldedTogether = 512 << 10;  // they are in memory

Status FoldDeletes(Workspace& workspace, const std::string& name, RunSummary& summary) {
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
  if (!table || (*table)->current_snapshot() == nullptr) return Status();
  iceberg::CompactionOptions options;
  options.deleted_share_min = kDeletedShareMax;
  options.rows_per_file_max = kRowsFoldedTogether;
  WEIRHOUSE_TRY(const CompactionReport report, CompactTable(workspace, name, options));
  WEIRHOUSE_FAILPOINT("compaction.committed");
  if (report.changed) ++summary.commits;
  return Status();
}
}  // namespace

Status MaintainTables(PipelineState& state) {
  for (const transform::CheckedTransform& transform : state.workspace.project().transforms) {
    // Histories only grow, tables of mode full are replaced whole, and a commit of ours would make
    // other engines' commits to their tables fail.
    if (transform.definition.mode != transform::Mode::kIncremental) continue;
    WEIRHOUSE_TRY_STATUS(FoldDeletes(state.workspace, transform.definition.name(), state.summary));
  }
  return Status();
}
}  // namespace weirhouse::work

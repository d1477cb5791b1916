// Upkeep that changes no row: rewrites data files once enough of their rows are deleted.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/upkeep/upkeep.h"
#include "work/workspace/run_summary.h"

namespace weirhouse::work {
namespace {
constexpr double kDeletedShareMax = 0.10;
constexpr std::int64_t kRowsMergedTogether = 512 << 10;  // they are in memory

Status CompactDeletes(Workspace& workspace, const std::string& name, RunSummary& summary) {
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace.FindTable(name));
  if (!table || (*table)->current_snapshot() == nullptr) return Status();
  iceberg::CompactionOptions options;
  options.deleted_share_min = kDeletedShareMax;
  options.rows_per_file_max = kRowsMergedTogether;
  WEIRHOUSE_TRY(const CompactionReport report, CompactTable(workspace, name, options));
  WEIRHOUSE_FAILPOINT("compaction.committed");
  if (report.changed) ++summary.commits;
  return Status();
}

// Each batch that corrects rows adds a delete file, and readers open those that may apply to a
// file, so a run of very many batches maintains its tables on its way. A test may lower this.
std::int64_t DeleteFilesMax() {
  constexpr std::int64_t kDeleteFilesMax = 512;
#ifdef WEIRHOUSE_FAILPOINTS
  if (const char* const text = std::getenv("WEIRHOUSE_DELETE_FILES_MAX"); text != nullptr) {
    if (const std::int64_t files = std::strtoll(text, nullptr, 10); files > 0) return files;
  }
#endif
  return kDeleteFilesMax;
}

std::int64_t DeleteFilesOf(const iceberg::Snapshot& snapshot) {
  const auto count = snapshot.summary.find("total-delete-files");
  std::int64_t files = 0;
  if (count != snapshot.summary.end())
    std::from_chars(count->second.data(), count->second.data() + count->second.size(), files);
  return files;
}
}  // namespace

Result<bool> IsMaintenanceDue(Workspace& workspace) {
  for (const transform::CheckedTransform& transform : workspace.project().transforms) {
    if (transform.definition.mode != transform::Mode::kIncremental) continue;
    WEIRHOUSE_TRY(const auto table, workspace.FindTable(transform.definition.name()));
    const iceberg::Snapshot* current = table ? (*table)->current_snapshot() : nullptr;
    if (current != nullptr && DeleteFilesOf(*current) >= DeleteFilesMax()) return true;
  }
  return false;
}

Status MaintainTables(PipelineState& state) {
  for (const transform::CheckedTransform& transform : state.workspace.project().transforms) {
    // Histories only grow, tables of mode full are replaced as a whole, and a commit of ours to
    // tables of other engines would make theirs fail.
    if (transform.definition.mode != transform::Mode::kIncremental) continue;
    WEIRHOUSE_TRY_STATUS(
        CompactDeletes(state.workspace, transform.definition.name(), state.summary));
  }
  return Status();
}
}  // namespace weirhouse::work

// Processed → feature tables → online store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/iceberg/write/stage_many.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/rows/rows.h"
#include "work/workspace/publication.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// One view's share of a feature run.
struct ViewWork {
  const feature::ViewPlan* plan = nullptr;
  // Feature rows that join its table: sorted, or sorted within each chunk if there are many.
  std::shared_ptr<arrow::Table> rows;
  bool many = false;
  std::vector<feature::LeftOutRow> left_out;    // rows of the source without a feature row
  std::vector<feature::LeftOutRow> taken_back;  // the same for rows that left the source
  bool tells_all = false;                       // `left_out` is all that the view leaves out
  std::vector<std::string>
      replaced;        // row keys whose old rows are removed, whether or not `rows` has them
  bool whole = false;  // `rows` are all rows: the table is replaced
  std::optional<bool> unique_keys;  // for an external source that was read as a whole
  std::optional<catalog::SnapshotRecord>
      source;           // the snapshot that the table covers after this change
  bool merges = false;  // the same change merges runs, and updates the key index
  std::vector<iceberg::AppendedRange> appended;
  iceberg::TablePtr staged;
};

// The key columns of a view's source table, in order.
Result<std::vector<std::string>> SourceKeyColumns(const ProjectDefinition& project,
                                                  const std::string& source);

// Stages `work`: deletes what it replaces, appends, and merges runs of one size class when there
// are too many.
Status StageView(Workspace& workspace, Publication& publication, ViewWork& work);

// Adds lineage, commits, then updates key indexes and the online store.
// `fill_online` false: the online store is rebuilt later, once (see RefreshOnline).
Status PublishViews(Workspace& workspace, Publication& publication, std::vector<ViewWork>& work,
                    bool fill_online);

// Computes the feature rows of every view from whole source tables as they are now, after `run
// --full`. That includes all waiting work, so the offset moves to the last commit, and the run has
// read each commit that it moves past.
Status RebuildFeatures(Workspace& workspace, platform::SqlSession& session, Progress& progress);

// Rebuilds the views whose tables do not match the offset (see view_standing.h), as of the offset.
// Commits after the offset keep waiting, for all views alike.
Status FillViewsBehind(Workspace& workspace, platform::SqlSession& session, Progress& progress);
}  // namespace weirhouse::work

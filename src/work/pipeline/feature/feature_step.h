// Processed → feature tables → online store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/rows/rows.h"
#include "work/workspace/publication.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// One view's share of a feature run.
struct ViewWork {
  const feature::ViewPlan* plan = nullptr;
  // Feature rows that join its table: sorted, or where they are many sorted within each chunk.
  std::shared_ptr<arrow::Table> rows;
  bool many = false;
  std::vector<feature::LeftOutRow> left_out;    // rows of the source that give none
  std::vector<feature::LeftOutRow> taken_back;  // the same of rows that left the source
  bool tells_all = false;                       // `left_out` are all the view has
  std::vector<std::string> replaced;  // row keys whose old rows go, whether or not `rows` has them
  bool whole = false;                 // `rows` are all rows: the table is replaced
  std::optional<bool> unique_keys;    // of an external source, read as a whole
  std::optional<catalog::SnapshotRecord> source;  // that the table holds with this change
  bool merges = false;  // runs are merged in the same change, which the key index follows
  std::vector<std::pair<std::string, iceberg::KeyEntry>> entries;
  iceberg::AppendedRows appended;
  iceberg::TablePtr staged;
};

// The columns and order of the key of a view's source table.
Result<std::vector<std::string>> SourceKeyColumns(const ProjectDefinition& project,
                                                  const std::string& source);

// Stages `work` (delete what it replaces, append, merge runs of one size class when there are too
// many).
Status StageView(Workspace& workspace, Publication& publication, ViewWork& work);

// Adds lineage, commits, then brings key indexes and the online store along.
// `fill_online` false: the online store is rebuilt later, once (see RefreshOnline).
Status PublishViews(Workspace& workspace, Publication& publication, std::vector<ViewWork>& work,
                    bool fill_online);

// Feature rows of every view from whole source tables as they are now: after `run --full`. All of
// what waited is done with that, so the offset moves to the last commit, and the run has read each
// commit that it moves past.
Status RebuildFeatures(Workspace& workspace, platform::SqlSession& session, Progress& progress);

// Makes the views that do not hold what the offset says (see view_standing.h) anew, as of the
// offset. What waits behind the offset goes on waiting, for all views alike.
Status FillViewsBehind(Workspace& workspace, platform::SqlSession& session, Progress& progress);
}  // namespace weirhouse::work

// The rows of a training set from pinned snapshots, computed in one way for building and
// reproducing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "rules/feature/training/training_set.h"
#include "work/training/modeling_record.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

// A table at one snapshot.
struct PinnedTable {
  iceberg::TablePtr table;
  InputSnapshot at;
};
using PinnedTables = std::map<std::string, PinnedTable>;

// What a training set is made of: definitions (today's, or those of recorded code) …
struct TrainingSetSource {
  const ProjectDefinition* project = nullptr;  // transforms and seeds: what the spine may read
  const feature::TrainingSetDefinition* definition = nullptr;
  transform::CheckedSelect spine;
  std::vector<const feature::ViewPlan*> views;  // the views that its features come from
};
// Checks the spine against `project`, which must outlive the result. Errors: as CheckSelect; WH4020
// if the spine reads something that is neither a processed table nor a seed.
Result<TrainingSetSource> SourceOf(Workspace& workspace, const ProjectDefinition& project,
                                   const feature::TrainingSetDefinition& definition);

// … and snapshots: the current ones, or the recorded ones (kNotFound WH4022 if one is gone). Tables
// without rows are left out.
Result<PinnedTables> PinCurrent(Workspace& workspace, const TrainingSetSource& source);
Result<PinnedTables> PinRecorded(Workspace& workspace, const TrainingSetRecord& record);

struct TrainingRows {
  feature::TrainingSetResult result;
  Digest spine;  // content digests
  Digest content;
};
// Evaluates the spine in a locked session, then joins the features. Memory: the result, one view's
// rows, and the spine's inputs while it runs. Cost: 4 s for the year's 327,346 rows × 37 features.
Result<TrainingRows> ComputeTrainingRows(Workspace& workspace, const TrainingSetSource& source,
                                         const PinnedTables& inputs, Progress& progress);
// Computes a sample of rows again with the naive interpreter; the content decides the sample.
Result<feature::NaiveReport> CheckNaively(Workspace& workspace, const TrainingSetSource& source,
                                          const PinnedTables& inputs, const TrainingRows& rows);

// Writes the rows of a built set to one Parquet file at `path`, in training order, with the
// recorded columns.
Status ExportTrainingSet(Workspace& workspace, const TrainingSetRecord& record,
                         const std::string& path);
// One row that `model` was trained on, with the columns and types of `schema`: the one with the
// fewest nulls among the first thousand. Only nulls if no row is left.
Result<std::shared_ptr<arrow::Table>> SampleRow(Workspace& workspace, const ModelRecord& model,
                                                const std::shared_ptr<arrow::Schema>& schema);
}  // namespace weirhouse::work

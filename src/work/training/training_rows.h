// The rows of a training set from pinned snapshots: the same for building and for reproducing.
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

// A table held at one snapshot.
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
  std::vector<const feature::ViewPlan*> views;  // that it takes features from
};
// Checks the spine against `project`, which must outlive the answer. Errors: as CheckSelect;
// WH4020, the spine reads something that is neither processed nor a seed.
Result<TrainingSetSource> SourceOf(Workspace& workspace, const ProjectDefinition& project,
                                   const feature::TrainingSetDefinition& definition);

// … and snapshots: those that are current, or those that were recorded (kNotFound WH4022 if one is
// gone). Tables that have no rows yet are not among them.
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
// Re-derives a sample of rows by the naive interpreter; the sample is chosen by the content.
Result<feature::NaiveReport> CheckNaively(Workspace& workspace, const TrainingSetSource& source,
                                          const PinnedTables& inputs, const TrainingRows& rows);

// The rows of a built set as one Parquet file at `path`, in training order, columns as recorded.
Status ExportTrainingSet(Workspace& workspace, const TrainingSetRecord& record,
                         const std::string& path);
// One row of those that `model` was trained on, with the columns and types of `schema`: of the
// first thousand that with the fewest nulls. Only nulls where there is none any more.
Result<std::shared_ptr<arrow::Table>> SampleRow(Workspace& workspace, const ModelRecord& model,
                                                const std::shared_ptr<arrow::Schema>& schema);
}  // namespace weirhouse::work

#include "work/training/modeling.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/pipeline/plan/plan.h"
#include "work/training/modeling_record.h"
#include "work/training/training_rows.h"
#include "work/workspace/applied.h"
#include "work/workspace/publication.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;

Result<const feature::TrainingSetDefinition*> FindDefinition(const ProjectDefinition& project,
                                                             const std::string& name) {
  if (const auto* definition = project.FindTrainingSet(name)) return definition;
  std::vector<std::string> known;
  for (const auto& set : project.training_sets) known.push_back(set.name);
  return Status(Code::kNotFound, fmt::format("no such training set: \"{}\"", EscapeControl(name)))
      .WithError("WH5020")
      .WithHint(DidYouMean(name, known));
}

// The build as a step: the same definitions on the same snapshots are the same step.
StepInputs MakeStep(const TrainingSetSource& source, const PinnedTables& inputs) {
  StepInputs step;
  step.kind = catalog::RunKind::kTrainingSet;
  step.name = source.definition->name;
  step.code = {source.definition->digest.ToHex()};
  for (const feature::ViewPlan* plan : source.views) step.code.push_back(plan->view.digest.ToHex());
  step.inputs = json::object();
  for (const auto& [table, pinned] : inputs) {
    step.inputs["tables"][table] = {{"snapshot", pinned.at.snapshot.value()},
                                    {"seq", pinned.at.seq.value()}};
  }
  for (const transform::TableReference& reference : source.spine.references) {
    if (reference.kind != transform::TableKind::kSeed) continue;
    for (const Seed& seed : source.project->seeds) {
      if (reference.name == "ref." + seed.name)
        step.inputs["seeds"][seed.name] = seed.digest.ToHex();
    }
  }
  step.tables = {"training_set." + source.definition->name};
  return step;
}

TrainingSetRecord RecordOf(const TrainingSetSource& source, const StepInputs& step,
                           const PinnedTables& inputs, const TrainingRows& rows) {
  const feature::TrainingSetDefinition& definition = *source.definition;
  TrainingSetRecord record;
  record.name = definition.name;
  record.table = step.tables[0];
  record.definition = definition.digest;
  record.spine = rows.spine;
  record.content = rows.content;
  record.rows = rows.result.rows->num_rows();
  record.columns = rows.result.rows->ColumnNames();
  record.features = rows.result.feature_columns;
  record.label = definition.label;
  record.time = definition.time;
  record.known = definition.known.value_or("");
  record.as_of_latest = definition.as_of_latest;
  if (!definition.splits.empty()) record.split_column = feature::kSplitColumn;
  for (const feature::ViewPlan* plan : source.views)
    record.views[plan->view.id()] = plan->view.digest.ToHex();
  for (const auto& [table, pinned] : inputs) record.inputs[table] = pinned.at;
  if (step.inputs.contains("seeds")) record.seeds = step.inputs["seeds"];
  record.code = CodeKey(source.project->code);
  return record;
}

Result<TrainingSetBuilt> Told(const catalog::Node& node, bool repeated) {
  WEIRHOUSE_TRY(const TrainingSetRecord record, TrainingSetFromJson(node.node.record));
  TrainingSetBuilt built;
  built.id = node.node.key;
  built.rows = record.rows;
  built.features = static_cast<std::int64_t>(record.features.size());
  built.content = record.content;
  built.naive_rows = record.naive_rows;
  built.seq = node.seq;
  built.repeated = repeated;
  return built;
}

// Replaces the rows of the earlier build, and tags the new snapshot in the same change.
Status StageRows(Workspace& workspace, Publication& publication, const TrainingRows& rows,
                 TrainingSetRecord& record) {
  const arrow::Table& content = *rows.result.rows;
  WEIRHOUSE_TRY(const iceberg::TablePtr base,
                TableOrNew(workspace, record.table, *content.schema(), {}, {}));
  iceberg::StagedWrite write(workspace.store(), base, workspace.random(), publication.StageAs());
  if (!base->metadata_location.empty()) {
    WEIRHOUSE_TRY(const iceberg::Schema proposed, iceberg::Schema::FromArrow(*content.schema()));
    const Status evolved = write.SetSchema(proposed);
    if (!evolved.ok()) {
      return Status(Code::kInvalidInput,
                    fmt::format("the columns of \"{}\" changed in a way that its table cannot "
                                "follow: {}",
                                record.name, evolved.message()))
          .WithError("WH4023")
          .WithHint("give the training set a new name; the old builds stay as they are");
    }
    WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
  }
  WEIRHOUSE_TRY_STATUS(write.Append(content).status());
  WEIRHOUSE_TRY(iceberg::StagedTable staged, write.Finish());
  WEIRHOUSE_CHECK(!staged.snapshots.empty());
  record.snapshot = staged.snapshots.back().snapshot;

  const iceberg::RefChange tag{record.tag, record.snapshot, "tag"};
  WEIRHOUSE_TRY(const iceberg::StagedTable tagged,
                iceberg::StageRefs(workspace.store(), staged.table, workspace.random(), {&tag, 1},
                                   workspace.clock().Now()));
  // Both changes move the pointer once: from the former state to the tagged one.
  staged.table = tagged.table;
  staged.change.metadata_location = tagged.change.metadata_location;
  staged.files.insert(staged.files.end(), tagged.files.begin(), tagged.files.end());
  staged.paths_to_sync.insert(staged.paths_to_sync.end(), tagged.paths_to_sync.begin(),
                              tagged.paths_to_sync.end());
  publication.Add(staged);
  return Status();
}

// Tagged snapshots never expire, so the set can be built again as long as the project exists.
Status TagInputs(Workspace& workspace, Publication& publication, const PinnedTables& inputs,
                 const std::string& tag) {
  for (const auto& [name, pinned] : inputs) {
    const iceberg::RefChange change{tag, pinned.at.snapshot, "tag"};
    WEIRHOUSE_TRY(const iceberg::StagedTable tagged,
                  iceberg::StageRefs(workspace.store(), pinned.table, workspace.random(),
                                     {&change, 1}, workspace.clock().Now()));
    publication.Add(tagged);
  }
  return Status();
}

Status AddLineage(Workspace& workspace, const std::string& id, const TrainingSetRecord& record,
                  catalog::CommitRequest& request) {
  WEIRHOUSE_TRY(const CodeObject code, StoreCode(workspace));
  request.files.push_back(code.file);
  request.lineage.Uses(code.node, code.record);
  request.lineage.Wrote({catalog::NodeKind::kTrainingSet, id}, ToJson(record));
  for (const auto& [view, digest] : record.views) {
    request.lineage.Uses({catalog::NodeKind::kView, view}, {{"digest", digest}});
  }
  for (const auto& [table, input] : record.inputs) {
    request.lineage.ReadSnapshot(table, input.seq);
  }
  return Status();
}

Result<TrainingSetBuilt> BuildPlanned(Workspace& workspace, const catalog::Run& run,
                                      const TrainingSetSource& source, const StepInputs& step,
                                      const PinnedTables& inputs, Progress& progress) {
  WEIRHOUSE_TRY(const TrainingRows rows, ComputeTrainingRows(workspace, source, inputs, progress));
  progress.Update("naive check", 0, 0);
  WEIRHOUSE_TRY(const feature::NaiveReport naive, CheckNaively(workspace, source, inputs, rows));
  if (naive.differing > 0) {
    return Status(Code::kCorruption,
                  fmt::format("{} of {} values of \"{}\", derived again by the definition alone, "
                              "differ: {}",
                              naive.differing, naive.values, source.definition->name,
                              naive.first.front()))
        .WithError("WH4021")
        .WithHint("nothing was published; rebuild the feature tables by `wh run --full`");
  }
  WEIRHOUSE_FAILPOINT("training_set.computed");

  TrainingSetRecord record = RecordOf(source, step, inputs, rows);
  record.naive_rows = naive.rows;
  record.naive_values = naive.values;
  WEIRHOUSE_TRY(const std::int64_t number,
                NextNumber(workspace.catalog(), catalog::NodeKind::kTrainingSet, record.name));
  const std::string id = fmt::format("{}#{}", record.name, number);
  record.tag = fmt::format("training_set-{}-{}", record.name, number);

  progress.Update("writing", 0, record.rows);
  Publication publication(workspace, run, catalog::Layer::kModel, id);
  WEIRHOUSE_TRY_STATUS(StageRows(workspace, publication, rows, record));
  WEIRHOUSE_TRY_STATUS(TagInputs(workspace, publication, inputs, record.tag));
  WEIRHOUSE_TRY_STATUS(AddLineage(workspace, id, record, publication.request()));
  publication.request().events.push_back(TableCommitted(record.table, run, record.rows));
  WEIRHOUSE_TRY(const catalog::CommitAnswer answer, publication.Commit());
  WEIRHOUSE_FAILPOINT("training_set.committed");
  return Told({NodeId(), {catalog::NodeKind::kTrainingSet, id, ToJson(record)}, answer.seq},
              /*repeated=*/false);
}
}  // namespace

Result<TrainingSetBuilt> BuildTrainingSet(Workspace& workspace, const std::string& name,
                                          Progress& progress) {
  WEIRHOUSE_TRY(const feature::TrainingSetDefinition* definition,
                FindDefinition(workspace.project(), name));
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  WEIRHOUSE_TRY(const TrainingSetSource source,
                SourceOf(workspace, workspace.project(), *definition));
  WEIRHOUSE_TRY(const PinnedTables inputs, PinCurrent(workspace, source));
  const StepInputs step = MakeStep(source, inputs);
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  if (run.state == catalog::RunState::kCommitted) {
    WEIRHOUSE_TRY(const std::vector<catalog::Node> built,
                  WrittenBy(workspace.catalog(), run.id, catalog::NodeKind::kTrainingSet));
    WEIRHOUSE_CHECK(built.size() == 1);
    progress.Say(fmt::format("{} is built on these snapshots already", built[0].node.key));
    return Told(built[0], /*repeated=*/true);
  }
  auto built = BuildPlanned(workspace, run, source, step, inputs, progress);
  if (!built.ok() && built.status().code() != Code::kUnavailable) {
    workspace.catalog()
        .FailRun(run.id, built.status())
        .Ignore("the first error is the one to report");
  }
  return built;
}
}  // namespace weirhouse::work

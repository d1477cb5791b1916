// `wh run --full`: all processed tables from all raw records, then all feature tables from them.
#include "work/pipeline/rebuild/full_run.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "ground/base/failpoint.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/losers.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/refusals.h"
#include "work/pipeline/feature/feature_step.h"
#include "work/pipeline/rebuild/quarantine_table.h"
#include "work/pipeline/rebuild/rebuild.h"
#include "work/workspace/applied.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/table_shape.h"

namespace weirhouse::work {
namespace {
// Counts again the state of every record that the increments have processed, as deltas to the
// counts of all earlier commits, under whatever table. One table counts the records of a source, as
// in a batch.
Result<std::vector<catalog::RecordStateCount>> CountAnew(Workspace& workspace,
                                                         const Rebuilt& rebuilt) {
  std::map<std::pair<std::string, std::string>, RecordCounts> counts;  // by source and table
  for (const auto& [source, records] : rebuilt.sources) {
    counts[{source, ""}][catalog::RecordState::kQuarantined] = records.quarantined_count;
    counts[{source, ""}][catalog::RecordState::kExcluded] = rebuilt.excluded.at(source);
    const auto owner =
        std::find_if(rebuilt.work.begin(), rebuilt.work.end(),
                     [held = &records](const auto& one) { return one->records() == held; });
    if (owner == rebuilt.work.end()) {
      counts[{source, ""}][catalog::RecordState::kFiltered] = records.rows->num_rows();
      continue;
    }
    for (const auto& [state, count] : (*owner)->StateTotals())
      counts[{source, (*owner)->transform().definition.name()}][state] = count;
  }
  WEIRHOUSE_TRY(const std::vector<catalog::RecordStateCount> counted,
                workspace.catalog().RecordStates());
  for (const catalog::RecordStateCount& count : counted) {
    if (rebuilt.sources.count(count.source) != 0) {
      counts[{count.source, count.table}][count.state] -= count.count;
    } else if (!count.table.empty() && workspace.project().FindTransform(count.table) == nullptr) {
      // The table was removed, and no other reads its source.
      counts[{count.source, count.table}][count.state] -= count.count;
      counts[{count.source, ""}][catalog::RecordState::kFiltered] += count.count;
    }
  }
  std::vector<catalog::RecordStateCount> deltas;
  for (const auto& [of, states] : counts) {
    for (const auto& [state, count] : states) {
      if (count != 0) deltas.push_back({of.first, of.second, state, count});
    }
  }
  return deltas;
}

// Adds what the tables were computed from: the ledgers of processed objects, and tables of other
// engines as of `last`.
Status AddReads(Workspace& workspace, const Rebuilt& rebuilt, CommitSeq consumed, CommitSeq last,
                catalog::CommitRequest& request) {
  std::vector<std::pair<std::string, CommitSeq>> tables;
  for (const auto& [source, records] : rebuilt.sources)
    tables.emplace_back("raw." + source, consumed);
  for (const std::string& table : ExternalTablesRead(workspace.project()))
    tables.emplace_back(table, last);
  for (const auto& [table, seq] : tables) {
    WEIRHOUSE_TRY(const auto read, workspace.catalog().SnapshotAsOf(table, seq));
    if (!read) continue;
    request.lineage.ReadSnapshot(table, read->seq);
  }
  return Status();
}

// Adds an event for each table whose rows changed.
void AddTableEvents(Publication& publication, const std::vector<std::unique_ptr<TableWork>>& work) {
  catalog::CommitRequest& request = publication.request();
  for (const auto& one : work) {
    const std::string name = one->transform().definition.name();
    if (std::ranges::none_of(request.tables, [&](const auto& moved) { return moved.name == name; }))
      continue;
    request.events.push_back(
        TableCommitted(name, publication.run(), publication.RowsAddedTo(name)));
  }
}
}  // namespace

namespace {
// The tables that may keep their rows if their SQL fails: for `wh apply` those that exist under the
// same SQL with the same columns; else all tables of mode full.
Result<std::set<std::string>> MayStand(Workspace& workspace, bool applies) {
  std::set<std::string> tables = TablesOfModeFull(workspace.project());
  if (!applies || tables.empty()) return tables;
  WEIRHOUSE_TRY(const nlohmann::json applied, AppliedDigests(workspace));
  const nlohmann::json before = applied.value("processed", nlohmann::json::object());
  WEIRHOUSE_TRY(const auto reshaped, TablesToReshape(workspace));
  for (auto table = tables.begin(); table != tables.end();) {
    const auto* transform = workspace.project().FindTransform(*table);
    WEIRHOUSE_TRY(const auto why, catalog::setting::Standing(*table).In(workspace.catalog()));
    const bool same = before.value(*table, "") == transform->definition.digest.ToHex() &&
                      reshaped.count(*table) == 0;
    table = why && same ? std::next(table) : tables.erase(table);
  }
  return tables;
}
// Computes all tables.
Result<std::unique_ptr<Rebuilt>> ComputeAll(PipelineState& state, std::int64_t consumed,
                                            CommitSeq last, ProcessTime run_time, bool applies) {
  RebuildScope scope;
  scope.consumed = CommitSeq(consumed);
  scope.external = last;
  scope.run_time = run_time;
  WEIRHOUSE_TRY(scope.may_stand, MayStand(state.workspace, applies));
  return Rebuild(state, scope);
}

// Adds to `summary` the rows of the tables, and the records that they cannot keep.
Status SummarizeRebuilt(Workspace& workspace, const Rebuilt& rebuilt, const KeylessChange& kept_out,
                        RunSummary& summary) {
  WEIRHOUSE_TRY(summary.quarantined, ReasonsOf(workspace, kept_out, {}));
  for (const std::string& line : RowsWithoutRecord(rebuilt.work)) summary.warnings.push_back(line);
  for (const auto& [name, why] : rebuilt.standing)
    summary.warnings.push_back(FormatKeptTable(name, "", why));
  for (const auto& one : rebuilt.work) {
    if (one->stands()) continue;
    // The rows that the tables hold now, even if no file changed.
    const auto& definition = one->transform().definition;
    summary.rows_by_table[definition.name()] = one->added_rows()->num_rows();
    if (one->added_history() != nullptr) {
      summary.rows_by_table[definition.history_table()] = one->added_history()->num_rows();
    }
  }
  return Status();
}
}  // namespace

Result<RunSummary> RunFull(Workspace& workspace, Progress& progress) {
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  return RebuildAll(workspace, progress, {});
}

Status RehearseRebuild(Workspace& workspace, Progress& progress, const nlohmann::json& read_by) {
  WEIRHOUSE_TRY(const std::unique_ptr<PipelineState> state,
                PipelineState::Make(workspace, progress));
  state->records.ReadBy(read_by);
  WEIRHOUSE_TRY(const auto consumed, workspace.catalog().OffsetOf(std::string(kProcessedConsumer)));
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  return ComputeAll(*state, consumed.position, last, workspace.clock().Now(), true).status();
}

Result<RunSummary> RebuildAll(Workspace& workspace, Progress& progress,
                              const FullRunOptions& options) {
  WEIRHOUSE_TRY(const std::optional<catalog::Run> halted, HaltedRun(workspace));
  if (halted) {
    return Status(Code::kConflict,
                  fmt::format("run {} waits for a decision about its gate", ToString(halted->id)))
        .WithError("WH3023")
        .WithHint("run `wh gate override` or `wh gate discard` first");
  }
  WEIRHOUSE_TRY(const std::unique_ptr<PipelineState> state,
                PipelineState::Make(workspace, progress));
  if (options.read_by != nullptr) state->records.ReadBy(*options.read_by);
  WEIRHOUSE_TRY(const auto consumed, workspace.catalog().OffsetOf(std::string(kProcessedConsumer)));
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  StepInputs step;
  step.kind = catalog::RunKind::kProcessed;
  step.name = "rebuild";
  step.code = {DefinitionDigests(workspace.project()).dump()};
  step.inputs = {{"consumed", consumed.position}, {"seq", last.value()}};
  if (options.also) step.inputs["apply"] = options.generation;
  for (const auto& transform : workspace.project().transforms) {
    if (!transform.definition.is_external()) step.tables.push_back(transform.definition.name());
  }
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  WEIRHOUSE_TRY(
      const std::unique_ptr<Rebuilt> rebuilt,
      ComputeAll(*state, consumed.position, last, run.planned_at, static_cast<bool>(options.also)));
  const auto& work = rebuilt->work;
  for (const auto& one : work) WEIRHOUSE_TRY_STATUS(one->DropUnchanged());

  KeylessChange kept_out;  // records that were good before
  if (!AllRejected(work).empty()) {
    WEIRHOUSE_TRY(kept_out, ComputeKeylessChange(workspace, work));
  }
  Publication publication(workspace, run, catalog::Layer::kRebuild, "rebuild");
  for (const auto& one : work) WEIRHOUSE_TRY_STATUS(one->Stage(publication, "main"));
  WEIRHOUSE_TRY_STATUS(ReplaceLosers(workspace, publication, work));
  WEIRHOUSE_TRY_STATUS(StageQuarantineAnew(workspace, publication, rebuilt->sources, work));
  catalog::CommitRequest& request = publication.request();
  WEIRHOUSE_TRY(request.record_states, CountAnew(workspace, *rebuilt));
  if (!ExternalTablesRead(workspace.project()).empty()) {
    WEIRHOUSE_TRY(const auto external,
                  workspace.catalog().OffsetOf(std::string(kExternalConsumer)));
    request.offsets.push_back(
        {std::string(kExternalConsumer), external.position, last.value(), external.generation});
  }
  WEIRHOUSE_TRY_STATUS(AddReads(workspace, *rebuilt, CommitSeq(consumed.position), last, request));
  if (options.also) WEIRHOUSE_TRY_STATUS(options.also(publication));
  AddTableEvents(publication, work);
  WEIRHOUSE_TRY_STATUS(NoteStanding(workspace, work, rebuilt->standing, request));
  WEIRHOUSE_TRY_STATUS(NoteKeptOut(workspace, work, /*anew=*/true, request));
  // Set until the feature tables are rebuilt too; after a crash the rebuild begins again.
  request.settings.push_back(catalog::setting::RebuildPending().To(true));
  if (!options.also) UseCode(workspace.project().code, request.lineage);
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("rebuild.committed");
  ++state->summary.commits;
  WEIRHOUSE_TRY_STATUS(SummarizeRebuilt(workspace, *rebuilt, kept_out, state->summary));
  WEIRHOUSE_TRY_STATUS(RebuildFeatures(workspace, *state->session, progress));
  ++state->summary.commits;
  return std::move(state->summary);
}
}  // namespace weirhouse::work

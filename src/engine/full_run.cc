// `wh run --full`: all processed tables from all raw records, then all feature tables from them.
#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "engine/applied.h"
#include "engine/arrow_rows.h"
#include "engine/external_table.h"
#include "engine/feature_step.h"
#include "engine/halt.h"
#include "engine/pipeline_state.h"
#include "engine/plan.h"
#include "engine/table_work.h"
#include "transform/run.h"

namespace weirhouse::engine {
namespace {
// Objects whose raw commit the increments have consumed: what waits in the backlog stays there.
Result<std::map<std::string, SourceRecords>> ReadAllRecords(PipelineState& state,
                                                            CommitSeq consumed) {
  WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> objects,
                state.workspace.catalog().Objects({}));
  std::map<std::string, std::vector<catalog::ObjectRecord>> by_source;
  for (const catalog::ObjectRecord& object : objects) {
    if (object.seq <= consumed && object.state == "stored")
      by_source[object.source].push_back(object);
  }
  std::map<std::string, SourceRecords> sources;
  for (const auto& [source, list] : by_source) {
    state.progress.Update("records", static_cast<std::int64_t>(sources.size()),
                          static_cast<std::int64_t>(by_source.size()));
    WEIRHOUSE_TRY(SourceRecords records,
                  state.records.Read(source, list, /*count_attempts=*/false));
    sources.emplace(source, std::move(records));
  }
  return sources;
}

// Batches that a person left out stay out: their records are excluded from the rebuild as from the
// increments.
Status DropExcluded(Workspace& workspace, std::map<std::string, SourceRecords>& sources) {
  WEIRHOUSE_TRY(const std::set<CommitSeq> left_out, DiscardedCommits(workspace));
  for (auto& [source, records] : sources) {
    for (const catalog::ObjectRecord& object : records.objects) {
      if (left_out.count(object.seq) == 0) continue;
      const std::int64_t first = object.first_record_id.value();
      WEIRHOUSE_TRY(records.rows, RowsOutside(records.rows, std::string(table::kRecordColumn),
                                              first, first + object.record_count));
    }
  }
  return Status();
}

Result<std::vector<std::unique_ptr<TableWork>>> TransformAll(
    PipelineState& state, const catalog::Run& run, std::map<std::string, SourceRecords>& sources,
    CommitSeq upto) {
  std::vector<std::unique_ptr<TableWork>> work;
  std::int64_t done = 0;
  const auto& transforms = state.workspace.project().transforms;
  for (const transform::CheckedTransform& transform : transforms) {
    state.progress.Update("tables", done++, static_cast<std::int64_t>(transforms.size()));
    if (transform.definition.is_external()) continue;
    for (const transform::TableReference& reference : transform.references) {
      const std::string base = reference.name.substr(reference.name.find('.') + 1);
      if (reference.kind == transform::TableKind::kRecords) {
        const auto records = sources.find(base);
        WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, state.records.NoRows(base));
        if (records != sources.end()) rows = records->second.rows;
        WEIRHOUSE_TRY_STATUS(state.session->Register(reference.name, rows));
      } else if (reference.kind == transform::TableKind::kProcessed) {
        std::shared_ptr<arrow::Table> rows;
        for (const auto& upstream : work) {
          if (upstream->Covers(reference.name)) {
            WEIRHOUSE_TRY(rows, upstream->StagedRows(state.tables, reference.name, {}));
          }
        }
        if (const auto* external = FindExternal(state.workspace.project(), reference.name)) {
          WEIRHOUSE_TRY(rows, ExternalRowsAsOf(state.workspace, *external, upto));
        }
        if (rows == nullptr) {
          WEIRHOUSE_TRY(rows, EmptyRowsOf(state.workspace, reference.name, {}));
        }
        WEIRHOUSE_TRY_STATUS(state.session->Register(reference.name, rows));
      }
    }
    WEIRHOUSE_TRY(const auto rows,
                  transform::RunTransform(*state.session, transform, run.planned_at));
    const SourceRecords* records = nullptr;
    if (transform.driver &&
        transform::KindOfTable(*transform.driver) == transform::TableKind::kRecords) {
      const auto found = sources.find(transform.driver->substr(transform.driver->find('.') + 1));
      if (found != sources.end()) records = &found->second;
    }
    WEIRHOUSE_TRY(auto one, TableWork::Make(state.workspace, transform, rows, records,
                                            records ? records->rows : nullptr, /*full=*/true));
    work.push_back(std::move(one));
  }
  return work;
}
}  // namespace

Result<RunSummary> RunFull(Workspace& workspace, Progress& progress) {
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  WEIRHOUSE_TRY(const std::optional<catalog::Run> halted, HaltedRun(workspace));
  if (halted) {
    return Status(Code::kConflict,
                  fmt::format("run {} waits for a decision about its gate", ToString(halted->id)))
        .WithError("WH3023")
        .WithHint("`wh gate override` or `wh gate discard` it first");
  }
  WEIRHOUSE_TRY(const std::unique_ptr<PipelineState> state,
                PipelineState::Make(workspace, progress));
  WEIRHOUSE_TRY(const auto consumed, workspace.catalog().OffsetOf(std::string(kProcessedConsumer)));
  WEIRHOUSE_TRY(const CommitSeq last, workspace.catalog().LastSeq());
  StepInputs step;
  step.kind = "processed";
  step.name = "rebuild";
  step.code = {DefinitionDigests(workspace.project()).dump()};
  step.inputs = {{"consumed", consumed.position}, {"seq", last.value()}};
  for (const auto& transform : workspace.project().transforms) {
    if (!transform.definition.is_external()) step.tables.push_back(transform.definition.name());
  }
  WEIRHOUSE_TRY(const catalog::Run run, workspace.catalog().PlanRun(PlanOf(step)));
  WEIRHOUSE_TRY(auto sources, ReadAllRecords(*state, CommitSeq(consumed.position)));
  WEIRHOUSE_TRY_STATUS(DropExcluded(workspace, sources));
  WEIRHOUSE_TRY(const std::vector<std::unique_ptr<TableWork>> work,
                TransformAll(*state, run, sources, last));

  Publication publication(workspace, run, "rebuild", "rebuild");
  for (const auto& one : work) WEIRHOUSE_TRY_STATUS(one->Stage(publication, "main"));
  catalog::CommitRequest& request = publication.request();
  for (const auto& one : work) {
    if (one->records() == nullptr) continue;
    for (const auto& [name, count] : one->StateCounts()) {
      if (count != 0)
        request.record_states.push_back(
            {one->records()->source, one->transform().definition.name(), name, count});
    }
  }
  if (!ExternalTablesRead(workspace.project()).empty()) {
    WEIRHOUSE_TRY(const auto external,
                  workspace.catalog().OffsetOf(std::string(kExternalConsumer)));
    request.offsets.push_back(
        {std::string(kExternalConsumer), external.position, last.value(), external.generation});
  }
  // Until the feature tables follow; a crash before that begins again.
  request.settings.emplace_back("rebuild_pending", true);
  request.nodes.push_back(
      {"code", CodeKey(workspace.project().code), {{"digest", workspace.project().code.ToHex()}}});
  request.edges.push_back(
      {{"code", CodeKey(workspace.project().code)}, {"run", ""}, "uses", {}, {}});
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("rebuild.committed");
  ++state->summary.commits;
  for (const auto& one : work) {
    // Rows that the tables hold now, whether or not that changed a file.
    const auto& definition = one->transform().definition;
    state->summary.rows_by_table[definition.name()] = one->added_rows()->num_rows();
    if (one->added_history() != nullptr) {
      state->summary.rows_by_table[definition.history_table()] = one->added_history()->num_rows();
    }
  }

  WEIRHOUSE_TRY_STATUS(RebuildFeatures(workspace, *state->session, progress));
  ++state->summary.commits;
  WEIRHOUSE_TRY_STATUS(DispatchOutbox(workspace));
  return std::move(state->summary);
}
}  // namespace weirhouse::engine

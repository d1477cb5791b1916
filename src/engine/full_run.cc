// `wh run --full`: all processed tables from all raw records, then all feature tables from them.
#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "engine/applied.h"
#include "engine/external_table.h"
#include "engine/feature_step.h"
#include "engine/pipeline_state.h"
#include "engine/plan.h"
#include "engine/rebuild.h"

namespace weirhouse::engine {
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
  RebuildScope scope;
  scope.consumed = CommitSeq(consumed.position);
  scope.external = last;
  scope.run_time = run.planned_at;
  WEIRHOUSE_TRY(const std::unique_ptr<Rebuilt> rebuilt, Rebuild(*state, scope));
  const auto& work = rebuilt->work;
  for (const auto& one : work) WEIRHOUSE_TRY_STATUS(one->DropUnchanged());

  Publication publication(workspace, run, "rebuild", "rebuild");
  for (const auto& one : work) WEIRHOUSE_TRY_STATUS(one->Stage(publication, "main"));
  catalog::CommitRequest& request = publication.request();
  for (const auto& one : work) {
    if (!rebuilt->CountsRecords(*one)) continue;
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

  std::vector<const feature::ViewPlan*> views;
  for (const feature::ViewPlan& plan : workspace.project().view_plans) views.push_back(&plan);
  WEIRHOUSE_TRY_STATUS(RebuildFeatures(workspace, *state->session, views, progress));
  ++state->summary.commits;
  WEIRHOUSE_TRY_STATUS(DispatchOutbox(workspace));
  return std::move(state->summary);
}
}  // namespace weirhouse::engine

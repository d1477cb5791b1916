#include "work/workspace/publication.h"

#include <arrow/util/config.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/failpoint.h"
#include "work/project/event_type.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kProductVersion = "0.1.0";

// Predictions are runs too, hundreds in a second: nobody is told of each.
bool WantsToKnow(const Workspace& workspace, const catalog::Run& run) {
  const std::vector<Notify>& rules = workspace.project().notify;
  return run.plan.kind != "prediction" &&
         std::ranges::any_of(rules, [](const Notify& rule) { return rule.when == "run_finished"; });
}

catalog::OutboxEvent RunFinished(const catalog::Run& run, const catalog::CommitRequest& request) {
  std::set<std::string> tables;
  for (const catalog::TableChange& change : request.tables) tables.insert(change.name);
  return MakeEvent(EventKind::kRunFinished, ToString(run.id),
                   {{"run", ToString(run.id)},
                    {"kind", run.plan.kind},
                    {"name", run.plan.name},
                    {"batch", request.batch},
                    {"state", catalog::RunStateName(request.run_state)},
                    {"tables", tables}});
}
}  // namespace

std::string EngineVersion() {
  return fmt::format("weirhouse {}; duckdb {}; arrow {}", kProductVersion,
                     platform::SqlEngineVersion(), ARROW_VERSION_STRING);
}

catalog::RunPlan PlanOf(const StepInputs& step) {
  std::vector<std::string> pieces = {step.kind, step.name, EngineVersion(), step.inputs.dump(),
                                     step.parameters.dump()};
  pieces.insert(pieces.end(), step.code.begin(), step.code.end());
  catalog::RunPlan plan;
  plan.kind = step.kind;
  plan.name = step.name;
  plan.step_identity = Sha256OfPieces(pieces);
  std::vector<std::string> key = {plan.step_identity.ToHex()};
  key.insert(key.end(), step.tables.begin(), step.tables.end());
  plan.idempotency_key = Sha256OfPieces(key).ToHex();
  plan.inputs = step.inputs;
  plan.parameters = step.parameters;
  plan.record_ids_wanted = step.record_ids_wanted;
  return plan;
}

Publication::Publication(Workspace& workspace, const catalog::Run& run, std::string layer,
                         std::string batch)
    : workspace_(workspace), run_(run) {
  request_.run = run.id;
  request_.idempotency_key = run.plan.idempotency_key;
  request_.layer = std::move(layer);
  request_.batch = std::move(batch);
}

Publication::Publication(Workspace& workspace, const catalog::RunPlan& plan, std::string layer,
                         std::string batch)
    : workspace_(workspace) {
  run_.plan = plan;
  request_.plan = plan;
  request_.idempotency_key = plan.idempotency_key;
  request_.layer = std::move(layer);
  request_.batch = std::move(batch);
}

iceberg::StageOptions Publication::StageAs(const std::string& ref) const {
  iceberg::StageOptions options;
  options.run_name = ToString(run_.id);
  options.idempotency_key = run_.plan.idempotency_key;
  options.ref = ref;
  options.now = workspace_.clock().Now();
  return options;
}

void Publication::Add(const iceberg::StagedTable& staged) {
  if (staged.snapshots.empty() && staged.files.empty()) return;
  request_.tables.push_back(staged.change);
  request_.snapshots.insert(request_.snapshots.end(), staged.snapshots.begin(),
                            staged.snapshots.end());
  request_.files.insert(request_.files.end(), staged.files.begin(), staged.files.end());
  paths_to_sync_.insert(paths_to_sync_.end(), staged.paths_to_sync.begin(),
                        staged.paths_to_sync.end());
}

std::int64_t Publication::RowsAddedTo(const std::string& table, const std::string& ref) const {
  std::int64_t rows = 0;
  for (const catalog::SnapshotRecord& snapshot : request_.snapshots) {
    if (snapshot.table == table && snapshot.ref == ref) rows += snapshot.added_rows;
  }
  return rows;
}

Result<catalog::CommitAnswer> Publication::Commit() {
  if (WantsToKnow(workspace_, run_)) request_.events.push_back(RunFinished(run_, request_));
  WEIRHOUSE_FAILPOINT("engine.publish.before_sync");
  WEIRHOUSE_TRY_STATUS(workspace_.store().Flush(paths_to_sync_));
  WEIRHOUSE_FAILPOINT("engine.publish.before_commit");
  auto answer = workspace_.catalog().Commit(request_);
  if (!answer.ok() && answer.status().error_code() == "WH7003") {
    // The outcome is unknown: the key says whether it took place. Never guessed, never sent as new.
    WEIRHOUSE_TRY(std::optional<catalog::CommitAnswer> outcome,
                  workspace_.catalog().Outcome(request_.idempotency_key));
    if (outcome) return *outcome;
  }
  WEIRHOUSE_FAILPOINT("engine.publish.after_commit");
  return answer;
}

catalog::OutboxEvent TableCommitted(const std::string& table, const catalog::Run& run,
                                    std::int64_t rows, std::string_view batch) {
  return MakeEvent(EventKind::kTableCommitted, table,
                   {{"table", table},
                    {"run", ToString(run.id)},
                    {"batch", batch.empty() ? run.plan.name : std::string(batch)},
                    {"rows_added", rows}});
}
}  // namespace weirhouse::work

#include "work/workspace/publication.h"

#include <arrow/util/config.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/resource/memory_reserve.h"
#include "ground/catalog/outcome.h"
#include "work/project/event/event_type.h"
#include "work/workspace/awaited_event.h"

namespace weirhouse::work {
namespace {
constexpr std::string_view kProductVersion = "0.1.0";

// Predictions are runs too, hundreds in a second: they cause no events.
bool WantsToKnow(const Workspace& workspace, const catalog::Run& run) {
  return run.plan.kind != catalog::RunKind::kPrediction &&
         IsAwaited(workspace.project(), EventKind::kRunFinished, "");
}

// What every batch tells is written only where a rule waits for it.
void DropUnawaited(const ProjectDefinition& project, std::vector<catalog::OutboxEvent>& events) {
  for (const EventKind kind : {EventKind::kObjectArrived, EventKind::kTableCommitted}) {
    const std::string_view type = TypeOf(kind).type;
    std::erase_if(events, [&](const catalog::OutboxEvent& event) {
      return event.type == type && !IsAwaited(project, kind, event.subject);
    });
  }
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
  std::vector<std::string> pieces = {std::string(catalog::Name(step.kind)), step.name,
                                     EngineVersion(), step.inputs.dump(), step.parameters.dump()};
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

Publication::Publication(Workspace& workspace, const catalog::Run& run, catalog::Layer layer,
                         std::string batch)
    : workspace_(workspace), run_(run) {
  request_.run = run.id;
  request_.idempotency_key = run.plan.idempotency_key;
  request_.layer = layer;
  request_.batch = std::move(batch);
}

Publication::Publication(Workspace& workspace, const catalog::RunPlan& plan, catalog::Layer layer,
                         std::string batch)
    : workspace_(workspace) {
  request_.layer = layer;
  request_.batch = std::move(batch);
  PlanAs(plan);
}

Publication::Publication(Workspace& workspace, catalog::Layer layer) : workspace_(workspace) {
  request_.layer = layer;
}

Publication::~Publication() {
  if (keep_own_ || own_.empty()) return;
  const UseMemoryReserve reserve;
  for (const std::string& path : own_) {
    workspace_.store().Delete(path).Ignore("an orphan that the sweep finds");
  }
}

void Publication::PlanAs(catalog::RunPlan plan) {
  run_.plan = plan;
  request_.idempotency_key = plan.idempotency_key;
  request_.plan = std::move(plan);
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

void Publication::AddOwnFiles(const std::vector<catalog::FileRecord>& files) {
  for (const catalog::FileRecord& file : files) own_.push_back(file.path);
  AddFiles(files);
}

void Publication::AddFiles(const std::vector<catalog::FileRecord>& files) {
  for (const catalog::FileRecord& file : files) {
    paths_to_sync_.push_back(file.path);
    request_.files.push_back(file);
  }
}

std::int64_t Publication::RowsAddedTo(const std::string& table, const std::string& ref) const {
  std::int64_t rows = 0;
  for (const catalog::SnapshotRecord& snapshot : request_.snapshots) {
    if (snapshot.table == table && snapshot.ref == ref) rows += snapshot.added_rows;
  }
  return rows;
}

Result<catalog::CommitAnswer> Publication::Commit() {
  WEIRHOUSE_CHECK(!request_.idempotency_key.empty());
  // The event names the run, so a run without a number before the commit has none.
  if (!request_.plan && WantsToKnow(workspace_, run_)) {
    request_.events.push_back(RunFinished(run_, request_));
  }
  DropUnawaited(workspace_.project(), request_.events);
  WEIRHOUSE_FAILPOINT("engine.publish.before_sync");
  WEIRHOUSE_TRY_STATUS(workspace_.store().Flush(paths_to_sync_));
  WEIRHOUSE_FAILPOINT("engine.publish.before_commit");
  Result<catalog::CommitAnswer> answer = workspace_.catalog().Commit(request_);
  if (answer.ok()) {
    // If the key was answered before, no commit names what was staged now.
    keep_own_ = !answer->repeated;
  } else {
    keep_own_ = !catalog::WroteNothing(answer.status());
    answer =
        catalog::SettleOutcome(workspace_.catalog(), request_.idempotency_key, std::move(answer));
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

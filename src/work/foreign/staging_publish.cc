// Publishes a staging area: judges its rows against main like a batch of our own, then moves all
// tables in one commit, or none.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/catalog/moment.h"
#include "ground/iceberg/read/snapshot_change.h"
#include "ground/iceberg/update/metadata_update.h"
#include "work/foreign/conformity.h"
#include "work/foreign/foreign_lineage.h"
#include "work/foreign/staging_area.h"
#include "work/foreign/staging_state.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"
#include "work/pipeline/plan/plan.h"
#include "work/project/event/event_type.h"
#include "work/project/table_rules.h"
#include "work/workspace/applied.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/source_change.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
using RowsPtr = std::shared_ptr<arrow::Table>;

constexpr std::size_t kValueShownMax = 200;
// Each attempt judges again what clients staged meanwhile, which may be much.
constexpr RetryPolicy kWhileClientsStage{4, catalog::kWhilePointersMove.again};

// One table's part of an area.
struct StagedPart {
  std::string name;
  iceberg::TablePtr table;                                // the current table
  iceberg::TablePtr seen;                                 // the table after publishing
  HeldChange held;                                        // points into `table`
  const transform::CheckedTransform* external = nullptr;  // with a contract and gates, else null
  RowsPtr added;  // rows that this area adds; for external tables only
};

class StagingPublisher {
 public:
  StagingPublisher(Workspace& workspace, PipelineState& state, const StagingArea& area,
                   const std::string& who)
      : workspace_(workspace), state_(state), area_(area), who_(who) {}

  Result<StagingVerdict> Run() {
    WEIRHOUSE_TRY_STATUS(Load());
    WEIRHOUSE_TRY_STATUS(Judge());
    StagingVerdict verdict;
    verdict.message = Problem();
    verdict.published = verdict.message.empty();
    WEIRHOUSE_FAILPOINT("staging_area.judged");
    WEIRHOUSE_TRY_STATUS(verdict.published ? Publish() : NoteFailure(verdict.message));
    verdict.verdicts = verdicts_;
    return verdict;
  }

 private:
  Status Load();
  Status CheckNotMoved(const StagedPart& part) const;
  Status ReadAdded(StagedPart& part) const;
  Status Judge();
  Status JudgeGate(const gate::GateDefinition& gate, const StagedPart& part);
  Result<RowsPtr> RowsOf(const std::string& table, const std::vector<std::string>& columns);
  Result<EventTime> BatchEnd() const;
  std::string Problem() const;
  Status Publish();
  Status Stage(const StagedPart& part, Publication& publication) const;
  Status AddLineage(catalog::CommitRequest& request) const;
  Status NoteFailure(const std::string& message);

  Workspace& workspace_;
  PipelineState& state_;
  const StagingArea& area_;
  const std::string& who_;
  std::vector<StagedPart> parts_;
  CommitSeq upto_;  // everything else is read as of this commit
  EventTime batch_end_{};
  std::vector<catalog::VerdictRecord> verdicts_;
  std::vector<gate::GateReport> reports_;
  std::vector<const gate::GateDefinition*> judged_;
};

Status StagingPublisher::Load() {
  std::vector<iceberg::TablePtr> tables;
  WEIRHOUSE_TRY_STATUS(catalog::AtOneMoment(workspace_.catalog(), [&]() -> Status {
    WEIRHOUSE_TRY(upto_, workspace_.catalog().LastSeq());
    for (const std::string& name : area_.tables) {
      WEIRHOUSE_TRY(tables.emplace_back(), workspace_.LoadTable(name));
    }
    return Status();
  }));
  for (const iceberg::TablePtr& table : tables) {
    const std::string& name = table->name;
    StagedPart part;
    part.name = name;
    part.table = table;
    part.held = FindHeldChange(area_.run, *part.table);
    if (part.held.empty()) continue;
    WEIRHOUSE_TRY_STATUS(CheckNotMoved(part));
    part.seen =
        std::make_shared<const iceberg::TableMetadata>(ShowStagedAsMain(area_, *part.table));
    part.external = FindExternal(workspace_.project(), name);
    WEIRHOUSE_TRY_STATUS(ReadAdded(part));
    parts_.push_back(std::move(part));
  }
  if (parts_.empty()) {
    return Status(Code::kInvalidInput, fmt::format("nothing was staged through the staging area {}",
                                                   ToString(area_.run)))
        .WithError("WH7115")
        .WithHint("write through its address with its token, or discard it");
  }
  WEIRHOUSE_TRY(batch_end_, BatchEnd());
  return Status();
}

Status Moved(const StagingArea& area, const std::string& table, std::string_view what) {
  return Status(Code::kConflict,
                fmt::format(
                    "{} of the table \"{}\" changed since the staging area {} staged rows for it",
                    what, table, ToString(area.run)))
      .WithError("WH7111")
      .WithHint(
          "what its gate would judge is not what readers would get: discard the area, open a "
          "new one and write again");
}

Status StagingPublisher::CheckNotMoved(const StagedPart& part) const {
  const iceberg::Snapshot* main = part.table->current_snapshot();
  const SnapshotId now = main == nullptr ? SnapshotId(0) : main->id;
  if (part.held.head != nullptr && part.held.base != now) return Moved(area_, part.name, "main");
  if (!part.held.schema_id) return Status();
  // The staged schema must have all fields that the table gained meanwhile.
  for (const iceberg::Schema& schema : part.table->schemas) {
    if (schema.schema_id != *part.held.schema_id) continue;
    for (const iceberg::Field& field : part.table->schema().fields) {
      if (schema.FindById(field.id) == nullptr) return Moved(area_, part.name, "the schema");
    }
  }
  return Status();
}

Status StagingPublisher::ReadAdded(StagedPart& part) const {
  if (part.external == nullptr || part.held.head == nullptr) return Status();
  const iceberg::Snapshot* main = part.table->current_snapshot();
  if (main != nullptr) {
    WEIRHOUSE_TRY(const SourceChange change,
                  CompareRows(workspace_.store(), part.seen, main->id, part.held.head->id,
                              part.external->declared, EqualityDeletes::kRead));
    part.added = change.rows;
    return Status();
  }
  iceberg::ScanOptions options;
  options.columns = part.external->declared;
  WEIRHOUSE_TRY(const iceberg::Scan scan,
                iceberg::Scan::Plan(workspace_.store(), part.seen, options));
  WEIRHOUSE_TRY(const RowsPtr rows, scan.ReadAll());
  part.added = PlainRows(rows);
  return Status();
}

// The rows of a table as this area would leave it; other tables are read as they are.
Result<RowsPtr> StagingPublisher::RowsOf(const std::string& table,
                                         const std::vector<std::string>& columns) {
  for (const Seed& seed : workspace_.project().seeds) {
    if (table == "ref." + seed.name) return seed.rows;
  }
  for (const StagedPart& part : parts_) {
    if (part.name != table) continue;
    iceberg::ScanOptions options;
    options.columns = columns;
    if (columns.empty() && part.external != nullptr) options.columns = part.external->declared;
    WEIRHOUSE_TRY(const iceberg::Scan scan,
                  iceberg::Scan::Plan(workspace_.store(), part.seen, options));
    WEIRHOUSE_TRY(const RowsPtr rows, scan.ReadAll());
    return PlainRows(rows);
  }
  if (const auto* external = FindExternal(workspace_.project(), table))
    return ExternalRowsAsOf(workspace_, *external, upto_, columns);
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing, workspace_.FindTable(table));
  if (!existing) return MakeEmptyRows(workspace_, table, columns);
  return state_.tables.Rows(table, columns);
}

Result<EventTime> StagingPublisher::BatchEnd() const {
  std::optional<std::int64_t> newest;
  for (const StagedPart& part : parts_) {
    if (part.added == nullptr) continue;
    const auto time = NewestTime(*part.added, part.external->definition);
    if (time) newest = std::max(newest.value_or(*time), *time);
  }
  if (newest) return EventTimeOfMicros(*newest + 1);
  WEIRHOUSE_TRY(const EventTime now, workspace_.Now());
  return now != EventTime::min() ? now : EventTimeOfMicros(Micros(workspace_.clock().Now()));
}

Status StagingPublisher::Judge() {
  const ProjectDefinition& project = workspace_.project();
  for (const StagedPart& part : parts_) {
    if (part.added == nullptr) continue;
    const auto contract = project.contracts.at(part.external->definition.contract->name);
    WEIRHOUSE_TRY(catalog::VerdictRecord verdict, JudgeConformity(contract, part.name, *part.added,
                                                                  ToString(area_.run), batch_end_));
    verdicts_.push_back(std::move(verdict));
    for (const gate::GateDefinition& gate : project.gates) {
      if (gate.table == part.name) WEIRHOUSE_TRY_STATUS(JudgeGate(gate, part));
    }
  }
  return Status();
}

Status StagingPublisher::JudgeGate(const gate::GateDefinition& gate, const StagedPart& part) {
  const gate::GateDefinition judged = WithoutSkipped(gate, workspace_.project().profile);
  if (judged.checks.empty()) return Status();  // the profile skips all of it
  gate::GateInput input;
  input.batch = ToString(area_.run);
  input.batch_end = batch_end_;
  input.now = workspace_.project().replay_clock
                  ? batch_end_
                  : EventTimeOfMicros(Micros(workspace_.clock().Now()));
  input.this_rows = part.added;
  input.key_columns = part.external->definition.key_columns();
  input.this_table = [&](const std::vector<std::string>& columns) {
    return RowsOf(part.name, columns);
  };
  input.other_table = [&](const std::string& name, const std::vector<std::string>& columns) {
    return RowsOf(name, columns);
  };
  input.history_checks = !SkipsHistory(workspace_.project().profile);
  WEIRHOUSE_TRY(gate::GateReport report, state_.Judge(judged, input));
  verdicts_.push_back(gate::MakeVerdictRecord(report, gate));
  reports_.push_back(std::move(report));
  judged_.push_back(&gate);
  return Status();
}

std::string Shown(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, kValueShownMax);
}

// Why the area is not published, for people; empty if it is.
std::string StagingPublisher::Problem() const {
  std::string problem;
  for (const catalog::VerdictRecord& verdict : verdicts_) {
    if (verdict.gate.starts_with("contract ") && verdict.state == catalog::VerdictState::kFailed) {
      problem += fmt::format("{} broken by rows for {}: {}\n", verdict.gate, verdict.table,
                             ReasonsOf(verdict));
    }
  }
  for (const gate::GateReport& report : reports_) {
    if (report.publishes()) continue;
    problem += fmt::format("gate {} FAILED on {}:\n", report.gate, report.table);
    for (const gate::CheckResult& check : report.checks) {
      if (check.severity != gate::Severity::kError || gate::Publishes(check.state)) continue;
      problem += fmt::format("  check {}: {} (observed {}, bound {}, declared {})\n", check.name,
                             check.reason, Shown(check.observed), Shown(check.bound),
                             Shown(check.parameters));
      if (check.examples.is_array() && !check.examples.empty()) {
        problem += fmt::format("    first row: {}\n", Shown(check.examples[0]));
      }
    }
  }
  if (problem.empty()) return problem;
  const std::string name = ToString(area_.run);
  return fmt::format(
      "{}the staging area {} stays open and readers see nothing of it: correct the rows "
      "through it, then `wh staging publish {}`; or `wh staging discard {} "
      "--reason TEXT`",
      problem, name, name, name);
}

// Moves main of one table to the staged snapshot, with the schema and properties held back.
Status StagingPublisher::Stage(const StagedPart& part, Publication& publication) const {
  std::vector<iceberg::Update> updates;
  if (part.held.schema_id) updates.push_back(iceberg::SetCurrentSchema{*part.held.schema_id});
  if (!part.held.set.empty()) updates.push_back(iceberg::SetProperties{part.held.set});
  std::vector<std::string> removed;
  for (const std::string& key : part.held.removed) {
    if (part.table->properties.count(key) != 0) removed.push_back(key);
  }
  if (!removed.empty()) updates.push_back(iceberg::RemoveProperties{std::move(removed)});
  if (part.held.head != nullptr) {
    updates.push_back(iceberg::SetSnapshotRef{"main", {part.held.head->id, "branch", {}, {}, {}}});
  }
  for (iceberg::Update& update : MakeRemovalUpdates(area_.run, part.held)) {
    updates.push_back(std::move(update));
  }
  const ProcessTime now = workspace_.clock().Now();
  WEIRHOUSE_TRY(iceberg::UpdatedMetadata next,
                iceberg::ApplyUpdates(part.table.get(), part.name, updates, now));
  policy::Judgement moved;
  if (part.held.head != nullptr) {
    policy::JudgedRef main;
    main.ref = "main";
    main.before = part.table->current_snapshot();
    main.after = part.held.head;
    WEIRHOUSE_TRY(main.change, iceberg::CompareSnapshots(workspace_.store(), *part.table,
                                                         main.before, *main.after));
    moved.refs.push_back(std::move(main));
  }
  std::vector<catalog::SnapshotRecord> gained =
      SnapshotsGained(part.table.get(), *part.table, moved);
  WEIRHOUSE_TRY(iceberg::StagedTable staged,
                iceberg::StageMetadata(workspace_.store(), part.table, workspace_.random(),
                                       std::move(next), now));
  staged.snapshots = std::move(gained);
  catalog::CommitRequest& request = publication.request();
  request.events.push_back(TableCommitted(part.name, publication.run(), RowsAddedToMain(moved)));
  if (part.held.head != nullptr && policy::LayerOf(part.name) == policy::Layer::kProcessed) {
    request.layer = catalog::Layer::kProcessed;
  }
  publication.Add(staged);
  return Status();
}

// The sources of what the area published: the rows that main had, and the commits of the engines.
Status StagingPublisher::AddLineage(catalog::CommitRequest& request) const {
  catalog::Catalog& catalog = workspace_.catalog();
  std::set<catalog::NodeRef> read;
  for (const StagedPart& part : parts_) {
    WEIRHOUSE_TRY(const auto snapshots, catalog.Snapshots(part.name));
    for (const catalog::SnapshotRecord& snapshot : snapshots) {
      if (snapshot.ref == StagingRefOf(area_.run)) {
        read.insert(catalog::RunNode(snapshot.run));
      } else if (snapshot.ref == "main" && part.held.base == snapshot.snapshot) {
        read.insert(catalog::SnapshotNode(part.name, snapshot.seq));
      }
    }
    if (part.external == nullptr) continue;
    const std::string& id = part.external->definition.contract->name;
    request.lineage.Uses(
        {catalog::NodeKind::kContract, workspace_.project().contracts.at(id)->Title()});
  }
  for (const catalog::NodeRef& node : read) {
    WEIRHOUSE_TRY(const auto known, catalog.FindNode(node));
    if (known) request.lineage.Read(node);
  }
  UseCode(workspace_.project().code, request.lineage);
  return Status();
}

Status StagingPublisher::Publish() {
  WEIRHOUSE_TRY(const catalog::Run run, workspace_.catalog().GetRun(area_.run));
  Publication publication(workspace_, run, catalog::Layer::kOpen, ToString(area_.run));
  catalog::CommitRequest& request = publication.request();
  for (const StagedPart& part : parts_) WEIRHOUSE_TRY_STATUS(Stage(part, publication));
  WEIRHOUSE_FAILPOINT("staging_area.staged");
  request.verdicts = verdicts_;
  for (const gate::GateReport& report : reports_) {
    request.metrics.push_back(gate::MakeProfileMetric(report, true));
  }
  WEIRHOUSE_TRY_STATUS(AddLineage(request));
  StagingArea closed = area_;
  closed.state = "published";
  closed.problem.clear();
  request.settings.push_back(SettingOfArea(area_.run).To(ToJson(closed)));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("staging_area.published");
  CloseToken(workspace_, area_.run, "the staging area was published")
      .Ignore("an area that is closed lets nothing through, whoever asks");
  return Status();
}

// Records verdicts, values and alert as for a batch that halts; nothing moves.
Status StagingPublisher::NoteFailure(const std::string& message) {
  StepInputs step;
  step.kind = catalog::RunKind::kStagingAreaJudgement;
  step.name = ToString(area_.run);
  step.inputs = {{"run", ToString(area_.run)}, {"id", workspace_.random().Uuid4()}};
  for (const StagedPart& part : parts_) {
    step.inputs["staged"][part.name] =
        part.held.head == nullptr ? json() : json(part.held.head->id.value());
  }
  step.parameters = {{"who", who_}};
  Publication publication(workspace_, PlanOf(step), catalog::Layer::kMaintenance,
                          ToString(area_.run));
  catalog::CommitRequest& request = publication.request();
  request.verdicts = verdicts_;
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    const gate::GateReport& report = reports_[i];
    request.metrics.push_back(gate::MakeProfileMetric(report, false));
    if (report.publishes() || !judged_[i]->on_fail.alert) continue;
    request.events.push_back(MakeEvent(EventKind::kGateFailed, report.gate,
                                       {{"gate", report.gate},
                                        {"table", report.table},
                                        {"batch", report.batch},
                                        {"run", ToString(area_.run)},
                                        {"owner", judged_[i]->owner},
                                        {"state", report.state},
                                        {"reasons", report.Reasons()}}));
  }
  StagingArea open = area_;
  open.problem = message;
  request.settings.push_back(SettingOfArea(area_.run).To(ToJson(open)));
  return publication.Commit().status();
}
}  // namespace

Result<StagingVerdict> PublishStagingArea(Workspace& workspace, RunId run, const std::string& who) {
  WEIRHOUSE_TRY_STATUS(RequireApplied(workspace));
  return WithRetries(kWhileClientsStage, [&]() -> Result<StagingVerdict> {
    WEIRHOUSE_TRY(const StagingArea area, FindStagingArea(workspace, run));
    WEIRHOUSE_TRY_STATUS(RequireOpen(area));
    WEIRHOUSE_TRY(const std::unique_ptr<PipelineState> state,
                  PipelineState::Make(workspace, NoProgress()));
    return StagingPublisher(workspace, *state, area, who).Run();
  });
}
}  // namespace weirhouse::work

// Raw → processed. One run per raw commit: decode, judge the records, transform, judge the tables,
// publish all of it in one commit; or, if a gate does not pass, stage all of it in one commit and
// halt.
//
// And tables of other engines → processed: the same without records. Such a table may have lost any
// of its rows, so what reads it, and what reads that, is run again as a whole.
#include <arrow/api.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/failpoint.h"
#include "base/text.h"
#include "engine/applied.h"
#include "engine/arrow_rows.h"
#include "engine/chain_work.h"
#include "engine/external_table.h"
#include "engine/halt.h"
#include "engine/losers.h"
#include "engine/pipeline_state.h"
#include "engine/quarantine_table.h"
#include "engine/refusals.h"
#include "engine/stop_on_interrupt.h"
#include "engine/table_work.h"
#include "transform/run.h"

namespace weirhouse::engine {
namespace {
using nlohmann::json;

// Everything about one batch on its way through. Threads: one.
class BatchRun {
 public:
  BatchRun(PipelineState& state, const catalog::Catalog::CommitEntry& raw)
      : state_(state), workspace_(state.workspace), raw_(raw), batch_(raw.batch) {}
  // What reads tables of other engines.
  BatchRun(PipelineState& state, const ExternalNews& news)
      : state_(state),
        workspace_(state.workspace),
        raw_(news.upto),
        news_(&news),
        batch_(fmt::format("external@{}", news.upto.seq.value())) {}
  // An object that was quarantined whole.
  BatchRun(PipelineState& state, const Retry& retry)
      : state_(state),
        workspace_(state.workspace),
        raw_(retry.raw),
        retry_(&retry),
        batch_(retry.object.batch) {}

  Result<bool> Process();
  // Writes down why the run ended; it is resumed, or planned anew from what another writer left.
  void NoteFailure(const Status& why) {
    if (run_.id.value() != 0)
      workspace_.catalog().FailRun(run_.id, why).Ignore("the first error counts");
  }

 private:
  Status ReadRecords();
  Status Plan();
  // Whose offset this moves; of a retry nobody's.
  std::string Consumer() const {
    if (retry_ != nullptr) return "";
    return std::string(news_ == nullptr ? kProcessedConsumer : kExternalConsumer);
  }
  bool RunsWhole(const transform::CheckedTransform& transform) const {
    return news_ != nullptr || transform.definition.mode == transform::Mode::kFull ||
           LosesByTime(transform);
  }
  // Which rows left cannot be told: run_time() made them, and gives another time now.
  bool LosesByTime(const transform::CheckedTransform& transform) const;
  // What this run makes of `table`; null if nothing.
  TableWork* WorkOn(const std::string& table) const;
  bool IsNews(const std::string& table) const;
  Status ReadNewsEnd();
  Result<std::shared_ptr<arrow::Table>> AllRecords(const std::string& source);
  Status RegisterInputs(const transform::CheckedTransform& transform, bool* has_work);
  Status Transform();
  Status Judge();
  Status JudgeTable(const gate::GateDefinition& gate, const SourceRecords* records,
                    TableWork* work);
  Result<std::shared_ptr<arrow::Table>> StagedRows(const std::string& table,
                                                   const std::vector<std::string>& columns);
  Status StageTables(Publication& publication, const std::string& ref);
  Status StageQuarantine(Publication& publication);
  void FillLineage(catalog::CommitRequest& request) const;
  Status Publish();
  Status Halt();
  EventTime BatchEnd() const;
  std::vector<catalog::RecordStateCount> StateCounts() const;

  PipelineState& state_;
  Workspace& workspace_;
  const catalog::Catalog::CommitEntry& raw_;  // the commit consumed
  const ExternalNews* news_ = nullptr;        // null: `raw_` is a raw commit
  const Retry* retry_ = nullptr;
  std::string batch_;
  CommitSeq records_upto_;  // raw commits whose records SQL may read as a whole
  // The newest time in the tables of other engines: where their news ends.
  std::optional<std::int64_t> news_end_;
  catalog::Catalog::Offset offset_;
  catalog::Run run_;
  std::map<std::string, SourceRecords> sources_;
  std::map<std::string, std::shared_ptr<arrow::Table>> driver_rows_;  // of transforms of mode full
  std::vector<std::unique_ptr<TableWork>> work_;
  std::vector<gate::GateReport> reports_;
  std::vector<const gate::GateDefinition*> judged_;
  gate::State worst_ = gate::State::kPassed;
};

Result<bool> BatchRun::Process() {
  WEIRHOUSE_TRY_STATUS(Plan());
  if (run_.state == catalog::RunState::kHalted) {
    state_.summary.halted = run_.id;
    return false;
  }
  WEIRHOUSE_CHECK(run_.state == catalog::RunState::kPlanned);
  WEIRHOUSE_FAILPOINT("processed.planned");
  WEIRHOUSE_TRY_STATUS(ReadRecords());
  WEIRHOUSE_TRY_STATUS(Transform());
  for (const std::string& left_out : RowsWithoutRecord(work_)) {
    state_.summary.warnings.push_back(
        fmt::format("{} in {} ({})", left_out, ToString(run_.id), batch_));
  }
  WEIRHOUSE_TRY_STATUS(Judge());
  const bool publishes = gate::Publishes(worst_) || Planted("unjudged_publish");
  if (!publishes) {
    WEIRHOUSE_TRY_STATUS(Halt());
    return false;
  }
  WEIRHOUSE_TRY_STATUS(Publish());
  return true;
}

Status BatchRun::Plan() {
  if (retry_ == nullptr) {
    WEIRHOUSE_TRY(offset_, workspace_.catalog().OffsetOf(Consumer()));
  }
  records_upto_ = raw_.seq;
  StepInputs step;
  step.kind = "processed";
  step.name = batch_;
  step.code = {DefinitionDigests(workspace_.project()).dump(), workspace_.project().profile.name};
  step.inputs = {{"raw_seq", raw_.seq.value()}, {"offset", offset_.position}};
  if (news_ != nullptr) {
    WEIRHOUSE_TRY(const auto consumed,
                  workspace_.catalog().OffsetOf(std::string(kProcessedConsumer)));
    records_upto_ = CommitSeq(consumed.position);
    WEIRHOUSE_TRY_STATUS(ReadNewsEnd());
    step.kind = std::string(kDownstreamKind);
    step.inputs = {{"external_seq", raw_.seq.value()},
                   {"raw_seq", consumed.position},
                   {"offset", offset_.position}};
    for (const auto& [table, snapshot] : news_->snapshots)
      step.inputs["external"][table] = snapshot.snapshot.value();
    step.inputs["changes"] = {{"how", "rebuild"},
                              {"why", "SQL over tables of other engines runs again as a whole"}};
  }
  if (retry_ != nullptr) {
    WEIRHOUSE_TRY(const auto consumed,
                  workspace_.catalog().OffsetOf(std::string(kProcessedConsumer)));
    records_upto_ = CommitSeq(consumed.position);
    step.kind = "retry";
    step.inputs = {{"object", ToString(retry_->object.id)}, {"raw_seq", consumed.position}};
  }
  for (const transform::CheckedTransform& transform : workspace_.project().transforms) {
    if (transform.definition.is_external()) continue;
    const std::string& name = transform.definition.name();
    WEIRHOUSE_TRY(const std::optional<table::TablePtr> table, workspace_.FindTable(name));
    const table::Snapshot* current = table ? (*table)->current_snapshot() : nullptr;
    step.inputs["tables"][name] = current == nullptr ? 0 : current->id.value();
    step.tables.push_back(name);
  }
  WEIRHOUSE_TRY(run_, workspace_.catalog().PlanRun(PlanOf(step)));
  return Status();
}

Status BatchRun::ReadNewsEnd() {
  for (const auto& [table, snapshot] : news_->snapshots) {
    const transform::CheckedTransform* external = FindExternal(workspace_.project(), table);
    const transform::TransformDefinition& definition = external->definition;
    const auto& column = definition.known ? definition.known : definition.event;
    if (!column) continue;
    WEIRHOUSE_TRY(const auto rows,
                  ExternalRows(workspace_, *external, snapshot.snapshot, {column->name}));
    const auto newest = NewestTime(*rows, definition);
    if (newest) news_end_ = std::max(news_end_.value_or(*newest), *newest);
  }
  return Status();
}

bool BatchRun::IsNews(const std::string& table) const {
  return news_ != nullptr && news_->snapshots.count(table) != 0;
}

TableWork* BatchRun::WorkOn(const std::string& table) const {
  for (const auto& work : work_) {
    if (work->Covers(table)) return work.get();
  }
  return nullptr;
}

bool BatchRun::LosesByTime(const transform::CheckedTransform& transform) const {
  if (!transform.uses_run_time || !IsChained(transform)) return false;
  const TableWork* upstream = WorkOn(*transform.driver);
  return upstream != nullptr && upstream->LosesRows(*transform.driver);
}

Status BatchRun::ReadRecords() {
  if (news_ != nullptr) return Status();
  std::vector<catalog::ObjectRecord> objects;
  if (retry_ != nullptr) {
    objects.push_back(retry_->object);
  } else {
    catalog::ObjectFilter filter;
    filter.seq = raw_.seq;
    WEIRHOUSE_TRY(objects, workspace_.catalog().Objects(filter));
  }
  const Reading reading = retry_ != nullptr ? Reading::kRetry : Reading::kFirst;
  std::map<std::string, std::vector<catalog::ObjectRecord>> by_source;
  for (const catalog::ObjectRecord& object : objects) by_source[object.source].push_back(object);
  for (const auto& [source, list] : by_source) {
    WEIRHOUSE_TRY(SourceRecords records, state_.records.Read(source, list, reading));
    sources_.emplace(source, std::move(records));
  }
  return Status();
}

// The valid records of every object of a source up to this raw commit, without batches that a
// person left out: what a transform of mode full reads.
Result<std::shared_ptr<arrow::Table>> BatchRun::AllRecords(const std::string& source) {
  catalog::ObjectFilter filter;
  filter.source = source;
  WEIRHOUSE_TRY(const std::vector<catalog::ObjectRecord> all, workspace_.catalog().Objects(filter));
  WEIRHOUSE_TRY(const std::set<CommitSeq> left_out, DiscardedCommits(workspace_));
  WEIRHOUSE_TRY(const std::set<ObjectId> left_out_alone, DiscardedObjects(workspace_));
  std::vector<catalog::ObjectRecord> earlier;
  for (const catalog::ObjectRecord& object : all) {
    const bool now = retry_ != nullptr
                         ? object.id == retry_->object.id
                         : news_ == nullptr && object.seq == raw_.seq;  // read already
    if (object.seq <= records_upto_ && !now && left_out.count(object.seq) == 0 &&
        left_out_alone.count(object.id) == 0) {
      earlier.push_back(object);
    }
  }
  std::vector<std::shared_ptr<arrow::Table>> parts;
  if (!earlier.empty()) {
    WEIRHOUSE_TRY(const SourceRecords records,
                  state_.records.Read(source, earlier, Reading::kAgain));
    parts.push_back(records.rows);
  }
  if (const auto now = sources_.find(source); now != sources_.end())
    parts.push_back(now->second.rows);
  if (parts.empty()) return state_.records.NoRows(source);
  return Concatenate(parts);
}

// Registers what `transform` reads; `has_work` = something of it is new.
Status BatchRun::RegisterInputs(const transform::CheckedTransform& transform, bool* has_work) {
  const bool full = RunsWhole(transform);
  *has_work = false;
  for (const transform::TableReference& reference : transform.references) {
    const std::string base = reference.name.substr(reference.name.find('.') + 1);
    if (reference.kind == transform::TableKind::kRecords) {
      const auto records = sources_.find(base);
      *has_work = *has_work || records != sources_.end();
      if (full) continue;  // read below, only if there is work
      WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, state_.records.NoRows(base));
      if (records != sources_.end()) rows = records->second.rows;
      WEIRHOUSE_TRY_STATUS(
          transform::RegisterInput(*state_.session, transform, reference.name, rows));
    } else if (reference.kind == transform::TableKind::kProcessed) {
      const TableWork* upstream = WorkOn(reference.name);
      *has_work = *has_work || IsNews(reference.name) ||
                  (upstream != nullptr && upstream->ChangesRows(reference.name));
    }
  }
  if (!full || !*has_work) return Status();
  for (const transform::TableReference& reference : transform.references) {
    if (reference.kind == transform::TableKind::kRecords) {
      WEIRHOUSE_TRY(const auto rows,
                    AllRecords(reference.name.substr(reference.name.find('.') + 1)));
      driver_rows_[reference.name] = rows;
      WEIRHOUSE_TRY_STATUS(
          transform::RegisterInput(*state_.session, transform, reference.name, rows));
    } else if (reference.kind == transform::TableKind::kProcessed) {
      WEIRHOUSE_TRY(const auto rows, StagedRows(reference.name, {}));
      WEIRHOUSE_TRY_STATUS(
          transform::RegisterInput(*state_.session, transform, reference.name, rows));
    }
  }
  return Status();
}

Status BatchRun::Transform() {
  for (const transform::CheckedTransform& transform : workspace_.project().transforms) {
    if (transform.definition.is_external()) continue;
    bool has_work = false;
    WEIRHOUSE_TRY_STATUS(RegisterInputs(transform, &has_work));
    if (!has_work) continue;
    if (IsChained(transform) && !RunsWhole(transform)) {
      WEIRHOUSE_TRY(std::unique_ptr<TableWork> work,
                    MakeChainWork(state_, transform, *WorkOn(*transform.driver), run_.planned_at));
      work_.push_back(std::move(work));
      WEIRHOUSE_FAILPOINT("processed.transformed");
      continue;
    }
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                  transform::RunTransform(*state_.session, transform, run_.planned_at));
    SourceRecords* records = nullptr;
    if (transform.driver &&
        transform::KindOfTable(*transform.driver) == transform::TableKind::kRecords) {
      const auto found = sources_.find(transform.driver->substr(transform.driver->find('.') + 1));
      if (found != sources_.end()) records = &found->second;
    }
    const bool full = RunsWhole(transform);
    const auto driver = full && records != nullptr ? driver_rows_[*transform.driver] : nullptr;
    WEIRHOUSE_TRY(std::unique_ptr<TableWork> work,
                  TableWork::Make(workspace_, transform, rows, records, driver, full));
    if (full) WEIRHOUSE_TRY_STATUS(work->DropUnchanged());
    work_.push_back(std::move(work));
    WEIRHOUSE_FAILPOINT("processed.transformed");
  }
  return Status();
}

// A table as this run sees it: with what it adds and without what it replaces.
Result<std::shared_ptr<arrow::Table>> BatchRun::StagedRows(
    const std::string& table, const std::vector<std::string>& columns) {
  if (const TableWork* work = WorkOn(table)) return work->StagedRows(state_.tables, table, columns);
  if (const auto* external = FindExternal(workspace_.project(), table)) {
    std::optional<SnapshotId> snapshot;
    if (IsNews(table)) {
      snapshot = news_->snapshots.at(table).snapshot;
    } else {
      WEIRHOUSE_TRY(const auto now, workspace_.FindTable(table));
      if (now && (*now)->current_snapshot() != nullptr) snapshot = (*now)->current_snapshot()->id;
    }
    return ExternalRows(workspace_, *external, snapshot, columns);
  }
  WEIRHOUSE_TRY(const std::optional<table::TablePtr> existing, workspace_.FindTable(table));
  if (existing) return state_.tables.Rows(table, columns);
  return EmptyRowsOf(workspace_, table, columns);
}

Status BatchRun::Judge() {
  for (const gate::GateDefinition& gate : workspace_.project().gates) {
    const std::string base = gate.table.substr(gate.table.find('.') + 1);
    if (gate.table.starts_with("records.")) {
      const auto records = sources_.find(base);
      if (records != sources_.end())
        WEIRHOUSE_TRY_STATUS(JudgeTable(gate, &records->second, nullptr));
      continue;
    }
    for (const auto& work : work_) {
      if (work->Covers(gate.table)) WEIRHOUSE_TRY_STATUS(JudgeTable(gate, nullptr, work.get()));
    }
  }
  return Status();
}

Status BatchRun::JudgeTable(const gate::GateDefinition& gate, const SourceRecords* records,
                            TableWork* work) {
  gate::GateInput input;
  input.batch = batch_;
  input.batch_end = BatchEnd();
  input.now = workspace_.project().replay_clock
                  ? input.batch_end
                  : EventTimeOfMicros(Micros(workspace_.clock().Now()));
  input.this_rows = DeclaredColumns(records != nullptr ? records->rows : work->added_rows());
  if (work != nullptr) {
    input.key_columns = work->transform().definition.key_columns();
    input.key_lookup = [&] { return work->KeysHeldByOthers(); };
  }
  input.this_table = [&](const std::vector<std::string>& columns) -> Result<gate::RowsPtr> {
    if (records != nullptr) return input.this_rows;
    return StagedRows(gate.table, columns);
  };
  input.other_table = [&](const std::string& name,
                          const std::vector<std::string>& columns) -> Result<gate::RowsPtr> {
    if (name.starts_with("ref.")) {
      for (const Seed& seed : workspace_.project().seeds) {
        if (name == "ref." + seed.name) return seed.rows;
      }
    }
    return StagedRows(name, columns);
  };
  WEIRHOUSE_TRY(const std::vector<gate::PublishedBatch>* history, state_.HistoryOf(gate.table));
  input.history = *history;
  input.history_checks = !SkipsHistory(workspace_.project().profile);
  gate::GateDefinition judged = WithoutSkipped(gate, workspace_.project().profile);
  gate::GateReport report = gate::JudgeGate(judged, input, *state_.session, workspace_.clock());
  WEIRHOUSE_TRY_STATUS(report.stopped);
  worst_ = std::max(worst_, report.state);
  state_.summary.gates[gate.name][std::string(gate::StateName(report.state))] += 1;
  if (report.state == gate::State::kWarned) {
    state_.summary.warnings.push_back(fmt::format("gate {} warned in {} ({}): {}", gate.name,
                                                  ToString(run_.id), batch_, report.Reasons()));
  }
  reports_.push_back(std::move(report));
  judged_.push_back(&gate);
  return Status();
}

Status BatchRun::StageTables(Publication& publication, const std::string& ref) {
  for (const auto& work : work_) {
    WEIRHOUSE_TRY_STATUS(work->Stage(publication, ref));
    WEIRHOUSE_FAILPOINT("processed.staged_table");
  }
  return Status();
}

// Quarantine publishes whatever the gate says: what is in it will not change by a person's
// decision.
Status BatchRun::StageQuarantine(Publication& publication) {
  for (auto& [source, records] : sources_) {
    std::vector<std::shared_ptr<arrow::Table>> parts;
    if (records.quarantine) parts.push_back(records.quarantine);
    // A table of another table's rows knows their records and not their source.
    WEIRHOUSE_TRY(const auto rejected, QuarantineRejected(workspace_, records, AllRejected(work_)));
    if (rejected != nullptr) parts.push_back(rejected);
    std::shared_ptr<arrow::Table> rows;
    if (!parts.empty()) {
      WEIRHOUSE_TRY(rows, Concatenate(parts));
    }
    if (retry_ != nullptr) {
      WEIRHOUSE_TRY_STATUS(StageRetriedQuarantine(workspace_, publication, retry_->object, rows));
    } else if (rows != nullptr) {
      WEIRHOUSE_TRY_STATUS(AppendRows(workspace_, publication, "quarantine." + source, rows));
    }
    if (rows == nullptr) continue;
    catalog::OutboxEvent event;
    event.type = "weirhouse.record.quarantined";
    event.subject = source;
    event.data = {{"source", source},
                  {"batch", batch_},
                  {"records", records.record_count},
                  {"quarantined", rows->num_rows()}};
    publication.request().events.push_back(std::move(event));
  }
  WEIRHOUSE_FAILPOINT("quarantine.staged");
  return Status();
}

EventTime BatchRun::BatchEnd() const {
  if (const auto end = raw::EndOfBatch(batch_)) return *end;
  // A batch by arrival ends with its newest known or event time; without one, when it arrived.
  std::optional<std::int64_t> newest = news_end_;
  for (const auto& work : work_) {
    if (const auto time = work->NewestTime()) newest = std::max(newest.value_or(*time), *time);
  }
  return EventTimeOfMicros(newest ? *newest + 1 : Micros(raw_.committed_at));
}

// One count per record: that of the transform its source drives, or "filtered" where none does.
std::vector<catalog::RecordStateCount> BatchRun::StateCounts() const {
  std::vector<catalog::RecordStateCount> counts;
  for (const auto& [source, records] : sources_) {
    // A retried object was in quarantine with all its records until now.
    const std::int64_t quarantined =
        records.quarantined_count - (retry_ != nullptr ? records.record_count : 0);
    if (quarantined != 0) counts.push_back({source, "", "quarantined", quarantined});
    const TableWork* owner = nullptr;
    for (const auto& work : work_) {
      if (work->records() == &records && owner == nullptr) owner = work.get();
    }
    if (owner == nullptr) {
      const std::int64_t valid = records.record_count - records.quarantined_count;
      if (valid > 0) counts.push_back({source, "", "filtered", valid});
      continue;
    }
    for (const auto& [name, count] : owner->StateCounts()) {
      if (count != 0) counts.push_back({source, owner->transform().definition.name(), name, count});
    }
  }
  return counts;
}

void BatchRun::FillLineage(catalog::CommitRequest& request) const {
  const catalog::NodeRef run{"run", ""};
  if (retry_ != nullptr) {
    const catalog::ObjectRecord& object = retry_->object;
    request.forgotten_attempts.push_back({object.source, object.name, object.digest});
  }
  for (const auto& [source, records] : sources_) {
    for (const catalog::ObjectRecord& object : records.objects) {
      request.edges.push_back({{"object", ToString(object.id)}, run, "read", {}, {}});
    }
    const Source* definition = workspace_.project().FindSource(source);
    const auto& contract = workspace_.project().contracts.at(definition->contract);
    request.edges.push_back({{"contract", contract->Title()}, run, "uses", {}, {}});
  }
  if (news_ != nullptr) {
    for (const auto& [table, snapshot] : news_->snapshots) {
      const std::string key = fmt::format("{}@{}", table, snapshot.seq.value());
      request.edges.push_back({{"snapshot", key}, run, "read", {}, {}});
    }
  } else {
    request.edges.push_back({{"commit", std::to_string(raw_.seq.value())}, run, "read", {}, {}});
  }
  request.edges.push_back({{"code", CodeKey(workspace_.project().code)}, run, "uses", {}, {}});
  request.nodes.push_back({"code",
                           CodeKey(workspace_.project().code),
                           {{"digest", workspace_.project().code.ToHex()}}});
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    request.verdicts.push_back(gate::MakeVerdictRecord(reports_[i], *judged_[i]));
  }
}

Status BatchRun::Publish() {
  Publication publication(workspace_, run_, "processed", batch_);
  WEIRHOUSE_TRY_STATUS(StageTables(publication, "main"));
  WEIRHOUSE_TRY_STATUS(StageQuarantine(publication));
  WEIRHOUSE_TRY(const table::TablePtr losers, StageLosers(workspace_, publication, work_, "main"));
  catalog::CommitRequest& request = publication.request();
  // Rows of other engines that tell no time move no clock.
  if (news_ == nullptr || news_end_) request.batch_end = BatchEnd();
  request.record_states = StateCounts();
  if (retry_ == nullptr) {
    request.offsets.push_back({Consumer(), offset_.position, raw_.seq.value(), offset_.generation});
  }
  FillLineage(request);
  for (const gate::GateReport& report : reports_) {
    request.metrics.push_back(gate::MakeProfileMetric(report, true));
  }
  for (const auto& work : work_) {
    request.events.push_back(
        TableCommitted(work->transform().definition.name(), run_, work->added_rows()->num_rows()));
  }
  WEIRHOUSE_TRY_STATUS(
      NoteAbsentFields(workspace_, sources_, batch_, request, state_.summary.warnings));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("processed.committed");

  ++state_.summary.commits;
  NoteRefusals(sources_, work_, batch_, state_.summary);
  for (const catalog::RecordStateCount& count : request.record_states)
    state_.summary.states[count.state] += count.count;
  for (const auto& work : work_) work->CountRows(state_.summary.rows_by_table);
  std::set<std::string> noted;
  for (const gate::GateReport& report : reports_) {
    WEIRHOUSE_TRY(std::vector<gate::PublishedBatch> * history, state_.HistoryOf(report.table));
    auto profile = std::make_shared<gate::BatchProfile>(report.profile);
    if (!noted.insert(report.table).second) {  // another gate of the same table
      gate::BatchProfile known = *history->back().profile;
      profile->columns.merge(known.columns);
      history->back().profile = std::move(profile);
      continue;
    }
    history->push_back({report.batch, report.batch_end, std::move(profile), report.lacked_history});
  }
  for (const auto& work : work_) WEIRHOUSE_TRY_STATUS(work->ApplyToIndexes(losers));
  WEIRHOUSE_FAILPOINT("processed.indexed");
  return Status();
}

Status BatchRun::Halt() {
  Publication publication(workspace_, run_, "processed", batch_);
  const std::string ref = StagingRef(run_.id);
  WEIRHOUSE_TRY_STATUS(StageTables(publication, ref));
  WEIRHOUSE_TRY_STATUS(StageQuarantine(publication));
  WEIRHOUSE_TRY(const table::TablePtr losers, StageLosers(workspace_, publication, work_, ref));
  catalog::CommitRequest& request = publication.request();
  request.run_state = catalog::RunState::kHalted;
  FillLineage(request);

  HaltedBatch halted;
  halted.batch = batch_;
  halted.consumer = Consumer();
  halted.raw_seq = raw_.seq;
  if (retry_ != nullptr) halted.retried = retry_->object.id;
  halted.batch_end = BatchEnd();
  halted.states = StateCounts();
  for (const auto& [source, records] : sources_)
    halted.valid_records[source] = records.record_count - records.quarantined_count;
  for (const auto& work : work_) work->NameTables(halted.tables);
  if (losers != nullptr) halted.tables.emplace_back(transform::kLosersTable);
  std::string message;
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    const gate::GateReport& report = reports_[i];
    halted.profiles.push_back(gate::MakeProfileMetric(report, true));
    if (report.publishes()) continue;
    if (!message.empty()) message += "\n";
    message +=
        fmt::format("gate {} FAILED in {}: {}", report.gate, ToString(run_.id), report.Reasons());
    if (!judged_[i]->on_fail.alert) continue;
    catalog::OutboxEvent event;
    event.type = "weirhouse.gate.failed";
    event.subject = report.gate;
    event.data = {{"gate", report.gate},        {"table", report.table},
                  {"batch", report.batch},      {"run", ToString(run_.id)},
                  {"owner", judged_[i]->owner}, {"state", gate::StateName(report.state)},
                  {"reasons", report.Reasons()}};
    request.events.push_back(std::move(event));
  }
  if (const std::string story = QuarantineStory(sources_, work_); !story.empty())
    message += "; " + story;
  halted.message = message;
  request.settings.emplace_back(HaltedKey(run_.id), ToJson(halted));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("processed.halted");
  ++state_.summary.commits;
  NoteRefusals(sources_, work_, batch_, state_.summary);
  state_.summary.halted = run_.id;
  state_.summary.halted_message = message;
  return Status();
}
}  // namespace

Result<bool> ProcessBatch(PipelineState& state, const catalog::Catalog::CommitEntry& entry) {
  const StopOnInterrupt guard(*state.session, state.progress);
  BatchRun run(state, entry);
  Result<bool> published = run.Process();
  if (!published.ok()) run.NoteFailure(published.status());
  return published;
}

Result<bool> ProcessExternal(PipelineState& state, const ExternalNews& news) {
  const StopOnInterrupt guard(*state.session, state.progress);
  BatchRun run(state, news);
  Result<bool> published = run.Process();
  if (!published.ok()) run.NoteFailure(published.status());
  return published;
}

Result<bool> ProcessRetry(PipelineState& state, const Retry& retry) {
  BatchRun run(state, retry);
  Result<bool> published = run.Process();
  if (!published.ok()) run.NoteFailure(published.status());
  return published;
}
}  // namespace weirhouse::engine

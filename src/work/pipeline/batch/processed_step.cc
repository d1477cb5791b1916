// Raw → processed. One run per raw commit: decode, judge the records, transform, judge the tables,
// publish all of it in one commit; or, if a gate does not pass, stage all of it in one commit and
// halt.
//
// And tables of other engines → processed: the same without records. Such a table may have lost any
// of its rows, so what reads it, and what reads that, is run again as a whole.
#include <arrow/api.h>
#include <fmt/format.h>

#include <new>
#include <nlohmann/json.hpp>
#include <set>

#include "ground/base/failpoint.h"
#include "ground/base/name.h"
#include "ground/base/resource/free_memory.h"
#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "rules/transform/run/run.h"
#include "work/pipeline/batch/batch_run.h"
#include "work/pipeline/batch/chain_work.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/late_work.h"
#include "work/pipeline/batch/poison_rows.h"
#include "work/pipeline/batch/refusals.h"
#include "work/project/table_rules.h"
#include "work/records/record_place.h"
#include "work/workspace/applied.h"
#include "work/workspace/scratch.h"
#include "work/workspace/stop_on_interrupt.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/piecewise_sql.h"

namespace weirhouse::work {

Result<bool> BatchRun::ProcessToTheEnd() {
  Result<bool> published = Attempt();
  if (published.ok()) return published;
  const bool no_memory = published.status().Is(kNoMemoryError);
  if (no_memory && retry_ == nullptr && news_ == nullptr)
    published = CountNoMemory(published.status());
  NoteFailure(published.status());
  return published;
}

// Memory that ran out is an outcome of this batch; what it holds is let go before it is counted.
Result<bool> BatchRun::Attempt() {
  try {
    return Process();
  } catch (const std::bad_alloc&) {
    const Status status = StatusOfException();
    work_.clear();
    driver_rows_.clear();
    return status;
  }
}

Status BatchRun::CountNoMemory(const Status& why) {
  work_.clear();
  driver_rows_.clear();
  sources_.clear();
  WEIRHOUSE_TRY(const auto offset, workspace_.catalog().OffsetOf(Consumer()));
  if (offset.position != offset_.position) return why;  // it was published before
  catalog::ObjectFilter filter;
  filter.seq = raw_.seq;
  WEIRHOUSE_TRY(const auto objects, workspace_.catalog().Objects(filter));
  WEIRHOUSE_TRY(const std::string told, CountMemoryAttempt(workspace_, objects));
  if (told.empty()) return why;
  return Status(why.code(), fmt::format("{}: {}", why.message(), told))
      .WithError(why.error_code())
      .WithHint(
          "give the process more memory, or let less land at once; after the last attempt the "
          "object is quarantined whole and the others go on");
}

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
  if (IsLarge()) ReturnFreeMemory();
  for (const std::string& left_out : RowsWithoutRecord(work_)) {
    state_.summary.warnings.push_back(
        fmt::format("{} in {} ({})", left_out, ToString(run_.id), batch_));
  }
  WEIRHOUSE_TRY_STATUS(Judge());
  WEIRHOUSE_TRY_STATUS(ForgetRecords());
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
  external_upto_ = raw_.seq;  // of news: the commit that it ends at
  if (news_ == nullptr) {
    WEIRHOUSE_TRY(external_upto_, workspace_.catalog().LastSeq());
  }
  StepInputs step;
  step.kind = catalog::RunKind::kProcessed;
  step.name = batch_;
  step.code = {DefinitionDigests(workspace_.project()).dump(), workspace_.project().profile.name};
  step.inputs = {{"raw_seq", raw_.seq.value()}, {"offset", offset_.position}};
  if (news_ != nullptr) {
    WEIRHOUSE_TRY(const auto consumed,
                  workspace_.catalog().OffsetOf(std::string(kProcessedConsumer)));
    records_upto_ = CommitSeq(consumed.position);
    WEIRHOUSE_TRY_STATUS(ReadNewsEnd());
    step.kind = catalog::RunKind::kDownstream;
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
    step.kind = catalog::RunKind::kRetry;
    step.inputs = {{"object", ToString(retry_->object.id)}, {"raw_seq", consumed.position}};
  }
  for (const transform::CheckedTransform& transform : workspace_.project().transforms) {
    if (transform.definition.is_external()) continue;
    const std::string& name = transform.definition.name();
    WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> table, workspace_.FindTable(name));
    const iceberg::Snapshot* current = table ? (*table)->current_snapshot() : nullptr;
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
  std::vector<catalog::ObjectRecord> later;  // than one that is taken back
  for (const catalog::ObjectRecord& object : all) {
    const bool now = retry_ != nullptr
                         ? object.id == retry_->object.id
                         : news_ == nullptr && object.seq == raw_.seq;  // read already
    if (object.state == catalog::ObjectState::kStored && object.seq <= records_upto_ && !now &&
        left_out.count(object.seq) == 0 && left_out_alone.count(object.id) == 0) {
      const bool follows =
          retry_ != nullptr && retry_->object.first_record_id < object.first_record_id;
      (follows ? later : earlier).push_back(object);
    }
  }
  // In the order of their records, as a rebuild reads them.
  std::vector<std::shared_ptr<arrow::Table>> parts;
  const auto read = [&](const std::vector<catalog::ObjectRecord>& objects) -> Status {
    if (objects.empty()) return Status();
    WEIRHOUSE_TRY(const SourceRecords records,
                  state_.records.Read(source, objects, Reading::kAgain));
    parts.push_back(records.rows);
    return Status();
  };
  WEIRHOUSE_TRY_STATUS(read(earlier));
  if (const auto now = sources_.find(source); now != sources_.end())
    parts.push_back(now->second.rows);
  WEIRHOUSE_TRY_STATUS(read(later));
  if (parts.empty()) return state_.records.NoRows(source);
  return Concatenate(parts);
}

// Registers what `transform` reads; `has_work` = something of it is new.
Status BatchRun::RegisterInputs(const transform::CheckedTransform& transform, bool* has_work) {
  const bool full = RunsWhole(transform);
  *has_work = false;
  driver_rows_.clear();
  for (const transform::TableReference& reference : transform.references) {
    const std::string base(TableNameView(reference.name).own());
    if (reference.kind == transform::TableKind::kRecords) {
      const auto records = sources_.find(base);
      *has_work = *has_work || records != sources_.end();
      if (full) continue;  // read below, only if there is work
      WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, state_.records.NoRows(base));
      if (records != sources_.end()) rows = records->second.rows;
      driver_rows_[reference.name] = rows;
      WEIRHOUSE_TRY_STATUS(
          RegisterRows(workspace_, *state_.session, transform, reference.name, rows));
    } else if (reference.kind == transform::TableKind::kProcessed) {
      const TableWork* upstream = WorkOn(reference.name);
      *has_work = *has_work || IsNews(reference.name) ||
                  (upstream != nullptr && upstream->ChangesRows(reference.name));
    }
  }
  if (!full || !*has_work) return Status();
  for (const transform::TableReference& reference : transform.references) {
    if (reference.kind == transform::TableKind::kRecords) {
      WEIRHOUSE_TRY(const auto rows, AllRecords(std::string(TableNameView(reference.name).own())));
      driver_rows_[reference.name] = rows;
      WEIRHOUSE_TRY_STATUS(
          RegisterRows(workspace_, *state_.session, transform, reference.name, rows));
    } else if (reference.kind == transform::TableKind::kProcessed) {
      WEIRHOUSE_TRY(const auto rows, StagedRows(reference.name, {}));
      driver_rows_[reference.name] = rows;
      WEIRHOUSE_TRY_STATUS(
          RegisterRows(workspace_, *state_.session, transform, reference.name, rows));
    }
  }
  return Status();
}

Status BatchRun::Transform() {
  if (Planted("no_memory") && HasLargeObject(sources_)) throw std::bad_alloc();
  for (const transform::CheckedTransform& transform : workspace_.project().transforms) {
    if (transform.definition.is_external()) continue;
    bool has_work = false;
    WEIRHOUSE_TRY_STATUS(RegisterInputs(transform, &has_work));
    if (!has_work) continue;
    if (IsChained(transform) && !RunsWhole(transform)) {
      WEIRHOUSE_TRY(std::unique_ptr<TableWork> work,
                    MakeChainWork(state_, transform, *WorkOn(*transform.driver), run_.planned_at));
      work_.push_back(std::move(work));
    } else {
      WEIRHOUSE_TRY_STATUS(TransformTable(transform));
    }
    WEIRHOUSE_FAILPOINT("processed.transformed");
  }
  return Status();
}

// Runs the SQL over what is registered. A record that it fails on goes into quarantine; a table
// that is made of all rows, and fails on no one of them, stays as it is and is told.
Status BatchRun::TransformTable(const transform::CheckedTransform& transform) {
  SourceRecords* records = nullptr;
  if (transform.driver &&
      transform::KindOfTable(*transform.driver) == transform::TableKind::kRecords) {
    const auto found = sources_.find(std::string(TableNameView(*transform.driver).own()));
    if (found != sources_.end()) records = &found->second;
  }
  const bool full = RunsWhole(transform);
  const std::string& name = transform.definition.name();
  const auto driven =
      transform.driver ? driver_rows_[*transform.driver] : std::shared_ptr<arrow::Table>();
  const auto run = [&]() -> Result<transform::GoodRows> {
    if (driven != nullptr) {
      return RunInPieces(workspace_, *state_.session, transform, driven, run_.planned_at);
    }
    WEIRHOUSE_TRY(auto rows, transform::RunTransform(*state_.session, transform, run_.planned_at));
    return transform::GoodRows{std::move(rows), {}};
  };
  Result<transform::GoodRows> good = run();
  const auto driver = full && records != nullptr ? driven : nullptr;
  if (!good.ok()) {
    if (!full || !good.status().Is(transform::kFailedOnValue)) return good.status();
    standing_[name] = good.status();
    work_.push_back(TableWork::Standing(workspace_, transform, records, driver));
    state_.summary.warnings.push_back(
        StandsAsItWas(name, fmt::format(" in {} ({})", ToString(run_.id), batch_), good.status()));
    return Status();
  }
  WEIRHOUSE_TRY(std::unique_ptr<TableWork> work,
                TableWork::Make(workspace_, transform, good->rows, records, driver, full));
  if (retry_ != nullptr && !full && records != nullptr) {
    WEIRHOUSE_TRY(work, SettleLate(state_, transform, std::move(work), good->rows, *records,
                                   run_.planned_at, [&] { return AllRecords(records->source); }));
  }
  work->Reject(RejectedBySql(good->poison, name));
  if (full) WEIRHOUSE_TRY_STATUS(work->DropUnchanged());
  work_.push_back(std::move(work));
  return Status();
}

bool BatchRun::IsLarge() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const auto& one) { return one.second.record_count > kLargeBatchRecords; });
}

// What was decoded is in the tables now: publishing a large batch takes enough memory without it.
Status BatchRun::ForgetRecords() {
  for (auto& [source, records] : sources_) {
    WEIRHOUSE_TRY(records.rows, state_.records.NoRows(source));
    WEIRHOUSE_TRY_STATUS(state_.session->Register("records." + source, records.rows));
  }
  driver_rows_.clear();
  if (IsLarge()) ReturnFreeMemory();
  return Status();
}

// A table as this run sees it: with what it adds and without what it replaces.
Result<std::shared_ptr<arrow::Table>> BatchRun::StagedRows(
    const std::string& table, const std::vector<std::string>& columns) {
  if (const TableWork* work = WorkOn(table)) return work->StagedRows(state_.tables, table, columns);
  if (const auto* external = FindExternal(workspace_.project(), table)) {
    WEIRHOUSE_TRY(const auto at, workspace_.catalog().SnapshotAsOf(table, external_upto_));
    if (at) external_read_[table] = at->seq;
    return ExternalRowsAsOf(workspace_, *external, external_upto_, columns);
  }
  WEIRHOUSE_TRY(const std::optional<iceberg::TablePtr> existing, workspace_.FindTable(table));
  if (existing) return state_.tables.Rows(table, columns);
  return EmptyRowsOf(workspace_, table, columns);
}

// A contract that says `whViolation: fail` is judged like a gate on the records of its source: the
// batch halts until a person decides.
void BatchRun::JudgeContracts() {
  for (const auto& [source, records] : sources_) {
    for (const auto& [title, reasons] : records.breaking) {
      BrokenContract broken;
      broken.verdict.gate = "contract " + title;
      broken.verdict.table = "records." + source;
      broken.verdict.batch = batch_;
      broken.verdict.batch_end = BatchEnd();
      broken.verdict.state = gate::State::kFailed;
      broken.verdict.checks = nlohmann::json::array();
      std::vector<std::string> told;
      for (const auto& [text, reason] : reasons) {
        told.push_back(fmt::format("{} ({} of {} records, first {}{}{})", text,
                                   WithThousands(reason.records),
                                   WithThousands(records.record_count), reason.first,
                                   reason.found.empty() ? "" : ", found ", reason.found));
        broken.verdict.checks.push_back({{"name", text},
                                         {"kind", "contract"},
                                         {"state", broken.verdict.state},
                                         {"severity", "error"},
                                         {"population", records.record_count},
                                         {"bad", reason.records},
                                         {"observed", reason.found},
                                         {"reason", told.back()}});
      }
      broken.story = Join(told, "; ");
      const Source* definition = workspace_.project().FindSource(source);
      broken.owner = workspace_.project().contracts.at(definition->contract)->owner();
      state_.summary.gates[broken.verdict.gate][std::string(catalog::Name(broken.verdict.state))] +=
          1;
      broken_contracts_.push_back(std::move(broken));
      worst_ = std::max(worst_, gate::State::kFailed);
    }
  }
}

Status BatchRun::Judge() {
  JudgeContracts();
  for (const gate::GateDefinition& gate : workspace_.project().gates) {
    const std::string base(TableNameView(gate.table).own());
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

namespace {
// Where the record behind a row stands; empty if it is made of no one record.
std::string RecordBehind(Workspace& workspace, const arrow::Table& rows, std::int64_t row) {
  const auto column = rows.GetColumnByName(std::string(iceberg::kRecordColumn));
  if (column == nullptr) return "";
  const auto value = column->GetScalar(row);
  if (!value.ok() || !(*value)->is_valid || (*value)->type->id() != arrow::Type::INT64) return "";
  const auto place =
      PlaceOfRecord(workspace, RecordId(static_cast<const arrow::Int64Scalar&>(**value).value));
  return place.ok() ? *place : "";
}
}  // namespace

Status BatchRun::JudgeTable(const gate::GateDefinition& gate, const SourceRecords* records,
                            TableWork* work) {
  const gate::GateDefinition judged = WithoutSkipped(gate, workspace_.project().profile);
  if (judged.checks.empty()) return Status();  // the profile skips all of it
  gate::GateInput input;
  input.batch = batch_;
  input.batch_end = BatchEnd();
  input.now = workspace_.project().replay_clock
                  ? input.batch_end
                  : EventTimeOfMicros(Micros(workspace_.clock().Now()));
  input.this_rows =
      DeclaredColumns(records != nullptr ? records->rows : work->added_rows_of(gate.table));
  if (work != nullptr) {
    input.key_columns = work->transform().definition.key_columns();
    // A history holds a key many times, and the lookup knows the current table alone.
    if (gate.table == work->transform().definition.name())
      input.key_lookup = [&] { return work->KeysHeldByOthers(); };
  }
  input.record_of = [&](std::int64_t row) {
    const auto& rows = records != nullptr ? records->rows : work->added_rows_of(gate.table);
    return RecordBehind(workspace_, *rows, row);
  };
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
  input.scratch = ScratchOf(workspace_);
  input.history_checks = !SkipsHistory(workspace_.project().profile);
  WEIRHOUSE_TRY(gate::GateReport report, state_.Judge(judged, input));
  WEIRHOUSE_TRY_STATUS(report.stopped);
  worst_ = std::max(worst_, report.state);
  state_.summary.gates[gate.name][std::string(catalog::Name(report.state))] += 1;
  if (report.state == gate::State::kWarned) {
    state_.summary.warnings.push_back(fmt::format("gate {} warned in {} ({}): {}", gate.name,
                                                  ToString(run_.id), batch_, report.Reasons()));
  }
  reports_.push_back(std::move(report));
  judged_.push_back(&gate);
  return Status();
}

Result<bool> ProcessBatch(PipelineState& state, const catalog::Catalog::CommitEntry& entry) {
  const StopOnInterrupt guard(*state.session, state.progress);
  auto run = std::make_unique<BatchRun>(state, entry);
  Result<bool> published = run->ProcessToTheEnd();
  const bool large = run->IsLarge();
  run.reset();
  if (large) ReturnFreeMemory();
  return published;
}

Result<bool> ProcessExternal(PipelineState& state, const ExternalNews& news) {
  const StopOnInterrupt guard(*state.session, state.progress);
  BatchRun run(state, news);
  return run.ProcessToTheEnd();
}

Result<bool> ProcessRetry(PipelineState& state, const Retry& retry) {
  BatchRun run(state, retry);
  return run.ProcessToTheEnd();
}
}  // namespace weirhouse::work

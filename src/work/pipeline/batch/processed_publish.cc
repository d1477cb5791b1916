// How a batch ends: all its tables are published together, or staged beside main until a person
// decides.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ground/base/failpoint.h"
#include "ground/base/text.h"
#include "work/pipeline/batch/batch_run.h"
#include "work/pipeline/batch/halt.h"
#include "work/pipeline/batch/losers.h"
#include "work/pipeline/batch/refusals.h"
#include "work/project/event/event_type.h"
#include "work/workspace/applied.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using nlohmann::json;
}  // namespace

Status BatchRun::StageTables(Publication& publication, const std::string& ref) {
  for (const auto& work : work_) {
    WEIRHOUSE_TRY_STATUS(work->Stage(publication, ref));
    WEIRHOUSE_FAILPOINT("processed.staged_table");
  }
  return Status();
}

// Stages the quarantine of this batch, whatever the gate says: a person's decision does not change
// it. Changes to earlier records that follow from staged rows wait for the decision.
Result<KeylessChange> BatchRun::StageQuarantine(Publication& publication, bool decided) {
  WEIRHOUSE_TRY(KeylessChange change, ComputeKeylessChange(workspace_, work_));
  WEIRHOUSE_TRY_STATUS(NoteKeptOut(workspace_, work_, /*anew=*/false, publication.request()));
  KeylessChange open;
  if (!decided) {
    open.left.swap(change.left);
    const auto earlier =
        std::stable_partition(change.joined.begin(), change.joined.end(),
                              [&](const RejectedRecord& row) { return IsOfBatch(row.record); });
    open.joined.assign(earlier, change.joined.end());
    change.joined.erase(earlier, change.joined.end());
  }
  QuarantineChanges changes;
  for (const auto& [source, records] : sources_) {
    if (records.quarantine != nullptr) changes[source].joined = records.quarantine;
    if (retry_ != nullptr) changes[source].whole = &retry_->object;
  }
  WEIRHOUSE_TRY_STATUS(AddKeyless(workspace_, change, changes));
  WEIRHOUSE_TRY_STATUS(work::StageQuarantine(workspace_, publication, changes));
  places_ = PlacesOf(changes);
  WEIRHOUSE_TRY_STATUS(AddQuarantineEvents(workspace_, changes, sources_, publication.request()));
  WEIRHOUSE_FAILPOINT("quarantine.staged");
  return open;
}

bool BatchRun::IsOfBatch(RecordId record) const {
  for (const auto& [source, records] : sources_) {
    for (const catalog::ObjectRecord& object : records.objects) {
      const std::int64_t ordinal = record.value() - object.first_record_id.value();
      if (ordinal >= 0 && ordinal < object.record_count) return true;
    }
  }
  return false;
}

EventTime BatchRun::BatchEnd() const {
  if (const auto end = landing::ParseBatchEnd(batch_)) return *end;
  // A batch by arrival ends at its newest known or event time; without one, at its arrival.
  std::optional<std::int64_t> newest = news_end_;
  for (const auto& work : work_) {
    if (const auto time = work->NewestTime()) newest = std::max(newest.value_or(*time), *time);
  }
  return EventTimeOfMicros(newest ? *newest + 1 : Micros(raw_.committed_at));
}

// One count for each record: by the transform that its source drives, or "filtered" if there is
// none.
std::vector<catalog::RecordStateCount> BatchRun::StateCounts() const {
  std::vector<catalog::RecordStateCount> counts;
  for (const auto& [source, records] : sources_) {
    // Until now a retried object was in quarantine with all its records.
    const std::int64_t quarantined =
        records.quarantined_count - (retry_ != nullptr ? records.record_count : 0);
    if (quarantined != 0)
      counts.push_back({source, "", catalog::RecordState::kQuarantined, quarantined});
    const TableWork* owner = nullptr;
    for (const auto& work : work_) {
      if (work->records() == &records && owner == nullptr) owner = work.get();
    }
    if (owner == nullptr) {
      const std::int64_t valid = records.record_count - records.quarantined_count;
      if (valid > 0) counts.push_back({source, "", catalog::RecordState::kFiltered, valid});
      continue;
    }
    for (const auto& [state, count] : owner->StateCounts()) {
      if (count != 0)
        counts.push_back({source, owner->transform().definition.name(), state, count});
    }
  }
  return counts;
}

void BatchRun::FillLineage(catalog::CommitRequest& request) const {
  catalog::Lineage& lineage = request.lineage;
  if (retry_ != nullptr) {
    const catalog::ObjectRecord& object = retry_->object;
    request.forgotten_attempts.push_back({object.source, object.name, object.digest});
    request.forgotten_attempts.push_back(MemoryArrival(object));
  }
  for (const auto& [source, records] : sources_) {
    for (const catalog::ObjectRecord& object : records.objects) lineage.Read(object.id);
    const Source* definition = workspace_.project().FindSource(source);
    const auto& contract = workspace_.project().contracts.at(definition->contract);
    lineage.Uses({catalog::NodeKind::kContract, contract->Title()});
  }
  std::map<std::string, CommitSeq> external = external_read_;
  if (news_ != nullptr) {
    for (const auto& [table, snapshot] : news_->snapshots) external[table] = snapshot.seq;
  }
  for (const auto& [table, seq] : external) lineage.ReadSnapshot(table, seq);
  if (news_ == nullptr) lineage.Read(raw_.seq);
  UseCode(workspace_.project().code, lineage);
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    request.verdicts.push_back(gate::MakeVerdictRecord(reports_[i], *judged_[i]));
  }
  for (const BrokenContract& broken : broken_contracts_) request.verdicts.push_back(broken.verdict);
}

Status BatchRun::Publish() {
  Publication publication(workspace_, run_, catalog::Layer::kProcessed, batch_);
  WEIRHOUSE_TRY_STATUS(StageTables(publication, "main"));
  WEIRHOUSE_TRY_STATUS(StageQuarantine(publication, /*decided=*/true).status());
  WEIRHOUSE_TRY(const iceberg::TablePtr losers,
                StageLosers(workspace_, publication, work_, "main"));
  catalog::CommitRequest& request = publication.request();
  // Rows of other engines without a time do not move the clock.
  if (news_ == nullptr || news_end_) request.batch_end = BatchEnd();
  request.record_states = StateCounts();
  if (retry_ == nullptr) {
    request.offsets.push_back({Consumer(), offset_.position, raw_.seq.value(), offset_.generation});
  }
  FillLineage(request);
  for (const gate::GateReport& report : reports_) {
    request.metrics.push_back(gate::MakeProfileMetric(report, true));
  }
  WEIRHOUSE_TRY_STATUS(NoteStanding(workspace_, work_, standing_, request));
  for (const auto& work : work_) {
    if (standing_.count(work->transform().definition.name()) != 0) continue;
    request.events.push_back(
        TableCommitted(work->transform().definition.name(), run_, work->added_rows()->num_rows()));
  }
  WEIRHOUSE_TRY_STATUS(
      NoteAbsentFields(workspace_, sources_, batch_, request, state_.summary.warnings));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("processed.committed");

  ++state_.summary.commits;
  NoteRefusals(sources_, work_, places_, batch_, state_.summary);
  for (const catalog::RecordStateCount& count : request.record_states)
    state_.summary.states[std::string(catalog::Name(count.state))] += count.count;
  for (const auto& work : work_) work->CountRows(state_.summary.rows_by_table);
  state_.NotePublished(reports_);
  for (const auto& work : work_) WEIRHOUSE_TRY_STATUS(work->ApplyToIndexes(losers));
  WEIRHOUSE_FAILPOINT("processed.indexed");
  return Status();
}

// The story of the contracts that halt the batch. Adds the alert of each to `request`.
std::string BatchRun::AddBrokenContracts(catalog::CommitRequest& request) const {
  std::string message;
  for (const BrokenContract& broken : broken_contracts_) {
    const catalog::VerdictRecord& verdict = broken.verdict;
    message += fmt::format("{}{} (whViolation: fail) FAILED in {}: {}", message.empty() ? "" : "\n",
                           verdict.gate, ToString(run_.id), broken.story);
    request.events.push_back(MakeEvent(EventKind::kGateFailed, verdict.gate,
                                       {{"gate", verdict.gate},
                                        {"table", verdict.table},
                                        {"batch", verdict.batch},
                                        {"run", ToString(run_.id)},
                                        {"owner", broken.owner},
                                        {"state", verdict.state},
                                        {"reasons", broken.story}}));
  }
  return message;
}

Status BatchRun::Halt() {
  Publication publication(workspace_, run_, catalog::Layer::kProcessed, batch_);
  const std::string ref = StagingRef(run_.id);
  WEIRHOUSE_TRY_STATUS(StageTables(publication, ref));
  HaltedBatch halted;
  WEIRHOUSE_TRY(halted.keyless, StageQuarantine(publication, /*decided=*/false));
  WEIRHOUSE_TRY(const iceberg::TablePtr losers, StageLosers(workspace_, publication, work_, ref));
  catalog::CommitRequest& request = publication.request();
  request.run_state = catalog::RunState::kHalted;
  FillLineage(request);

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
  std::string message = AddBrokenContracts(request);
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    const gate::GateReport& report = reports_[i];
    halted.profiles.push_back(gate::MakeProfileMetric(report, true));
    if (report.publishes()) continue;
    if (!message.empty()) message += "\n";
    message +=
        fmt::format("gate {} FAILED in {}: {}", report.gate, ToString(run_.id), report.Reasons());
    if (!judged_[i]->on_fail.alert) continue;
    request.events.push_back(MakeEvent(EventKind::kGateFailed, report.gate,
                                       {{"gate", report.gate},
                                        {"table", report.table},
                                        {"batch", report.batch},
                                        {"run", ToString(run_.id)},
                                        {"owner", judged_[i]->owner},
                                        {"state", report.state},
                                        {"reasons", report.Reasons()}}));
  }
  if (const std::string story = QuarantineStory(sources_, work_); !story.empty())
    message += "; " + story;
  halted.message = message;
  request.settings.push_back(catalog::setting::Halted(run_.id).To(ToJson(halted)));
  WEIRHOUSE_TRY_STATUS(publication.Commit().status());
  WEIRHOUSE_FAILPOINT("processed.halted");
  ++state_.summary.commits;
  NoteRefusals(sources_, work_, places_, batch_, state_.summary);
  state_.summary.halted = run_.id;
  state_.summary.halted_message = message;
  return Status();
}
}  // namespace weirhouse::work

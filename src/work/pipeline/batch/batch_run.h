// One batch on its way through the processed layer: read, transformed, judged; then published or
// halted.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/pipeline_state.h"
#include "work/pipeline/batch/table_work.h"
#include "work/records/batch_records.h"
#include "work/workspace/tables/external_table.h"

namespace weirhouse::work {

// One batch on its way through the processed layer. Threads: one.
class BatchRun {
 public:
  BatchRun(PipelineState& state, const catalog::Catalog::CommitEntry& raw)
      : state_(state), workspace_(state.workspace), raw_(raw), batch_(raw.batch) {}
  // Tables that read tables of other engines.
  BatchRun(PipelineState& state, const ExternalNews& news)
      : state_(state),
        workspace_(state.workspace),
        raw_(news.upto),
        news_(&news),
        batch_(fmt::format("external@{}", news.upto.seq.value())) {}
  // An object that was quarantined as a whole and is read again.
  BatchRun(PipelineState& state, const Retry& retry)
      : state_(state),
        workspace_(state.workspace),
        raw_(retry.raw),
        retry_(&retry),
        batch_(retry.object.batch) {}

  // True: published. False: halted. A failure is recorded with the run, and counted if memory ran
  // out.
  Result<bool> ProcessToTheEnd();
  bool IsLarge() const;  // once its records are read

 private:
  Result<bool> Process();
  Result<bool> Attempt();
  Status CountNoMemory(const Status& why);
  // Records why the run ended; it is resumed, or planned again from what another writer left.
  void NoteFailure(const Status& why) {
    if (run_.id.value() != 0)
      workspace_.catalog().FailRun(run_.id, why).Ignore("the first error counts");
  }
  Status ReadRecords();
  Status Plan();
  // The consumer whose offset this run moves; none for a retry.
  std::string Consumer() const {
    if (retry_ != nullptr) return "";
    return std::string(news_ == nullptr ? kProcessedConsumer : kExternalConsumer);
  }
  bool RunsWhole(const transform::CheckedTransform& transform) const {
    return news_ != nullptr || transform.definition.mode == transform::Mode::kFull ||
           LosesByTime(transform);
  }
  // Whether the rows that left cannot be told: run_time() made them, and returns another time now.
  bool LosesByTime(const transform::CheckedTransform& transform) const;
  // The work of this run on `table`; null if there is none.
  TableWork* WorkOn(const std::string& table) const;
  bool IsNews(const std::string& table) const;
  Status ReadNewsEnd();
  Result<std::shared_ptr<arrow::Table>> AllRecords(const std::string& source);
  Status RegisterInputs(const transform::CheckedTransform& transform, bool* has_work);
  Status Transform();
  Status TransformTable(const transform::CheckedTransform& transform);
  Status Judge();
  void JudgeContracts();
  Status ForgetRecords();
  Status JudgeTable(const gate::GateDefinition& gate, const SourceRecords* records,
                    TableWork* work);
  Result<std::shared_ptr<arrow::Table>> StagedRows(const std::string& table,
                                                   const std::vector<std::string>& columns);
  Status StageTables(Publication& publication, const std::string& ref);
  // Gives back the changes that a decision is still needed for, if `decided` is false.
  Result<KeylessChange> StageQuarantine(Publication& publication, bool decided);
  // Whether `record` came with this batch.
  bool IsOfBatch(RecordId record) const;
  void FillLineage(catalog::CommitRequest& request) const;
  Status Publish();
  Status Halt();
  std::string AddBrokenContracts(catalog::CommitRequest& request) const;
  EventTime BatchEnd() const;
  std::vector<catalog::RecordStateCount> StateCounts() const;

  PipelineState& state_;
  Workspace& workspace_;
  const catalog::Catalog::CommitEntry& raw_;  // the commit consumed
  const ExternalNews* news_ = nullptr;        // null: `raw_` is a raw commit
  const Retry* retry_ = nullptr;
  std::string batch_;
  CommitSeq records_upto_;  // raw commits whose records SQL may read as a whole
  // The commit as of which tables of other engines are read, so that their transactions over
  // several tables are seen whole or not at all.
  CommitSeq external_upto_;
  std::map<std::string, CommitSeq>
      external_read_;  // the tables that were read, and the commit that wrote each
  // The newest time among the changes of tables of other engines.
  std::optional<std::int64_t> news_end_;
  catalog::Catalog::Offset offset_;
  catalog::Run run_;
  std::map<std::string, SourceRecords> sources_;
  std::map<std::string, std::shared_ptr<arrow::Table>> driver_rows_;  // of transforms of mode full
  std::vector<std::unique_ptr<TableWork>> work_;
  std::map<std::string, Status> standing_;  // tables whose SQL cannot be run, and why
  QuarantinePlaces places_;                 // of the records that join the quarantine
  std::vector<gate::GateReport> reports_;
  std::vector<const gate::GateDefinition*> judged_;
  // A broken contract that says `whViolation: fail`, with the owner to alert.
  struct BrokenContract {
    catalog::VerdictRecord verdict;
    std::string owner;
    std::string story;  // one line for people
  };
  std::vector<BrokenContract> broken_contracts_;
  gate::State worst_ = gate::State::kPassed;
};
}  // namespace weirhouse::work

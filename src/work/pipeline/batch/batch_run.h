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

  // True: published. False: halted. A failure is written down, and counted where memory ran out.
  Result<bool> ProcessToTheEnd();
  bool IsLarge() const;  // once its records are read

 private:
  Result<bool> Process();
  Result<bool> Attempt();
  Status CountNoMemory(const Status& why);
  // Writes down why the run ended; it is resumed, or planned anew from what another writer left.
  void NoteFailure(const Status& why) {
    if (run_.id.value() != 0)
      workspace_.catalog().FailRun(run_.id, why).Ignore("the first error counts");
  }
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
  Status TransformTable(const transform::CheckedTransform& transform);
  Status Judge();
  void JudgeContracts();
  Status ForgetRecords();
  Status JudgeTable(const gate::GateDefinition& gate, const SourceRecords* records,
                    TableWork* work);
  Result<std::shared_ptr<arrow::Table>> StagedRows(const std::string& table,
                                                   const std::vector<std::string>& columns);
  Status StageTables(Publication& publication, const std::string& ref);
  // What a decision leaves open, where `decided` is false, is given back.
  Result<KeylessChange> StageQuarantine(Publication& publication, bool decided);
  // Whether `record` came with this batch.
  bool IsOfBatch(RecordId record) const;
  void FillLineage(catalog::CommitRequest& request) const;
  Status Publish();
  Status Halt();
  std::string TellBrokenContracts(catalog::CommitRequest& request) const;
  EventTime BatchEnd() const;
  std::vector<catalog::RecordStateCount> StateCounts() const;

  PipelineState& state_;
  Workspace& workspace_;
  const catalog::Catalog::CommitEntry& raw_;  // the commit consumed
  const ExternalNews* news_ = nullptr;        // null: `raw_` is a raw commit
  const Retry* retry_ = nullptr;
  std::string batch_;
  CommitSeq records_upto_;  // raw commits whose records SQL may read as a whole
  // As of which the tables of other engines are read: a transaction of theirs over several of them
  // is seen whole or not at all.
  CommitSeq external_upto_;
  std::map<std::string, CommitSeq> external_read_;  // those that were read, and what wrote them
  // The newest time in the tables of other engines: where their news ends.
  std::optional<std::int64_t> news_end_;
  catalog::Catalog::Offset offset_;
  catalog::Run run_;
  std::map<std::string, SourceRecords> sources_;
  std::map<std::string, std::shared_ptr<arrow::Table>> driver_rows_;  // of transforms of mode full
  std::vector<std::unique_ptr<TableWork>> work_;
  std::map<std::string, Status> standing_;  // tables whose SQL cannot be run, and why
  QuarantinePlaces places_;                 // of what joins the quarantine
  std::vector<gate::GateReport> reports_;
  std::vector<const gate::GateDefinition*> judged_;
  // Of contracts that say `whViolation: fail` and were broken, with the owners to alert.
  struct BrokenContract {
    catalog::VerdictRecord verdict;
    std::string owner;
    std::string story;  // one line for people
  };
  std::vector<BrokenContract> broken_contracts_;
  gate::State worst_ = gate::State::kPassed;
};
}  // namespace weirhouse::work

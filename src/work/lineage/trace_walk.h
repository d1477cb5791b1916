// The state and steps that the parts of a trace share.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/contributing_rows.h"
#include "work/lineage/lineage.h"
#include "work/records/trace_rows.h"
#include "work/serving/predictions.h"
#include "work/training/modeling_record.h"
#include "work/workspace/workspace.h"

namespace weirhouse::work {

inline constexpr std::size_t kTraceParentsShown = 3;

// Threads: one. Caches live for one trace.
class Tracer {
 public:
  Tracer(Workspace& workspace, const lineage::TraceOptions& options);

  Result<lineage::TraceNode> Prediction(const std::string& id);
  Result<lineage::TraceNode> Model(const std::string& id);
  Result<lineage::TraceNode> TrainingSet(const std::string& id);
  Result<lineage::TraceNode> Deployment(const std::string& key);
  Result<lineage::TraceNode> Run(RunId id);
  Result<lineage::TraceNode> Commit(CommitSeq seq);
  Result<lineage::TraceNode> Object(ObjectId id);
  Result<lineage::TraceNode> Record(RecordId record);
  Result<lineage::TraceNode> Snapshot(const std::string& table, CommitSeq seq);
  Result<lineage::TraceNode> Row(const std::string& table, const std::string& key);

 private:
  // ---- trace_prediction.cc
  Result<lineage::TraceNode> View(const catalog::PredictionRecord& prediction,
                                  const std::string& view_id, const nlohmann::json& served);
  Result<std::vector<lineage::TraceNode>> Groups(const catalog::PredictionRecord& prediction,
                                                 const feature::ViewPlan& plan,
                                                 const nlohmann::json& served,
                                                 std::optional<std::int64_t> event_from,
                                                 bool* agrees);
  // A view as it was served, with its rows as of that time.
  struct ServedView {
    const feature::ViewPlan& plan;
    const nlohmann::json& served;
    CommitSeq seq;
    ViewRows rows;
    feature::LoadedView loaded;
  };
  Result<lineage::TraceNode> GroupNode(const ServedView& view,
                                       const feature::ContributingRows& group);
  Status AddRows(const ServedView& view, const feature::ContributingRows& group,
                 lineage::TraceNode& node);
  Result<lineage::TraceNode> RequestView(const catalog::PredictionRecord& prediction,
                                         const feature::ViewPlan& plan,
                                         const nlohmann::json& served);
  Result<const feature::ViewPlan*> PlanOf(const std::string& view_id);
  Status LearnDeployment(const catalog::PredictionRecord& prediction);
  Result<lineage::TraceNode> ScoredBy(const catalog::PredictionRecord& prediction);

  // ---- trace_row.cc: processed rows and what is behind them
  // A node for each record: the row of `table` that it became (as of `seq`), and the record behind
  // it.
  Result<std::vector<lineage::TraceNode>> RowsOfRecords(const std::string& table,
                                                        const std::vector<RecordId>& records,
                                                        std::optional<CommitSeq> seq);
  Result<lineage::TraceNode> RowNode(const std::string& table, const FoundRow& row);
  // The row that `record` was in `table` as of `seq`, when no snapshot shows it any more.
  Result<lineage::TraceNode> RowOfThen(const std::string& table, RecordId record, CommitSeq seq,
                                       const FoundRow* written_again);
  Result<std::optional<CommitSeq>> CommitOfThen(const std::string& table, RecordId record,
                                                CommitSeq seq);
  // Adds to each node whose record no longer has a row in its table what replaced that row.
  Status NoteSuperseded(const std::string& table, const std::vector<RecordId>& records,
                        std::vector<lineage::TraceNode>& nodes);
  Result<const std::vector<transform::StoredLoser>*> Losers();

  // ---- trace_run.cc
  // "r1101, gate arrival passed": the run of a commit and the verdicts on it: those on `table` and
  // on the records it is made of, or on all its tables.
  struct Judged {
    std::string title;
    nlohmann::json detail;
  };
  Result<Judged> JudgedBy(CommitSeq seq, const std::string& table = "");
  Result<lineage::TraceNode> InputSnapshotNode(const std::string& table, CommitSeq seq);
  Result<std::string> VerdictsUpTo(const std::string& table, CommitSeq seq);
  Result<std::vector<lineage::TraceNode>> Inputs(const catalog::NodeRef& run, bool folded);
  Result<lineage::TraceNode> Code(const std::string& key, const std::vector<std::string>& files);
  Result<std::optional<RunId>> WriterOf(const catalog::NodeRef& ref);

  Workspace& workspace_;
  const lineage::TraceOptions& options_;
  lineage::RawObjects objects_;
  std::map<std::pair<std::int64_t, std::string>, Judged> judged_;  // by commit and table
  std::optional<std::vector<catalog::VerdictRecord>> verdicts_;    // all, once asked for
  std::optional<std::vector<transform::StoredLoser>> losers_;      // all, once asked for
  std::string deployment_;                                         // what scored a prediction
  std::string served_code_;                                        // the code of that deployment
  std::map<std::string, std::string> served_views_;                // its views → digest
  std::shared_ptr<const ProjectDefinition> recorded_;  // the project of that code, once needed
  bool opened_ = false;  // a group of rows is shown in full already; the others are folded
};

// Verdicts in one phrase: "gate arrival passed", "gate arrival FAILED, overridden by ana: true
// data".
std::string PhraseOf(const std::vector<catalog::VerdictRecord>& verdicts);
// "k1 v1, k2 v2", strings bare.
std::string PhraseOfCells(const nlohmann::json& cells);
}  // namespace weirhouse::work

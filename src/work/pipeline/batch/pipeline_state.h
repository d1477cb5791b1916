// What the steps of one pipeline run share from batch to batch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ground/platform/sql/sql.h"
#include "rules/gate/judge/judge.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"
#include "work/workspace/run_summary.h"
#include "work/workspace/tables/external_table.h"
#include "work/workspace/tables/row_cache.h"

namespace weirhouse::work {

inline constexpr std::string_view kProcessedConsumer =
    "processed";  // position: sequence of the raw commit consumed
inline constexpr std::string_view kFeatureConsumer =
    "feature";  // position: sequence of the processed commit consumed

// What is known of the batches that one gated table published.
struct GateHistory {
  std::vector<gate::PublishedBatch> batches;
  EventTime from = EventTime::max();  // those that end before it are not known
  std::int64_t span_us = 0;           // the longest window of its gates
  int judged = 0;                     // batches since one asked for more than windows hold
};

// Threads: one.
struct PipelineState {
  Workspace& workspace;
  Progress& progress;
  std::unique_ptr<platform::SqlSession> session;  // seeds registered as ref.NAME
  RecordReader records;
  RowCache tables;
  std::map<std::string, GateHistory> history;  // by gated table; gate_history.cc
  RunSummary summary;
  bool defer_online = false;  // a long backfill: the online store is rebuilt once at its end

  PipelineState(Workspace& opened, Progress& told)
      : workspace(opened), progress(told), records(opened), tables(opened) {}
  static Result<std::unique_ptr<PipelineState>> Make(Workspace& workspace, Progress& progress);
  // Judges `input`, to which the history is added here. Cost: the profiles that the gate's windows
  // hold; older ones are read where a window holds too few to judge by, since whether it ever held
  // enough is then the question.
  Result<gate::GateReport> Judge(const gate::GateDefinition& gate, gate::GateInput& input);
  // A batch that was published just now is history of the next. `reports`: of all gates. What no
  // window reaches any more is let go, and read again where it is asked for.
  void NotePublished(const std::vector<gate::GateReport>& reports);
};

// Raw → processed: decodes, judges, transforms and publishes the objects of the raw commit `entry`:
// one commit. Returns false if a gate halted it (state.summary tells).
Result<bool> ProcessBatch(PipelineState& state, const catalog::Catalog::CommitEntry& entry);

// Runs the SQL that depends on them again, as a whole, judges and publishes it: one commit. As
// ProcessBatch.
Result<bool> ProcessExternal(PipelineState& state, const ExternalNews& news);
// An object that was quarantined whole, read once more: its share of the batch that it came with,
// in one commit. As ProcessBatch; the offset stays where it is.
struct Retry {
  catalog::ObjectRecord object;
  catalog::Catalog::CommitEntry raw;  // the commit that brought it
};
Result<bool> ProcessRetry(PipelineState& state, const Retry& retry);

// Processed → feature: feature rows of what the processed commit `entry` added: one commit, then
// the online store.
Status FeaturizeBatch(PipelineState& state, const catalog::Catalog::CommitEntry& entry);

// Finds the checks that are overdue, and where the answer of a gate differs from the last one tells
// its owner: a verdict, an event and the answer itself in one commit. Adds to the summary.
Status WatchFeeds(PipelineState& state);

// Compacts tables of which enough rows are masked; one commit each, rows unchanged.
Status MaintainTables(PipelineState& state);
// Whether so many deletes came together that a long run maintains its tables before it ends.
Result<bool> IsMaintenanceDue(Workspace& workspace);

// The next commit of `layer` after `consumer`'s offset that published something for it; absent if
// none waits.
Result<std::optional<catalog::Catalog::CommitEntry>> NextCommit(Workspace& workspace,
                                                                std::string_view consumer,
                                                                catalog::Layer layer);
// A run that waits for override or discard, if there is one.
Result<std::optional<catalog::Run>> HaltedRun(Workspace& workspace);
}  // namespace weirhouse::work

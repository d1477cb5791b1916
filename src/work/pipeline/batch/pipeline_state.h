// What the steps of one pipeline run share from batch to batch.
#pragma once

#include <map>
#include <memory>
#include <span>
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

// The published batches of one gated table, as far as they were read.
struct GateHistory {
  std::vector<gate::PublishedBatch> batches;
  EventTime from = EventTime::max();  // batches that end before this were not read
  std::int64_t span_us = 0;           // the longest window of its gates
  int judged = 0;                     // batches since one needed more than the windows hold
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
  // Judges `input`, after adding the history to it. Cost: the profiles within the gate's windows;
  // older ones are read if a window holds too few to judge by, to find whether it ever held enough.
  Result<gate::GateReport> Judge(const gate::GateDefinition& gate, gate::GateInput& input);
  // Makes a batch that was just published history of the next. `reports`: of all gates. History
  // that no window reaches is dropped, and read again when needed.
  void NotePublished(const std::vector<gate::GateReport>& reports);
};

// Raw → processed: decodes, judges, transforms and publishes the objects of the raw commit `entry`:
// one commit. Returns false if a gate halted it (state.summary tells).
Result<bool> ProcessBatch(PipelineState& state, const catalog::Catalog::CommitEntry& entry);

// Runs the SQL that depends on changed tables of other engines again, as a whole, judges and
// publishes it: one commit. As ProcessBatch.
Result<bool> ProcessExternal(PipelineState& state, const ExternalNews& news);
// Reads an object again that was quarantined as a whole: its part of the batch that it came with,
// in one commit. As ProcessBatch; the offset does not move.
struct Retry {
  catalog::ObjectRecord object;
  catalog::Catalog::CommitEntry raw;  // the commit that brought it
};
Result<bool> ProcessRetry(PipelineState& state, const Retry& retry);

// Processed → feature: makes feature rows of what the processed commits `entries` added, which follow
// one another from the offset, in one commit, then updates the online store. The tables have the
// same rows as after a commit for each: what a later one of them replaces never joins.
Status FeaturizeBatches(PipelineState& state,
                        std::span<const catalog::Catalog::CommitEntry> entries);
// The next processed commits to turn into features together: at most `count`, of kRowsTogether rows
// or one alone, and one alone unless all of them only published a batch that landed. `full`: no
// later commit would join them.
struct ToFeaturize {
  std::vector<catalog::Catalog::CommitEntry> entries;
  bool full = false;
};
inline constexpr std::int64_t kRowsTogether = 128 << 10;  // what is held in memory, at most
Result<ToFeaturize> NextToFeaturize(Workspace& workspace, std::size_t count);

// Finds the overdue checks. If a gate's answer differs from its last one, tells the gate's owner: a
// verdict, an event and the answer in one commit. Adds to the summary.
Status WatchFeeds(PipelineState& state);

// Compacts tables with enough deleted rows; one commit each, rows unchanged.
Status MaintainTables(PipelineState& state);
// Whether so many delete files came together that a long run should maintain its tables now.
Result<bool> IsMaintenanceDue(Workspace& workspace);

// The next commit of `layer` after `consumer`'s offset that published something for it; absent if
// there is none.
Result<std::optional<catalog::Catalog::CommitEntry>> NextCommit(Workspace& workspace,
                                                                std::string_view consumer,
                                                                catalog::Layer layer);
// The run that waits for override or discard, if there is one.
Result<std::optional<catalog::Run>> HaltedRun(Workspace& workspace);
}  // namespace weirhouse::work

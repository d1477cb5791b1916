// Which published batches a gate is judged against, and reading no more of them than it takes.
#include <limits>
#include <set>
#include <utility>

#include "engine/pipeline_state.h"

namespace weirhouse::engine {
namespace {
EventTime Earlier(EventTime time, std::int64_t by_us) {
  std::int64_t earlier = 0;
  if (__builtin_sub_overflow(Micros(time), by_us, &earlier)) return EventTime::min();
  return EventTimeOfMicros(earlier);
}

// Reads what ends at `from` or later and has not been read. Whether anything was added.
Result<bool> ReadBack(Workspace& workspace, const std::string& table, EventTime from,
                      GateHistory& history) {
  if (from >= history.from) return false;
  WEIRHOUSE_TRY(
      const std::vector<catalog::MetricRecord> metrics,
      workspace.catalog().Metrics(table, std::string(gate::kProfileMetric), from, history.from));
  WEIRHOUSE_TRY(std::vector<gate::PublishedBatch> older, gate::ReadHistory(metrics));
  history.from = from;
  const bool added = !older.empty();
  history.batches.insert(history.batches.begin(), std::make_move_iterator(older.begin()),
                         std::make_move_iterator(older.end()));
  return added;
}

// A window held too few: "warming" and "once held enough" differ by what came before it.
bool AsksForMore(const gate::GateReport& report) {
  for (const gate::CheckResult& check : report.checks) {
    if (check.state == gate::State::kWarming || check.state == gate::State::kNotEvaluated)
      return true;
  }
  return report.lacked_history;
}
}  // namespace

Result<gate::GateReport> PipelineState::Judge(const gate::GateDefinition& gate,
                                              gate::GateInput& input) {
  if (gate.history_span_us == 0 || !input.history_checks)
    return gate::JudgeGate(gate, input, *session, workspace.clock());
  GateHistory& known = history[gate.table];
  WEIRHOUSE_TRY_STATUS(
      ReadBack(workspace, gate.table, Earlier(input.batch_end, gate.history_span_us), known)
          .status());
  input.history = known.batches;
  gate::GateReport report = gate::JudgeGate(gate, input, *session, workspace.clock());
  if (!report.stopped.ok() || !AsksForMore(report)) return report;
  WEIRHOUSE_TRY(const bool more, ReadBack(workspace, gate.table, EventTime::min(), known));
  if (!more) return report;
  input.history = known.batches;
  return gate::JudgeGate(gate, input, *session, workspace.clock());
}

void PipelineState::NotePublished(const std::vector<gate::GateReport>& reports) {
  std::set<std::string> noted;
  for (const gate::GateReport& report : reports) {
    const auto known = history.find(report.table);
    // What was not read yet is read with this batch; so is one that ends before what was read.
    if (known == history.end() || report.batch_end < known->second.from) continue;
    std::vector<gate::PublishedBatch>& batches = known->second.batches;
    auto profile = std::make_shared<gate::BatchProfile>(report.profile);
    if (!noted.insert(report.table).second) {  // another gate of the same table
      gate::BatchProfile earlier = *batches.back().profile;
      profile->columns.merge(earlier.columns);
      batches.back().profile = std::move(profile);
      continue;
    }
    batches.push_back({report.batch, report.batch_end, std::move(profile), report.lacked_history});
  }
}
}  // namespace weirhouse::engine

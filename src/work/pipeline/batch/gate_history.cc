// The published batches that a gate is judged against; reads no more of them than are needed.
#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "rules/gate/judge/warm_up.h"
#include "work/pipeline/batch/pipeline_state.h"

namespace weirhouse::work {
namespace {
EventTime Earlier(EventTime time, std::int64_t by_us) {
  std::int64_t earlier = 0;
  if (__builtin_sub_overflow(Micros(time), by_us, &earlier)) return EventTime::min();
  return EventTimeOfMicros(earlier);
}

// Reads batches that end at `from` or later and were not read yet. Returns whether any was added.
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

// Batches that ended before the windows of the last one, by as much again, are dropped after this
// many batches that did not need them: a long run holds no more than its windows.
constexpr int kJudgedBetweenLooks = 64;

EventTime ForgottenBefore(const GateHistory& known, EventTime batch_end) {
  return Earlier(Earlier(batch_end, known.span_us), known.span_us);
}

void ForgetOld(GateHistory& known, EventTime batch_end) {
  if (++known.judged < kJudgedBetweenLooks) return;
  known.judged = 0;
  const EventTime before = ForgottenBefore(known, batch_end);
  if (before <= known.from) return;
  std::erase_if(known.batches, [&](const auto& batch) { return batch.batch_end < before; });
  known.from = before;
}

// Lends the known batches to the input of one judgement and takes them back in any case: a copy
// would cost as much as the windows hold, for each batch.
class Lent {
 public:
  Lent(std::vector<gate::PublishedBatch>& known, gate::GateInput& input)
      : known_(known), input_(input) {
    input_.history.clear();
    input_.history.swap(known_);
  }
  ~Lent() { input_.history.swap(known_); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

 private:
  std::vector<gate::PublishedBatch>& known_;
  gate::GateInput& input_;
};

constexpr int kCommitsLookedAt = 256;

// The earliest end among the batches of `table` that commits of `layer` published from `from` on.
// False if there are too many to read.
Result<bool> LookThrough(Workspace& workspace, catalog::Layer layer, CommitSeq from,
                         const std::string& table, EventTime& earliest) {
  CommitSeq after(from.value() - 1);
  for (int i = 0; i < kCommitsLookedAt; ++i) {
    WEIRHOUSE_TRY(const auto commit, workspace.catalog().NextCommit(layer, after));
    if (!commit) return true;
    after = commit->seq;
    if (commit->batch_end) {
      earliest = std::min(earliest, *commit->batch_end);
      continue;
    }
    // For other engines, what was judged with the commit tells whether it was a batch of this
    // table.
    WEIRHOUSE_TRY(const auto verdicts, workspace.catalog().Verdicts({std::nullopt, commit->run}));
    for (const catalog::VerdictRecord& verdict : verdicts) {
      if (verdict.table == table) earliest = std::min(earliest, verdict.batch_end);
    }
  }
  return false;
}

// How far back history is needed to tell a check that warms up from one that once had enough.
Result<EventTime> HistoryWanted(Workspace& workspace, const gate::GateDefinition& gate,
                                const gate::GateReport& report) {
  const auto warming = [](const gate::CheckResult& check) {
    return check.state == gate::State::kWarming;
  };
  if (std::none_of(report.checks.begin(), report.checks.end(), warming)) return EventTime::max();
  WEIRHOUSE_TRY(const auto verdicts, workspace.catalog().Verdicts(
                                         {gate.name, std::nullopt, gate::VerdictsWanted(gate)}));
  return gate::WarmUpReadsFrom(
      gate, report, verdicts, [&](CommitSeq from) -> Result<std::optional<EventTime>> {
        EventTime earliest = EventTime::max();
        for (const catalog::Layer layer : {catalog::Layer::kProcessed, catalog::Layer::kOpen}) {
          WEIRHOUSE_TRY(const bool whole,
                        LookThrough(workspace, layer, from, gate.table, earliest));
          if (!whole) return std::optional<EventTime>();
        }
        return std::optional<EventTime>(earliest);
      });
}
}  // namespace

Result<gate::GateReport> PipelineState::Judge(const gate::GateDefinition& gate,
                                              gate::GateInput& input) {
  if (gate.history_span_us == 0 || !input.history_checks)
    return gate::JudgeGate(gate, input, *session, workspace.clock());
  GateHistory& known = history[gate.table];
  known.span_us = std::max(known.span_us, gate.history_span_us);
  WEIRHOUSE_TRY_STATUS(
      ReadBack(workspace, gate.table, Earlier(input.batch_end, gate.history_span_us), known)
          .status());
  const auto judge = [&] {
    const Lent lent(known.batches, input);
    return gate::JudgeGate(gate, input, *session, workspace.clock());
  };
  gate::GateReport report = judge();
  if (!report.stopped.ok()) return report;
  WEIRHOUSE_TRY(const EventTime wanted, HistoryWanted(workspace, gate, report));
  if (wanted < ForgottenBefore(known, input.batch_end)) known.judged = 0;
  WEIRHOUSE_TRY(const bool more, ReadBack(workspace, gate.table, wanted, known));
  return more ? judge() : report;
}

void PipelineState::NotePublished(const std::vector<gate::GateReport>& reports) {
  std::set<std::string> noted;
  for (const gate::GateReport& report : reports) {
    const auto known = history.find(report.table);
    // Batches that were not read yet are read with this one; so is one that ends before those read.
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
    ForgetOld(known->second, report.batch_end);
  }
}
}  // namespace weirhouse::work

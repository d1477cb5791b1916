// The judgement of one batch by one gate: a decision from values, with nothing written anywhere.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/evaluation/input.h"
#include "rules/gate/history/profile.h"

namespace weirhouse::platform {
class SqlSession;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

struct CheckResult {
  std::string name;
  std::string kind;
  State state = State::kError;
  Severity severity = Severity::kError;
  nlohmann::json parameters;    // as written
  std::int64_t population = 0;  // rows looked at
  std::int64_t nulls = 0;       // of these, left out as null
  std::int64_t bad = 0;         // failing rows, exact
  nlohmann::json observed;
  nlohmann::json bound;
  std::string reason;  // one line for people: "mean(arr_delay) 261.4 is 16.7 sigma off (limit 8)"
  nlohmann::json detail;    // what recomputes it: bin edges and counts, history values
  nlohmann::json examples;  // the first ten failing rows by (key, content digest), as objects
  std::int64_t duration_us = 0;
};

// Failing rows that are not rows of the batch: of `scope: table`, or what an `sql` check returned.
struct OtherFailingRows {
  std::string check;
  RowsPtr rows;
};

struct GateReport {
  std::string gate;
  std::string table;
  std::string batch;
  EventTime batch_end{};
  State state = State::kError;
  std::vector<CheckResult> checks;
  // The rows of the batch that a failed or warned check found, with all its columns and `_reasons`
  // (utf8: the checks' names, joined by "; "), sorted by (key, content digest). Null if none.
  RowsPtr failing_rows;
  std::vector<OtherFailingRows> other_failing_rows;
  BatchProfile profile;  // this batch's: commit it as a metric when the batch is published
  // A check with `severity: warn` had too short a history: what publishes restarts the warm-up.
  bool lacked_history = false;

  // Not OK: the process was told to stop while SQL of a check ran. This is then no judgement.
  Status stopped;

  bool publishes() const { return Publishes(state); }
  // The reasons of the worst checks in one line: "mean(…) …; psi(…) 6.75 (limit 2)". Empty if all
  // passed.
  std::string Reasons() const;
};

// Judges. Pure apart from the session, where it registers `this`, `this_table` and other tables
// under their names and takes them away again. Never fails: what cannot be judged is an error in
// the report. `clock` measures durations. SQL runs within the checks' timeouts and
// kSqlResultBytesMax, and is ended when the session's bounds say that the process is to stop.
GateReport JudgeGate(const GateDefinition& definition, const GateInput& input,
                     platform::SqlSession& session, Clock& clock = SystemClock());

// The metric to commit with the batch of `report`, as history if it is published.
catalog::MetricRecord MakeProfileMetric(const GateReport& report, bool in_baseline);
// What catalog::Commit stores for ever.
catalog::VerdictRecord MakeVerdictRecord(const GateReport& report,
                                         const GateDefinition& definition);
}  // namespace weirhouse::gate

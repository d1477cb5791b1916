// The judgement of one batch by one gate: a decision from values, with nothing written anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/history/profile.h"

namespace arrow {
class Table;
}  // namespace arrow
namespace weirhouse::platform {
class SqlSession;
}  // namespace weirhouse::platform

namespace weirhouse::gate {

using State = catalog::VerdictState;
// Failed, error and not_evaluated publish nothing and halt what is downstream.
constexpr bool Publishes(State state) { return state < State::kNotEvaluated; }

using RowsPtr = std::shared_ptr<arrow::Table>;

// All that a judgement depends on. The functions are called at most once per set of columns, only
// when a check needs them; their errors make that check end in state error.
struct GateInput {
  std::string batch;      // "2013-01-01"
  EventTime batch_end{};  // history windows end here
  EventTime now{};        // `freshness`: the project's clock; under `clock: replay` the batch's end
  // The rows this run adds, after dedup: SQL's `this`. All declared columns.
  RowsPtr this_rows;
  // The table's key: orders failing rows, and lets `unique` use key_lookup. Empty for records.
  std::vector<std::string> key_columns;

  // The whole staged table, the batch included: SQL's `this_table`. Empty `columns` = all. Must be
  // there where a check reads it.
  std::function<Result<RowsPtr>(const std::vector<std::string>& columns)> this_table;
  // Another table as this run sees it (its own staged state where it has one). Empty = all.
  std::function<Result<RowsPtr>(const std::string& name, const std::vector<std::string>& columns)>
      other_table;
  // Per row of this_rows: does another current row, not replaced by this batch, hold its key?
  // For `unique` with `scope: table` on key_columns; may be absent (then this_table is read).
  std::function<Result<std::vector<bool>>()> key_lookup;

  // Where the record behind a row of this_rows stands, for errors: "o/2.jsonl:7"; empty: it comes
  // of no one record. May be absent. Cost: may read an object.
  std::function<std::string(std::int64_t row)> record_of;

  // Published batches of this table, in any order, failed and discarded ones left out
  // (ReadHistory). All of them since the first: whether a check still warms depends on it.
  std::vector<PublishedBatch> history;
  platform::Scratch scratch{};  // how many of the rows are looked at in memory at a time
  bool history_checks = true;   // false: checks with a history are skipped, and say so
};

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

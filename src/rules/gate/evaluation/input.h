// All that a judgement depends on.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/gate/evaluation/row_source.h"
#include "rules/gate/history/profile.h"

namespace arrow {
class Table;
}  // namespace arrow

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
  // The same where they are not a table in memory: read by column and in pieces. `this_rows` is then
  // null; `sql` checks still read the columns that they name as a whole.
  RowSourcePtr this_source;
  // Of `this_source`: how many failing rows, the first ones, are kept as a table. Counts are exact.
  std::int64_t failing_rows_max = std::numeric_limits<std::int64_t>::max();
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
}  // namespace weirhouse::gate

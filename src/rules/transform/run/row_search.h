// Finds the rows that a query fails on, each by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ground/base/status.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

struct Suspects {
  std::vector<std::int64_t> rows;  // of the input, ascending
  bool alike = false;              // the query fails on all of them or on none
};
struct BadRow {
  std::size_t suspect = 0;  // the index of its row in Suspects::rows
  Status why;               // OK: not tried, because all similar rows failed
};

struct RowQuery {
  // Runs the query over rows of the input.
  std::function<Result<std::shared_ptr<arrow::Table>>(const std::shared_ptr<arrow::Table>& rows)>
      run;
  // Whether an error of `run` is caused by a row; any other error ends the search.
  std::function<bool(const Status&)> is_of_a_row;
};

// The rows that the query fails on, ascending. It runs over several rows at a time: over twice as
// many after a success, over half as many after a failure, so that a row counts as bad only if it
// failed alone, and as good if it passed, alone or among others. `passed`, unless null, gets the
// query's results for the good rows, in their order. Cost: for rows that are alike 100 runs over
// one row; otherwise one run for each bad row, and about 2 log2(good rows between them) for each.
Result<std::vector<BadRow>> FindBadRows(const RowQuery& query,
                                        const std::shared_ptr<arrow::Table>& input,
                                        const Suspects& suspects,
                                        std::vector<std::shared_ptr<arrow::Table>>* passed);

// The rows of `input` at `chosen`, ascending; a slice if they are adjacent.
Result<std::shared_ptr<arrow::Table>> RowsAt(const std::shared_ptr<arrow::Table>& input,
                                             const std::vector<std::int64_t>& chosen);
}  // namespace weirhouse::transform

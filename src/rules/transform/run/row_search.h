// Which of some rows a query fails on, each by itself.
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
  std::size_t suspect = 0;  // the place of its row among Suspects::rows
  Status why;               // OK: it was not asked, but those alike all failed
};

struct RowQuery {
  // Runs over rows of the input.
  std::function<Result<std::shared_ptr<arrow::Table>>(const std::shared_ptr<arrow::Table>& rows)>
      run;
  // Whether an error of `run` is a row's; any other ends the search.
  std::function<bool(const Status&)> is_of_a_row;
};

// Those that the query fails on, ascending. It runs over several rows at a time: over twice as many
// where those passed, over half as many where it failed, so that a row counts as bad only where it
// failed alone, and as good where it passed, alone or among others. `passed`, unless null, gets
// what the query gave of the good ones, in their order.
// Cost: of rows that are alike 100 runs over one row, else one for each bad row, and about
// 2 log2(good rows between them) for each.
Result<std::vector<BadRow>> FindBadRows(const RowQuery& query,
                                        const std::shared_ptr<arrow::Table>& input,
                                        const Suspects& suspects,
                                        std::vector<std::shared_ptr<arrow::Table>>* passed);

// The rows of `input` at `chosen`, ascending; a slice where they follow one another.
Result<std::shared_ptr<arrow::Table>> RowsAt(const std::shared_ptr<arrow::Table>& input,
                                             const std::vector<std::int64_t>& chosen);
}  // namespace weirhouse::transform

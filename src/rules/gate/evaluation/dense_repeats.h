// Repeats of a column of numbers that lie close together, as those that count things do.
#pragma once

#include <optional>
#include <string>

#include "ground/base/status.h"
#include "rules/gate/evaluation/row_source.h"
#include "rules/gate/evaluation/tuples.h"

namespace weirhouse::gate {

// As RepeatsOf of one column; absent unless its bounds are known and span at most 16 numbers a row,
// or if a value lies outside them. `marks`: also which rows share their value; otherwise `shared`
// stays false. Memory: two bits for each number of the span. Cost: some 3 ns a row, and a second
// pass if rows are to be marked and some share.
Result<std::optional<Repeats>> DenseRepeatsOf(const RowSource& rows, const std::string& column,
                                              bool nulls_equal, bool marks);
}  // namespace weirhouse::gate

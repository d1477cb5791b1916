// Encodes row keys, and single cells, as memory-comparable bytes. Threads: any. Cost: one pass over
// each column; memory: the keys.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// Appends the encoding of each cell of `column` to the row's string in `keys`. kInvalidInput for a
// type that cannot be part of a key.
Status AppendKeyColumn(const arrow::ChunkedArray& column, const std::string& name,
                       std::vector<std::string>& keys);
// The memory-comparable bytes of `columns` for each row: equal tuples give equal bytes, and bytes
// order as tuples do (nulls first, integers and times by value, doubles by IEEE total order with
// -0.0 = +0.0, strings by code point). kInvalidInput (WH7062) if a column is missing.
Result<std::vector<std::string>> EncodeKeys(const arrow::Table& rows,
                                            const std::vector<std::string>& columns);
}  // namespace weirhouse::iceberg

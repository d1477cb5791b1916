// Memory-comparable bytes of the keys of rows, and of single cells.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// Appends the bytes of column cells to one string per row.
Status AppendKeyColumn(const arrow::ChunkedArray& column, const std::string& name,
                       std::vector<std::string>& keys);
// Memory-comparable bytes of `columns` per row: equal tuples give equal bytes, and bytes order as
// tuples do (nulls first, integers and times by value, doubles by IEEE total order with -0.0 =
// +0.0, strings by code point).
Result<std::vector<std::string>> EncodeKeys(const arrow::Table& rows,
                                            const std::vector<std::string>& columns);
}  // namespace weirhouse::iceberg

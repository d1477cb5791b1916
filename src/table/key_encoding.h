// Memory-comparable bytes of single cells. Private to table/; the door is EncodeKeys in
// key_index.h.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace weirhouse::table {

// Appends the bytes of column cells to one string per row.
Status AppendKeyColumn(const arrow::ChunkedArray& column, const std::string& name,
                       std::vector<std::string>& keys);
}  // namespace weirhouse::table

// What a manifest wants to know about a column, found by scanning it.
#pragma once

#include <arrow/type_fwd.h>

#include "ground/platform/columnar/parquet.h"

namespace weirhouse::platform {

// Everything but `size_bytes`. Cost: one pass.
ColumnStatistics ScanColumn(const arrow::ChunkedArray& column);
}  // namespace weirhouse::platform

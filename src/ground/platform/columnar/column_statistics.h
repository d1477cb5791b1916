// The statistics that an Iceberg manifest holds of a column, computed by scanning it.
#pragma once

#include <arrow/type_fwd.h>

#include "ground/platform/columnar/parquet.h"

namespace weirhouse::platform {

// All statistics but `size_bytes`. Cost: one pass over the column.
ColumnStatistics ScanColumn(const arrow::ChunkedArray& column);
}  // namespace weirhouse::platform

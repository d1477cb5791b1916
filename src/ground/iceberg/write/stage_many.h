// Appends of rows that are too many for memory.
#pragma once

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/columnar/row_store.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// Appends `rows` to `write`, which began at `base`: in their order, in files of two pieces of
// `scratch` at most; of a table with partitions in the order of these. Memory: of a file.
Status AppendMany(StagedWrite& write, const TableMetadata& base, const arrow::Table& rows,
                  const platform::ParquetOptions& options, const platform::Scratch& scratch);
}  // namespace weirhouse::iceberg

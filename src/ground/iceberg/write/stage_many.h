// Appends rows that do not fit into memory. Threads: one. Errors: those of StagedWrite::Append, and
// kUnavailable (WH7010) if the disk is full.
#pragma once

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/columnar/row_store.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// Appends `rows` to `write`, which began at `base`: in their order, in files of at most two pieces
// of `scratch`; rows of a partitioned table are ordered by partition. Memory: one file.
Status AppendMany(StagedWrite& write, const TableMetadata& base, const arrow::Table& rows,
                  const platform::ParquetOptions& options, const platform::Scratch& scratch);
}  // namespace weirhouse::iceberg

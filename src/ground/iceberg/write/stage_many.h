// Appends rows that do not fit into memory. Threads: one. Errors: those of StagedWrite::Append, and
// kUnavailable (WH7010) if the disk is full.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/write/stage.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/columnar/row_store.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// Rows [first_row, first_row + count) of the input are in `file` from `position` on.
struct AppendedRange {
  std::string file;
  std::int64_t first_row = 0;
  std::int64_t position = 0;
  std::int64_t count = 0;
};

// Continues `ranges` with the rows that were appended next.
void AddRanges(const AppendedRows& appended, std::vector<AppendedRange>& ranges);
// The place of row `row` of the input. `ranges` must have it. Cost: logarithmic.
struct AppendedPlace {
  const std::string& file;
  std::int64_t position;
};
AppendedPlace PlaceOf(const std::vector<AppendedRange>& ranges, std::int64_t row);

// Appends `rows` to `write`, which began at `base`: in their order, in files of at most two pieces
// of `scratch`; rows of a partitioned table are ordered by partition. Memory: one file. Returns
// where the rows are; nothing for a partitioned table.
Result<std::vector<AppendedRange>> AppendMany(StagedWrite& write, const TableMetadata& base,
                                              const arrow::Table& rows,
                                              const platform::ParquetOptions& options,
                                              const platform::Scratch& scratch);
}  // namespace weirhouse::iceberg

// Parquet files that others wrote, row by row in file order, in bounded memory. Nothing in the file
// is trusted: sizes are checked before memory is allocated, and what contradicts itself is refused.
// Format: Apache Parquet, "File format" and "Thrift definitions".
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ground/base/byte_stream.h"
#include "ground/base/status.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace weirhouse::platform {

// Rows that are read together need more memory than a file may take.
inline constexpr Reason kParquetTooLarge{"WH1311"};

// Threads: one. Errors: kInvalidInput if the file cannot be read as Parquet, with the reason as the
// message, or if it is too large (kParquetTooLarge); kUnavailable if memory runs out; those of the bytes.
class ParquetBatches {
 public:
  // Opens the file at the beginning, or at the row group that holds `first_row`. `bytes` must
  // outlive it. Cost: the footer.
  static Result<std::unique_ptr<ParquetBatches>> Open(RandomBytes& bytes,
                                                      std::int64_t first_row = 0);
  ~ParquetBatches();

  // Columns have the types of their values: no dictionaries and no extensions but in nested ones.
  const std::shared_ptr<arrow::Schema>& schema() const;
  std::int64_t row_count() const;

  struct Batch {
    std::shared_ptr<arrow::RecordBatch> rows;  // null after the last
    std::int64_t first_row = 0;                // in the file, from 0
    std::int64_t group_offset = 0;             // in the file, of the row group's first page
  };
  // The next rows, all of one row group. Memory: about 16 MiB of rows, by what the footer says of
  // their size, and a page of each column. A file that needs more than 1 GiB at once, for a page or
  // for the rows' texts of one column, is refused.
  Result<Batch> Next();

 private:
  struct State;
  explicit ParquetBatches(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The number of rows by the footer, which is what ParquetBatches returns of a file that it can
// read. Reads the stream to its end. Memory: 64 MiB, the longest footer that is read.
Result<std::int64_t> CountParquetRows(ByteStream& bytes);
}  // namespace weirhouse::platform

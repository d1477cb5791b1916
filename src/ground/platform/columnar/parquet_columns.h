// The columns of one Parquet file, each read apart and a row group at a time: for whoever goes over a
// large file and keeps little of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::platform {

// What a footer says of a column in one row group. Statistics are the writer's word: whoever needs
// more than a writer's word reads the values.
struct RowGroupFacts {
  std::optional<std::int64_t> null_count;
  // Of integers, dates and times, as stored, over the values that are there.
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> greatest;
};

// Threads: one; each thread opens a file of its own. The store must outlive it. Memory: what is
// returned, and the footer. Errors: kNotFound, kCorruption (WH7032).
class ParquetColumns {
 public:
  static Result<std::unique_ptr<ParquetColumns>> Open(ObjectStore& store, const std::string& path);
  virtual ~ParquetColumns() = default;

  // The types that Read gives but for dictionaries; columns of types that the rest of the product
  // does not support are as they are.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  virtual std::int64_t num_rows() const = 0;
  virtual int row_groups() const = 0;
  virtual std::int64_t rows_of(int row_group) const = 0;
  virtual RowGroupFacts FactsOf(int row_group, int column) const = 0;
  // Columns by their place in the schema, in the order given. With `dictionaries`, texts that repeat
  // come as dictionary arrays, as the file has them.
  virtual Result<std::shared_ptr<arrow::Table>> Read(int row_group, const std::vector<int>& columns,
                                                     bool dictionaries) = 0;
};
}  // namespace weirhouse::platform

// Converts the columns of a Parquet file to the fields that a table has: matched by field id at
// every level, promoted, filled in if the file lacks them.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/parquet.h"

namespace weirhouse::platform {

// The error for a file that contradicts itself or the table: kCorruption (WH7032).
Status CorruptParquet(const std::string& path, std::string_view why);

// The type of a column that is read without a requested schema: one that the rest of the product
// supports.
std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type);

class FieldConformer {
 public:
  // Both must outlive it.
  FieldConformer(const ParquetReadOptions& options, const std::string& path)
      : options_(options), path_(path) {}

  // The index of `wanted` among the fields of one level, or -1. By id if these fields have ids,
  // else by the names that `options.names` gives the id, else by its own name.
  int Match(const arrow::FieldVector& stored, const arrow::Field& wanted) const;
  // Converts `column`, which has the type of `stored`, to the type of `wanted`.
  Result<std::shared_ptr<arrow::ChunkedArray>> Conform(
      const std::shared_ptr<arrow::ChunkedArray>& column, const arrow::Field& stored,
      const arrow::Field& wanted) const;
  // The values of a field that the file lacks: its default, else nulls.
  Result<std::shared_ptr<arrow::Array>> Absent(const arrow::Field& wanted,
                                               std::int64_t count) const;

 private:
  Result<std::shared_ptr<arrow::Array>> ConformArray(std::shared_ptr<arrow::Array> array,
                                                     const arrow::Field& stored,
                                                     const arrow::Field& wanted) const;
  Result<std::shared_ptr<arrow::ArrayData>> ConformStruct(const arrow::ArrayData& data,
                                                          const arrow::FieldVector& stored,
                                                          const arrow::DataType& wanted) const;
  Result<std::shared_ptr<arrow::Array>> ConformInner(const std::shared_ptr<arrow::Array>& array,
                                                     const arrow::DataType& stored,
                                                     const arrow::Field& wanted) const;
  Status Differs(const arrow::DataType& stored, const arrow::Field& wanted) const;

  const ParquetReadOptions& options_;
  const std::string& path_;
};
}  // namespace weirhouse::platform

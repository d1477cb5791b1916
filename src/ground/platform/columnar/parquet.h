// Parquet files with Iceberg field ids and statistics. Deterministic: equal rows and options give
// equal bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"
#include "ground/platform/io/object_store.h"

namespace arrow {
class Schema;
class Table;
struct Scalar;
}  // namespace arrow

namespace weirhouse::platform {

// The statistics of one column that manifests hold. Bounds are Iceberg single-value bytes (Apache
// Iceberg table spec, appendix D), strings cut to 16 code points; absent if unknown or if only NaN
// was seen.
struct ColumnStatistics {
  std::int64_t size_bytes = 0;
  std::int64_t value_count = 0;
  std::int64_t null_count = 0;
  std::optional<std::int64_t> nan_count;  // floats only
  std::optional<std::string> lower_bound;
  std::optional<std::string> upper_bound;
};

struct ParquetFile {
  std::string path;
  std::int64_t row_count = 0;
  std::int64_t size_bytes = 0;
  Digest sha256;
  std::map<int, ColumnStatistics> columns;  // by field id
  std::vector<std::int64_t> split_offsets;
};

struct ParquetOptions {
  std::int64_t row_group_rows = 128 * 1024;
  // Columns written DELTA_BINARY_PACKED without dictionary (`_record`, times); by name.
  std::vector<std::string> delta_columns{};
  std::vector<std::pair<std::string, std::string>> key_values{};  // footer metadata
};

// Writes `rows` to `path` through `store`, compressed with zstd but for columns that do not shrink
// (column_encoding.h); the caller flushes. Each field of
// the Arrow schema carries its id in the metadata key "PARQUET:field_id"; statistics are kept for
// fields that have one. A null in a field declared not nullable is kInvalidInput. Threads: any.
// Cost: a quarter of a µs per row of a dozen columns.
Result<ParquetFile> WriteParquet(ObjectStore& store, const std::string& path,
                                 const arrow::Table& rows, const ParquetOptions& options = {});

struct ParquetReadOptions {
  // The wanted columns in order, matched by field id; null = all columns as they are. A column that
  // the file lacks is read as nulls. Fields of structs, lists and maps are matched by id too. Files
  // whose columns have no ids are matched by name.
  std::shared_ptr<arrow::Schema> schema{};
  // By field id, the value of a field that a file lacks, instead of null. It has the field's type.
  std::map<int, std::shared_ptr<arrow::Scalar>> defaults{};
  // By field id, the names a field may have in files without ids; a field that is not in the map is
  // then absent. Empty: each field has its own name only.
  std::map<int, std::vector<std::string>> names{};
};
// Reads a file into one table in file order. Types are promoted to those of `schema` (int→long,
// float→double, decimal precision, other time units to µs if that is exact). Sizes are checked
// before memory is allocated. Errors: kNotFound, kCorruption (WH7032). Threads: any. Memory: the
// whole file's wanted columns.
Result<std::shared_ptr<arrow::Table>> ReadParquet(ObjectStore& store, const std::string& path,
                                                  const ParquetReadOptions& options);

// A file read by row groups. Keeps the footer, and reads the ranges of the columns asked for only.
// The store must outlive it. Threads: any.
class ParquetGroups {
 public:
  // Reads the footer. `options.schema` has the columns that may be asked for; it must be set.
  // Errors: as ReadParquet.
  static Result<std::unique_ptr<ParquetGroups>> Open(ObjectStore& store, const std::string& path,
                                                     std::int64_t size_bytes,
                                                     ParquetReadOptions options);
  virtual ~ParquetGroups() = default;

  virtual int count() const = 0;
  virtual std::int64_t rows(int group) const = 0;
  struct Bounds {
    std::int64_t minimum = 0;
    std::int64_t maximum = 0;
  };
  // The bounds of an integer column without nulls, or of a time in microseconds, in one row group;
  // absent if they are unknown, or if the stored type differs from that of the schema.
  virtual std::optional<Bounds> BoundsOf(int group, const std::string& column) const = 0;
  // The rows of one group, in the order of the file. Memory: the group's wanted columns.
  virtual Result<std::shared_ptr<arrow::Table>> Read(
      int group, const std::vector<std::string>& columns) const = 0;
};

// The Iceberg single-value bytes (Apache Iceberg table spec, appendix D) of one cell. It takes a
// table and not a scalar to keep Arrow's headers out of this one. kInvalidInput for a null.
Result<std::string> SingleValueBytes(const arrow::Table& table, int column, std::int64_t row);
}  // namespace weirhouse::platform

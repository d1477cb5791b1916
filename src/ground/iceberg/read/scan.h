// Reads the live rows of one snapshot: which files hold them, and which deletes apply to each
// (Apache Iceberg table spec, "Scan Planning").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/io/object_store.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::iceberg {

// A closed range of one column, used to skip files by partition and bounds. Rows outside the range
// may still be returned; the caller filters them. Values are single-value bytes of the column's
// type; absent = unbounded.
struct ColumnRange {
  std::string column;
  std::optional<std::string> minimum;
  std::optional<std::string> maximum;
};
struct ScanOptions {
  std::optional<SnapshotId> snapshot;  // default: main
  std::vector<std::string> columns;  // default: all of the snapshot's schema, hidden ones included
  std::vector<ColumnRange> ranges;
  bool with_file_position = false;  // adds "_file" (utf8) and "_pos" (int64)
  bool with_sequence_number =
      false;  // adds "_sequence_number" (int64): the file's data sequence number
  // Only rows of files added after this sequence number (an incremental read of appends). A file
  // merged by compaction counts as added with the newest of its parts, so a reader that is behind a
  // compaction may see rows again; ReadHistory tells them apart.
  std::optional<std::int64_t> after_sequence_number;
};

// The live rows of one file by row groups, so that few columns can be read first and others later, of
// the groups that are wanted alone. The store must outlive it. Threads: any.
class RowGroups {
 public:
  virtual ~RowGroups() = default;
  virtual int count() const = 0;
  // At most: deletes are not counted.
  virtual std::int64_t rows_max(int group) const = 0;
  // As platform::ParquetGroups::BoundsOf. Deleted rows count too.
  virtual std::optional<platform::ParquetGroups::Bounds> BoundsOf(
      int group, const std::string& column) const = 0;
  // Some columns of the scan. The rows are the same, and in the same order, in each call.
  virtual Result<std::shared_ptr<arrow::Table>> Read(
      int group, const std::vector<std::string>& columns) const = 0;
};

// A planned read: the live files of one snapshot with the deletes that apply to each. Threads: Read
// from any. Errors: kNotFound (no such snapshot), kInvalidInput (no such column WH7064, unsupported
// format WH7065), kCorruption.
class Scan {
 public:
  static Result<Scan> Plan(platform::ObjectStore& store, TablePtr table,
                           const ScanOptions& options);

  struct Task {
    DataFile file;
    // Position and equality deletes that apply to the file; shared with other tasks.
    std::vector<std::shared_ptr<const DataFile>> deletes;
  };
  std::span<const Task> tasks() const { return tasks_; }
  // The rows of one task in file order, without deleted ones, columns resolved by field id. Memory:
  // one file's rows.
  Result<std::shared_ptr<arrow::Table>> Read(const Task& task) const;
  // The same rows, read when they are asked for. Memory: the footer; of a file to which equality
  // deletes apply, its rows. Not with the columns that ScanOptions can add.
  Result<std::unique_ptr<RowGroups>> Open(const Task& task) const;
  // The rows of all tasks in order. Memory: the whole result.
  Result<std::shared_ptr<arrow::Table>> ReadAll() const;
  const Schema& schema() const { return schema_; }

 private:
  platform::ObjectStore* store_ = nullptr;
  TablePtr table_;
  ScanOptions options_;
  Schema schema_;  // of the columns asked for
  std::vector<Task> tasks_;
};

// A live data file and the number of its rows that position deletes mask, for compaction.
struct FileDeletes {
  DataFile file;
  std::int64_t deleted_rows = 0;
};
Result<std::vector<FileDeletes>> DeletedShares(platform::ObjectStore& store, TablePtr table);
}  // namespace weirhouse::iceberg

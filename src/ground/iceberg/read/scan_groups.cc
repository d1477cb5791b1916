#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/read/file_columns.h"
#include "ground/iceberg/read/scan.h"
#include "ground/platform/columnar/arrow_status.h"

namespace weirhouse::iceberg {
namespace {
using platform::ParquetGroups;

// A file to which equality deletes apply: they may need any column, so it is read as a whole.
class WholeFile final : public RowGroups {
 public:
  explicit WholeFile(std::shared_ptr<arrow::Table> rows) : rows_(std::move(rows)) {}
  int count() const override { return 1; }
  std::int64_t rows_max(int) const override { return rows_->num_rows(); }
  std::optional<ParquetGroups::Bounds> BoundsOf(int, const std::string&) const override {
    return std::nullopt;
  }
  Result<std::shared_ptr<arrow::Table>> Read(
      int, const std::vector<std::string>& columns) const override {
    std::vector<int> indices;
    for (const std::string& column : columns)
      indices.push_back(rows_->schema()->GetFieldIndex(column));
    auto selected = rows_->SelectColumns(indices);
    if (!selected.ok()) return platform::ArrowFailed(selected.status());
    return *selected;
  }

 private:
  std::shared_ptr<arrow::Table> rows_;
};

class FileGroups final : public RowGroups {
 public:
  // `deleted`: ascending positions in the file.
  FileGroups(std::unique_ptr<ParquetGroups> file, std::vector<std::int64_t> deleted)
      : file_(std::move(file)), deleted_(std::move(deleted)) {
    for (int group = 0; group < file_->count(); ++group)
      begins_.push_back(begins_.back() + file_->rows(group));
  }
  int count() const override { return file_->count(); }
  std::int64_t rows_max(int group) const override { return file_->rows(group); }
  std::optional<ParquetGroups::Bounds> BoundsOf(int group,
                                                const std::string& column) const override {
    return file_->BoundsOf(group, column);
  }
  Result<std::shared_ptr<arrow::Table>> Read(
      int group, const std::vector<std::string>& columns) const override {
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, file_->Read(group, columns));
    const std::int64_t begin = begins_[static_cast<std::size_t>(group)];
    const auto first = std::lower_bound(deleted_.begin(), deleted_.end(), begin);
    const auto last = std::lower_bound(first, deleted_.end(), begin + rows->num_rows());
    if (first == last) return rows;
    std::vector<std::uint8_t> keep(static_cast<std::size_t>(rows->num_rows()), 1);
    for (auto it = first; it != last; ++it) keep[static_cast<std::size_t>(*it - begin)] = 0;
    arrow::BooleanBuilder builder;
    if (const auto status = builder.AppendValues(keep); !status.ok())
      return platform::ArrowFailed(status);
    const auto mask = builder.Finish();
    if (!mask.ok()) return platform::ArrowFailed(mask.status());
    const auto live = arrow::compute::Filter(arrow::Datum(rows), arrow::Datum(*mask));
    if (!live.ok()) return platform::ArrowFailed(live.status());
    return live->table();
  }

 private:
  std::unique_ptr<ParquetGroups> file_;
  std::vector<std::int64_t> deleted_;
  std::vector<std::int64_t> begins_{0};
};
}  // namespace

Result<std::unique_ptr<RowGroups>> Scan::Open(const Task& task) const {
  std::vector<std::int64_t> deleted;
  bool by_positions = task.file.format == FileFormat::kParquet;
  for (const auto& deletes : task.deletes) {
    by_positions &= deletes->content == DataFile::Content::kPositionDeletes &&
                    (deletes->content_offset || deletes->format == FileFormat::kParquet);
  }
  if (!by_positions) {  // Read says what it cannot read
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, Read(task));
    return std::unique_ptr<RowGroups>(std::make_unique<WholeFile>(std::move(rows)));
  }
  for (const auto& deletes : task.deletes) {
    WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> positions,
                  LoadPositionDeletes(*store_, *deletes));
    const auto it = positions->find(task.file.path);
    if (it == positions->end()) continue;
    deleted.insert(deleted.end(), it->second.begin(), it->second.end());
  }
  std::sort(deleted.begin(), deleted.end());
  WEIRHOUSE_TRY(platform::ParquetReadOptions read, MakeReadOptions(schema_, *table_));
  WEIRHOUSE_TRY(std::unique_ptr<ParquetGroups> file, OpenDataFile(*store_, task.file, read));
  return std::unique_ptr<RowGroups>(
      std::make_unique<FileGroups>(std::move(file), std::move(deleted)));
}
}  // namespace weirhouse::iceberg

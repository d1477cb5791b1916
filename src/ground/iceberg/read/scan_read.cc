#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <numeric>
#include <thread>

#include "ground/base/text.h"
#include "ground/base/thread.h"
#include "ground/iceberg/format/manifest.h"
#include "ground/iceberg/format/metadata.h"
#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/read/file_columns.h"
#include "ground/iceberg/read/scan.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/type/value.h"
#include "ground/platform/columnar/arrow_status.h"

namespace weirhouse::iceberg {
namespace {

constexpr unsigned kReadersMax = 4;

// The field with `id` in any schema of the table: equality deletes may name dropped columns.
Result<Field> FieldById(const TableMetadata& table, int id, const std::string& delete_path) {
  if (const Field* field = table.schema().FindById(id)) return *field;
  for (auto it = table.schemas.rbegin(); it != table.schemas.rend(); ++it) {
    if (const Field* field = it->FindById(id)) return *field;
  }
  return Status(Code::kCorruption,
                fmt::format("an equality-delete file names field {}, which is in no schema: {}", id,
                            delete_path))
      .WithError("WH7061");
}

// Marks the live rows of a file.
class RowMask {
 public:
  explicit RowMask(std::int64_t rows) : keep_(static_cast<std::size_t>(rows), 1) {}

  void Drop(std::int64_t row) {
    // an error of the writer, ignored
    if (row < 0 || static_cast<std::size_t>(row) >= keep_.size()) return;
    any_ = true;
    keep_[static_cast<std::size_t>(row)] = 0;
  }
  bool any() const { return any_; }
  Result<std::shared_ptr<arrow::Array>> ToArray() const {
    arrow::BooleanBuilder builder;
    const auto status = builder.AppendValues(keep_);
    auto array = builder.Finish();
    if (!status.ok() || !array.ok())
      return platform::ArrowFailed(status.ok() ? array.status() : status);
    return *array;
  }

 private:
  std::vector<std::uint8_t> keep_;
  bool any_ = false;
};

Status CheckFormat(const DataFile& file) {
  if (file.format == FileFormat::kParquet) return Status::Ok();
  return Status(Code::kInvalidInput,
                fmt::format("could not read a file in format {}, which is not supported: {}",
                            file.format_name(), file.path))
      .WithError("WH7065")
      .WithHint("rewrite the table's files as Parquet with the engine that wrote them");
}

std::shared_ptr<arrow::Field> PlainField(const char* name,
                                         const std::shared_ptr<arrow::DataType>& type) {
  return arrow::field(name, type, /*nullable=*/false);
}

Result<std::shared_ptr<arrow::Table>> AppendColumn(
    const std::shared_ptr<arrow::Table>& rows, const char* name,
    const arrow::Result<std::shared_ptr<arrow::Array>>& column) {
  if (!column.ok()) return platform::ArrowFailed(column.status());
  const auto added = rows->AddColumn(rows->num_columns(), PlainField(name, (*column)->type()),
                                     std::make_shared<arrow::ChunkedArray>(*column));
  if (!added.ok()) return platform::ArrowFailed(added.status());
  return *added;
}

arrow::Result<std::shared_ptr<arrow::Array>> Positions(std::int64_t rows) {
  arrow::Int64Builder builder;
  ARROW_RETURN_NOT_OK(builder.Reserve(rows));
  for (std::int64_t i = 0; i < rows; ++i) builder.UnsafeAppend(i);
  return builder.Finish();
}

// Reads one task: the requested columns, then those needed only for equality deletes.
class TaskReader {
 public:
  TaskReader(platform::ObjectStore& store, const TableMetadata& table, const ScanOptions& options,
             const Schema& schema, const Scan::Task& task)
      : store_(store), table_(table), options_(options), schema_(schema), task_(task) {}

  Result<std::shared_ptr<arrow::Table>> Read() {
    WEIRHOUSE_TRY_STATUS(CheckFormat(task_.file));
    Schema wanted = schema_;
    WEIRHOUSE_TRY_STATUS(AddEqualityColumns(wanted));
    WEIRHOUSE_TRY(const platform::ParquetReadOptions read, MakeReadOptions(wanted, table_));
    WEIRHOUSE_TRY(std::shared_ptr<arrow::Table> rows, ReadDataFile(store_, task_.file, read));
    RowMask mask(rows->num_rows());
    WEIRHOUSE_TRY_STATUS(MaskPositions(mask));
    WEIRHOUSE_TRY_STATUS(MaskEqual(*rows, wanted, mask));
    return Shape(std::move(rows), mask);
  }

 private:
  Status AddEqualityColumns(Schema& wanted) const {
    for (const auto& deletes : task_.deletes) {
      if (deletes->content != DataFile::Content::kEqualityDeletes) continue;
      for (const int id : deletes->equality_ids) {
        if (wanted.FindById(id) != nullptr) continue;
        WEIRHOUSE_TRY(Field field, FieldById(table_, id, deletes->path));
        wanted.fields.push_back(std::move(field));
      }
    }
    return Status::Ok();
  }

  Status MaskPositions(RowMask& mask) const {
    for (const auto& deletes : task_.deletes) {
      if (deletes->content != DataFile::Content::kPositionDeletes) continue;
      const bool is_vector = deletes->content_offset.has_value();  // lies in a Puffin file
      if (!is_vector) WEIRHOUSE_TRY_STATUS(CheckFormat(*deletes));
      WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> positions,
                    LoadPositionDeletes(store_, *deletes));
      const auto it = positions->find(task_.file.path);
      if (it == positions->end()) continue;
      for (const std::int64_t position : it->second) mask.Drop(position);
    }
    return Status::Ok();
  }

  Status MaskEqual(const arrow::Table& rows, const Schema& wanted, RowMask& mask) const {
    for (const auto& deletes : task_.deletes) {
      if (deletes->content != DataFile::Content::kEqualityDeletes) continue;
      WEIRHOUSE_TRY_STATUS(CheckFormat(*deletes));
      Schema key_schema;
      std::vector<int> columns;
      for (const int id : deletes->equality_ids) {
        for (std::size_t i = 0; i < wanted.fields.size(); ++i) {
          if (wanted.fields[i].id != id) continue;
          key_schema.fields.push_back(wanted.fields[i]);
          key_schema.fields.back().required = false;
          columns.push_back(static_cast<int>(i));
          break;
        }
      }
      WEIRHOUSE_TRY(const KeyList keys, EncodeKeys(rows, columns));
      WEIRHOUSE_TRY(const std::shared_ptr<const EqualityDeletes> gone,
                    LoadEqualityDeletes(store_, *deletes, key_schema));
      for (std::size_t row = 0; row < keys.size(); ++row) {
        if (gone->contains(std::string(keys[row]))) mask.Drop(static_cast<std::int64_t>(row));
      }
    }
    return Status::Ok();
  }

  Result<std::shared_ptr<arrow::Table>> Shape(std::shared_ptr<arrow::Table> rows,
                                              const RowMask& mask) const {
    const int count = static_cast<int>(schema_.fields.size());
    if (rows->num_columns() > count) {
      std::vector<int> asked;
      for (int i = 0; i < count; ++i) asked.push_back(i);
      const auto selected = rows->SelectColumns(asked);
      if (!selected.ok()) return platform::ArrowFailed(selected.status());
      rows = *selected;
    }
    if (options_.with_file_position) {
      WEIRHOUSE_TRY(rows, AppendColumn(rows, "_pos", Positions(rows->num_rows())));
    }
    if (mask.any()) {
      WEIRHOUSE_TRY(const std::shared_ptr<arrow::Array> keep, mask.ToArray());
      const auto filtered = arrow::compute::Filter(arrow::Datum(rows), arrow::Datum(keep));
      if (!filtered.ok()) return platform::ArrowFailed(filtered.status());
      rows = filtered->table();
    }
    if (options_.with_file_position) {
      const auto file =
          arrow::MakeArrayFromScalar(arrow::StringScalar(task_.file.path), rows->num_rows());
      if (!file.ok()) return platform::ArrowFailed(file.status());
      const auto added = rows->AddColumn(count, PlainField("_file", arrow::utf8()),
                                         std::make_shared<arrow::ChunkedArray>(*file));
      if (!added.ok()) return platform::ArrowFailed(added.status());
      rows = *added;
    }
    if (options_.with_sequence_number) {
      WEIRHOUSE_TRY(rows, AppendColumn(rows, "_sequence_number",
                                       arrow::MakeArrayFromScalar(
                                           arrow::Int64Scalar(task_.file.data_sequence_number),
                                           rows->num_rows())));
    }
    return rows;
  }

  platform::ObjectStore& store_;
  const TableMetadata& table_;
  const ScanOptions& options_;
  const Schema& schema_;
  const Scan::Task& task_;
};
}  // namespace

Result<std::shared_ptr<const EqualityDeletes>> ReadEqualityDeletes(platform::ObjectStore& store,
                                                                   const DataFile& file,
                                                                   const Schema& keys) {
  platform::ParquetReadOptions read;
  WEIRHOUSE_TRY(read.schema, keys.ToArrow());
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows,
                platform::ReadParquet(store, LocalPath(file.path), read));
  std::vector<int> columns(static_cast<std::size_t>(rows->num_columns()));
  std::iota(columns.begin(), columns.end(), 0);
  WEIRHOUSE_TRY(const KeyList gone, EncodeKeys(*rows, columns));
  auto deletes = std::make_shared<EqualityDeletes>();
  for (const std::string_view key : gone) deletes->emplace(key);
  return std::shared_ptr<const EqualityDeletes>(std::move(deletes));
}

Result<std::shared_ptr<arrow::Table>> Scan::Read(const Task& task) const {
  return TaskReader(*store_, *table_, options_, schema_, task).Read();
}

Result<std::shared_ptr<arrow::Table>> Scan::ReadAll() const {
  std::vector<std::shared_ptr<arrow::Table>> parts(tasks_.size());
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const std::size_t readers = std::min<std::size_t>({cores, kReadersMax, tasks_.size() / 2});
  WEIRHOUSE_TRY_STATUS(ForEachInParallel(tasks_.size(), readers, [&](std::size_t i) -> Status {
    WEIRHOUSE_TRY(parts[i], Read(tasks_[i]));
    return Status();
  }));
  if (parts.size() == 1) return parts[0];
  if (!parts.empty()) {
    const auto whole = arrow::ConcatenateTables(parts);
    if (!whole.ok()) return platform::ArrowFailed(whole.status());
    return *whole;
  }
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Schema> plain, schema_.ToArrow());
  arrow::FieldVector fields = plain->fields();
  if (options_.with_file_position) {
    fields.push_back(PlainField("_file", arrow::utf8()));
    fields.push_back(PlainField("_pos", arrow::int64()));
  }
  if (options_.with_sequence_number) {
    fields.push_back(PlainField("_sequence_number", arrow::int64()));
  }
  const auto empty = arrow::Table::MakeEmpty(arrow::schema(std::move(fields)));
  if (!empty.ok()) return platform::ArrowFailed(empty.status());
  return *empty;
}

Result<std::vector<FileDeletes>> DeletedShares(platform::ObjectStore& store, TablePtr table) {
  WEIRHOUSE_TRY(const Scan scan, Scan::Plan(store, table, {}));
  std::vector<FileDeletes> shares;
  for (const Scan::Task& task : scan.tasks()) {
    std::set<std::int64_t> masked;
    for (const auto& deletes : task.deletes) {
      if (deletes->content != DataFile::Content::kPositionDeletes) continue;
      WEIRHOUSE_TRY(const std::shared_ptr<const PositionDeletes> positions,
                    LoadPositionDeletes(store, *deletes));
      const auto it = positions->find(task.file.path);
      if (it != positions->end()) masked.insert(it->second.begin(), it->second.end());
    }
    shares.push_back({task.file, static_cast<std::int64_t>(masked.size())});
  }
  return shares;
}
}  // namespace weirhouse::iceberg

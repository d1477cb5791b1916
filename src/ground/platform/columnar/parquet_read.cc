#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "ground/platform/columnar/arrived/parquet_guard.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/columnar/parquet_conform.h"

namespace weirhouse::platform {
namespace {
constexpr std::int64_t kParallelBytesMin = 4 << 20;  // below it threads cost more than they save

void CollectLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) CollectLeaves(child, leaves);
}

class Reader {
 public:
  Reader(std::unique_ptr<parquet::arrow::FileReader> reader, const ParquetReadOptions& options,
         const std::string& path, std::optional<int> group = {})
      : reader_(std::move(reader)), path_(path), conformer_(options, path), group_(group) {}

  Result<std::shared_ptr<arrow::Table>> ReadAll() {
    auto table = reader_->ReadTable();
    if (!table.ok()) return CorruptParquet(path_, table.status().message());
    arrow::FieldVector fields;
    arrow::ChunkedArrayVector columns;
    for (int i = 0; i < (*table)->num_columns(); ++i) {
      const auto& field = (*table)->schema()->field(i);
      const auto plain = field->WithType(PlainType(field->type()));
      WEIRHOUSE_TRY(auto column, conformer_.Conform((*table)->column(i), *field, *plain));
      fields.push_back(plain);
      columns.push_back(std::move(column));
    }
    return arrow::Table::Make(arrow::schema(std::move(fields)), std::move(columns),
                              (*table)->num_rows());
  }

  Result<std::shared_ptr<arrow::Table>> ReadFields(const std::shared_ptr<arrow::Schema>& schema) {
    const auto& stored = reader_->manifest().schema_fields;
    arrow::FieldVector stored_fields;
    for (const auto& field : stored) stored_fields.push_back(field.field);
    std::vector<int> matches;
    for (const auto& field : schema->fields()) {
      matches.push_back(conformer_.Match(stored_fields, *field));
    }
    const std::set<int> unique(matches.begin(), matches.end());
    std::map<int, std::shared_ptr<arrow::ChunkedArray>> read;
    for (const int index : unique) {
      if (index < 0) continue;
      read[index] = nullptr;
    }
    const auto metadata = reader_->parquet_reader()->metadata();
    const std::int64_t row_count =
        group_ ? metadata->RowGroup(*group_)->num_rows() : metadata->num_rows();
    WEIRHOUSE_TRY_STATUS(ReadInto(stored, &read));
    arrow::ChunkedArrayVector columns;
    for (int i = 0; i < schema->num_fields(); ++i) {
      const auto& field = schema->field(i);
      const int match = matches[static_cast<std::size_t>(i)];
      if (match < 0) {
        WEIRHOUSE_TRY(auto absent, conformer_.Absent(*field, row_count));
        columns.push_back(std::make_shared<arrow::ChunkedArray>(std::move(absent)));
        continue;
      }
      const auto place = static_cast<std::size_t>(match);
      WEIRHOUSE_TRY(auto column, conformer_.Conform(read[match], *stored_fields[place], *field));
      columns.push_back(std::move(column));
    }
    return arrow::Table::Make(schema, std::move(columns), row_count);
  }

 private:
  // Arrow returns top-level fields in the order of their first leaf, which is the file's order.
  Status ReadInto(const std::vector<parquet::arrow::SchemaField>& stored,
                  std::map<int, std::shared_ptr<arrow::ChunkedArray>>* read) {
    if (read->empty()) return Status::Ok();
    std::vector<int> leaves;
    for (const auto& [index, column] : *read) {
      CollectLeaves(stored[static_cast<std::size_t>(index)], &leaves);
    }
    auto table = group_ ? reader_->ReadRowGroup(*group_, leaves) : reader_->ReadTable(leaves);
    if (!table.ok()) return CorruptParquet(path_, table.status().message());
    if ((*table)->num_columns() != static_cast<int>(read->size())) {
      return CorruptParquet(path_, "its schema contradicts itself");
    }
    int position = 0;
    for (auto& [index, column] : *read) column = (*table)->column(position++);
    return Status::Ok();
  }

  std::unique_ptr<parquet::arrow::FileReader> reader_;
  const std::string& path_;
  FieldConformer conformer_;
  std::optional<int> group_;  // all of the file's if absent
};

Result<std::shared_ptr<arrow::Table>> Read(std::string bytes, const std::string& path,
                                           const ParquetReadOptions& options) {
  const bool parallel = static_cast<std::int64_t>(bytes.size()) >= kParallelBytesMin;
  auto source =
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(bytes)));
  parquet::ReaderProperties properties(ParquetPool());
  auto file = parquet::ParquetFileReader::Open(std::move(source), properties);
  if (const std::string fault = FaultOfCounts(*file->metadata()); !fault.empty())
    return CorruptParquet(path, fault);
  parquet::ArrowReaderProperties arrow_properties(parallel);
  auto reader = parquet::arrow::FileReader::Make(ParquetPool(), std::move(file), arrow_properties);
  if (!reader.ok()) return CorruptParquet(path, reader.status().message());
  Reader fields(*std::move(reader), options, path);
  auto table = options.schema == nullptr ? fields.ReadAll() : fields.ReadFields(options.schema);
  if (!table.ok()) return table;
  if (const arrow::Status valid = (*table)->Validate(); !valid.ok()) {
    return CorruptParquet(path, valid.message());
  }
  return table;
}

class OpenGroups final : public ParquetGroups {
 public:
  OpenGroups(ObjectStore& store, const std::string& path, std::int64_t size_bytes,
             ParquetReadOptions options)
      : store_(store), path_(path), size_bytes_(size_bytes), options_(std::move(options)) {}

  Status ReadFooter() {
    return Guarded([&](const std::shared_ptr<ArrowFile>& file) -> Status {
      metadata_ = parquet::ParquetFileReader::Open(file, parquet::ReaderProperties(ParquetPool()))
                      ->metadata();
      if (const std::string fault = FaultOfCounts(*metadata_); !fault.empty())
        return CorruptParquet(path_, fault);
      return Status();
    });
  }

  int count() const override { return metadata_->num_row_groups(); }
  std::int64_t rows(int group) const override { return metadata_->RowGroup(group)->num_rows(); }

  std::optional<Bounds> BoundsOf(int group, const std::string& column) const override {
    const auto field = options_.schema->GetFieldByName(column);
    const int leaf = LeafOf(column);
    if (field == nullptr || leaf < 0) return std::nullopt;
    const parquet::ColumnDescriptor* stored = metadata_->schema()->Column(leaf);
    if (!IsPlainInteger(*stored, *field->type())) return std::nullopt;
    const auto statistics = metadata_->RowGroup(group)->ColumnChunk(leaf)->statistics();
    if (statistics == nullptr || !statistics->HasMinMax() || !statistics->HasNullCount() ||
        statistics->null_count() != 0) {
      return std::nullopt;
    }
    if (stored->physical_type() == parquet::Type::INT32) {
      const auto& typed = static_cast<const parquet::Int32Statistics&>(*statistics);
      return Bounds{typed.min(), typed.max()};
    }
    const auto& typed = static_cast<const parquet::Int64Statistics&>(*statistics);
    return Bounds{typed.min(), typed.max()};
  }

  Result<std::shared_ptr<arrow::Table>> Read(
      int group, const std::vector<std::string>& columns) const override {
    ParquetReadOptions options = options_;
    arrow::FieldVector fields;
    for (const std::string& column : columns)
      fields.push_back(options_.schema->GetFieldByName(column));
    options.schema = arrow::schema(std::move(fields));
    std::shared_ptr<arrow::Table> table;
    WEIRHOUSE_TRY_STATUS(Guarded([&](const std::shared_ptr<ArrowFile>& file) -> Status {
      auto opened = parquet::ParquetFileReader::Open(file, parquet::ReaderProperties(ParquetPool()),
                                                     metadata_);
      auto reader = parquet::arrow::FileReader::Make(ParquetPool(), std::move(opened),
                                                     parquet::ArrowReaderProperties(false));
      if (!reader.ok()) return CorruptParquet(path_, reader.status().message());
      Reader rows(*std::move(reader), options, path_, group);
      WEIRHOUSE_TRY(table, rows.ReadFields(options.schema));
      if (const arrow::Status valid = table->Validate(); !valid.ok())
        return CorruptParquet(path_, valid.message());
      return Status();
    }));
    return table;
  }

 private:
  // What the store says of a failure goes before what Parquet makes of it.
  template <typename Act>
  Status Guarded(const Act& act) const {
    const auto file = std::make_shared<ArrowFile>(
        [this](std::int64_t offset, std::int64_t count) {
          return store_.ReadRange(path_, offset, count);
        },
        size_bytes_);
    Status status;
    try {
      status = act(file);
    } catch (const std::exception& error) {
      status = CorruptParquet(path_, error.what());
    }
    if (Status failure = file->failure(); !status.ok() && !failure.ok()) return failure;
    return status;
  }

  // The leaf of a column that is no group, matched by id as ReadFields does; -1 without one.
  int LeafOf(const std::string& column) const {
    const auto field = options_.schema->GetFieldByName(column);
    if (field == nullptr || !options_.names.empty()) return -1;
    const auto id = field->metadata() == nullptr
                        ? arrow::Result<std::string>(arrow::Status::KeyError(""))
                        : field->metadata()->Get("PARQUET:field_id");
    const parquet::SchemaDescriptor& schema = *metadata_->schema();
    for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
      const parquet::schema::Node& node = *schema.Column(leaf)->schema_node();
      if (node.parent() != schema.schema_root().get()) continue;
      if (node.field_id() >= 0 ? id.ok() && std::to_string(node.field_id()) == *id
                               : node.name() == column) {
        return leaf;
      }
    }
    return -1;
  }
  static bool IsPlainInteger(const parquet::ColumnDescriptor& stored, const arrow::DataType& type) {
    using parquet::LogicalType;
    const LogicalType& logical = *stored.logical_type();
    if (type.id() == arrow::Type::TIMESTAMP) {
      return stored.physical_type() == parquet::Type::INT64 && logical.is_timestamp() &&
             static_cast<const parquet::TimestampLogicalType&>(logical).time_unit() ==
                 LogicalType::TimeUnit::MICROS;
    }
    const bool plain =
        logical.is_none() ||
        (logical.is_int() && static_cast<const parquet::IntLogicalType&>(logical).is_signed());
    if (type.id() == arrow::Type::INT32)
      return plain && stored.physical_type() == parquet::Type::INT32;
    return type.id() == arrow::Type::INT64 && plain &&
           (stored.physical_type() == parquet::Type::INT64 ||
            stored.physical_type() == parquet::Type::INT32);
  }

  ObjectStore& store_;
  std::string path_;
  std::int64_t size_bytes_;
  ParquetReadOptions options_;
  std::shared_ptr<parquet::FileMetaData> metadata_;
};
}  // namespace

Result<std::unique_ptr<ParquetGroups>> ParquetGroups::Open(ObjectStore& store,
                                                           const std::string& path,
                                                           std::int64_t size_bytes,
                                                           ParquetReadOptions options) {
  WEIRHOUSE_CHECK(options.schema != nullptr);
  auto groups = std::make_unique<OpenGroups>(store, path, size_bytes, std::move(options));
  WEIRHOUSE_TRY_STATUS(groups->ReadFooter());
  return std::unique_ptr<ParquetGroups>(std::move(groups));
}

Result<std::shared_ptr<arrow::Table>> ReadParquet(ObjectStore& store, const std::string& path,
                                                  const ParquetReadOptions& options) {
  WEIRHOUSE_TRY(std::string bytes, store.Read(path));
  try {
    return Read(std::move(bytes), path, options);
  } catch (const std::exception& error) {  // ParquetException, and length_error from bad counts
    return CorruptParquet(path, error.what());
  }
}
}  // namespace weirhouse::platform

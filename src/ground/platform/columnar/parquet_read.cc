#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <exception>
#include <set>
#include <utility>

#include "ground/platform/columnar/parquet.h"
#include "ground/platform/columnar/parquet_conform.h"
#include "ground/platform/columnar/parquet_guard.h"

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
         const std::string& path)
      : reader_(std::move(reader)), path_(path), conformer_(options, path) {}

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
    const std::int64_t row_count = reader_->parquet_reader()->metadata()->num_rows();
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
    auto table = reader_->ReadTable(leaves);
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
}  // namespace

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

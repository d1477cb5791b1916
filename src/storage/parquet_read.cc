#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <arrow/io/memory.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "storage/parquet.h"

namespace weirhouse::storage {
namespace {
// A page header of a few bytes can ask for gigabytes (apache/arrow #49955); no column of a row
// group that we or others write comes near this.
constexpr std::int64_t kAllocationBytesMax = std::int64_t{1} << 30;
constexpr std::int64_t kParallelBytesMin = 4 << 20;  // below it threads cost more than they give

Status Corrupt(const std::string& path, std::string_view why) {
  return Status(Code::kCorruption, fmt::format("could not read Parquet: {}: {}", why, path))
      .WithError("WH7032")
      .WithHint("`wh verify --deep` names every file whose bytes changed");
}

// Refuses single allocations that no honest file needs. Lives for ever: buffers point back at it.
class BoundedPool : public arrow::MemoryPool {
 public:
  using arrow::MemoryPool::Allocate;
  using arrow::MemoryPool::Reallocate;
  arrow::Status Allocate(std::int64_t size, std::int64_t alignment, std::uint8_t** out) override {
    if (size > kAllocationBytesMax) return TooLarge(size);
    return inner_->Allocate(size, alignment, out);
  }
  arrow::Status Reallocate(std::int64_t old_size, std::int64_t new_size, std::int64_t alignment,
                           std::uint8_t** pointer) override {
    if (new_size > kAllocationBytesMax) return TooLarge(new_size);
    return inner_->Reallocate(old_size, new_size, alignment, pointer);
  }
  void Free(std::uint8_t* buffer, std::int64_t size, std::int64_t alignment) override {
    inner_->Free(buffer, size, alignment);
  }
  std::int64_t bytes_allocated() const override { return inner_->bytes_allocated(); }
  std::int64_t max_memory() const override { return inner_->max_memory(); }
  std::int64_t total_bytes_allocated() const override { return inner_->total_bytes_allocated(); }
  std::int64_t num_allocations() const override { return inner_->num_allocations(); }
  std::string backend_name() const override { return inner_->backend_name(); }

 private:
  static arrow::Status TooLarge(std::int64_t size) {
    return arrow::Status::OutOfMemory("it asks for ", size, " bytes at once");
  }
  arrow::MemoryPool* inner_ = arrow::default_memory_pool();
};
arrow::MemoryPool* ThePool() {
  static BoundedPool* const pool = new BoundedPool;
  return pool;
}

std::optional<std::string> FieldIdOf(const arrow::Field& field) {
  if (field.metadata() == nullptr) return std::nullopt;
  auto value = field.metadata()->Get("PARQUET:field_id");
  if (!value.ok()) return std::nullopt;
  return *std::move(value);
}

// Counts that contradict each other would otherwise size buffers.
Status CheckCounts(const parquet::FileMetaData& metadata, const std::string& path) {
  std::int64_t rows = 0;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const auto group = metadata.RowGroup(i);
    const std::int64_t group_rows = group->num_rows();
    if (group_rows < 0 || group_rows > std::numeric_limits<std::int64_t>::max() - rows) {
      return Corrupt(path, "a row group has an impossible row count");
    }
    rows += group_rows;
    for (int column = 0; column < group->num_columns(); ++column) {
      const auto chunk = group->ColumnChunk(column);
      if (chunk->num_values() < 0 || chunk->total_compressed_size() < 0 ||
          chunk->total_compressed_size() > metadata.size() + kAllocationBytesMax * 64) {
        return Corrupt(path, "a column chunk has an impossible size");
      }
    }
  }
  if (rows != metadata.num_rows()) return Corrupt(path, "row groups do not add up to its rows");
  return Status::Ok();
}

// The type a column gets when nobody asked for one: what the rest of the product works with.
std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return arrow::binary();
    case arrow::Type::DICTIONARY:
      return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
      return timestamp.timezone().empty() ? arrow::timestamp(arrow::TimeUnit::MICRO)
                                          : arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    }
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return arrow::time64(arrow::TimeUnit::MICRO);
    default:
      return type;
  }
}

// Iceberg's promotions, and other spellings of the same type.
bool MayBecome(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to)) return true;
  switch (from.id()) {
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
      return to.id() == arrow::Type::INT32 || to.id() == arrow::Type::INT64;
    case arrow::Type::INT32:
    case arrow::Type::UINT32:
      return to.id() == arrow::Type::INT64;
    case arrow::Type::FLOAT:
      return to.id() == arrow::Type::DOUBLE;
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128: {
      if (to.id() != arrow::Type::DECIMAL128) return false;
      const auto& narrow = static_cast<const arrow::DecimalType&>(from);
      const auto& wide = static_cast<const arrow::DecimalType&>(to);
      return narrow.scale() == wide.scale() && narrow.precision() <= wide.precision();
    }
    case arrow::Type::TIMESTAMP:
      return to.id() == arrow::Type::TIMESTAMP &&
             static_cast<const arrow::TimestampType&>(from).timezone().empty() ==
                 static_cast<const arrow::TimestampType&>(to).timezone().empty();
    default:
      return PlainType(from.GetSharedPtr())->Equals(to);
  }
}

Result<std::shared_ptr<arrow::ChunkedArray>> Promote(
    const std::shared_ptr<arrow::ChunkedArray>& column,
    const std::shared_ptr<arrow::DataType>& type, const std::string& name,
    const std::string& path) {
  if (column->type()->Equals(*type)) return column;
  if (!MayBecome(*column->type(), *type)) {
    return Corrupt(path, fmt::format("column \"{}\" is {} where the table says {}", name,
                                     column->type()->ToString(), type->ToString()));
  }
  // Safe: a cast that would lose anything fails.
  auto cast = arrow::compute::Cast(arrow::Datum(column), type);
  if (!cast.ok()) {
    return Corrupt(path, fmt::format("column \"{}\": {}", name, cast.status().message()));
  }
  return cast->chunked_array();
}

Result<std::shared_ptr<arrow::ChunkedArray>> Nulls(const std::shared_ptr<arrow::DataType>& type,
                                                   std::int64_t count, const std::string& path) {
  auto nulls = arrow::MakeArrayOfNull(type, count);
  if (!nulls.ok()) return Corrupt(path, nulls.status().message());
  return std::make_shared<arrow::ChunkedArray>(*nulls);
}

void CollectLeaves(const parquet::arrow::SchemaField& field, std::vector<int>* leaves) {
  if (field.is_leaf()) leaves->push_back(field.column_index);
  for (const auto& child : field.children) CollectLeaves(child, leaves);
}

// For each wanted field the index of the file's top-level field, or -1.
std::vector<int> MatchFields(const std::vector<parquet::arrow::SchemaField>& stored,
                             const arrow::Schema& wanted) {
  const bool has_ids = std::any_of(stored.begin(), stored.end(), [](const auto& field) {
    return FieldIdOf(*field.field).has_value();
  });
  std::vector<int> matches;
  for (const auto& field : wanted.fields()) {
    const auto id = FieldIdOf(*field);
    const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& candidate) {
      if (has_ids && id) return FieldIdOf(*candidate.field) == id;
      return candidate.field->name() == field->name();
    });
    matches.push_back(found == stored.end() ? -1 : static_cast<int>(found - stored.begin()));
  }
  return matches;
}

class Reader {
 public:
  Reader(std::unique_ptr<parquet::arrow::FileReader> reader, std::string path)
      : reader_(std::move(reader)), path_(std::move(path)) {}

  Result<std::shared_ptr<arrow::Table>> ReadAll() {
    auto table = reader_->ReadTable();
    if (!table.ok()) return Corrupt(path_, table.status().message());
    arrow::FieldVector fields;
    arrow::ChunkedArrayVector columns;
    for (int i = 0; i < (*table)->num_columns(); ++i) {
      const auto& field = (*table)->schema()->field(i);
      const auto type = PlainType(field->type());
      WEIRHOUSE_TRY(auto column, Promote((*table)->column(i), type, field->name(), path_));
      fields.push_back(field->WithType(type));
      columns.push_back(std::move(column));
    }
    return arrow::Table::Make(arrow::schema(std::move(fields)), std::move(columns),
                              (*table)->num_rows());
  }

  Result<std::shared_ptr<arrow::Table>> ReadFields(const std::shared_ptr<arrow::Schema>& schema) {
    const auto& stored = reader_->manifest().schema_fields;
    const std::vector<int> matches = MatchFields(stored, *schema);
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
        WEIRHOUSE_TRY(auto nulls, Nulls(field->type(), row_count, path_));
        columns.push_back(std::move(nulls));
        continue;
      }
      WEIRHOUSE_TRY(auto column, Promote(read[match], field->type(), field->name(), path_));
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
    if (!table.ok()) return Corrupt(path_, table.status().message());
    if ((*table)->num_columns() != static_cast<int>(read->size())) {
      return Corrupt(path_, "its schema contradicts itself");
    }
    int position = 0;
    for (auto& [index, column] : *read) column = (*table)->column(position++);
    return Status::Ok();
  }

  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::string path_;
};

Result<std::shared_ptr<arrow::Table>> Read(std::string bytes, const std::string& path,
                                           const ParquetReadOptions& options) {
  const bool parallel = static_cast<std::int64_t>(bytes.size()) >= kParallelBytesMin;
  auto source =
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(bytes)));
  parquet::ReaderProperties properties(ThePool());
  auto file = parquet::ParquetFileReader::Open(std::move(source), properties);
  WEIRHOUSE_TRY_STATUS(CheckCounts(*file->metadata(), path));
  parquet::ArrowReaderProperties arrow_properties(parallel);
  auto reader = parquet::arrow::FileReader::Make(ThePool(), std::move(file), arrow_properties);
  if (!reader.ok()) return Corrupt(path, reader.status().message());
  Reader fields(*std::move(reader), path);
  auto table = options.schema == nullptr ? fields.ReadAll() : fields.ReadFields(options.schema);
  if (!table.ok()) return table;
  if (const arrow::Status valid = (*table)->Validate(); !valid.ok()) {
    return Corrupt(path, valid.message());
  }
  return table;
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> ReadParquet(Disk& disk, const std::string& path,
                                                  const ParquetReadOptions& options) {
  WEIRHOUSE_TRY(std::string bytes, disk.Read(path));
  try {
    return Read(std::move(bytes), path, options);
  } catch (const std::exception& error) {  // ParquetException, and length_error from bad counts
    return Corrupt(path, error.what());
  }
}
}  // namespace weirhouse::storage

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "ground/platform/columnar/column_encoding.h"
#include "ground/platform/columnar/column_statistics.h"
#include "ground/platform/columnar/parquet.h"

namespace weirhouse::platform {
namespace {
// Below this a zstd context for each column chunk costs more than it saves (a fifth of the time of
// writing and reading 900 rows), and compaction rewrites such files anyway.
constexpr std::int64_t kSmallFileRows = 16 * 1024;
constexpr std::int64_t kFooterBytes = 64 << 10;  // roughly

Status StatusOfArrow(const arrow::Status& status, const std::string& path) {
  const Code code =
      status.IsOutOfMemory() || status.IsCapacityError() ? Code::kUnavailable : Code::kInvalidInput;
  return Status(code, fmt::format("could not write Parquet: {}: {}", status.message(), path))
      .WithError("WH7031");
}

std::optional<int> WrittenFieldId(const arrow::Field& field) {
  if (field.metadata() == nullptr) return std::nullopt;
  const auto value = field.metadata()->Get("PARQUET:field_id");
  if (!value.ok()) return std::nullopt;
  int id = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), id);
  if (error != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return id;
}

bool IsStoredAsInteger(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::DATE32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return true;
    default:
      return false;
  }
}

// A path is split at dots, so that a column with a dot in its name needs a path of one part.
std::shared_ptr<parquet::schema::ColumnPath> ColumnPathOf(const std::string& name) {
  return std::make_shared<parquet::schema::ColumnPath>(std::vector<std::string>{name});
}

// Of a column without an encoding of its own.
void SetEncoding(parquet::WriterProperties::Builder& builder, const std::string& name,
                 const arrow::ChunkedArray& column) {
  const ColumnEncoding chosen = ChooseEncoding(column);
  if (!chosen.dictionary) builder.disable_dictionary(ColumnPathOf(name));
  if (chosen.delta) builder.encoding(ColumnPathOf(name), parquet::Encoding::DELTA_BINARY_PACKED);
  if (!chosen.compressed)
    builder.compression(ColumnPathOf(name), parquet::Compression::UNCOMPRESSED);
}

std::shared_ptr<parquet::WriterProperties> PropertiesOf(const arrow::Table& rows,
                                                        const ParquetOptions& options) {
  const arrow::Schema& schema = *rows.schema();
  parquet::WriterProperties::Builder builder;
  if (rows.num_rows() < kSmallFileRows) {
    builder.compression(parquet::Compression::SNAPPY);
  } else {
    // At Arrow's level, 1: files are written while someone waits. (A level said here would be asked
    // of columns that are not compressed, too.)
    builder.compression(parquet::Compression::ZSTD);
  }
  builder.version(parquet::ParquetVersion::PARQUET_2_6)
      ->max_row_group_length(options.row_group_rows)
      ->enable_store_decimal_as_integer()  // Iceberg: up to 9 digits int32, up to 18 int64
      ->enable_statistics()
      ->enable_write_page_index();
  for (int i = 0; i < rows.num_columns(); ++i) {
    const std::string& name = schema.field(i)->name();
    const bool delta = std::find(options.delta_columns.begin(), options.delta_columns.end(),
                                 name) != options.delta_columns.end();
    if (delta && IsStoredAsInteger(*schema.field(i)->type())) {
      builder.disable_dictionary(ColumnPathOf(name))
          ->encoding(ColumnPathOf(name), parquet::Encoding::DELTA_BINARY_PACKED);
    } else {
      SetEncoding(builder, name, *rows.column(i));
    }
  }
  return builder.build();
}

// The bytes of a file in memory. Arrow's own stream writes zeros over all of its room that is left
// when it ends, most of it, where a page that is not written to costs nothing.
class FileBytes final : public arrow::io::OutputStream {
 public:
  static arrow::Result<std::shared_ptr<FileBytes>> Make(std::int64_t room) {
    auto bytes = std::make_shared<FileBytes>();
    ARROW_ASSIGN_OR_RAISE(bytes->buffer_, arrow::AllocateResizableBuffer(room));
    return bytes;
  }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(buffer_->data()), static_cast<std::size_t>(size_)};
  }

  using OutputStream::Write;
  arrow::Status Write(const void* data, std::int64_t count) override {
    if (size_ + count > buffer_->size()) {
      ARROW_RETURN_NOT_OK(
          buffer_->Resize(std::max(size_ + count, 2 * buffer_->size()), /*shrink_to_fit=*/false));
    }
    if (count > 0)
      std::memcpy(buffer_->mutable_data() + size_, data, static_cast<std::size_t>(count));
    size_ += count;
    return arrow::Status::OK();
  }
  arrow::Result<std::int64_t> Tell() const override { return size_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  std::int64_t size_ = 0;
  bool closed_ = false;
};

struct Encoded {
  std::shared_ptr<FileBytes> bytes;
  std::shared_ptr<parquet::FileMetaData> metadata;
};

arrow::Result<Encoded> Encode(const arrow::Table& rows, const ParquetOptions& options) {
  // Room for all at once: a buffer that grows is copied as it grows, and memory that is not written
  // to costs nothing.
  const std::int64_t room =
      kFooterBytes + arrow::util::ReferencedBufferSize(rows).ValueOr(std::int64_t{0});
  ARROW_ASSIGN_OR_RAISE(auto sink, FileBytes::Make(room));
  // Without the Arrow schema in the footer, bytes depend on rows and options only.
  parquet::ArrowWriterProperties::Builder arrow_builder;
  arrow_builder.coerce_timestamps(arrow::TimeUnit::MICRO)->disallow_truncated_timestamps();
  ARROW_ASSIGN_OR_RAISE(auto writer, parquet::arrow::FileWriter::Open(
                                         *rows.schema(), arrow::default_memory_pool(), sink,
                                         PropertiesOf(rows, options), arrow_builder.build()));
  if (!options.key_values.empty()) {
    auto metadata = std::make_shared<arrow::KeyValueMetadata>();
    for (const auto& [key, value] : options.key_values) metadata->Append(key, value);
    ARROW_RETURN_NOT_OK(writer->AddKeyValueMetadata(metadata));
  }
  ARROW_RETURN_NOT_OK(writer->WriteTable(rows, std::max<std::int64_t>(options.row_group_rows, 1)));
  ARROW_RETURN_NOT_OK(writer->Close());
  Encoded encoded;
  encoded.metadata = writer->metadata();
  encoded.bytes = std::move(sink);
  return encoded;
}

// Bytes of the leaves under each top-level field.
std::vector<std::int64_t> SizesOfFields(const parquet::FileMetaData& metadata) {
  const parquet::SchemaDescriptor& schema = *metadata.schema();
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(schema.group_node()->field_count()), 0);
  for (int group = 0; group < metadata.num_row_groups(); ++group) {
    const auto row_group = metadata.RowGroup(group);
    for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
      const int field = schema.group_node()->FieldIndex(*schema.GetColumnRoot(leaf));
      if (field < 0) continue;
      sizes[static_cast<std::size_t>(field)] +=
          row_group->ColumnChunk(leaf)->total_compressed_size();
    }
  }
  return sizes;
}

std::vector<std::int64_t> SplitOffsetsOf(const parquet::FileMetaData& metadata) {
  std::vector<std::int64_t> offsets;
  for (int group = 0; group < metadata.num_row_groups(); ++group) {
    const auto row_group = metadata.RowGroup(group);
    if (row_group->num_columns() == 0 || row_group->num_rows() == 0) continue;
    const auto first = row_group->ColumnChunk(0);
    offsets.push_back(first->has_dictionary_page() ? first->dictionary_page_offset()
                                                   : first->data_page_offset());
  }
  return offsets;
}

Result<ParquetFile> Write(ObjectStore& store, const std::string& path, const arrow::Table& rows,
                          const ParquetOptions& options) {
  auto encoded = Encode(rows, options);
  if (!encoded.ok()) return StatusOfArrow(encoded.status(), path);
  const std::string_view bytes = encoded->bytes->view();
  ParquetFile file;
  file.path = path;
  file.row_count = rows.num_rows();
  file.size_bytes = static_cast<std::int64_t>(bytes.size());
  file.sha256 = Sha256Of(bytes);
  file.split_offsets = SplitOffsetsOf(*encoded->metadata);
  const auto sizes = SizesOfFields(*encoded->metadata);
  for (int i = 0; i < rows.num_columns(); ++i) {
    const auto id = WrittenFieldId(*rows.schema()->field(i));
    if (!id || arrow::is_nested(rows.schema()->field(i)->type()->id())) continue;
    ColumnStatistics statistics = ScanColumn(*rows.column(i));
    statistics.size_bytes = sizes[static_cast<std::size_t>(i)];
    file.columns.emplace(*id, std::move(statistics));
  }
  WEIRHOUSE_TRY_STATUS(store.Write(path, bytes));
  return file;
}
}  // namespace

Result<ParquetFile> WriteParquet(ObjectStore& store, const std::string& path,
                                 const arrow::Table& rows, const ParquetOptions& options) {
  try {
    return Write(store, path, rows, options);
  } catch (const parquet::ParquetException& error) {
    return Status(Code::kInvalidInput,
                  fmt::format("could not write Parquet: {}: {}", error.what(), path))
        .WithError("WH7031");
  }
}
}  // namespace weirhouse::platform

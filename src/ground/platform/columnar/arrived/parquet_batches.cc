#include "ground/platform/columnar/arrived/parquet_batches.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/extension_type.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/size_statistics.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "ground/platform/columnar/arrived/arrow_file.h"
#include "ground/platform/columnar/arrived/parquet_guard.h"

namespace weirhouse::platform {
namespace {
constexpr std::int64_t kBatchBytes = 16 << 20;
constexpr std::int64_t kBatchRowsMin = 64;
constexpr std::int64_t kBatchRowsMax = 16 << 10;
constexpr std::int64_t kBufferedBytes = 1 << 20;
constexpr std::int64_t kFooterBytesMax = 64 << 20;
constexpr std::size_t kTailBytes = 8;  // the footer's length and "PAR1"

Status NotParquet(std::string_view why) { return Status(Code::kInvalidInput, std::string(why)); }
Status TooLargeToRead() {
  return Status(Code::kInvalidInput,
                "object is too large: rows of a Parquet file that are read together need more than "
                "1 GiB")
      .WithError(kParquetTooLarge)
      .WithHint("write it with smaller row groups, or with fewer long values in one file");
}
Status MemoryRanOut() {
  return Status(Code::kUnavailable, "not enough memory to read a Parquet file");
}

// The length of the footer, by the last bytes of a file.
Result<std::int64_t> FooterLength(std::string_view tail, std::int64_t size_bytes) {
  if (tail.size() < kTailBytes || size_bytes < static_cast<std::int64_t>(kTailBytes + 4))
    return NotParquet("it is too short");
  const std::string_view magic = tail.substr(tail.size() - 4);
  if (magic == "PARE") return NotParquet("its footer is encrypted");
  if (magic != "PAR1") return NotParquet("it does not end with PAR1");
  std::uint32_t length = 0;
  const std::string_view stored = tail.substr(tail.size() - kTailBytes, 4);
  for (std::size_t i = 4; i-- > 0;) length = (length << 8) | static_cast<std::uint8_t>(stored[i]);
  if (length > size_bytes - static_cast<std::int64_t>(kTailBytes))
    return NotParquet("its footer is longer than the file");
  if (length > kFooterBytesMax) return NotParquet("its footer is longer than 64 MiB");
  return static_cast<std::int64_t>(length);
}

// `footer`: without the last 8 bytes of the file.
Result<std::shared_ptr<parquet::FileMetaData>> ParseFooter(std::string_view footer) {
  std::shared_ptr<parquet::FileMetaData> metadata =
      parquet::FileMetaData::Make(footer.data(), static_cast<std::int64_t>(footer.size()));
  if (const std::string fault = FaultOfCounts(*metadata); !fault.empty()) return NotParquet(fault);
  return metadata;
}

// Calls `read`, whose library throws.
template <typename Read>
auto Guarded(Read&& read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    return MemoryRanOut();
  } catch (const std::exception& error) {
    const std::string_view said = error.what();
    if (said.find(kOverLimit) != std::string_view::npos) return TooLargeToRead();
    return NotParquet(said.find("ecrypt") != std::string_view::npos ? "its columns are encrypted"
                                                                    : said);
  }
}

// By the row group with the longest rows.
std::int64_t RowsOfBatch(const parquet::FileMetaData& metadata) {
  std::int64_t row_bytes = 1;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    const auto group = metadata.RowGroup(i);
    if (group->num_rows() == 0) continue;
    std::int64_t bytes = group->total_byte_size();
    for (int column = 0; column < group->num_columns(); ++column) {
      // A dictionary holds a long text once, however many rows have it.
      const auto sizes = group->ColumnChunk(column)->size_statistics();
      if (sizes != nullptr) bytes += sizes->unencoded_byte_array_data_bytes.value_or(0);
    }
    row_bytes = std::max(row_bytes, bytes / group->num_rows());
  }
  return std::clamp(kBatchBytes / row_bytes, kBatchRowsMin, kBatchRowsMax);
}

// A type as it is without dictionaries and extensions, which only say how values are held.
std::shared_ptr<arrow::DataType> HeldType(std::shared_ptr<arrow::DataType> type) {
  while (true) {
    if (type->id() == arrow::Type::DICTIONARY) {
      type = static_cast<const arrow::DictionaryType&>(*type).value_type();
    } else if (type->id() == arrow::Type::EXTENSION) {
      type = static_cast<const arrow::ExtensionType&>(*type).storage_type();
    } else if (type->id() == arrow::Type::STRING_VIEW) {
      return arrow::utf8();
    } else if (type->id() == arrow::Type::BINARY_VIEW) {
      return arrow::binary();
    } else {
      return type;
    }
  }
}

arrow::Result<std::shared_ptr<arrow::Array>> HeldValues(std::shared_ptr<arrow::Array> values) {
  while (true) {
    if (values->type_id() == arrow::Type::DICTIONARY) {
      arrow::compute::ExecContext context(ParquetPool());
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*values);
      ARROW_ASSIGN_OR_RAISE(
          const arrow::Datum taken,
          arrow::compute::Take(dictionary.dictionary(), dictionary.indices(),
                               arrow::compute::TakeOptions::Defaults(), &context));
      values = taken.make_array();
    } else if (values->type_id() == arrow::Type::EXTENSION) {
      values = static_cast<const arrow::ExtensionArray&>(*values).storage();
    } else if (values->type_id() == arrow::Type::STRING_VIEW ||
               values->type_id() == arrow::Type::BINARY_VIEW) {
      arrow::compute::ExecContext context(ParquetPool());
      return arrow::compute::Cast(*values, HeldType(values->type()),
                                  arrow::compute::CastOptions::Safe(), &context);
    } else {
      return values;
    }
  }
}

std::int64_t OffsetOfGroup(const parquet::FileMetaData& metadata, int group) {
  if (metadata.num_columns() == 0) return 0;
  const auto chunk = metadata.RowGroup(group)->ColumnChunk(0);
  return chunk->has_dictionary_page() && chunk->dictionary_page_offset() > 0
             ? std::min(chunk->dictionary_page_offset(), chunk->data_page_offset())
             : chunk->data_page_offset();
}
}  // namespace

struct ParquetBatches::State {
  std::shared_ptr<ArrowFile> file;
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::shared_ptr<parquet::FileMetaData> metadata;
  std::shared_ptr<arrow::Schema> schema;
  int group = 0;  // the next to be opened
  std::int64_t row = 0;
  std::int64_t group_end = 0;
  std::int64_t group_offset = 0;
  std::unique_ptr<arrow::RecordBatchReader> batches;  // of the row group that is being read

  Status Explain(const arrow::Status& status) const {
    if (!file->failure().ok()) return file->failure();
    if (status.message().find(kOverLimit) != std::string::npos) return TooLargeToRead();
    if (status.IsOutOfMemory()) return MemoryRanOut();
    if (status.message().find("ecrypt") != std::string::npos)
      return NotParquet("its columns are encrypted");
    return NotParquet(status.message());
  }

  Status OpenGroup() {
    auto opened = reader->GetRecordBatchReader({group});
    if (!opened.ok()) return Explain(opened.status());
    batches = *std::move(opened);
    group_offset = OffsetOfGroup(*metadata, group);
    group_end = row + metadata->RowGroup(group)->num_rows();
    ++group;
    return Status();
  }

  Result<Batch> Next() {
    while (true) {
      if (batches == nullptr) {
        if (group == metadata->num_row_groups()) return Batch();
        WEIRHOUSE_TRY_STATUS(OpenGroup());
      }
      std::shared_ptr<arrow::RecordBatch> rows;
      if (const arrow::Status read = batches->ReadNext(&rows); !read.ok()) return Explain(read);
      if (rows == nullptr) {
        if (row != group_end) return NotParquet("a row group has fewer rows than its footer says");
        batches.reset();
        continue;
      }
      if (rows->num_rows() > group_end - row)
        return NotParquet("a row group has more rows than its footer says");
      if (const arrow::Status valid = rows->Validate(); !valid.ok()) return Explain(valid);
      if (rows->num_rows() == 0) continue;
      arrow::ArrayVector columns;
      for (const auto& column : rows->columns()) {
        auto held = HeldValues(column);
        if (!held.ok()) return Explain(held.status());
        columns.push_back(*std::move(held));
      }
      Batch batch{arrow::RecordBatch::Make(schema, rows->num_rows(), std::move(columns)), row,
                  group_offset};
      row += batch.rows->num_rows();
      return batch;
    }
  }
};

ParquetBatches::ParquetBatches(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetBatches::~ParquetBatches() = default;

Result<std::unique_ptr<ParquetBatches>> ParquetBatches::Open(RandomBytes& bytes,
                                                             std::int64_t first_row) {
  return Guarded([&]() -> Result<std::unique_ptr<ParquetBatches>> {
    const std::int64_t size_bytes = bytes.size_bytes();
    std::string tail(std::min<std::size_t>(kTailBytes, static_cast<std::size_t>(size_bytes)), '\0');
    const auto tail_bytes = static_cast<std::int64_t>(tail.size());
    WEIRHOUSE_TRY_STATUS(bytes.ReadAt(size_bytes - tail_bytes, tail.data(), tail.size()));
    WEIRHOUSE_TRY(const std::int64_t length, FooterLength(tail, size_bytes));
    std::string footer(static_cast<std::size_t>(length), '\0');
    WEIRHOUSE_TRY_STATUS(
        bytes.ReadAt(size_bytes - tail_bytes - length, footer.data(), footer.size()));
    auto state = std::make_unique<State>();
    WEIRHOUSE_TRY(state->metadata, ParseFooter(footer));
    state->file = std::make_shared<ArrowFile>(
        [&bytes](std::int64_t offset, std::int64_t count) -> Result<std::string> {
          std::string piece(static_cast<std::size_t>(count), '\0');
          WEIRHOUSE_TRY_STATUS(bytes.ReadAt(offset, piece.data(), piece.size()));
          return piece;
        },
        size_bytes);
    parquet::ReaderProperties properties(ParquetPool());
    properties.enable_buffered_stream();
    properties.set_buffer_size(kBufferedBytes);
    auto file = parquet::ParquetFileReader::Open(state->file, properties, state->metadata);
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_batch_size(RowsOfBatch(*state->metadata));
    auto reader =
        parquet::arrow::FileReader::Make(ParquetPool(), std::move(file), arrow_properties);
    if (!reader.ok()) return state->Explain(reader.status());
    state->reader = *std::move(reader);
    if (const arrow::Status known = state->reader->GetSchema(&state->schema); !known.ok())
      return state->Explain(known);
    arrow::FieldVector fields;
    for (const auto& field : state->schema->fields())
      fields.push_back(field->WithType(HeldType(field->type())));
    state->schema = arrow::schema(std::move(fields));
    while (state->group < state->metadata->num_row_groups()) {
      const std::int64_t rows = state->metadata->RowGroup(state->group)->num_rows();
      if (state->row + rows > first_row) break;
      state->row += rows;
      ++state->group;
    }
    return std::unique_ptr<ParquetBatches>(new ParquetBatches(std::move(state)));
  });
}

const std::shared_ptr<arrow::Schema>& ParquetBatches::schema() const { return state_->schema; }
std::int64_t ParquetBatches::row_count() const { return state_->metadata->num_rows(); }

Result<ParquetBatches::Batch> ParquetBatches::Next() {
  return Guarded([&] { return state_->Next(); });
}

Result<std::int64_t> CountParquetRows(ByteStream& bytes) {
  constexpr std::size_t kPieceBytes = 1 << 20;
  constexpr auto kKeptMax = static_cast<std::size_t>(kFooterBytesMax) + kTailBytes;
  std::deque<std::string> pieces;  // the end of what was read
  std::size_t kept = 0;
  std::int64_t size_bytes = 0;
  while (true) {
    std::string piece(kPieceBytes, '\0');
    WEIRHOUSE_TRY(const std::size_t got, bytes.Read(piece.data(), piece.size()));
    if (got == 0) break;
    size_bytes += static_cast<std::int64_t>(got);
    kept += got;
    if (!pieces.empty() && pieces.back().size() + got <= kPieceBytes) {
      pieces.back().append(piece, 0, got);
    } else {
      piece.resize(got);
      pieces.push_back(std::move(piece));
    }
    while (kept - pieces.front().size() >= kKeptMax) {
      kept -= pieces.front().size();
      pieces.pop_front();
    }
  }
  std::string tail;
  tail.reserve(kept);
  for (const std::string& piece : pieces) tail += piece;
  return Guarded([&]() -> Result<std::int64_t> {
    WEIRHOUSE_TRY(const std::int64_t length, FooterLength(tail, size_bytes));
    const auto footer =
        std::string_view(tail).substr(tail.size() - kTailBytes - static_cast<std::size_t>(length));
    WEIRHOUSE_TRY(const auto metadata,
                  ParseFooter(footer.substr(0, static_cast<std::size_t>(length))));
    return metadata->num_rows();
  });
}
}  // namespace weirhouse::platform

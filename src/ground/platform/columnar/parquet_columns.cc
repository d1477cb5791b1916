#include "ground/platform/columnar/parquet_columns.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/statistics.h>

#include <exception>
#include <utility>

#include "ground/platform/columnar/arrived/arrow_file.h"
#include "ground/platform/columnar/arrived/parquet_guard.h"
#include "ground/platform/columnar/parquet_conform.h"

namespace weirhouse::platform {
namespace {
template <typename Typed>
void SetBounds(const parquet::Statistics& statistics, RowGroupFacts& facts) {
  const auto& typed = static_cast<const Typed&>(statistics);
  facts.least = static_cast<std::int64_t>(typed.min());
  facts.greatest = static_cast<std::int64_t>(typed.max());
}

// Whether the texts of a column repeat enough to be worth a dictionary, by the footer: the codes of
// a dictionary and its few texts are small.
bool Repeats(const parquet::FileMetaData& file, int leaf) {
  constexpr std::int64_t kBytesPerText = 3;
  std::int64_t bytes = 0;
  std::int64_t values = 0;
  for (int i = 0; i < file.num_row_groups(); ++i) {
    const auto chunk = file.RowGroup(i)->ColumnChunk(leaf);
    if (!chunk->has_dictionary_page()) return false;
    bytes += chunk->total_uncompressed_size();
    values += chunk->num_values();
  }
  return values > 0 && bytes <= kBytesPerText * values;
}

class Columns final : public ParquetColumns {
 public:
  Columns(ObjectStore& store, std::string path) : store_(store), path_(std::move(path)) {}

  Status OpenFile() {
    WEIRHOUSE_TRY(const FileInfo info, store_.Stat(path_));
    file_ = std::make_shared<ArrowFile>(
        [this](std::int64_t offset, std::int64_t count) {
          return store_.ReadRange(path_, offset, count);
        },
        info.size_bytes);
    metadata_ = parquet::ReadMetaData(file_);
    if (const std::string fault = FaultOfCounts(*metadata_); !fault.empty())
      return CorruptParquet(path_, fault);
    WEIRHOUSE_TRY(plain_, Reader({}));
    std::shared_ptr<arrow::Schema> stored;
    const arrow::Status read = plain_->GetSchema(&stored);
    if (!read.ok()) return CorruptParquet(path_, read.message());
    const auto& fields = plain_->manifest().schema_fields;
    arrow::FieldVector plain;
    std::vector<int> repeating;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto& field = fields[i].field;
      plain.push_back(field->WithType(PlainType(field->type())));
      leaves_.push_back(fields[i].is_leaf() ? fields[i].column_index : -1);
      const bool text = plain.back()->type()->id() == arrow::Type::STRING;
      if (text && leaves_.back() >= 0 && Repeats(*metadata_, leaves_.back()))
        repeating.push_back(leaves_.back());
    }
    schema_ = arrow::schema(std::move(plain));
    if (!repeating.empty()) {
      WEIRHOUSE_TRY(dictionaries_, Reader(repeating));
    }
    return Status();
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::int64_t num_rows() const override { return metadata_->num_rows(); }
  int row_groups() const override { return metadata_->num_row_groups(); }
  std::int64_t rows_of(int row_group) const override {
    return metadata_->RowGroup(row_group)->num_rows();
  }

  RowGroupFacts FactsOf(int row_group, int column) const override {
    RowGroupFacts facts;
    const int leaf = leaves_.at(static_cast<std::size_t>(column));
    if (leaf < 0) return facts;
    try {
      const auto chunk = metadata_->RowGroup(row_group)->ColumnChunk(leaf);
      const auto statistics = chunk->is_stats_set() ? chunk->statistics() : nullptr;
      if (statistics == nullptr) return facts;
      if (statistics->HasNullCount()) facts.null_count = statistics->null_count();
      if (!statistics->HasMinMax()) return facts;
      // What is stored is what is read: no unsigned or scaled values.
      const arrow::DataType& read = *schema_->field(column)->type();
      const auto& stored = plain_->manifest().schema_fields[static_cast<std::size_t>(column)].field;
      const auto type = read.id();
      const bool time = type == arrow::Type::TIMESTAMP && stored->type()->Equals(read);
      const bool whole = time || type == arrow::Type::INT32 || type == arrow::Type::INT64 ||
                         type == arrow::Type::DATE32;
      if (whole && statistics->physical_type() == parquet::Type::INT32)
        SetBounds<parquet::Int32Statistics>(*statistics, facts);
      if (whole && statistics->physical_type() == parquet::Type::INT64)
        SetBounds<parquet::Int64Statistics>(*statistics, facts);
    } catch (const std::exception&) {  // statistics that cannot be read say nothing
      return RowGroupFacts();
    }
    return facts;
  }

  Result<std::shared_ptr<arrow::Table>> Read(int row_group, const std::vector<int>& columns,
                                             bool dictionaries) override {
    try {
      return ReadColumns(row_group, columns, dictionaries);
    } catch (const std::exception& error) {
      return Explain(CorruptParquet(path_, error.what()));
    }
  }

  // What the store says of a failure goes before what Parquet makes of it.
  Status Explain(Status status) const {
    return file_ == nullptr || file_->failure().ok() ? std::move(status) : file_->failure();
  }

 private:
  Result<std::unique_ptr<parquet::arrow::FileReader>> Reader(const std::vector<int>& repeating) {
    auto opened = parquet::ParquetFileReader::Open(file_, parquet::ReaderProperties(ParquetPool()),
                                                   metadata_);
    parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_batch_size(INT64_MAX);
    for (const int leaf : repeating) properties.set_read_dictionary(leaf, true);
    auto reader = parquet::arrow::FileReader::Make(ParquetPool(), std::move(opened), properties);
    if (!reader.ok()) return CorruptParquet(path_, reader.status().message());
    return *std::move(reader);
  }

  Result<std::shared_ptr<arrow::Table>> ReadColumns(int row_group, const std::vector<int>& columns,
                                                    bool dictionaries) {
    auto& reader = dictionaries && dictionaries_ != nullptr ? dictionaries_ : plain_;
    const auto& fields = plain_->manifest().schema_fields;
    std::vector<int> leaves;
    for (const int column : columns) Collect(fields.at(static_cast<std::size_t>(column)), leaves);
    const auto table = reader->ReadRowGroup(row_group, leaves);
    if (!table.ok()) return Explain(CorruptParquet(path_, table.status().message()));
    const FieldConformer conformer(options_, path_);
    arrow::FieldVector wanted;
    arrow::ChunkedArrayVector found;
    for (const int column : columns) {
      const auto& field = schema_->field(column);
      const int at = (*table)->schema()->GetFieldIndex(field->name());
      if (at < 0) return CorruptParquet(path_, "its schema contradicts itself");
      auto values = (*table)->column(at);
      if (values->type()->id() != arrow::Type::DICTIONARY) {
        const auto& stored = fields[static_cast<std::size_t>(column)].field;
        WEIRHOUSE_TRY(values, conformer.Conform(values, *stored, *field));
      }
      wanted.push_back(field->WithType(values->type()));
      found.push_back(std::move(values));
    }
    const std::int64_t rows = rows_of(row_group);
    auto read = arrow::Table::Make(arrow::schema(std::move(wanted)), std::move(found), rows);
    if (const arrow::Status valid = read->Validate(); !valid.ok())
      return CorruptParquet(path_, valid.message());
    return read;
  }

  static void Collect(const parquet::arrow::SchemaField& field, std::vector<int>& leaves) {
    if (field.is_leaf()) leaves.push_back(field.column_index);
    for (const auto& child : field.children) Collect(child, leaves);
  }

  ObjectStore& store_;
  const std::string path_;
  const ParquetReadOptions options_{};
  std::shared_ptr<ArrowFile> file_;
  std::shared_ptr<parquet::FileMetaData> metadata_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int> leaves_;  // by column; −1: nested
  std::unique_ptr<parquet::arrow::FileReader> plain_;
  std::unique_ptr<parquet::arrow::FileReader> dictionaries_;  // null: no text repeats
};
}  // namespace

Result<std::unique_ptr<ParquetColumns>> ParquetColumns::Open(ObjectStore& store,
                                                             const std::string& path) {
  auto columns = std::make_unique<Columns>(store, path);
  try {
    WEIRHOUSE_TRY_STATUS(columns->OpenFile());
  } catch (const std::exception& error) {
    return columns->Explain(CorruptParquet(path, error.what()));
  }
  return std::unique_ptr<ParquetColumns>(std::move(columns));
}
}  // namespace weirhouse::platform

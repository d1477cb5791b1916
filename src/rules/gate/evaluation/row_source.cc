#include "rules/gate/evaluation/row_source.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>

#include <algorithm>
#include <utility>

#include "ground/platform/columnar/arrow_status.h"
#include "ground/platform/columnar/parquet_columns.h"

namespace weirhouse::gate {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

class TableRows final : public RowSource {
 public:
  TableRows(RowsPtr rows, platform::Scratch scratch)
      : rows_(std::move(rows)), scratch_(std::move(scratch)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  std::int64_t num_rows() const override { return rows_->num_rows(); }
  bool IsWhole(const std::string& column) const override {
    const auto values = rows_->GetColumnByName(column);
    return values != nullptr && values->null_count() == 0;
  }
  Status Read(const std::vector<std::string>&, Texts, const Each& each) const override {
    for (const platform::RowRange& piece : platform::PiecesOf(*rows_, scratch_)) {
      const bool all = piece.count == rows_->num_rows();
      WEIRHOUSE_TRY_STATUS(each(all ? rows_ : rows_->Slice(piece.begin, piece.count), piece.begin));
      platform::LetGoOfStoredRows();
    }
    return Status();
  }

 private:
  const RowsPtr rows_;
  const platform::Scratch scratch_;
};

class ParquetRows final : public RowSource {
 public:
  explicit ParquetRows(std::vector<std::unique_ptr<platform::ParquetColumns>> files)
      : files_(std::move(files)) {
    for (const auto& file : files_) rows_ += file->num_rows();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return files_.front()->schema(); }
  std::int64_t num_rows() const override { return rows_; }

  bool IsWhole(const std::string& column) const override {
    const int place = schema()->GetFieldIndex(column);
    if (place < 0) return false;
    for (const auto& file : files_) {
      for (int i = 0; i < file->row_groups(); ++i) {
        if (file->FactsOf(i, place).null_count != 0) return false;
      }
    }
    return true;
  }

  Status Read(const std::vector<std::string>& columns, Texts texts,
              const Each& each) const override {
    std::vector<int> places;
    for (const std::string& column : columns) {
      const int place = schema()->GetFieldIndex(column);
      const bool again = std::find(places.begin(), places.end(), place) != places.end();
      if (place >= 0 && !again) places.push_back(place);
    }
    std::int64_t first_row = 0;
    for (const auto& file : files_) {
      for (int i = 0; i < file->row_groups(); ++i) {
        WEIRHOUSE_TRY(const RowsPtr piece, file->Read(i, places, texts == Texts::kDictionaries));
        WEIRHOUSE_TRY_STATUS(each(piece, first_row));
        first_row += piece->num_rows();
      }
    }
    if (first_row > 0) return Status();
    auto none = arrow::Table::MakeEmpty(schema());
    if (!none.ok()) return platform::ArrowFailed(none.status());
    return each(*none, 0);
  }

 private:
  const std::vector<std::unique_ptr<platform::ParquetColumns>> files_;
  std::int64_t rows_ = 0;
};

Result<RowsPtr> Taken(const RowsPtr& rows, std::span<const std::int64_t> places,
                      std::int64_t first_row) {
  arrow::Int64Builder builder;
  arrow::Status status = builder.Reserve(static_cast<std::int64_t>(places.size()));
  for (const std::int64_t place : places) {
    if (status.ok()) status = builder.Append(place - first_row);
  }
  std::shared_ptr<arrow::Array> indexes;
  if (status.ok()) status = builder.Finish(&indexes);
  if (!status.ok()) return platform::ArrowFailed(status);
  auto taken = arrow::compute::Take(arrow::Datum(rows), arrow::Datum(indexes));
  if (!taken.ok()) return platform::ArrowFailed(taken.status());
  return taken->table();
}
}  // namespace

RowSourcePtr RowsOfTable(std::shared_ptr<arrow::Table> rows, const platform::Scratch& scratch) {
  return std::make_shared<TableRows>(std::move(rows), scratch);
}

Result<RowSourcePtr> RowsOfParquet(platform::ObjectStore& store,
                                   const std::vector<std::string>& paths) {
  if (paths.empty()) return Status(Code::kInternal, "rows of no file");
  std::vector<std::unique_ptr<platform::ParquetColumns>> files;
  for (const std::string& path : paths) {
    WEIRHOUSE_TRY(auto file, platform::ParquetColumns::Open(store, path));
    if (!files.empty() && !file->schema()->Equals(*files.front()->schema()))
      return Status(Code::kInvalidInput, "the files of a source have other columns: " + path);
    files.push_back(std::move(file));
  }
  return RowSourcePtr(std::make_shared<ParquetRows>(std::move(files)));
}

Result<RowsPtr> TakeRows(const RowSource& source, std::span<const std::int64_t> rows) {
  std::vector<RowsPtr> parts;
  auto at = rows.begin();
  WEIRHOUSE_TRY_STATUS(source.Read(
      source.schema()->field_names(), Texts::kPlain,
      [&](const RowsPtr& piece, std::int64_t first_row) {
        const auto end = std::lower_bound(at, rows.end(), first_row + piece->num_rows());
        if (at == end && !parts.empty()) return Status();
        WEIRHOUSE_TRY(RowsPtr some, Taken(piece, {at, end}, first_row));
        parts.push_back(std::move(some));
        at = end;
        return Status();
      }));
  auto whole = arrow::ConcatenateTables(parts);
  if (!whole.ok()) return platform::ArrowFailed(whole.status());
  return *whole;
}

Result<RowsPtr> ReadAll(const RowSource& source, const std::vector<std::string>& columns,
                        const platform::Scratch& scratch) {
  platform::RowStore kept(scratch);
  const auto names = columns.empty() ? source.schema()->field_names() : columns;
  WEIRHOUSE_TRY_STATUS(source.Read(
      names, Texts::kPlain, [&](const RowsPtr& piece, std::int64_t) { return kept.Add(piece); }));
  return kept.Finish();
}
}  // namespace weirhouse::gate

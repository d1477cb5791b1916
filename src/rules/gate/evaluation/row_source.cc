#include "rules/gate/evaluation/row_source.h"

#include <arrow/api.h>
#include <arrow/compute/api_vector.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "ground/platform/columnar/arrow_status.h"
#include "ground/platform/columnar/parquet_columns.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::gate {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

template <typename Array>
concept BoundedArray = platform::OneOf<Array, arrow::Int32Array, arrow::Int64Array,
                                       arrow::Date32Array, arrow::TimestampArray>;

template <typename Array>
void WidenBounds(const Array& array, std::optional<RowSource::Bounds>& bounds) {
  if (array.null_count() == array.length()) return;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
  platform::VisitRows(
      array, [](std::int64_t) {},
      [&](std::int64_t row) {
        const std::int64_t value = array.Value(row);
        least = std::min(least, value);
        greatest = std::max(greatest, value);
      });
  if (!bounds) bounds = RowSource::Bounds{least, greatest};
  bounds->least = std::min(bounds->least, least);
  bounds->greatest = std::max(bounds->greatest, greatest);
}

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
  std::optional<Bounds> BoundsOf(const std::string& column, Look look) const override {
    const auto values = rows_->GetColumnByName(column);
    if (look != Look::kAtValues || values == nullptr) return std::nullopt;
    std::optional<Bounds> bounds;
    for (const auto& chunk : values->chunks()) {
      const bool known = platform::VisitTyped(*chunk, [&]<typename Array>(const Array& array)
                                                requires BoundedArray<Array>
                                              { WidenBounds(array, bounds); });
      const bool micros =
          chunk->type_id() != arrow::Type::TIMESTAMP ||
          platform::MicrosPerUnit(static_cast<const arrow::TimestampType&>(*chunk->type())) == 1;
      if (!known || !micros) return std::nullopt;
    }
    platform::LetGoOfStoredRows();
    return bounds;
  }
  Status ReadWanted(const std::vector<std::string>&, Texts, const Wanted& wanted,
                    const Each& each) const override {
    for (const platform::RowRange& piece : platform::PiecesOf(*rows_, scratch_)) {
      if (!wanted(piece.begin, piece.count)) continue;
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

  std::optional<Bounds> BoundsOf(const std::string& column, Look) const override {
    const int place = schema()->GetFieldIndex(column);
    std::optional<Bounds> bounds;
    for (const auto& file : files_) {
      for (int i = 0; place >= 0 && i < file->row_groups(); ++i) {
        const platform::RowGroupFacts facts = file->FactsOf(i, place);
        if (!facts.least || !facts.greatest) return std::nullopt;
        if (!bounds) bounds = Bounds{*facts.least, *facts.greatest};
        bounds->least = std::min(bounds->least, *facts.least);
        bounds->greatest = std::max(bounds->greatest, *facts.greatest);
      }
    }
    return bounds;
  }

  Status ReadWanted(const std::vector<std::string>& columns, Texts texts, const Wanted& wanted,
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
        const std::int64_t rows = file->rows_of(i);
        if (wanted(first_row, rows)) {
          WEIRHOUSE_TRY(const RowsPtr piece, file->Read(i, places, texts == Texts::kDictionaries));
          WEIRHOUSE_TRY_STATUS(each(piece, first_row));
        }
        first_row += rows;
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
  auto none = arrow::Table::MakeEmpty(source.schema());
  if (!none.ok()) return platform::ArrowFailed(none.status());
  std::vector<RowsPtr> parts = {*none};
  const auto within = [&](std::int64_t first_row, std::int64_t count) {
    const auto begin = std::lower_bound(rows.begin(), rows.end(), first_row);
    return std::span(begin, std::lower_bound(begin, rows.end(), first_row + count));
  };
  WEIRHOUSE_TRY_STATUS(source.ReadWanted(
      source.schema()->field_names(), Texts::kPlain,
      [&](std::int64_t first_row, std::int64_t count) { return !within(first_row, count).empty(); },
      [&](const RowsPtr& piece, std::int64_t first_row) -> Status {
        WEIRHOUSE_TRY(RowsPtr some, Taken(piece, within(first_row, piece->num_rows()), first_row));
        parts.push_back(std::move(some));
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

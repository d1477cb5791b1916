#include "rules/feature/kernel/feature_pieces.h"

#include <arrow/api.h>

#include <algorithm>

#include "ground/platform/columnar/typed_array.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
class SlicedTable final : public FeaturePieces {
 public:
  SlicedTable(std::shared_ptr<arrow::Table> table, std::int64_t piece_rows)
      : table_(std::move(table)), piece_rows_(std::max<std::int64_t>(piece_rows, 1)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return table_->schema(); }
  std::size_t count() const override {
    return static_cast<std::size_t>((table_->num_rows() + piece_rows_ - 1) / piece_rows_);
  }
  std::int64_t rows_max(std::size_t piece) const override {
    return std::min(piece_rows_, table_->num_rows() - Begin(piece));
  }
  bool unique_keys() const override { return false; }
  std::optional<PieceBounds> BoundsOf(std::size_t, const std::string&) const override {
    return std::nullopt;
  }
  Result<std::shared_ptr<arrow::Table>> Read(
      std::size_t piece, const std::vector<std::string>& columns) const override {
    arrow::FieldVector fields;
    arrow::ChunkedArrayVector arrays;
    for (const std::string& column : columns) {
      WEIRHOUSE_TRY(const auto whole, RequireColumn(*table_, column, "the feature table"));
      fields.push_back(table_->schema()->GetFieldByName(column));
      arrays.push_back(whole->Slice(Begin(piece), rows_max(piece)));
    }
    return arrow::Table::Make(arrow::schema(std::move(fields)), std::move(arrays), rows_max(piece));
  }

 private:
  std::int64_t Begin(std::size_t piece) const {
    return static_cast<std::int64_t>(piece) * piece_rows_;
  }
  std::shared_ptr<arrow::Table> table_;
  std::int64_t piece_rows_;
};

// The values of an array that holds what is wanted as 64 bits; null for any other.
const std::int64_t* AsTheyAre(const arrow::Array& array) {
  if (array.type_id() == arrow::Type::INT64)
    return static_cast<const arrow::Int64Array&>(array).raw_values();
  if (array.type_id() != arrow::Type::TIMESTAMP) return nullptr;
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  if (type.timezone().empty() || platform::MicrosPerUnit(type) != 1) return nullptr;
  return static_cast<const arrow::TimestampArray&>(array).raw_values();
}
}  // namespace

std::shared_ptr<const FeaturePieces> PiecesOf(std::shared_ptr<arrow::Table> table,
                                              std::int64_t piece_rows) {
  return std::make_shared<SlicedTable>(std::move(table), piece_rows);
}

Result<IntegerView> IntegerView::Of(const arrow::ChunkedArray& column, std::string_view what) {
  IntegerView view;
  view.size_ = static_cast<std::size_t>(column.length());
  if (column.num_chunks() == 1) {
    const arrow::Array& array = *column.chunk(0);
    view.values_ = AsTheyAre(array);
    if (view.values_ != nullptr) {
      view.has_nulls_ = array.null_count() > 0;
      if (!view.has_nulls_) return view;
      view.valid_.resize(view.size_);
      for (std::size_t i = 0; i < view.size_; ++i)
        view.valid_[i] = array.IsValid(static_cast<std::int64_t>(i)) ? 1 : 0;
      return view;
    }
  }
  WEIRHOUSE_TRY(IntColumn read, ReadIntegers(column, what));
  view.owned_ = std::move(read.values);
  view.valid_ = std::move(read.valid);
  view.has_nulls_ = std::find(view.valid_.begin(), view.valid_.end(), 0) != view.valid_.end();
  return view;
}
}  // namespace weirhouse::feature

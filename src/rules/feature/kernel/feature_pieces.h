// A feature table that is read in pieces, a few columns at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"

namespace arrow {
class ChunkedArray;
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::feature {

struct PieceBounds {
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
};

// The live rows of a feature table, in pieces of bounded size: the row groups of its files. Rows lie
// in any order; it is quickest where a piece is sorted as rows.h writes it. Immutable. Threads: any.
class FeaturePieces {
 public:
  virtual ~FeaturePieces() = default;

  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  virtual std::size_t count() const = 0;
  virtual std::int64_t rows_max(std::size_t piece) const = 0;
  // Whether no two rows have one row_key. If it is not known, false.
  virtual bool unique_keys() const = 0;
  // Bounds of an integer or time column (in microseconds) without nulls; absent if unknown.
  virtual std::optional<PieceBounds> BoundsOf(std::size_t piece,
                                              const std::string& column) const = 0;
  // Some columns. The rows are the same, and in the same order, in each call.
  virtual Result<std::shared_ptr<arrow::Table>> Read(
      std::size_t piece, const std::vector<std::string>& columns) const = 0;
};

// A table in memory as pieces.
std::shared_ptr<const FeaturePieces> PiecesOf(std::shared_ptr<arrow::Table> table,
                                              std::int64_t piece_rows = 128 * 1024);

// The integers or times of a column, where Arrow holds them if it holds them as they are wanted.
class IntegerView {
 public:
  // As ReadIntegers. `column` must outlive it.
  static Result<IntegerView> Of(const arrow::ChunkedArray& column, std::string_view what);

  std::size_t size() const { return size_; }
  const std::int64_t* data() const { return owned_.empty() ? values_ : owned_.data(); }
  bool has_nulls() const { return has_nulls_; }
  bool IsValid(std::size_t i) const { return !has_nulls_ || valid_[i] != 0; }

 private:
  const std::int64_t* values_ = nullptr;
  std::size_t size_ = 0;
  bool has_nulls_ = false;
  std::vector<std::int64_t> owned_;
  std::vector<std::uint8_t> valid_;
};
}  // namespace weirhouse::feature

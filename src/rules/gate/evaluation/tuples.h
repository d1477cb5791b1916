// Tuples of columns as keys: what unique, references and distinct share. Includes Arrow, so only
// for .cc files.
#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/row_store.h"

namespace weirhouse::gate {

// Why such a check has no state.
inline constexpr std::string_view kComparesKeys =
    "keys are compared with each other, beyond what memory holds in sorted runs on disk";

// The tuples of some columns as bytes that are equal when the tuples are, and which of them hold a
// null.
struct Tuples {
  std::vector<std::string> keys;
  std::vector<bool> has_null;
  std::int64_t nulls = 0;
};

Result<Tuples> TuplesOf(const arrow::Table& rows, const std::vector<std::string>& columns);

// Calls `each` for the tuples of all rows, a piece at a time, with the place of its first row.
template <typename Each>
Status ForEachPiece(const arrow::Table& rows, const std::vector<std::string>& columns,
                    const platform::Scratch& scratch, const Each& each) {
  for (const platform::RowRange& piece : platform::PiecesOf(rows, scratch)) {
    WEIRHOUSE_TRY(const Tuples tuples, TuplesOf(*rows.Slice(piece.begin, piece.count), columns));
    WEIRHOUSE_TRY_STATUS(each(tuples, piece.begin));
    platform::LetGoOfStoredRows();
  }
  return Status();
}

// What the tuples of some rows have in common, those with a null aside.
struct Repeats {
  std::vector<bool> left_out;  // per row: it holds a null, which is no value
  std::vector<bool> shared;    // per row: another one has its tuple
  std::int64_t nulls = 0;
  std::int64_t distinct = 0;

  explicit Repeats(std::int64_t rows)
      : left_out(static_cast<std::size_t>(rows)), shared(left_out.size()) {}
  void Add(std::span<const std::int64_t> rows) {
    ++distinct;
    if (rows.size() < 2) return;
    for (const std::int64_t row : rows) shared[static_cast<std::size_t>(row)] = true;
  }
};

// With `nulls_equal` a null is a value like others. Rows beyond what `scratch` holds in memory are
// sorted on disk.
Result<Repeats> RepeatsOf(const arrow::Table& rows, const std::vector<std::string>& columns,
                          bool nulls_equal, const platform::Scratch& scratch);
}  // namespace weirhouse::gate

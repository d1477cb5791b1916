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
#include "ground/iceberg/type/key_encoding.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/gate/evaluation/row_source.h"

namespace weirhouse::gate {

// Why such a check has no state.
inline constexpr std::string_view kComparesKeys =
    "keys are compared with each other, beyond what memory holds in sorted runs on disk";

// The tuples of some columns as bytes that are equal when the tuples are, and which of them hold a
// null.
struct Tuples {
  iceberg::KeyList keys;
  std::vector<bool> has_null;
  std::int64_t nulls = 0;
};

Result<Tuples> TuplesOf(const arrow::Table& rows, const std::vector<std::string>& columns);

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

// With `nulls_equal` a null is a value like others. Words of 64 bits are compared first; tuples
// whose word repeats are then compared themselves, unless it stands for one value. Memory: 8 bytes a
// row, and the different tuples that repeat; if those are many, they are sorted on disk (`scratch`).
// Cost: some 20 ns a row that repeats no other, in one or two passes.
Result<Repeats> RepeatsOf(const RowSource& rows, const std::vector<std::string>& columns,
                          bool nulls_equal, const platform::Scratch& scratch);
// How many different tuples without nulls there are, and how many rows have one: as
// RepeatsOf(rows, columns, false, scratch), of few texts at less cost.
Result<Repeats> DistinctOf(const RowSource& rows, const std::vector<std::string>& columns,
                           const platform::Scratch& scratch);
}  // namespace weirhouse::gate

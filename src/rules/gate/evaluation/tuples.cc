#include "rules/gate/evaluation/tuples.h"

#include <algorithm>
#include <unordered_map>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/write/key_runs.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
Result<Tuples> TuplesOf(const arrow::Table& rows, const std::vector<std::string>& columns) {
  Tuples tuples;
  tuples.has_null.assign(static_cast<std::size_t>(rows.num_rows()), false);
  for (const std::string& name : columns) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, name));
    if (column->null_count() == 0) continue;
    WEIRHOUSE_TRY_STATUS(VisitColumn(
        *column, [&](std::int64_t row) { tuples.has_null[static_cast<std::size_t>(row)] = true; },
        [](std::int64_t, const auto&) {}));
  }
  tuples.nulls = std::count(tuples.has_null.begin(), tuples.has_null.end(), true);
  WEIRHOUSE_TRY(tuples.keys, iceberg::EncodeKeys(rows, columns));
  return tuples;
}

Result<Repeats> RepeatsOf(const arrow::Table& rows, const std::vector<std::string>& columns,
                          bool nulls_equal, const platform::Scratch& scratch) {
  Repeats repeats(rows.num_rows());
  const auto note = [&](const Tuples& tuples, std::int64_t first_row) {
    repeats.nulls += tuples.nulls;
    if (nulls_equal) return;
    std::copy(tuples.has_null.begin(), tuples.has_null.end(), repeats.left_out.begin() + first_row);
  };
  if (platform::AreMany(rows, scratch)) {
    WEIRHOUSE_TRY(const auto runs, iceberg::KeyRuns::Make(scratch.folder));
    WEIRHOUSE_TRY_STATUS(
        ForEachPiece(rows, columns, scratch, [&](const Tuples& tuples, std::int64_t first_row) {
          note(tuples, first_row);
          return runs->Add(tuples.keys, nulls_equal ? std::vector<bool>() : tuples.has_null,
                           first_row);
        }));
    WEIRHOUSE_TRY_STATUS(runs->ForEachKey(
        [&](std::string_view, std::span<const std::int64_t> same) { repeats.Add(same); }));
    return repeats;
  }
  WEIRHOUSE_TRY(const Tuples tuples, TuplesOf(rows, columns));
  note(tuples, 0);
  std::unordered_map<std::string_view, std::int64_t> groups;
  groups.reserve(tuples.keys.size());
  for (std::size_t row = 0; row < tuples.keys.size(); ++row) {
    if (!repeats.left_out[row]) ++groups[tuples.keys[row]];
  }
  repeats.distinct = static_cast<std::int64_t>(groups.size());
  for (std::size_t row = 0; row < tuples.keys.size(); ++row)
    repeats.shared[row] = !repeats.left_out[row] && groups[tuples.keys[row]] > 1;
  return repeats;
}
}  // namespace weirhouse::gate

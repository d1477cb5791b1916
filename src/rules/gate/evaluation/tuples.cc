// The checks on tuples of columns: unique, references, distinct.
#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "ground/iceberg/write/key_runs.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/statistic.h"
#include "rules/gate/value/column_values.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
// The tuples of some columns as bytes that are equal when the tuples are, and which of them hold a
// null.
struct Tuples {
  std::vector<std::string> keys;
  std::vector<bool> has_null;
  std::int64_t nulls = 0;
};

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

bool SameSet(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

// The parent's columns with the types of the child's, so that equal values have equal bytes.
Result<RowsPtr> WithTypesOf(const arrow::Table& child, const std::vector<std::string>& columns,
                            const arrow::Table& parent,
                            const std::vector<std::string>& parent_columns) {
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector arrays;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    WEIRHOUSE_TRY(const auto of_child, ColumnOf(child, columns[i]));
    WEIRHOUSE_TRY(auto of_parent, ColumnOf(parent, parent_columns[i]));
    if (!of_parent->type()->Equals(*of_child->type())) {
      auto cast = arrow::compute::Cast(arrow::Datum(of_parent), of_child->type());
      if (!cast.ok()) {
        return Status(Code::kInvalidInput,
                      fmt::format("\"{}\" and \"{}\" cannot be compared: {}", columns[i],
                                  parent_columns[i], cast.status().message()))
            .WithError("WH3005");
      }
      of_parent = cast->chunked_array();
    }
    fields.push_back(arrow::field(columns[i], of_child->type()));
    arrays.push_back(std::move(of_parent));
  }
  return arrow::Table::Make(arrow::schema(fields), arrays, parent.num_rows());
}
}  // namespace

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const UniqueRule& rule) {
  const GateInput& input = evaluation.input();
  const bool by_index = check.scope == Scope::kTable && input.key_lookup != nullptr &&
                        SameSet(rule.columns, input.key_columns);
  RowsPtr rows = input.this_rows;
  if (!by_index) {
    WEIRHOUSE_TRY(rows, evaluation.Rows(check, rule.columns));
  }
  WEIRHOUSE_TRY(const Repeats repeats,
                RepeatsOf(*rows, rule.columns, rule.nulls_equal, input.scratch));
  std::vector<bool> elsewhere(repeats.shared.size(), false);
  if (by_index) {
    WEIRHOUSE_TRY(elsewhere, input.key_lookup());
    if (elsewhere.size() != repeats.shared.size()) {
      return Status(Code::kInternal, "key_lookup did not answer once per row");
    }
  }
  std::vector<std::int64_t> bad;
  for (std::size_t row = 0; row < repeats.shared.size(); ++row) {
    if (repeats.left_out[row]) continue;
    if (elsewhere[row] || repeats.shared[row]) bad.push_back(static_cast<std::int64_t>(row));
  }
  Finding finding = RowsFinding(check, rows->num_rows(), rule.nulls_equal ? 0 : repeats.nulls,
                                std::move(bad), /*needs_value=*/false, "rows share their key");
  if (check.scope == Scope::kTable && !by_index) finding.judged = rows;
  return finding;
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const ReferencesRule& rule) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, rule.columns));
  WEIRHOUSE_TRY(const RowsPtr parent, evaluation.OtherTable(rule.table, rule.parent_columns));
  WEIRHOUSE_TRY(const RowsPtr typed,
                WithTypesOf(*rows, rule.columns, *parent, rule.parent_columns));
  WEIRHOUSE_TRY(const auto parent_keys, iceberg::EncodeKeys(*typed, rule.columns));
  const std::unordered_set<std::string_view> known(parent_keys.begin(), parent_keys.end());
  std::vector<std::int64_t> bad;
  std::int64_t nulls = 0;
  WEIRHOUSE_TRY_STATUS(ForEachPiece(*rows, rule.columns, evaluation.input().scratch,
                                    [&](const Tuples& tuples, std::int64_t first_row) {
                                      nulls += tuples.nulls;
                                      for (std::size_t row = 0; row < tuples.keys.size(); ++row) {
                                        if (!tuples.has_null[row] &&
                                            !known.contains(tuples.keys[row]))
                                          bad.push_back(first_row + static_cast<std::int64_t>(row));
                                      }
                                      return Status();
                                    }));
  Finding finding =
      RowsFinding(check, rows->num_rows(), nulls, std::move(bad),
                  /*needs_value=*/true, fmt::format("values are not in {}", rule.table));
  if (check.scope == Scope::kTable) finding.judged = rows;
  return finding;
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const DistinctRule& rule) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, rule.columns));
  WEIRHOUSE_TRY(const Repeats repeats,
                RepeatsOf(*rows, rule.columns, /*nulls_equal=*/false, evaluation.input().scratch));
  const std::int64_t values = rows->num_rows() - repeats.nulls;
  const std::int64_t distinct = repeats.distinct;
  Finding finding;
  StatisticValue observed{static_cast<double>(distinct), ExactRatio::Of(ExactSum::Wide{distinct}),
                          ""};
  if (rule.share && values < 1) {
    finding = TooFewFinding(check, 0, 1, fmt::format("{} no value to judge", check.name));
  } else {
    if (rule.share) {
      observed.exact->under = ExactRatio::Of(ExactSum::Wide{values}).over;
      observed.rounded = observed.exact->Round();
    }
    if (!Holds(rule.bounds, observed)) finding.state = State::kFailed;
    finding.reason =
        fmt::format("{} {} ({})", check.name, NumberText(observed.rounded), LimitText(rule.bounds));
    finding.observed = rule.share ? JsonNumber(observed.rounded) : nlohmann::json(distinct);
  }
  finding.population = rows->num_rows();
  finding.nulls = repeats.nulls;
  finding.bound = ToJson(rule.bounds);
  return finding;
}
}  // namespace weirhouse::gate

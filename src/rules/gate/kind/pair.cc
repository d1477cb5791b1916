// The checks that look at each value: required, range, sets, patterns, lengths, types; and pairs.
#include <arrow/api.h>
#include <fmt/format.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "rules/gate/definition/sql_reference.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
Finding MarkedFinding(const CheckState& state, const Check& check, std::string_view what) {
  const auto& marked = state.As<MarkedRows>();
  return RowsFinding(check, state.rows(), marked.nulls, marked.bad, /*needs_value=*/true, what);
}
}  // namespace

Result<Finding> Finish(const CheckState& state, const Check& check, const RequiredRule&,
                       const Against&) {
  const auto& marked = state.As<MarkedRows>();
  Finding finding =
      RowsFinding(check, state.rows(), 0, marked.bad, /*needs_value=*/false, "rows lack a value");
  finding.detail = nlohmann::json::object();
  for (const auto& [column, bad] : marked.of) finding.detail[column] = bad;
  return finding;
}

Result<Finding> Finish(const CheckState& state, const Check& check, const RangeRule&,
                       const Against&) {
  return MarkedFinding(state, check, "values are out of bounds");
}

Result<Finding> Finish(const CheckState& state, const Check& check, const SetRule& rule,
                       const Against&) {
  return MarkedFinding(state, check,
                       rule.rejected ? "values are rejected ones" : "values are not accepted ones");
}

Result<Finding> Finish(const CheckState& state, const Check& check, const PatternRule&,
                       const Against&) {
  return MarkedFinding(state, check, "values do not match");
}

Result<Finding> Finish(const CheckState& state, const Check& check, const LengthRule&,
                       const Against&) {
  return MarkedFinding(state, check, "values have another length");
}

Result<Finding> Finish(const CheckState& state, const Check& check, const TypeRule& rule,
                       const Against&) {
  return MarkedFinding(state, check, fmt::format("values are not of type {}", rule.type));
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const PairRule& rule) {
  const auto asked = evaluation.PairColumn(check);
  if (!asked.ok()) {
    const char* rows = check.scope == Scope::kBatch ? "this" : "this_table";
    return evaluation.Blame(check, PairQuery(rule.expression, rows), asked.status());
  }
  const auto& column = *asked;
  std::vector<std::int64_t> bad;
  std::int64_t nulls = 0;
  WEIRHOUSE_TRY_STATUS(VisitColumn(
      *column,
      [&](std::int64_t row) {
        if (rule.null_fails) {
          bad.push_back(row);
        } else {
          ++nulls;
        }
      },
      [&](std::int64_t row, const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, bool>) {
          if (!value) bad.push_back(row);
        } else {
          (void)row;
        }
      }));
  Finding finding = RowsFinding(check, column->length(), nulls, std::move(bad),
                                /*needs_value=*/true, "rows do not hold");
  if (check.scope == Scope::kTable && !finding.bad_rows.empty()) {
    WEIRHOUSE_TRY(finding.judged, evaluation.OtherTable(evaluation.definition().table, {}));
  }
  return finding;
}
}  // namespace weirhouse::gate

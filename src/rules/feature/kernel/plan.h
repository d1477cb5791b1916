// A view prepared for computing: distinct row expressions, types, and what each output column
// needs. Built once for each view; immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/value/value.h"

namespace arrow {
class Schema;
}  // namespace arrow

namespace weirhouse::feature {

// A distinct SQL expression over a source row, and the column of the feature table that stores it.
struct RowExpression {
  // "v1_mean": its number, and the first feature that uses it. For decimals "d1_mean", a column
  // that tables lack which were written when decimals still became doubles.
  std::string column;
  std::string sql;
  // The column of the source that `sql` names and nothing else; empty if it computes something, or
  // if that is not known (only BindView finds out).
  std::string source_column{};
};
// In the order of the definition. Features with equal text share one expression.
std::vector<RowExpression> RowExpressionsOf(const FeatureView& view);

// What a window keeps while it slides; outputs with the same needs share it.
struct Slot {
  enum class Kind : std::uint8_t { kRows, kNotNull, kIntegers, kNumbers, kDecimals, kOrdered };
  Kind kind = Kind::kRows;
  std::size_t expression = 0;
  std::size_t window = 0;  // index into ViewPlan::windows_us
};

struct PlannedOutput {
  OutputColumn column;
  Aggregate aggregate = Aggregate::kLatest;
  ValueType type = ValueType::kInt64;
  std::optional<std::size_t> expression;  // index into ViewPlan::expressions
  std::optional<std::size_t> window;      // index into ViewPlan::windows_us
  std::optional<std::size_t> slot;        // index into ViewPlan::slots
};

struct ViewPlan {
  FeatureView view;
  std::vector<RowExpression> expressions;
  std::vector<ValueType> value_types;  // of the expressions (of the outputs, for request views)
  std::vector<int> scales;             // beside value_types: of decimals, else 0
  std::vector<PlannedOutput> outputs;
  std::vector<std::int64_t> windows_us;  // distinct, ascending
  std::vector<Slot> slots;               // by window

  std::int64_t window_us_max() const { return windows_us.empty() ? 0 : windows_us.back(); }
  // How far back a value may come from: the longest window or the ttl. Absent: no limit.
  std::optional<std::int64_t> look_back_us() const;
};

// `value_types` are those of RowExpressionsOf(view), in order; for a request view those of its
// features. `scales`: of decimals, in the same order; may be empty if there are none. Outputs made
// from decimals are numbers. Error WH4005 if an aggregate cannot take its type.
Result<ViewPlan> PlanView(const FeatureView& view, std::vector<ValueType> value_types,
                          std::vector<int> scales = {});
// Takes the types from the view's feature table (or any table with its columns).
Result<ViewPlan> PlanStored(const FeatureView& view, const arrow::Schema& feature_table);
}  // namespace weirhouse::feature

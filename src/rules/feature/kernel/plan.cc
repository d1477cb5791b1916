#include "rules/feature/kernel/plan.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

namespace weirhouse::feature {
namespace {
Status CannotTake(const FeatureView& view, const Feature& feature, ValueType type) {
  return Status(Code::kInvalidInput, fmt::format("{} cannot take a {}: feature \"{}.{}\"",
                                                 AggregateName(feature.aggregate), TypeName(type),
                                                 view.name, feature.name))
      .WithError("WH4005")
      .WithSpan(feature.span);
}

Result<ValueType> OutputType(const FeatureView& view, const Feature& feature,
                             std::optional<ValueType> input) {
  switch (feature.aggregate) {
    case Aggregate::kCount:
      return ValueType::kInt64;
    case Aggregate::kSecondsSinceLast:
      return ValueType::kDouble;
    case Aggregate::kSum:
    case Aggregate::kMean:
      if (*input == ValueType::kString || *input == ValueType::kTimestamp) {
        return CannotTake(view, feature, *input);
      }
      if (feature.aggregate == Aggregate::kSum && *input != ValueType::kDouble &&
          *input != ValueType::kDecimal) {
        return ValueType::kInt64;
      }
      return ValueType::kDouble;
    case Aggregate::kMin:
    case Aggregate::kMax:
    case Aggregate::kLast:
    case Aggregate::kLatest:
    case Aggregate::kRequest:
      break;
  }
  return *input == ValueType::kDecimal ? ValueType::kDouble : *input;
}

std::optional<Slot::Kind> SlotKind(const Feature& feature, std::optional<ValueType> input) {
  switch (feature.aggregate) {
    case Aggregate::kCount:
      return feature.of.empty() ? Slot::Kind::kRows : Slot::Kind::kNotNull;
    case Aggregate::kSum:
    case Aggregate::kMean:
      if (*input == ValueType::kDecimal) return Slot::Kind::kDecimals;
      return *input == ValueType::kDouble ? Slot::Kind::kNumbers : Slot::Kind::kIntegers;
    case Aggregate::kMin:
    case Aggregate::kMax:
      return Slot::Kind::kOrdered;
    default:
      return std::nullopt;
  }
}

std::size_t SlotFor(const Slot& wanted, std::vector<Slot>* slots) {
  for (std::size_t i = 0; i < slots->size(); ++i) {
    const Slot& slot = (*slots)[i];
    if (slot.kind == wanted.kind && slot.expression == wanted.expression &&
        slot.window == wanted.window) {
      return i;
    }
  }
  slots->push_back(wanted);
  return slots->size() - 1;
}

// The column of an expression whose values are decimals: "v1_mean" → "d1_mean".
std::string DecimalColumn(const std::string& column) { return "d" + column.substr(1); }

std::vector<std::int64_t> DistinctWindows(const FeatureView& view) {
  std::vector<std::int64_t> windows;
  for (const Feature& feature : view.features) {
    for (const Window& window : feature.windows) windows.push_back(window.us);
  }
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  return windows;
}
}  // namespace

std::vector<RowExpression> RowExpressionsOf(const FeatureView& view) {
  std::vector<RowExpression> expressions;
  if (view.is_request()) return expressions;
  for (const Feature& feature : view.features) {
    if (feature.of.empty()) continue;
    const bool known =
        std::any_of(expressions.begin(), expressions.end(),
                    [&](const RowExpression& other) { return other.sql == feature.of; });
    if (known) continue;
    expressions.push_back(
        {fmt::format("v{}_{}", expressions.size() + 1, feature.name), feature.of});
  }
  return expressions;
}

std::optional<std::int64_t> ViewPlan::look_back_us() const {
  const bool all_windowed = std::all_of(
      outputs.begin(), outputs.end(), [](const PlannedOutput& o) { return o.window.has_value(); });
  if (all_windowed) return window_us_max();
  if (!view.ttl_us) return std::nullopt;
  return std::max(window_us_max(), *view.ttl_us);
}

Result<ViewPlan> PlanView(const FeatureView& view, std::vector<ValueType> value_types,
                          std::vector<int> scales) {
  ViewPlan plan;
  plan.view = view;
  plan.expressions = RowExpressionsOf(view);
  plan.value_types = std::move(value_types);
  plan.scales = std::move(scales);
  plan.scales.resize(plan.value_types.size());
  for (std::size_t i = 0; i < plan.expressions.size() && i < plan.value_types.size(); ++i) {
    if (plan.value_types[i] == ValueType::kDecimal)
      plan.expressions[i].column = DecimalColumn(plan.expressions[i].column);
  }
  plan.windows_us = DistinctWindows(view);
  WEIRHOUSE_CHECK(plan.value_types.size() ==
                  (view.is_request() ? view.features.size() : plan.expressions.size()));
  for (OutputColumn& column : OutputColumnsOf(view)) {
    const Feature& feature = view.features[column.feature];
    PlannedOutput output;
    output.aggregate = feature.aggregate;
    std::optional<ValueType> input;
    if (view.is_request()) {
      input = plan.value_types[column.feature];
    } else if (!feature.of.empty()) {
      const auto found =
          std::find_if(plan.expressions.begin(), plan.expressions.end(),
                       [&](const RowExpression& other) { return other.sql == feature.of; });
      output.expression = static_cast<std::size_t>(found - plan.expressions.begin());
      input = plan.value_types[*output.expression];
    }
    WEIRHOUSE_TRY(output.type, OutputType(view, feature, input));
    if (column.window_us) {
      const auto window =
          std::find(plan.windows_us.begin(), plan.windows_us.end(), *column.window_us);
      output.window = static_cast<std::size_t>(window - plan.windows_us.begin());
      if (const auto kind = SlotKind(feature, input)) {
        output.slot = SlotFor({*kind, output.expression.value_or(0), *output.window}, &plan.slots);
      }
    }
    output.column = std::move(column);
    plan.outputs.push_back(std::move(output));
  }
  return plan;
}

Result<ViewPlan> PlanStored(const FeatureView& view, const arrow::Schema& feature_table) {
  std::vector<ValueType> types;
  std::vector<int> scales;
  for (const RowExpression& expression : RowExpressionsOf(view)) {
    if (const auto decimal = feature_table.GetFieldByName(DecimalColumn(expression.column));
        decimal != nullptr && decimal->type()->id() == arrow::Type::DECIMAL128) {
      types.push_back(ValueType::kDecimal);
      scales.push_back(static_cast<const arrow::DecimalType&>(*decimal->type()).scale());
      continue;
    }
    scales.push_back(0);
    const auto field = feature_table.GetFieldByName(expression.column);
    const auto type = field == nullptr ? std::nullopt : ValueTypeOf(*field->type());
    if (!type) {
      return Status(Code::kCorruption,
                    fmt::format("feature table of \"{}\" has no usable column \"{}\"", view.id(),
                                expression.column))
          .WithError("WH4015")
          .WithHint("rebuild the view, or give it a new version");
    }
    types.push_back(*type);
  }
  return PlanView(view, std::move(types), std::move(scales));
}
}  // namespace weirhouse::feature

// `quantile`: a quantile of one column within bounds.
#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/statistic_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
class QuantileRule final : public ColumnRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    static const std::map<std::string, QuantileMethod> methods = {
        {"", QuantileMethod::kLinear},         {"linear", QuantileMethod::kLinear},
        {"lower", QuantileMethod::kLower},     {"higher", QuantileMethod::kHigher},
        {"nearest", QuantileMethod::kNearest}, {"midpoint", QuantileMethod::kMidpoint}};
    auto rule = std::make_shared<QuantileRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(const YamlNode* q, at.Require("q"));
    WEIRHOUSE_TRY(rule->q_, ReadFraction(*q, at.What("q")));
    if (rule->q_.numerator > rule->q_.denominator) {
      return q->Error("WH3002", fmt::format("{} must lie between 0 and 1", at.What("q")));
    }
    WEIRHOUSE_TRY(const std::string method,
                  Word(at, "method", {"linear", "lower", "higher", "nearest", "midpoint"}));
    rule->method_ = methods.at(method);
    WEIRHOUSE_TRY(rule->bounds_, ReadNumberBounds(at.node, at.kind));
    WEIRHOUSE_TRY_STATUS(NeedBound(at, rule->bounds_.min || rule->bounds_.max));
    WEIRHOUSE_TRY(rule->allow_nan_, Flag(at, "allow_nan"));
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    WEIRHOUSE_TRY_STATUS(NeedNumbers(check, schema, column_));
    return RefuseIdleNan(check, schema);
  }

 protected:
  ColumnState EmptyState() const override { return ColumnState(ColumnState::Keeps::kRanks); }

  Result<Finding> Judge(const ColumnState& state, std::int64_t, const Check& check,
                        const Against&) const override {
    WEIRHOUSE_TRY_STATUS(NeedNumbers(state, check, column_));
    Finding finding;
    finding.bound = ToJson(bounds_);
    if (Preliminary(check, state.moments(), allow_nan_, 1, finding)) return finding;
    return BoundFinding(check, bounds_, *ColumnStatistics(state).Quantile(q_, method_),
                        std::move(finding));
  }

 private:
  Ratio q_;
  QuantileMethod method_ = QuantileMethod::kLinear;
  NumberBounds bounds_;
  bool allow_nan_ = false;
};
}  // namespace

CheckKind QuantileKind() {
  return {.names = {"quantile"},
          .keys = WithBounds({"column", "q", "method", "allow_nan", "scope", "too_few"}),
          .parse = QuantileRule::Parse};
}
}  // namespace weirhouse::gate

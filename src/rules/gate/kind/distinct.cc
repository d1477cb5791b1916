// `distinct` and `distinct_share`: how many tuples without nulls there are.
#include <arrow/api.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/statistic.h"
#include "rules/gate/evaluation/tuples.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
class DistinctRule final : public RowsRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<DistinctRule>();
    rule->share_ = at.kind == "distinct_share";
    WEIRHOUSE_TRY(rule->columns_, Columns(at, check));
    WEIRHOUSE_TRY(rule->bounds_, ReadNumberBounds(at.node, at.kind));
    WEIRHOUSE_TRY_STATUS(NeedBound(at, rule->bounds_.min || rule->bounds_.max));
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check&, const arrow::Schema& schema) const override {
    return NeedKnownTypes(schema, columns_);
  }
  std::string_view WhyNeedsRows() const override { return kComparesKeys; }

  Result<Finding> Judge(Evaluation& evaluation, const Check& check) const override {
    WEIRHOUSE_TRY(const RowSourcePtr rows, evaluation.Source(check, columns_));
    WEIRHOUSE_TRY(const Repeats repeats, DistinctOf(*rows, columns_, evaluation.input().scratch));
    const std::int64_t values = rows->num_rows() - repeats.nulls;
    const std::int64_t distinct = repeats.distinct;
    Finding finding;
    StatisticValue observed{static_cast<double>(distinct), ExactRatio::Of(ExactSum::Wide{distinct}),
                            ""};
    if (share_ && values < 1) {
      finding = TooFewFinding(check, 0, 1, fmt::format("{} no value to judge", check.name));
    } else {
      if (share_) {
        observed.exact->under = ExactRatio::Of(ExactSum::Wide{values}).over;
        observed.rounded = observed.exact->Round();
      }
      if (!Holds(bounds_, observed)) finding.state = State::kFailed;
      finding.reason =
          fmt::format("{} {} ({})", check.name, NumberText(observed.rounded), LimitText(bounds_));
      finding.observed = share_ ? JsonNumber(observed.rounded) : nlohmann::json(distinct);
    }
    finding.population = rows->num_rows();
    finding.nulls = repeats.nulls;
    finding.bound = ToJson(bounds_);
    return finding;
  }

 private:
  std::vector<std::string> columns_;
  bool share_ = false;  // distinct_share: of the non-null rows
  NumberBounds bounds_;
};
}  // namespace

// The share alone has a smallest sample, and so the key `too_few`.
CheckKind DistinctKind() {
  return {.names = {"distinct"},
          .keys = WithBounds({"column", "columns", "scope"}),
          .parse = DistinctRule::Parse};
}
CheckKind DistinctShareKind() {
  return {.names = {"distinct_share"},
          .keys = WithBounds({"column", "columns", "scope", "too_few"}),
          .parse = DistinctRule::Parse};
}
}  // namespace weirhouse::gate

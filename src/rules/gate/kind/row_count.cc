// `row_count`: the number of rows is within bounds.
#include <fmt/format.h>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
class RowCountRule final : public RowsSeenRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check&) {
    auto rule = std::make_shared<RowCountRule>();
    WEIRHOUSE_TRY(rule->bounds_, ReadCountBounds(at.node, at.kind));
    WEIRHOUSE_TRY_STATUS(NeedBound(at, rule->bounds_.min || rule->bounds_.max));
    return RulePtr(std::move(rule));
  }

 protected:
  Result<Finding> Judge(const RowsSeen&, std::int64_t rows, const Check&,
                        const Against&) const override {
    Finding finding;
    finding.population = rows;
    finding.observed = rows;
    finding.bound = ToJson(bounds_);
    if (!Holds(bounds_, rows)) finding.state = State::kFailed;
    finding.reason = fmt::format("{} rows ({})", WithThousands(rows), LimitText(bounds_));
    return finding;
  }

 private:
  CountBounds bounds_;
};
}  // namespace

CheckKind RowCountKind() {
  return {.names = {"row_count"}, .keys = WithBounds({"scope"}), .parse = RowCountRule::Parse};
}
}  // namespace weirhouse::gate

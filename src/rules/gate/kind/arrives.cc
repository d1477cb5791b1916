// `arrives`: a batch is published at least so often. A batch that is judged has arrived; what keeps
// out is seen by the project's clock (work::FindOverdue).
#include <fmt/format.h>

#include "ground/base/time.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
class ArrivesRule final : public RowsSeenRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    WEIRHOUSE_TRY(const YamlNode* every, at.Require("every"));
    TimeLimit limit;
    WEIRHOUSE_TRY(limit.max_us, Micros(at, *every, "every"));
    limit.text = every->text();
    check.time_limit = std::move(limit);
    return RulePtr(std::make_shared<ArrivesRule>());
  }

 protected:
  Result<Finding> Judge(const RowsSeen&, std::int64_t rows, const Check& check,
                        const Against& against) const override {
    const std::int64_t age = weirhouse::Micros(against.now) - weirhouse::Micros(against.batch_end);
    Finding finding;
    finding.population = rows;
    finding.observed = {{"newest", FormatTime(against.batch_end)},
                        {"age_us", age},
                        {"now", FormatTime(against.now)}};
    finding.bound = check.parameters.at("every");
    finding.reason = fmt::format("{} has a batch", check.name);
    return finding;
  }
};
}  // namespace

CheckKind ArrivesKind() {
  return {.names = {"arrives"}, .keys = {"every"}, .parse = ArrivesRule::Parse};
}
}  // namespace weirhouse::gate

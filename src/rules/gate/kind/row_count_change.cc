// `row_count_change`: the number of rows against the median of earlier runs.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/history_finding.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/history/history.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
class RowCountChangeRule final : public RowsSeenRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<RowCountChangeRule>();
    WEIRHOUSE_TRY(const YamlNode* vs, at.Require("vs"));
    WEIRHOUSE_TRY(const std::string text, vs->AsString(at.What("vs")));
    WEIRHOUSE_TRY(rule->window_, ReadWindow(*vs, text));
    WEIRHOUSE_TRY(const YamlNode* within, at.Require("within"));
    WEIRHOUSE_TRY(rule->within_, ReadPercent(*within, at.What("within")));
    check.history = HistoryUse{rule->window_, ""};
    return RulePtr(std::move(rule));
  }

 protected:
  Result<Finding> Judge(const RowsSeen&, std::int64_t rows, const Check& check,
                        const Against& against) const override {
    const WindowRuns window =
        RunsInWindow(window_, against.history, against.batch_end, std::max(check.warmup, 1),
                     [](const PublishedBatch&) { return true; });
    Finding finding;
    finding.population = rows;
    finding.observed = {{"rows", rows}};
    finding.bound = check.parameters.at("within");
    WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
    if (!IsReady(check, window, window_, finding)) return finding;
    std::vector<std::int64_t> counts;
    for (const PublishedBatch* run : window.runs) counts.push_back(run->profile->rows);
    finding.detail = {{"reference_rows", counts}};
    std::sort(counts.begin(), counts.end());
    // Twice the median, so that it is whole.
    const std::size_t half = counts.size() / 2;
    const std::int64_t twice =
        counts.size() % 2 == 1 ? 2 * counts[half] : counts[half - 1] + counts[half];
    const double median = static_cast<double>(twice) / 2;
    finding.observed = {{"rows", rows}, {"median", median}};
    if (twice == 0) {
      if (rows != 0) finding.state = State::kFailed;
      finding.reason = fmt::format("{} rows where there were none", WithThousands(rows));
      return finding;
    }
    __extension__ typedef __int128 Int128;
    const Int128 difference = static_cast<Int128>(2) * rows - twice;
    const Int128 size = difference < 0 ? -difference : difference;
    if (size * within_.denominator > static_cast<Int128>(twice) * within_.numerator) {
      finding.state = State::kFailed;
    }
    finding.reason = fmt::format("rows {}", ChangeText(median, static_cast<double>(rows)));
    return finding;
  }

 private:
  Window window_;
  Ratio within_;
};
}  // namespace

CheckKind RowCountChangeKind() {
  return {.names = {"row_count_change"},
          .keys = {"vs", "within", "warmup"},
          .parse = RowCountChangeRule::Parse};
}
}  // namespace weirhouse::gate

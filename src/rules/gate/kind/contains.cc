// `contains`: each value of a list occurs at least once in the column.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_set.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
// Each value that was not seen yet is looked for in each row.
constexpr std::size_t kContainedMax = 1'000;
constexpr std::size_t kLackingShown = 5;

// Which of the listed values occurred, by their place in the list.
struct ValuesSeen {
  std::int64_t nulls = 0;
  std::set<std::size_t> seen;

  Status Merge(const ValuesSeen& other) {
    nulls += other.nulls;
    seen.insert(other.seen.begin(), other.seen.end());
    return Status();
  }
  nlohmann::json ToJson() const { return {{"nulls", nulls}, {"seen", seen}}; }
  Status Read(const nlohmann::json& json) {
    nulls = json.at("nulls").get<std::int64_t>();
    seen = json.at("seen").get<std::set<std::size_t>>();
    return Status();
  }
};

class ContainsRule final : public StateRuleOf<ValuesSeen> {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<ContainsRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(rule->values_, ReadLiterals(at, "values"));
    if (rule->values_.size() > kContainedMax) {
      return at.Find("values")->Error(
          "WH3002", fmt::format("{} holds more than {} values", at.What("values"), kContainedMax));
    }
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check&, const arrow::Schema& schema) const override {
    return ValueSet::Bind(values_, *schema.GetFieldByName(column_)->type()).status();
  }

 protected:
  Status Gather(const Check&, const arrow::Table& rows, std::int64_t,
                ValuesSeen& state) const override {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, column_));
    std::vector<std::pair<std::size_t, ValueSet>> unseen;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const auto one = std::span(values_).subspan(i, 1);
      WEIRHOUSE_TRY(ValueSet set, ValueSet::Bind(one, ValueType(*column->type())));
      if (!state.seen.contains(i)) unseen.emplace_back(i, std::move(set));
    }
    state.nulls += column->null_count();
    if (unseen.empty()) return Status();
    return VisitColumn(
        *column, [](std::int64_t) {},
        [&](std::int64_t, const auto& value) {
          std::erase_if(unseen, [&](const auto& wanted) {
            if (!wanted.second.Has(value)) return false;
            state.seen.insert(wanted.first);
            return true;
          });
        });
  }

  Result<Finding> Judge(const ValuesSeen& state, std::int64_t rows, const Check& check,
                        const Against&) const override {
    Finding finding;
    std::vector<std::string> lacking;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!state.seen.contains(i)) lacking.push_back(values_[i].text);
    }
    if (rows - state.nulls < 1) {
      finding = TooFewFinding(check, 0, 1, fmt::format("{} no value to judge", check.name));
    } else {
      if (!lacking.empty()) finding.state = State::kFailed;
      finding.reason = fmt::format("{} {} of {} values occur", check.name,
                                   WithThousands(static_cast<std::int64_t>(state.seen.size())),
                                   WithThousands(static_cast<std::int64_t>(values_.size())));
      const std::vector<std::string> shown(
          lacking.begin(),
          lacking.begin() + static_cast<std::ptrdiff_t>(std::min(lacking.size(), kLackingShown)));
      if (!shown.empty()) {
        finding.reason += fmt::format(", not {}{}", Join(shown, ", "),
                                      shown.size() < lacking.size() ? ", …" : "");
      }
      finding.detail = {{"lacking", lacking}};
    }
    finding.population = rows;
    finding.nulls = state.nulls;
    finding.observed = state.seen.size();
    finding.bound = values_.size();
    return finding;
  }

 private:
  std::string column_;
  std::vector<Literal> values_;
};
}  // namespace

CheckKind ContainsKind() {
  return {.names = {"contains"},
          .keys = {"column", "values", "scope", "too_few"},
          .parse = ContainsRule::Parse};
}
}  // namespace weirhouse::gate

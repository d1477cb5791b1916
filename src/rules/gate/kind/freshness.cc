// `freshness`: the newest value of a column is not too old, nor too far in the future.
#include <arrow/api.h>
#include <fmt/format.h>

#include <optional>
#include <type_traits>

#include "ground/base/time.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/evaluation/finding.h"
#include "rules/gate/evaluation/state_rule.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/column_values.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
struct NewestValue {
  std::optional<Family> family;
  std::int64_t nulls = 0;
  std::optional<std::int64_t> newest;  // days or microseconds

  Status Merge(const NewestValue& other) {
    if (!family) family = other.family;
    nulls += other.nulls;
    if (other.newest && (!newest || *other.newest > *newest)) newest = other.newest;
    return Status();
  }
  nlohmann::json ToJson() const {
    nlohmann::json json{{"nulls", nulls}};
    if (family) json["family"] = static_cast<int>(*family);
    if (newest) json["newest"] = *newest;
    return json;
  }
  Status Read(const nlohmann::json& json) {
    nulls = json.at("nulls").get<std::int64_t>();
    if (json.contains("family")) {
      const int read = json.at("family").get<int>();
      if (read < 0 || read > static_cast<int>(Family::kTimestamp)) {
        return Status(Code::kCorruption, "a stored state names an unknown type")
            .WithError("WH3011");
      }
      family = static_cast<Family>(read);
    }
    if (json.contains("newest")) newest = json.at("newest").get<std::int64_t>();
    return Status();
  }
};

class FreshnessRule final : public StateRuleOf<NewestValue> {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<FreshnessRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(const YamlNode* max, at.Require("max"));
    WEIRHOUSE_TRY(rule->max_us_, Micros(at, *max, "max"));
    if (const YamlNode* skew = at.Find("skew")) {
      WEIRHOUSE_TRY(rule->skew_us_, Micros(at, *skew, "skew"));
    }
    check.time_limit = TimeLimit{rule->max_us_, max->text()};
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    return NeedFamily(check, schema, column_, {Family::kTimestamp, Family::kDate}, "times");
  }

 protected:
  Status Gather(const Check&, const arrow::Table& rows, std::int64_t,
                NewestValue& state) const override {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, column_));
    WEIRHOUSE_TRY(state.family, FamilyOf(*column->type()));
    state.nulls += column->null_count();
    return VisitColumn(
        *column, [](std::int64_t) {},
        [&](std::int64_t, const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::int64_t>) {
            if (!state.newest || value > *state.newest) state.newest = value;
          }
        });
  }

  Result<Finding> Judge(const NewestValue& state, std::int64_t rows, const Check& check,
                        const Against& against) const override {
    const Family family = state.family.value_or(Family::kTimestamp);
    if (family != Family::kTimestamp && family != Family::kDate) {
      return Status(Code::kInvalidInput,
                    fmt::format("freshness needs times, and \"{}\" is of type {}", column_,
                                FamilyName(family)))
          .WithError("WH3005");
    }
    constexpr std::int64_t kFreshDayUs = 86'400'000'000;
    Finding finding;
    finding.nulls = state.nulls;
    finding.population = rows;
    finding.bound = check.parameters.at("max");
    if (!state.newest) {
      finding.state = State::kFailed;
      finding.reason = fmt::format("{} no value to judge", check.name);
      return finding;
    }
    const std::int64_t at = family == Family::kDate ? *state.newest * kFreshDayUs : *state.newest;
    const std::int64_t now = weirhouse::Micros(against.now);
    const std::int64_t age = now - at;
    finding.observed = {{"newest", FormatTime(at)}, {"age_us", age}, {"now", FormatTime(now)}};
    if (age < 0) {
      if (-age > skew_us_) finding.state = State::kFailed;
      finding.reason = fmt::format("newest {} in the future", AgeText(-age));
      return finding;
    }
    if (age > max_us_) finding.state = State::kFailed;
    finding.reason = fmt::format("newest {} old", AgeText(age));
    return finding;
  }

 private:
  std::string column_;
  std::int64_t max_us_ = 0;
  std::int64_t skew_us_ = 300'000'000;  // how far in the future a value may lie: 5 minutes
};
}  // namespace

CheckKind FreshnessKind() {
  return {.names = {"freshness"},
          .keys = {"column", "max", "skew", "scope"},
          .parse = FreshnessRule::Parse};
}
}  // namespace weirhouse::gate

// `accepted` and `rejected`: each value is one of a list, or none of it.
#include <arrow/api.h>
#include <fmt/format.h>

#include <type_traits>
#include <vector>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/definition/value_set.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
class SetRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<SetRule>();
    rule->rejected_ = at.kind == "rejected";
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(rule->values_, ReadLiterals(at, "values"));
    WEIRHOUSE_TRY(rule->allow_nan_, Flag(at, "allow_nan"));
    return RulePtr(std::move(rule));
  }

  Status RefuseIdleKeys(const CheckNode& at, const Check&) const override {
    if (at.Find("allow_nan") == nullptr || !rejected_) return Status();
    return IdleKey(at, "allow_nan", "NaN is never one of the values");
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    const arrow::DataType& type = *schema.GetFieldByName(column_)->type();
    WEIRHOUSE_TRY_STATUS(ValueSet::Bind(values_, type).status());
    return RefuseIdleNan(check, schema);
  }

 protected:
  Status Mark(const Check&, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, column_));
    WEIRHOUSE_TRY(const ValueSet set, ValueSet::Bind(values_, ValueType(*column->type())));
    return MarkValues(*column, first_row, marked, [&](const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
        if (value != value) return rejected_ || allow_nan_;
      }
      return set.Has(value) != rejected_;
    });
  }
  std::string WhatIsBad() const override {
    return rejected_ ? "values are rejected ones" : "values are not accepted ones";
  }

 private:
  std::string column_;
  std::vector<Literal> values_;
  bool rejected_ = false;  // the values that must not occur
  bool allow_nan_ = false;
};
}  // namespace

CheckKind SetKind() {
  return {.names = {"accepted", "rejected"},
          .keys = {"column", "values", "allow_nan", "scope", "too_few"},
          .judges_values = true,
          .parse = SetRule::Parse};
}
}  // namespace weirhouse::gate

// `type`: each text parses as a value of a type.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "ground/base/time.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
class TypeRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<TypeRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY_STATUS(at.Require("type").status());
    WEIRHOUSE_TRY(rule->type_,
                  Word(at, "type", {"integer", "number", "boolean", "date", "timestamp"}));
    WEIRHOUSE_TRY(rule->allow_nan_, Flag(at, "allow_nan"));
    return RulePtr(std::move(rule));
  }

  Status RefuseIdleKeys(const CheckNode& at, const Check&) const override {
    if (at.Find("allow_nan") == nullptr || type_ == "number") return Status();
    return IdleKey(at, "allow_nan", fmt::format("NaN is no {}", type_));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    return NeedFamily(check, schema, column_, {Family::kText}, "text");
  }

 protected:
  Status Mark(const Check& check, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    return MarkTexts(check, column_, rows, first_row, marked,
                     [&](std::string_view value) { return Parses(value); });
  }
  std::string WhatIsBad() const override { return fmt::format("values are not of type {}", type_); }

 private:
  bool Parses(std::string_view text) const {
    if (type_ == "integer") {
      std::int64_t value = 0;
      const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
      return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
    }
    if (type_ == "number") {
      const auto value = ParseDouble(text);
      return value && (!std::isnan(*value) || allow_nan_);
    }
    if (type_ == "boolean") return text == "true" || text == "false";
    const auto us = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
    constexpr std::size_t kDateSize = 10;  // 2013-01-01
    return us.ok() && (type_ == "timestamp" || text.size() == kDateSize);
  }

  std::string column_;
  std::string type_;
  bool allow_nan_ = false;
};
}  // namespace

CheckKind TypeKind() {
  return {.names = {"type"},
          .keys = {"column", "type", "allow_nan", "scope", "too_few"},
          .judges_values = true,
          .parse = TypeRule::Parse};
}
}  // namespace weirhouse::gate

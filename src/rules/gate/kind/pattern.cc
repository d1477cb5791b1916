// `pattern`: each text matches a regular expression of RE2.
#include <fmt/format.h>
#include <re2/re2.h>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
constexpr std::int64_t kPatternMemoryMax = 8 << 20;  // bytes; RE2's own default

class PatternRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<PatternRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(const YamlNode* regex, at.Require("regex"));
    WEIRHOUSE_TRY(rule->regex_, regex->AsString(at.What("regex")));
    WEIRHOUSE_TRY(const std::string match, Word(at, "match", {"full", "search"}));
    rule->search_ = match == "search";
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemoryMax);
    const RE2 compiled(rule->regex_, options);
    if (!compiled.ok()) {
      return regex
          ->Error("WH3008", fmt::format("the pattern does not compile: {}", compiled.error()))
          .WithHint(compiled.error_code() == RE2::ErrorBadPerlOp
                        ? "RE2 has no look-around and no back-references"
                        : "");
    }
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    return NeedFamily(check, schema, column_, {Family::kText}, "text");
  }

 protected:
  Status Mark(const Check& check, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    RE2::Options options;
    options.set_log_errors(false);
    const RE2 regex(regex_, options);
    if (!regex.ok()) {
      return Status(Code::kInvalidInput, "the pattern does not compile: " + regex.error())
          .WithError("WH3008");
    }
    return MarkTexts(check, column_, rows, first_row, marked, [&](std::string_view value) {
      const re2::StringPiece text(value.data(), value.size());
      return regex.Match(text, 0, value.size(), search_ ? RE2::UNANCHORED : RE2::ANCHOR_BOTH,
                         nullptr, 0);
    });
  }
  std::string WhatIsBad() const override { return "values do not match"; }

 private:
  std::string column_;
  std::string regex_;
  bool search_ = false;  // a match anywhere is enough; default: the whole value
};
}  // namespace

CheckKind PatternKind() {
  return {.names = {"pattern"},
          .keys = {"column", "regex", "match", "scope", "too_few"},
          .judges_values = true,
          .parse = PatternRule::Parse};
}
}  // namespace weirhouse::gate

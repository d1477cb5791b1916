// `length`: how many code points each text has.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"

namespace weirhouse::gate {
namespace {
// Bytes that continue no code point, eight at a time.
std::int64_t CodePoints(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  std::int64_t count = static_cast<std::int64_t>(text.size());
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data(), 8);
    const std::uint64_t continuing = (bytes >> 7) & ~(bytes >> 6) & kOnes;  // 10xxxxxx
    count -= static_cast<std::int64_t>((continuing * kOnes) >> 56);         // their sum
  }
  return count - std::count_if(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
         });
}

class LengthRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<LengthRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(rule->bounds_, ReadCountBounds(at.node, at.kind));
    WEIRHOUSE_TRY_STATUS(NeedBound(at, rule->bounds_.min || rule->bounds_.max));
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    return NeedFamily(check, schema, column_, {Family::kText}, "text");
  }

 protected:
  Status Mark(const Check& check, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    return MarkTexts(check, column_, rows, first_row, marked,
                     [&](std::string_view value) { return Holds(bounds_, CodePoints(value)); });
  }
  std::string WhatIsBad() const override { return "values have another length"; }

 private:
  std::string column_;
  CountBounds bounds_;
};
}  // namespace

CheckKind LengthKind() {
  return {.names = {"length"},
          .keys = WithBounds({"column", "scope", "too_few"}),
          .judges_values = true,
          .parse = LengthRule::Parse};
}
}  // namespace weirhouse::gate

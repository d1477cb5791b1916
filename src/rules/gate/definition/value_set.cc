#include "rules/gate/definition/value_set.h"

#include <arrow/api.h>

#include <charconv>
#include <utility>

#include "rules/gate/definition/literal.h"

namespace weirhouse::gate {
Result<ValueSet> ValueSet::Bind(std::span<const Literal> literals, const arrow::DataType& type) {
  WEIRHOUSE_TRY(const Family family, FamilyOf(type));
  ValueSet set;
  for (const Literal& literal : literals) {
    switch (family) {
      case Family::kInteger: {
        std::int64_t value = 0;
        const char* end = literal.text.data() + literal.text.size();
        const auto parsed = std::from_chars(literal.text.data(), end, value);
        if (literal.quoted || parsed.ec != std::errc() || parsed.ptr != end) {
          return Misfit(literal, family);
        }
        set.integers_.push_back(value);
        break;
      }
      case Family::kReal: {
        WEIRHOUSE_TRY(const double value, RealOf(literal, family));
        set.reals_.push_back(value);
        break;
      }
      case Family::kDecimal: {
        const auto scale = static_cast<const arrow::Decimal128Type&>(type).scale();
        const auto number = ParseExact(literal);
        const auto floor = number ? FloorAt(*number, scale) : std::nullopt;
        if (!floor) return Misfit(literal, family);
        if (floor->exact) set.decimals_.push_back(floor->value);
        break;
      }
      case Family::kText: {
        WEIRHOUSE_TRY(std::string value, TextOfLiteral(literal));
        set.texts_.push_back(std::move(value));
        break;
      }
      case Family::kBoolean:
        if (literal.quoted || (literal.text != "true" && literal.text != "false")) {
          return Misfit(literal, family);
        }
        set.integers_.push_back(literal.text == "true" ? 1 : 0);
        break;
      case Family::kDate:
      case Family::kTimestamp: {
        WEIRHOUSE_TRY(const std::int64_t value, TimeOf(literal, family));
        set.integers_.push_back(value);
        break;
      }
    }
  }
  std::sort(set.integers_.begin(), set.integers_.end());
  std::sort(set.reals_.begin(), set.reals_.end());
  std::sort(set.texts_.begin(), set.texts_.end());
  std::sort(set.decimals_.begin(), set.decimals_.end());
  return set;
}
}  // namespace weirhouse::gate

#include "rules/gate/definition/literal.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "ground/base/time.h"
#include "rules/gate/definition/value_parser.h"

namespace weirhouse::gate {
namespace {
constexpr std::int64_t kDateDayUs = 86'400'000'000;
}  // namespace

Status Misfit(const Literal& literal, Family family, std::string hint) {
  return Status(Code::kInvalidInput, fmt::format("{}{}{} is not a value of a column of type {}",
                                                 literal.quoted ? "'" : "", literal.text,
                                                 literal.quoted ? "'" : "", FamilyName(family)))
      .WithError("WH3005")
      .WithSpan(literal.span)
      .WithHint(std::move(hint));
}

std::optional<ExactNumber> ParseExact(const Literal& literal) {
  ExactNumber number;
  std::int32_t precision = 0;
  if (literal.quoted ||
      !arrow::Decimal128::FromString(literal.text, &number.unscaled, &precision, &number.scale)
           .ok()) {
    return std::nullopt;
  }
  return number;
}

std::optional<Floor> FloorAt(const ExactNumber& number, std::int32_t scale) {
  if (number.scale <= scale) {
    const auto widened = number.unscaled.Rescale(number.scale, scale);
    if (!widened.ok()) return std::nullopt;
    return Floor{*widened, true};
  }
  const std::int32_t cut = number.scale - scale;
  if (cut > 38) return std::nullopt;
  const auto divided = number.unscaled.Divide(arrow::Decimal128::GetScaleMultiplier(cut));
  if (!divided.ok()) return std::nullopt;
  Floor floor{divided->first, divided->second == arrow::Decimal128(0)};
  if (!floor.exact && number.unscaled.IsNegative()) floor.value -= arrow::Decimal128(1);
  return floor;
}

Result<double> RealOf(const Literal& literal, Family family) {
  const auto value = literal.quoted ? std::nullopt : ParseDouble(literal.text);
  if (!value || !std::isfinite(*value)) return Misfit(literal, family);
  return *value;
}

Result<std::string> TextOfLiteral(const Literal& literal) {
  if (!literal.quoted &&
      (ParseDouble(literal.text) || literal.text == "true" || literal.text == "false")) {
    return Misfit(literal, Family::kText, fmt::format("quote it: '{}'", literal.text));
  }
  return literal.text;
}

Result<std::int64_t> TimeOf(const Literal& literal, Family family) {
  const auto us = ParseTimeMicros(literal.text, /*zoneless_is_utc=*/true);
  if (!us.ok()) return Misfit(literal, family, "write 2013-01-01 or 2013-01-01T05:00:00Z");
  if (family == Family::kTimestamp) return *us;
  if (*us % kDateDayUs != 0) return Misfit(literal, family, "write 2013-01-01");
  return *us / kDateDayUs;
}
}  // namespace weirhouse::gate

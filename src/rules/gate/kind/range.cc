#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "ground/base/time.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/definition/value_set.h"

namespace weirhouse::gate {
namespace {
constexpr std::int64_t kDateDayUs = 86'400'000'000;

Status Misfit(const Literal& literal, Family family, std::string hint = "") {
  return Status(Code::kInvalidInput, fmt::format("{}{}{} is not a value of a column of type {}",
                                                 literal.quoted ? "'" : "", literal.text,
                                                 literal.quoted ? "'" : "", FamilyName(family)))
      .WithError("WH3005")
      .WithSpan(literal.span)
      .WithHint(std::move(hint));
}

// An exact number: unscaled · 10^−scale.
struct ExactNumber {
  arrow::Decimal128 unscaled;
  std::int32_t scale = 0;
};
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

// `number` at `scale`: the whole below it, and whether that is the number itself.
struct Floor {
  arrow::Decimal128 value;
  bool exact = true;
};
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

Status NoneFits(const ValueBounds& bounds) {
  return Status(Code::kInvalidInput, "no value fits the bounds of range")
      .WithError("WH3002")
      .WithSpan(bounds.min->span);
}

// The closed interval of whole numbers (at `scale`) that the bounds leave.
Result<Interval<arrow::Decimal128>> WholeInterval(const ValueBounds& bounds, std::int32_t scale,
                                                  Family family) {
  Interval<arrow::Decimal128> interval;
  auto floor_of = [&](const Literal& literal) -> Result<Floor> {
    const auto number = ParseExact(literal);
    const auto floor = number ? FloorAt(*number, scale) : std::nullopt;
    if (!floor) return Misfit(literal, family);
    return *floor;
  };
  if (bounds.min) {
    WEIRHOUSE_TRY(Floor low, floor_of(*bounds.min));
    if (!low.exact || bounds.min_exclusive) low.value += arrow::Decimal128(1);
    interval.low = low.value;
  }
  if (bounds.max) {
    WEIRHOUSE_TRY(Floor high, floor_of(*bounds.max));
    if (high.exact && bounds.max_exclusive) high.value -= arrow::Decimal128(1);
    interval.high = high.value;
  }
  if (interval.low && interval.high && *interval.high < *interval.low) return NoneFits(bounds);
  return interval;
}

// Outside the 64-bit range a bound lets everything or nothing through.
Interval<std::int64_t> ToIntegers(const Interval<arrow::Decimal128>& wide) {
  Interval<std::int64_t> narrow;
  const arrow::Decimal128 least(INT64_MIN);
  const arrow::Decimal128 most(INT64_MAX);
  if (wide.low && *wide.low > most) return {INT64_MAX, INT64_MIN};
  if (wide.high && *wide.high < least) return {INT64_MAX, INT64_MIN};
  if (wide.low && *wide.low >= least) narrow.low = static_cast<std::int64_t>(wide.low->low_bits());
  if (wide.high && *wide.high <= most) {
    narrow.high = static_cast<std::int64_t>(wide.high->low_bits());
  }
  return narrow;
}

Result<double> RealOf(const Literal& literal, Family family) {
  const auto value = literal.quoted ? std::nullopt : ParseDouble(literal.text);
  if (!value || !std::isfinite(*value)) return Misfit(literal, family);
  return *value;
}

// YAML 1.2 would read an unquoted 1, 1.5 or true as something else than text.
Result<std::string> TextOfNode(const Literal& literal) {
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

// Fills an interval by reading both ends with `read`.
template <typename T, typename Read>
Status Fill(const ValueBounds& bounds, Interval<T>& interval, Read read) {
  interval.low_open = bounds.min_exclusive;
  interval.high_open = bounds.max_exclusive;
  if (bounds.min) {
    WEIRHOUSE_TRY(interval.low, read(*bounds.min));
  }
  if (bounds.max) {
    WEIRHOUSE_TRY(interval.high, read(*bounds.max));
  }
  if (!interval.low || !interval.high || *interval.low < *interval.high) return Status();
  const bool open = interval.low_open || interval.high_open;
  return *interval.high < *interval.low || open ? NoneFits(bounds) : Status();
}
}  // namespace

Result<RangeTest> RangeTest::Bind(const RangeRule& rule, const arrow::DataType& type) {
  WEIRHOUSE_TRY(const Family family, FamilyOf(type));
  RangeTest test;
  test.allow_nan_ = rule.allow_nan;
  switch (family) {
    case Family::kInteger: {
      WEIRHOUSE_TRY(const auto wide, WholeInterval(rule.bounds, 0, family));
      test.integers_ = ToIntegers(wide);
      return test;
    }
    case Family::kDecimal: {
      const auto scale = static_cast<const arrow::Decimal128Type&>(type).scale();
      WEIRHOUSE_TRY(test.decimals_, WholeInterval(rule.bounds, scale, family));
      return test;
    }
    case Family::kReal:
      WEIRHOUSE_TRY_STATUS(
          Fill(rule.bounds, test.reals_, [&](const Literal& l) { return RealOf(l, family); }));
      return test;
    case Family::kText:
      WEIRHOUSE_TRY_STATUS(Fill(rule.bounds, test.texts_, TextOfNode));
      return test;
    case Family::kDate:
    case Family::kTimestamp:
      WEIRHOUSE_TRY_STATUS(
          Fill(rule.bounds, test.integers_, [&](const Literal& l) { return TimeOf(l, family); }));
      return test;
    case Family::kBoolean:
      break;
  }
  return Status(Code::kInvalidInput, "range does not fit a boolean column")
      .WithError("WH3005")
      .WithHint("use accepted");
}

Result<SetTest> SetTest::Bind(const SetRule& rule, const arrow::DataType& type) {
  WEIRHOUSE_TRY(const Family family, FamilyOf(type));
  SetTest test;
  test.rejected_ = rule.rejected;
  test.allow_nan_ = rule.allow_nan;
  for (const Literal& literal : rule.values) {
    switch (family) {
      case Family::kInteger: {
        std::int64_t value = 0;
        const char* end = literal.text.data() + literal.text.size();
        const auto parsed = std::from_chars(literal.text.data(), end, value);
        if (literal.quoted || parsed.ec != std::errc() || parsed.ptr != end) {
          return Misfit(literal, family);
        }
        test.integers_.push_back(value);
        break;
      }
      case Family::kReal: {
        WEIRHOUSE_TRY(const double value, RealOf(literal, family));
        test.reals_.push_back(value);
        break;
      }
      case Family::kDecimal: {
        const auto scale = static_cast<const arrow::Decimal128Type&>(type).scale();
        const auto number = ParseExact(literal);
        const auto floor = number ? FloorAt(*number, scale) : std::nullopt;
        if (!floor) return Misfit(literal, family);
        if (floor->exact) test.decimals_.push_back(floor->value);
        break;
      }
      case Family::kText: {
        WEIRHOUSE_TRY(std::string value, TextOfNode(literal));
        test.texts_.push_back(std::move(value));
        break;
      }
      case Family::kBoolean:
        if (literal.quoted || (literal.text != "true" && literal.text != "false")) {
          return Misfit(literal, family);
        }
        test.integers_.push_back(literal.text == "true" ? 1 : 0);
        break;
      case Family::kDate:
      case Family::kTimestamp: {
        WEIRHOUSE_TRY(const std::int64_t value, TimeOf(literal, family));
        test.integers_.push_back(value);
        break;
      }
    }
  }
  std::sort(test.integers_.begin(), test.integers_.end());
  std::sort(test.reals_.begin(), test.reals_.end());
  std::sort(test.texts_.begin(), test.texts_.end());
  std::sort(test.decimals_.begin(), test.decimals_.end());
  return test;
}
}  // namespace weirhouse::gate

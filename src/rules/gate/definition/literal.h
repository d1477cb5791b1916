// Values of a gate file as values of a column's type. Includes Arrow, so only for .cc files.
#pragma once

#include <arrow/util/decimal.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ground/base/status.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/value/family.h"

namespace weirhouse::gate {

// WH3005: the literal is no value of such a column.
Status Misfit(const Literal& literal, Family family, std::string hint = "");

// An exact number: unscaled · 10^−scale.
struct ExactNumber {
  arrow::Decimal128 unscaled;
  std::int32_t scale = 0;
};
std::optional<ExactNumber> ParseExact(const Literal& literal);
// `number` at `scale`: the whole below it, and whether that is the number itself.
struct Floor {
  arrow::Decimal128 value;
  bool exact = true;
};
std::optional<Floor> FloorAt(const ExactNumber& number, std::int32_t scale);

Result<double> RealOf(const Literal& literal, Family family);
// YAML 1.2 would read an unquoted 1, 1.5 or true as something else than text.
Result<std::string> TextOfLiteral(const Literal& literal);
// Of a date in days, of a timestamp in microseconds.
Result<std::int64_t> TimeOf(const Literal& literal, Family family);
}  // namespace weirhouse::gate

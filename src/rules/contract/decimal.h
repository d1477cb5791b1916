// Decimals read from their digits, never through a double.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/contract/contract.h"

namespace weirhouse::contract {

__extension__ using Int128 = __int128;

// Whether `text` is a number by JSON's grammar.
bool IsJsonNumber(std::string_view text);
// The same; `whole` becomes whether it has neither a point nor an exponent.
bool IsJsonNumber(std::string_view text, bool* whole);

// How well a number fits a decimal of some scale.
enum class DecimalFit : std::uint8_t { kExact, kInexact, kTooLarge, kNoNumber };
// Converts `text` to units of 10^-scale, cut towards zero if it has more digits (kInexact).
// kTooLarge: more than 38 digits; `value` is then ±10^38, beyond any decimal.
DecimalFit ScaleDecimal(std::string_view text, int scale, Int128* value);

// Parses "DECIMAL(10,2)", "numeric(10)". kNotDecimal: another type. kWithoutDigits: a decimal type
// without a precision. kTooWide: more than 38 digits, or more digits after the point than digits.
enum class DecimalTypeText : std::uint8_t { kDecimal, kNotDecimal, kWithoutDigits, kTooWide };
DecimalTypeText ParseDecimalType(std::string_view text, DecimalShape* shape);

// Whether `value`, in units of the shape's scale, has at most its number of digits.
bool HoldsDecimal(const DecimalShape& shape, Int128 value);
// Compares two JSON numbers exactly, whatever their digits.
int CompareNumberTexts(std::string_view a, std::string_view b);
// "-12.50" for -1250 at scale 2.
std::string DecimalToText(Int128 value, int scale);
}  // namespace weirhouse::contract

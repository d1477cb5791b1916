#include "rules/contract/decimal.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "ground/base/text.h"

namespace weirhouse::contract {
namespace {
constexpr std::int64_t kExponentMax = 1'000'000'000;  // far beyond the digits of any record

bool IsDecimalDigit(char c) { return c >= '0' && c <= '9'; }

// A JSON number by its significant digits: ±0.d₁d₂…dₙ · 10^exponent with d₁ and dₙ not 0. Points
// into the text.
struct Digits {
  bool negative = false;
  std::string_view span;      // from d₁ to dₙ, with the point where it stands between them
  std::int64_t count = 0;     // n; 0 for zero
  std::int64_t exponent = 0;  // of the place before d₁
};

std::int64_t ExponentOf(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), kExponentMax);
  return negative ? -value : value;
}

// `text` is a JSON number.
Digits ParseDigits(std::string_view text) {
  Digits digits;
  digits.negative = text.starts_with('-');
  if (digits.negative) text.remove_prefix(1);
  const std::size_t mark = text.find_first_of("eE");
  if (mark != std::string_view::npos) digits.exponent = ExponentOf(text.substr(mark + 1));
  const std::string_view mantissa = text.substr(0, mark);
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return {digits.negative, {}, 0, 0};
  const std::size_t last = mantissa.find_last_of("123456789");
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  digits.span = mantissa.substr(first, last - first + 1);
  digits.count = static_cast<std::int64_t>(digits.span.size());
  if (first < point && point < last) --digits.count;
  const auto before = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  digits.exponent += first < point ? before : before + 1;
  return digits;
}

Int128 PowerOfTen(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}
}  // namespace

bool IsJsonNumber(std::string_view text) {
  bool whole = false;
  return IsJsonNumber(text, &whole);
}

bool IsJsonNumber(std::string_view text, bool* whole) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && IsDecimalDigit(text[at])) ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const std::size_t before_point = digits();
  if (before_point == 0 || (zero && before_point > 1)) return false;
  *whole = at == text.size();
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

DecimalFit ScaleDecimal(std::string_view text, int scale, Int128* value) {
  *value = 0;
  if (!IsJsonNumber(text)) return DecimalFit::kNoNumber;
  const Digits digits = ParseDigits(text);
  if (digits.count == 0) return DecimalFit::kExact;
  const std::int64_t places = digits.exponent + scale;  // digits of the scaled whole number
  if (places > kDecimalDigitsMax) {
    *value = PowerOfTen(kDecimalDigitsMax) * (digits.negative ? -1 : 1);
    return DecimalFit::kTooLarge;
  }
  std::int64_t taken = 0;
  for (const char c : digits.span) {
    if (taken >= places) break;
    if (c == '.') continue;
    *value = *value * 10 + (c - '0');
    ++taken;
  }
  for (; taken < places; ++taken) *value *= 10;
  if (digits.negative) *value = -*value;
  return digits.count > places ? DecimalFit::kInexact : DecimalFit::kExact;
}

DecimalTypeText ParseDecimalType(std::string_view text, DecimalShape* shape) {
  std::string word;
  std::size_t at = 0;
  text = Trim(text);
  while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0)
    word.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(text[at++]))));
  const bool known = word == "DECIMAL" || word == "DEC" || word == "NUMERIC" || word == "NUMBER" ||
                     word == "BIGNUMERIC" || word == "BIGDECIMAL";
  if (!known) return DecimalTypeText::kNotDecimal;
  const std::string_view rest = Trim(text.substr(at));
  if (!rest.starts_with('(') || !rest.ends_with(')')) return DecimalTypeText::kWithoutDigits;
  const auto parts = Split(rest.substr(1, rest.size() - 2), ',');
  if (parts.empty() || parts.size() > 2) return DecimalTypeText::kWithoutDigits;
  int numbers[2] = {0, 0};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part = Trim(parts[i]);
    const char* end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, numbers[i]);
    if (error == std::errc::invalid_argument || stop != end) return DecimalTypeText::kWithoutDigits;
    if (error == std::errc::result_out_of_range) return DecimalTypeText::kTooWide;
  }
  *shape = {numbers[0], numbers[1]};
  const bool fits = shape->precision >= 1 && shape->precision <= kDecimalDigitsMax &&
                    shape->scale >= 0 && shape->scale <= shape->precision;
  return fits ? DecimalTypeText::kDecimal : DecimalTypeText::kTooWide;
}

bool HoldsDecimal(const DecimalShape& shape, Int128 value) {
  const Int128 end = PowerOfTen(shape.precision);
  return value > -end && value < end;
}

int CompareNumberTexts(std::string_view a, std::string_view b) {
  const Digits left = ParseDigits(a);
  const Digits right = ParseDigits(b);
  const auto sign = [](const Digits& digits) {
    return digits.count == 0 ? 0 : digits.negative ? -1 : 1;
  };
  if (sign(left) != sign(right)) return sign(left) < sign(right) ? -1 : 1;
  if (sign(left) == 0) return 0;
  int order = (left.exponent > right.exponent) - (left.exponent < right.exponent);
  if (order == 0) {
    std::string x(left.span);
    std::string y(right.span);
    std::erase(x, '.');
    std::erase(y, '.');
    order = (x > y) - (x < y);
  }
  return order * sign(left);
}

std::string DecimalToText(Int128 value, int scale) {
  const bool negative = value < 0;
  std::string digits;
  for (Int128 rest = negative ? -value : value; rest != 0; rest /= 10)
    digits.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
  while (digits.size() <= static_cast<std::size_t>(scale)) digits.push_back('0');
  if (scale > 0) digits.insert(static_cast<std::size_t>(scale), 1, '.');
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}
}  // namespace weirhouse::contract

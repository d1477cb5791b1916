#include "rules/feature/kernel/field_value.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/platform/columnar/cell_json.h"

namespace weirhouse::feature {
namespace {
using nlohmann::json;
using platform::NumberToJson;

constexpr std::size_t kShownMax = 60;             // shown of a refused value
constexpr int kWholeDigitsMax = 40;               // more than any 64 bits have
constexpr double kExactEnd = 9007199254740992.0;  // from 2^53 on a double names no single integer

Status WrongType(const std::string& field, ValueType type, std::string text) {
  if (text.size() > kShownMax) {
    std::size_t end = kShownMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text.resize(end);
    text += "…";
  }
  return Status(Code::kInvalidInput, fmt::format("field \"{}\" needs a value of type {}, found {}",
                                                 field, TypeName(type), EscapeControl(text)))
      .WithError("WH4013")
      .WithHint(type == ValueType::kTimestamp ? "for example \"2013-12-30T20:15:00Z\"" : "");
}

Status WrongType(const std::string& field, ValueType type, const json& found) {
  return WrongType(field, type, found.dump(-1, ' ', false, json::error_handler_t::replace));
}

// "NaN", "Infinity" and "-Infinity", for which JSON has no number.
std::optional<double> NotFinite(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// 1400.0 is the integer 1400; beyond 2^53 a double does not identify an integer.
std::optional<std::int64_t> WholeNumber(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  const double number = value.get<double>();
  if (std::floor(number) != number || std::abs(number) >= kExactEnd) return {};
  return static_cast<std::int64_t>(number);
}

// A decimal number as JSON and people write it, taken apart.
struct Decimal {
  bool negative = false;
  std::string digits;  // without the point
  int exponent = 0;    // of the last digit
};
std::optional<Decimal> ParseDecimal(std::string_view text) {
  Decimal decimal;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+'))
    decimal.negative = text[at++] == '-';
  bool point = false;
  for (; at < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[at])) != 0 || (text[at] == '.' && !point));
       ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    decimal.digits += text[at];
    if (point) --decimal.exponent;
  }
  if (decimal.digits.empty()) return std::nullopt;
  if (at == text.size()) return decimal;
  if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
  std::string_view power = text.substr(at + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (error != std::errc() || end != power.data() + power.size() || std::abs(exponent) > 5000)
    return std::nullopt;
  decimal.exponent += exponent;
  return decimal;
}

// Its digits as a whole number, without leading zeros; absent if it has a fraction, or more digits
// than any integer here.
std::optional<std::string> WholeDigits(const Decimal& decimal) {
  std::string digits = decimal.digits;
  int exponent = decimal.exponent;
  while (exponent < 0 && digits.size() > 1 && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  if (exponent < 0 || digits.size() - first + static_cast<std::size_t>(exponent) > kWholeDigitsMax)
    return std::nullopt;
  return digits.substr(first) + std::string(static_cast<std::size_t>(exponent), '0');
}

std::optional<std::int64_t> WholeNumber(const std::string& text) {
  const std::optional<Decimal> decimal = ParseDecimal(text);
  const auto digits = decimal ? WholeDigits(*decimal) : std::nullopt;
  if (!digits) return std::nullopt;
  const std::string signed_digits = (decimal->negative ? "-" : "") + *digits;
  std::int64_t number = 0;
  const char* const last = signed_digits.data() + signed_digits.size();
  const auto [end, error] = std::from_chars(signed_digits.data(), last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

std::optional<double> Number(const std::string& text, FieldRole role) {
  if (const auto special = NotFinite(text)) return special;
  const std::optional<Decimal> decimal = ParseDecimal(text);
  if (!decimal) return std::nullopt;
  const double number = std::strtod(text.c_str(), nullptr);
  if (std::isinf(number)) return std::nullopt;
  // A number with an exponent means the nearest double; without one all its digits count.
  const bool plain = text.find_first_of("eE") == std::string::npos;
  if (role == FieldRole::kKey && plain && std::abs(number) >= kExactEnd) {
    const auto digits = WholeDigits(*decimal);
    if (!digits || fmt::format("{:.0f}", std::abs(number)) != *digits) return std::nullopt;
  }
  return number;
}

Result<Value> NumberOfJson(const json& value, const std::string& field, FieldRole role) {
  if (value.is_string()) {
    if (const auto special = NotFinite(value.get<std::string>())) return Value(*special);
  } else if (value.is_number_integer()) {
    const std::string digits = value.dump();
    if (const auto number = Number(digits, role)) return Value(*number);
  } else if (value.is_number()) {
    return Value(value.get<double>());
  }
  return WrongType(field, ValueType::kDouble, value);
}

Result<Value> TimeOf(const std::string& text, const std::string& field) {
  const auto us = ParseTimeMicros(text);
  if (us.ok()) return Value(Timestamp{*us});
  return WrongType(field, ValueType::kTimestamp, fmt::format("\"{}\"", text));
}

Result<Value> ShownText(std::string text, const std::string& field) {
  if (IsValidUtf8(text)) return Value(std::move(text));
  return WrongType(field, ValueType::kString, std::string("bytes that are not UTF-8"));
}
}  // namespace

Result<Value> ValueOfJson(const json& value, ValueType type, const std::string& field,
                          FieldRole role) {
  if (value.is_null()) return Value();
  switch (type) {
    case ValueType::kBool:
      if (value.is_boolean()) return Value(value.get<bool>());
      break;
    case ValueType::kInt64:
      if (value.is_number()) {
        if (const auto number = WholeNumber(value)) return Value(*number);
      }
      break;
    case ValueType::kDouble:
      return NumberOfJson(value, field, role);
    case ValueType::kString:
      if (value.is_string()) return ShownText(value.get<std::string>(), field);
      if (value.is_number_integer()) return Value(value.dump());
      break;
    case ValueType::kTimestamp:
      if (value.is_string()) return TimeOf(value.get<std::string>(), field);
      break;
    case ValueType::kDecimal:  // no field is of this type
      break;
  }
  return WrongType(field, type, value);
}

Result<Value> ValueOfText(const std::string& text, ValueType type, const std::string& field,
                          FieldRole role) {
  if (type == ValueType::kString) return ShownText(text, field);
  if (text == "null") return Value();
  switch (type) {
    case ValueType::kBool:
      if (text == "true" || text == "false") return Value(text == "true");
      break;
    case ValueType::kInt64:
      if (const auto number = WholeNumber(text)) return Value(*number);
      break;
    case ValueType::kDouble:
      if (const auto number = Number(text, role)) return Value(*number);
      break;
    case ValueType::kTimestamp:
      return TimeOf(text, field);
    case ValueType::kString:
    case ValueType::kDecimal:
      break;
  }
  return WrongType(field, type, fmt::format("\"{}\"", text));
}

Result<Value> ValueOfField(const json& fields, const std::map<std::string, std::string>& texts,
                           const TypedName& name, FieldRole role) {
  const auto text = texts.find(name.name);
  if (text == texts.end()) return ValueOfJson(fields.at(name.name), name.type, name.name, role);
  const bool number = fields.contains(name.name);  // a JSON number, as written
  const bool whole = text->second.find_first_of(".eE") == std::string::npos;
  if (number && name.type == ValueType::kString && !whole)
    return WrongType(name.name, name.type, text->second);
  return ValueOfText(text->second, name.type, name.name, role);
}

json JsonOfValue(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return NumberToJson(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* time = std::get_if<Timestamp>(&value)) return FormatTime(time->us);
  return nullptr;
}
}  // namespace weirhouse::feature

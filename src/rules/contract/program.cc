#include "rules/contract/program.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "rules/contract/pattern.h"

namespace weirhouse::contract {
namespace {
constexpr std::size_t kShownBytesMax = 200;
constexpr std::size_t kShownValuesMax = 10;
constexpr std::int64_t kDayMicros = 86'400'000'000;
__extension__ using Wide = unsigned __int128;

Status BadValue(const ContractField& field, std::string_view what, std::string_view text) {
  return Status(Code::kInvalidInput,
                fmt::format("{} of field \"{}\" is not a {}: \"{}\"", what, field.name,
                            field.TypeText(), EscapeControl(text.substr(0, 64))))
      .WithError("WH1104");
}

// The least (or greatest) integer that a bound of an integer-like field allows.
Result<std::int64_t> IntegerEnd(const ContractField& field, const Bound& bound, bool is_minimum) {
  Slot slot;
  const std::int64_t limit = is_minimum ? INT64_MAX : INT64_MIN;
  const std::string_view what = is_minimum ? "minimum" : "maximum";
  if (ParseValue(field.type, bound.text, &slot) == Parsed::kOk) {
    if (!bound.exclusive) return slot.integer;
    if (slot.integer == limit) return BadValue(field, what, bound.text);
    return slot.integer + (is_minimum ? 1 : -1);
  }
  if (field.type != LogicalType::kInteger ||
      ParseValue(LogicalType::kNumber, bound.text, &slot) != Parsed::kOk) {
    return BadValue(field, what, bound.text);
  }
  double end = is_minimum ? std::ceil(slot.number) : std::floor(slot.number);
  if (bound.exclusive && end == slot.number) end += is_minimum ? 1 : -1;
  if (end < -0x1p63) return INT64_MIN;
  if (end >= 0x1p63) return INT64_MAX;
  return static_cast<std::int64_t>(end);
}

// The least (or greatest) value of its scale that a bound of a decimal allows.
Result<Int128> DecimalEnd(const ContractField& field, const Bound& bound, bool is_minimum) {
  Int128 end = 0;
  const DecimalFit fit = ScaleDecimal(bound.text, field.decimal->scale, &end);
  if (fit == DecimalFit::kNoNumber)
    return BadValue(field, is_minimum ? "minimum" : "maximum", bound.text);
  // The cut digits lie beyond `end`, away from zero.
  const bool cut_inwards = fit == DecimalFit::kInexact && is_minimum != (bound.text[0] == '-');
  if ((fit == DecimalFit::kExact && bound.exclusive) || cut_inwards) end += is_minimum ? 1 : -1;
  return end;
}

Status EmptyRange(const ContractField& field) {
  return Status(Code::kInvalidInput,
                fmt::format("no value of field \"{}\" can be between its minimum and its maximum",
                            field.name))
      .WithError("WH1111");
}

Status CompileDecimalBounds(const ContractField& field, FieldRules* rules) {
  Slot beyond;  // ±10^38, more than any decimal holds
  static_cast<void>(ScaleDecimal("1e39", 0, &beyond.decimal));
  rules->decimal_low = -beyond.decimal;
  rules->decimal_high = beyond.decimal;
  if (field.minimum) {
    WEIRHOUSE_TRY(rules->decimal_low, DecimalEnd(field, *field.minimum, true));
  }
  if (field.maximum) {
    WEIRHOUSE_TRY(rules->decimal_high, DecimalEnd(field, *field.maximum, false));
  }
  return rules->decimal_low > rules->decimal_high ? EmptyRange(field) : Status();
}

Status CompileBounds(const ContractField& field, FieldRules* rules) {
  rules->minimum = field.minimum;
  rules->maximum = field.maximum;
  if (field.decimal) return CompileDecimalBounds(field, rules);
  if (!field.minimum && !field.maximum) return Status();
  if (field.type == LogicalType::kString || field.type == LogicalType::kBoolean) {
    return Status(Code::kInvalidInput,
                  fmt::format("field \"{}\" is a {} and cannot have a minimum or maximum",
                              field.name, TypeName(field.type)))
        .WithError("WH1104");
  }
  bool empty_range = false;
  if (field.type == LogicalType::kNumber) {
    Slot low;
    Slot high;
    if (field.minimum) {
      if (ParseValue(field.type, field.minimum->text, &low) != Parsed::kOk)
        return BadValue(field, "minimum", field.minimum->text);
      rules->number_low = low.number;
    }
    if (field.maximum) {
      if (ParseValue(field.type, field.maximum->text, &high) != Parsed::kOk)
        return BadValue(field, "maximum", field.maximum->text);
      rules->number_high = high.number;
    }
    empty_range =
        rules->number_low && rules->number_high &&
        (low.number > high.number ||
         (low.number == high.number && (field.minimum->exclusive || field.maximum->exclusive)));
  } else {
    if (field.minimum) {
      WEIRHOUSE_TRY(rules->low, IntegerEnd(field, *field.minimum, true));
    }
    if (field.maximum) {
      WEIRHOUSE_TRY(rules->high, IntegerEnd(field, *field.maximum, false));
    }
    empty_range = rules->low > rules->high;
  }
  return empty_range ? EmptyRange(field) : Status();
}

Status CompileText(const ContractField& field, FieldRules* rules) {
  rules->min_length = field.min_length.value_or(0);
  rules->max_length = field.max_length.value_or(INT64_MAX);
  const bool text_rules = field.min_length || field.max_length || !field.pattern.empty();
  if (text_rules && field.type != LogicalType::kString) {
    return Status(Code::kInvalidInput,
                  fmt::format("field \"{}\" is a {}: only a string has a length and a pattern",
                              field.name, TypeName(field.type)))
        .WithError("WH1104");
  }
  if (rules->min_length < 0 || rules->min_length > rules->max_length) {
    return Status(Code::kInvalidInput,
                  fmt::format("no value of field \"{}\" can have a length between {} and {}",
                              field.name, rules->min_length, rules->max_length))
        .WithError("WH1111");
  }
  if (!field.pattern.empty()) {
    WEIRHOUSE_TRY(rules->pattern, CompilePattern(field.pattern));
    rules->pattern_text = field.pattern;
  }
  return Status();
}

Status CompileValues(const ContractField& field, FieldRules* rules) {
  rules->has_valid_values = !field.valid_values.empty();
  for (const std::string& text : field.valid_values) {
    Slot slot;
    if (ParseFieldValue(*rules, text, &slot) != Parsed::kOk)
      return BadValue(field, "a valid value", text);
    rules->valid_texts.push_back(text);
    rules->valid_integers.push_back(slot.integer);
    rules->valid_numbers.push_back(slot.number);
    rules->valid_decimals.push_back(slot.decimal);
  }
  std::vector<std::string> shown = field.valid_values;
  if (shown.size() > kShownValuesMax) {
    shown.resize(kShownValuesMax);
    shown.push_back("…");
  }
  rules->valid_shown = Join(shown, ", ");
  std::sort(rules->valid_texts.begin(), rules->valid_texts.end());
  std::sort(rules->valid_integers.begin(), rules->valid_integers.end());
  std::sort(rules->valid_numbers.begin(), rules->valid_numbers.end());
  std::sort(rules->valid_decimals.begin(), rules->valid_decimals.end());
  return Status();
}

Status CompileMultiple(const ContractField& field, FieldRules* rules) {
  if (field.multiple_of.empty()) return Status();
  const bool numeric = field.type == LogicalType::kInteger || field.type == LogicalType::kNumber;
  rules->multiple_of = Decimal::Parse(field.multiple_of);
  rules->multiple_of_text = field.multiple_of;
  if (!numeric || !rules->multiple_of || rules->multiple_of->digits == 0 ||
      field.multiple_of[0] == '-') {
    return BadValue(field, "multipleOf (a number above 0)", field.multiple_of);
  }
  return Status();
}

Status CompileDefault(const ContractField& field, FieldRules* rules) {
  if (!field.default_json) return Status();
  const nlohmann::json value = nlohmann::json::parse(*field.default_json, nullptr, false);
  if (value.is_discarded() || value.is_structured() || value.is_null())
    return BadValue(field, "whDefault", *field.default_json);
  rules->default_text = value.is_string() ? value.get<std::string>() : value.dump();
  Slot slot;
  if (ParseFieldValue(*rules, rules->default_text, &slot) != Parsed::kOk)
    return BadValue(field, "whDefault", rules->default_text);
  slot.state = Slot::State::kValue;
  if (!JudgeSlot(*rules, slot, nullptr)) {
    return Status(Code::kInvalidInput,
                  fmt::format("whDefault of field \"{}\" breaks the field's own rules: {}",
                              field.name, *field.default_json))
        .WithError("WH1111");
  }
  rules->default_value = slot;
  return Status();
}

Parsed ParseNumber(std::string_view text, LogicalType type, Slot* slot) {
  bool whole = false;
  if (!IsJsonNumber(text, &whole)) return Parsed::kWrongType;
  const char* end = text.data() + text.size();
  if (whole) {
    if (std::from_chars(text.data(), end, slot->integer).ec == std::errc()) {
      slot->number = NumberOfWhole(slot->integer, text.front() == '-');
      return Parsed::kOk;
    }
    if (type == LogicalType::kInteger) return Parsed::kOutOfRange;
  }
  // A whole number beyond 64 bits is a double, like any other number.
  if (type == LogicalType::kInteger) return Parsed::kWrongType;
  if (std::from_chars(text.data(), end, slot->number).ec == std::errc()) return Parsed::kOk;
  // from_chars calls both ends out of range; a value too small for a double is simply zero.
  slot->number = std::strtod(std::string(text).c_str(), nullptr);
  return std::isfinite(slot->number) ? Parsed::kOk : Parsed::kOutOfRange;
}

std::int64_t CodePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

// Adds the violation if there is a sink, and returns false.
bool BrokenProgram(const FieldRules& field, ViolationSink* sink, ViolationKind kind,
                   std::string_view rule, const std::string& expected) {
  if (sink != nullptr) sink->Add(kind, field.name, rule, expected);
  return false;
}
bool BelowMinimum(const FieldRules& field, ViolationSink* sink) {
  return BrokenProgram(field, sink, ViolationKind::kBelowMinimum,
                       field.minimum->exclusive ? "exclusiveMinimum" : "minimum",
                       field.minimum->text);
}
bool AboveMaximum(const FieldRules& field, ViolationSink* sink) {
  return BrokenProgram(field, sink, ViolationKind::kAboveMaximum,
                       field.maximum->exclusive ? "exclusiveMaximum" : "maximum",
                       field.maximum->text);
}
}  // namespace

namespace {
std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (std::string_view(" \t_-.").find(c) == std::string_view::npos)
      folded.push_back(LowerCase(c));
  }
  return folded;
}

bool IsOneSlipAway(const std::string& a, const std::string& b) {
  constexpr std::size_t kLengthMin = 4;  // shorter names are too easily similar: "id" and "is"
  if (std::min(a.size(), b.size()) + 1 < kLengthMin) return false;
  const int distance = EditDistance(a, b);
  if (distance <= 1) return true;
  std::string letters_a = a;
  std::string letters_b = b;
  std::sort(letters_a.begin(), letters_a.end());
  std::sort(letters_b.begin(), letters_b.end());
  return distance == 2 && letters_a == letters_b;  // two letters changed places
}
}  // namespace

std::string SimilarName(std::string_view wanted, const std::vector<std::string>& names) {
  const std::string folded = Folded(wanted);
  std::string similar;
  for (const std::string& name : names) {
    if (name.size() > kShownBytesMax) continue;
    const std::string other = Folded(name);
    if (other == folded) return name;
    if (similar.empty() && IsOneSlipAway(folded, other)) similar = name;
  }
  return similar;
}

std::string ShownText(std::string_view raw) {
  std::string shown;
  std::size_t at = 0;
  while (at < raw.size() && shown.size() < kShownBytesMax) {
    std::size_t length = 1;
    const auto lead = static_cast<unsigned char>(raw[at]);
    if (lead >= 0xc0) length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    const std::string_view piece = raw.substr(at, length);
    if (IsValidUtf8(piece)) {
      shown += EscapeControl(piece);
      at += piece.size();
    } else {
      shown += fmt::format("\\x{:02X}", lead);
      ++at;
    }
  }
  if (at < raw.size()) shown += "…";
  return shown;
}

void ViolationSink::Look(std::string_view found, std::int64_t offset) {
  found_ = found;
  offset_ = offset;
}
void ViolationSink::Add(ViolationKind kind, std::string_view path, std::string_view rule,
                        std::string expected, std::string why) {
  violations_.push_back({kind, ShownText(path), std::string(rule), std::move(expected),
                         ShownText(found_), offset_, std::move(why)});
}

std::string ExplainNotOfType(LogicalType type, std::string_view text) {
  if (type != LogicalType::kDate && type != LogicalType::kTimestamp) return "";
  const Result<std::int64_t> micros = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
  if (micros.ok())
    return type == LogicalType::kDate ? "it has a time of day" : "it has no time of day";
  // "not a time: WHY: "TEXT"": the text is left out, because it is reported as the value found.
  const std::string& message = micros.status().message();
  const std::size_t begin = message.find(": ") + 2;
  return message.substr(begin, message.rfind(": \"" + std::string(text.substr(0, 64))) - begin);
}

Parsed ParseTimeValue(LogicalType type, std::string_view text, std::int64_t* value) {
  constexpr std::size_t kDateBytes = 10;
  const bool is_date = type == LogicalType::kDate;
  if ((text.size() == kDateBytes) != is_date) return Parsed::kWrongType;
  const Result<std::int64_t> micros = ParseTimeMicros(text, /*zoneless_is_utc=*/true);
  if (!micros.ok()) return Parsed::kWrongType;
  *value = is_date ? *micros / kDayMicros : *micros;
  return Parsed::kOk;
}

Parsed ParseValue(LogicalType type, std::string_view text, Slot* slot) {
  slot->text = text;
  switch (type) {
    case LogicalType::kString:
      return Parsed::kOk;
    case LogicalType::kBoolean:
      slot->integer = text == "true" ? 1 : 0;
      return text == "true" || text == "false" ? Parsed::kOk : Parsed::kWrongType;
    case LogicalType::kInteger:
    case LogicalType::kNumber:
      return ParseNumber(text, type, slot);
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
      return ParseTimeValue(type, text, &slot->integer);
  }
  return Parsed::kWrongType;
}

Parsed ParseDecimal(const DecimalShape& shape, std::string_view text, Slot* slot) {
  slot->text = text;
  switch (ScaleDecimal(text, shape.scale, &slot->decimal)) {
    case DecimalFit::kNoNumber:
      return Parsed::kWrongType;
    case DecimalFit::kExact:
      return HoldsDecimal(shape, slot->decimal) ? Parsed::kOk : Parsed::kOutOfRange;
    default:
      return Parsed::kOutOfRange;
  }
}

std::string RangeText(const FieldRules& field) {
  if (field.decimal) return fmt::format("a number that {} holds whole", field.decimal->ToString());
  return field.type == LogicalType::kInteger ? "a 64-bit integer" : "a finite double";
}

std::optional<Decimal> Decimal::Parse(std::string_view text) {
  if (!IsJsonNumber(text)) return std::nullopt;
  Decimal decimal;
  bool after_point = false;
  std::size_t at = text[0] == '-' ? 1 : 0;
  int pending_zeros = 0;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      after_point = true;
      continue;
    }
    if (after_point) --decimal.exponent;
    if (text[at] == '0') {
      ++pending_zeros;
      continue;
    }
    for (int i = 0; i <= pending_zeros; ++i) {
      if (decimal.digits > UINT64_MAX / 10 - 1) return std::nullopt;
      decimal.digits *= 10;
    }
    decimal.digits += static_cast<std::uint64_t>(text[at] - '0');
    pending_zeros = 0;
  }
  decimal.exponent += pending_zeros;  // trailing zeros belong to the exponent
  if (at < text.size()) {
    int exponent = 0;
    const char* begin = text.data() + at + 1 + (text[at + 1] == '+' ? 1 : 0);
    if (std::from_chars(begin, text.data() + text.size(), exponent).ec != std::errc() ||
        std::abs(exponent) > 10'000) {
      return std::nullopt;
    }
    decimal.exponent += exponent;
  }
  if (decimal.digits == 0) decimal.exponent = 0;
  return decimal;
}

bool IsMultiple(const Decimal& value, const Decimal& of) {
  if (value.digits == 0) return true;
  int shift = value.exponent - of.exponent;
  if (shift >= 0) {
    Wide rest = value.digits % of.digits;
    for (; shift > 0 && rest != 0; --shift) rest = rest * 10 % of.digits;
    return rest == 0;
  }
  Wide divisor = of.digits;
  for (; shift < 0; ++shift) {
    divisor *= 10;
    if (divisor > value.digits) return false;
  }
  return value.digits % divisor == 0;
}

bool JudgeInteger(const FieldRules& field, std::int64_t value, ViolationSink* sink) {
  bool good = true;
  if (value < field.low) good = BelowMinimum(field, sink);
  if (good && value > field.high) good = AboveMaximum(field, sink);
  if (!good && sink == nullptr) return false;
  if (field.has_valid_values &&
      !std::binary_search(field.valid_integers.begin(), field.valid_integers.end(), value)) {
    good = BrokenProgram(field, sink, ViolationKind::kNotInList, "validValues", field.valid_shown);
  }
  if (field.multiple_of) {
    const std::uint64_t magnitude =
        value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
    if (!IsMultiple({magnitude, 0}, *field.multiple_of))
      good = BrokenProgram(field, sink, ViolationKind::kNotMultiple, "multipleOf",
                           field.multiple_of_text);
  }
  return good;
}

bool JudgeNumber(const FieldRules& field, double value, ViolationSink* sink) {
  bool good = true;
  if (field.number_low &&
      (field.minimum->exclusive ? value <= *field.number_low : value < *field.number_low)) {
    good = BelowMinimum(field, sink);
  }
  if (field.number_high &&
      (field.maximum->exclusive ? value >= *field.number_high : value > *field.number_high)) {
    good = AboveMaximum(field, sink);
  }
  if (!good && sink == nullptr) return false;
  if (field.has_valid_values &&
      !std::binary_search(field.valid_numbers.begin(), field.valid_numbers.end(), value)) {
    good = BrokenProgram(field, sink, ViolationKind::kNotInList, "validValues", field.valid_shown);
  }
  if (field.multiple_of) {
    std::array<char, 64> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                   std::chars_format::scientific);
    const auto decimal =
        Decimal::Parse({buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data())});
    if (!decimal || !IsMultiple(*decimal, *field.multiple_of))
      good = BrokenProgram(field, sink, ViolationKind::kNotMultiple, "multipleOf",
                           field.multiple_of_text);
  }
  return good;
}

namespace {
// `value` in units of 10^-scale.
bool IsMultiple(Int128 value, int scale, const Decimal& of) {
  Wide rest = static_cast<Wide>(value < 0 ? -value : value);
  Wide divisor = of.digits;
  for (int shift = of.exponent + scale; shift > 0 && rest != 0; --shift) {
    if (divisor > rest) return false;
    divisor *= 10;
  }
  rest %= divisor;
  for (int shift = of.exponent + scale; shift < 0 && rest != 0; ++shift) rest = rest * 10 % divisor;
  return rest == 0;
}
}  // namespace

bool JudgeDecimal(const FieldRules& field, Int128 value, ViolationSink* sink) {
  bool good = true;
  if (value < field.decimal_low) good = BelowMinimum(field, sink);
  if (good && value > field.decimal_high) good = AboveMaximum(field, sink);
  if (!good && sink == nullptr) return false;
  if (field.has_valid_values &&
      !std::binary_search(field.valid_decimals.begin(), field.valid_decimals.end(), value)) {
    good = BrokenProgram(field, sink, ViolationKind::kNotInList, "validValues", field.valid_shown);
  }
  if (field.multiple_of && !IsMultiple(value, field.decimal->scale, *field.multiple_of))
    good = BrokenProgram(field, sink, ViolationKind::kNotMultiple, "multipleOf",
                         field.multiple_of_text);
  return good;
}

bool JudgeText(const FieldRules& field, std::string_view value, ViolationSink* sink) {
  bool good = true;
  const auto bytes = static_cast<std::int64_t>(value.size());
  // The number of bytes decides for most texts: code points are between a quarter of it and all.
  if (bytes > field.max_length || (bytes + 3) / 4 < field.min_length) {
    const std::int64_t length = CodePoints(value);
    if (length < field.min_length)
      good = BrokenProgram(field, sink, ViolationKind::kWrongLength, "minLength",
                           std::to_string(field.min_length));
    if (length > field.max_length)
      good = BrokenProgram(field, sink, ViolationKind::kWrongLength, "maxLength",
                           std::to_string(field.max_length));
  }
  if (!good && sink == nullptr) return false;
  if (field.has_valid_values &&
      !std::binary_search(field.valid_texts.begin(), field.valid_texts.end(), value)) {
    good = BrokenProgram(field, sink, ViolationKind::kNotInList, "validValues", field.valid_shown);
  }
  if (!good && sink == nullptr) return false;
  if (field.pattern != nullptr &&
      !re2::RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *field.pattern)) {
    good = BrokenProgram(field, sink, ViolationKind::kNoMatch, "pattern", field.pattern_text);
  }
  return good;
}

bool RecordProgram::Complete(std::vector<Slot>* slots, ViolationSink* sink) const {
  bool good = true;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Slot& slot = (*slots)[i];
    if (slot.state == Slot::State::kValue) continue;
    const FieldRules& field = fields_[i];
    if (slot.state == Slot::State::kAbsent && field.default_value) {
      slot = *field.default_value;
      slot.text = field.default_text;
      continue;
    }
    if (!field.required) continue;
    if (sink == nullptr) return false;
    good = BrokenProgram(field, sink, ViolationKind::kMissing, "required",
                         std::string(TypeName(field.type)));
  }
  return good;
}

Result<FieldRules> CompileField(const ContractField& field) {
  FieldRules rules;
  rules.name = field.name;
  rules.type = field.type;
  rules.decimal = field.decimal;
  rules.required = field.required;
  WEIRHOUSE_TRY_STATUS(CompileBounds(field, &rules));
  WEIRHOUSE_TRY_STATUS(CompileText(field, &rules));
  WEIRHOUSE_TRY_STATUS(CompileValues(field, &rules));
  WEIRHOUSE_TRY_STATUS(CompileMultiple(field, &rules));
  rules.has_rules = field.minimum || field.maximum || field.min_length || field.max_length ||
                    rules.pattern != nullptr || rules.has_valid_values || rules.multiple_of;
  WEIRHOUSE_TRY_STATUS(CompileDefault(field, &rules));
  return rules;
}

Result<std::shared_ptr<const RecordProgram>> RecordProgram::Compile(const Contract& contract) {
  std::shared_ptr<RecordProgram> program(new RecordProgram());
  program->unknown_policy_ = contract.unknown_policy();
  for (const ContractField& field : contract.fields()) {
    WEIRHOUSE_TRY(FieldRules rules, CompileField(field));
    program->fields_.push_back(std::move(rules));
  }
  for (std::size_t i = 0; i < program->fields_.size(); ++i) {
    program->index_.emplace(program->fields_[i].name, static_cast<int>(i));
  }
  return std::shared_ptr<const RecordProgram>(std::move(program));
}
}  // namespace weirhouse::contract

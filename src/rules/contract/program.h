// A contract compiled for judging records: typed bounds, compiled patterns, an index of names.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "rules/contract/decimal.h"

namespace re2 {
class RE2;
}

namespace weirhouse::contract {

// One typed value of a record. `text` points into the record, its parser or the program.
struct Slot {
  enum class State : std::uint8_t { kAbsent, kNull, kValue };
  State state = State::kAbsent;
  std::int64_t integer = 0;  // integer; boolean 0/1; date in days; timestamp in microseconds
  double number = 0;
  Int128 decimal = 0;  // in units of its field's scale
  std::string_view text;
};

// A whole number as a double. -0 has a sign that no integer holds.
inline double NumberOfWhole(std::int64_t integer, bool negative) {
  return negative && integer == 0 ? -0.0 : static_cast<double>(integer);
}

enum class Parsed : std::uint8_t { kOk, kWrongType, kOutOfRange };
// Reads `text` as a value of `type`, strictly: integers and numbers by JSON's grammar, true/false,
// YYYY-MM-DD, RFC 3339 (without a zone: UTC, as ODCS says).
Parsed ParseValue(LogicalType type, std::string_view text, Slot* slot);
// Why `text`, which ParseValue refuses, is not a value of `type`, without the value. Empty if the
// type says enough.
std::string ExplainNotOfType(LogicalType type, std::string_view text);
// Reads a decimal exactly; kOutOfRange instead of rounding.
Parsed ParseDecimal(const DecimalShape& shape, std::string_view text, Slot* slot);
// Only the rules for times, for JSON strings. kDate and kTimestamp only.
Parsed ParseTimeValue(LogicalType type, std::string_view text, std::int64_t* value);

// Exact decimal divisibility, so that 0.3 is a multiple of 0.1.
struct Decimal {
  std::uint64_t digits = 0;  // below 10^18
  int exponent = 0;
  static std::optional<Decimal> Parse(std::string_view text);
};
bool IsMultiple(const Decimal& value, const Decimal& of);

struct FieldRules {
  std::string name;
  LogicalType type = LogicalType::kString;
  std::optional<DecimalShape> decimal;
  bool required = false;
  bool has_rules = false;  // false: only the type matters
  // Integers, booleans, dates, timestamps: inclusive ends, always set.
  std::int64_t low = INT64_MIN;
  std::int64_t high = INT64_MAX;
  // Decimals: inclusive ends, beyond all values where there is no bound.
  Int128 decimal_low = 0;
  Int128 decimal_high = 0;
  // Numbers.
  std::optional<double> number_low;
  std::optional<double> number_high;
  std::optional<Bound> minimum;  // as written, for messages and for exclusive ends
  std::optional<Bound> maximum;
  std::int64_t min_length = 0;
  std::int64_t max_length = INT64_MAX;
  std::shared_ptr<const re2::RE2> pattern;
  std::string pattern_text;
  std::optional<Decimal> multiple_of;
  std::string multiple_of_text;
  bool has_valid_values = false;
  std::vector<std::string> valid_texts;  // sorted
  std::vector<std::int64_t> valid_integers;
  std::vector<double> valid_numbers;
  std::vector<Int128> valid_decimals;
  std::string valid_shown;
  std::optional<Slot> default_value;
  std::string default_text;  // owns default_value's text
};

// As ParseValue, by the field's own type.
inline Parsed ParseFieldValue(const FieldRules& field, std::string_view text, Slot* slot) {
  return field.decimal ? ParseDecimal(*field.decimal, text, slot)
                       : ParseValue(field.type, text, slot);
}
// What a value that is kOutOfRange should be: "a 64-bit integer".
std::string RangeText(const FieldRules& field);

// Collects violations while a record is judged a second time.
class ViolationSink {
 public:
  // Sets the value that the following calls of Add are about.
  void Look(std::string_view found, std::int64_t offset);
  void Add(ViolationKind kind, std::string_view path, std::string_view rule, std::string expected,
           std::string why = "");
  bool empty() const { return violations_.empty(); }
  std::vector<Violation> Take() { return std::move(violations_); }

 private:
  std::vector<Violation> violations_;
  std::string_view found_;
  std::int64_t offset_ = 0;
};

// Each judges one value. Without a sink: false at the first broken rule. With one: adds each.
bool JudgeInteger(const FieldRules& field, std::int64_t value, ViolationSink* sink);
bool JudgeNumber(const FieldRules& field, double value, ViolationSink* sink);
bool JudgeDecimal(const FieldRules& field, Int128 value, ViolationSink* sink);
bool JudgeText(const FieldRules& field, std::string_view value, ViolationSink* sink);
// Judges by the function that fits the field's type.
inline bool JudgeSlot(const FieldRules& field, const Slot& slot, ViolationSink* sink) {
  if (!field.has_rules) return true;
  if (field.decimal) return JudgeDecimal(field, slot.decimal, sink);
  if (field.type == LogicalType::kString) return JudgeText(field, slot.text, sink);
  if (field.type == LogicalType::kNumber) return JudgeNumber(field, slot.number, sink);
  return JudgeInteger(field, slot.integer, sink);
}

class RecordProgram {
 public:
  static Result<std::shared_ptr<const RecordProgram>> Compile(const Contract& contract);

  const std::vector<FieldRules>& fields() const { return fields_; }
  UnknownPolicy unknown_policy() const { return unknown_policy_; }
  // The index of the field `name`, or -1. Records tend to keep one order, so `guess` is tried
  // first.
  int Find(std::string_view name, int guess) const {
    if (static_cast<std::size_t>(guess) < fields_.size() &&
        fields_[static_cast<std::size_t>(guess)].name == name) {
      return guess;
    }
    const auto known = index_.find(name);
    return known == index_.end() ? -1 : known->second;
  }
  // Fills in defaults and judges absence and null. Without a sink: false at the first violation.
  bool Complete(std::vector<Slot>* slots, ViolationSink* sink) const;

 private:
  RecordProgram() = default;
  std::vector<FieldRules> fields_;
  std::unordered_map<std::string_view, int> index_;  // into fields_; looked up, never iterated
  UnknownPolicy unknown_policy_ = UnknownPolicy::kKeep;
};

// A field's rules as compiled; also how ParseContract checks bounds, values, defaults and patterns.
Result<FieldRules> CompileField(const ContractField& field);

// The name in `names` that the writer of `wanted` may have meant: equal except for case, blanks and
// separators, or one typing error away. Empty if there is none.
std::string SimilarName(std::string_view wanted, const std::vector<std::string>& names);

// At most 200 bytes of `raw`, cut at a character, with bytes that are not UTF-8 as \xHH.
std::string ShownText(std::string_view raw);
}  // namespace weirhouse::contract

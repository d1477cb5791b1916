// How a record can break its contract, or be left out of a table: for each kind its error code and
// its words, in one table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weirhouse::contract {

enum class ViolationKind : std::uint8_t {
  kMissing,  // a required field
  kWrongType,
  kBelowMinimum,
  kAboveMaximum,
  kNoMatch,  // does not match a pattern
  kWrongLength,
  kNotInList,
  kNotJson,
  kGivenTwice,
  kTooDeep,
  kTooLarge,
  kNotText,     // no valid UTF-8
  kOutOfRange,  // of its type
  kUnknownField,
  kWrongFieldCount,  // of a CSV line
  kNotMultiple,
  kNotCsv,
  kMissingKey,       // null in a column of a table's key
  kSqlFails,         // SQL of a table fails on it
  kFeatureSqlFails,  // an expression of a feature view fails on it
  kMissingTime,      // null in a time of a feature view
};
// "WH1204"
std::string_view CodeOf(ViolationKind kind);
std::optional<ViolationKind> ViolationOfCode(std::string_view code);
// The text for a kind and a rule as the contract names it, without a value and without a place:
// {at}, {rule} and {expected} stand for what is known of the violation.
std::string_view WordsOf(ViolationKind kind, std::string_view rule);
// Whether SQL failed on the record, which is not a rule of the contract.
constexpr bool IsOfSql(ViolationKind kind) {
  return kind == ViolationKind::kSqlFails || kind == ViolationKind::kFeatureSqlFails;
}
}  // namespace weirhouse::contract

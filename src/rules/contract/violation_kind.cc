#include "rules/contract/violation_kind.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace weirhouse::contract {
namespace {
struct KindRow {
  std::string_view code;
  std::string_view words;
  // Where another rule of the same kind has other words.
  std::string_view other_rule{};
  std::string_view other_words{};
};
// In the order of ViolationKind.
constexpr std::array<KindRow, 21> kKindRows{{
    {"WH1201", "{at} missing"},
    {"WH1202", "{at} not of type {expected}"},
    {"WH1203", "{at} below minimum {expected}", "exclusiveMinimum", "{at} not above {expected}"},
    {"WH1204", "{at} above maximum {expected}", "exclusiveMaximum", "{at} not below {expected}"},
    {"WH1205", "{at} does not match {expected}"},
    {"WH1206", "{at} longer than {expected}", "minLength", "{at} shorter than {expected}"},
    {"WH1207", "{at} not one of {expected}"},
    {"WH1208", "not valid JSON, expected {expected}"},
    {"WH1209", "{at} given twice"},
    {"WH1210", "{at} nested deeper than {expected}"},
    {"WH1211", "{at} too large, {rule} above {expected}"},
    {"WH1212", "{at} not valid text, expected {expected}"},
    {"WH1213", "{at} out of range, expected {expected}"},
    {"WH1214", "{at} unknown to the contract"},
    {"WH1215", "wrong number of CSV fields, expected {expected}"},
    {"WH1216", "{at} not a multiple of {expected}"},
    {"WH1217", "{at} breaks {rule}, expected {expected}"},
    {"WH2112", "{at} missing, part of the key of {expected}"},
    {"WH2114", "{expected} fails at {at}"},
    {"WH4006", "{expected} fails at {at}"},
    {"WH4015", "{at} missing, a time of {expected}"},
}};
static_assert(static_cast<std::size_t>(ViolationKind::kMissingTime) + 1 == kKindRows.size());

const KindRow& RowOf(ViolationKind kind) { return kKindRows.at(static_cast<std::size_t>(kind)); }
}  // namespace

std::string_view CodeOf(ViolationKind kind) { return RowOf(kind).code; }

std::optional<ViolationKind> ViolationOfCode(std::string_view code) {
  const auto* const row = std::ranges::find(kKindRows, code, &KindRow::code);
  if (row == kKindRows.end()) return std::nullopt;
  return static_cast<ViolationKind>(row - kKindRows.begin());
}

std::string_view WordsOf(ViolationKind kind, std::string_view rule) {
  const KindRow& row = RowOf(kind);
  return !row.other_rule.empty() && rule == row.other_rule ? row.other_words : row.words;
}
}  // namespace weirhouse::contract

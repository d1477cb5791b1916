// How values of a column compare; checks choose by it.
#pragma once

#include <cstdint>
#include <string_view>

#include "ground/base/status.h"

namespace arrow {
class DataType;
}  // namespace arrow

namespace weirhouse::gate {

enum class Family : std::uint8_t { kInteger, kReal, kDecimal, kText, kBoolean, kDate, kTimestamp };

// Fails (kInvalidInput, WH3005) for types that no check knows.
Result<Family> FamilyOf(const arrow::DataType& type);
std::string_view FamilyName(Family family);
constexpr bool IsNumber(Family family) {
  return family == Family::kInteger || family == Family::kReal || family == Family::kDecimal;
}
}  // namespace weirhouse::gate

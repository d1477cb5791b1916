// How values of a column compare; checks choose by it.
#pragma once

#include <string_view>

#include "ground/base/status.h"
#include "ground/platform/columnar/family.h"

namespace weirhouse::gate {

using platform::Family;

// Fails (kInvalidInput, WH3005) for types that no check knows, times finer than a microsecond among
// them: they would lose digits.
Result<Family> FamilyOf(const arrow::DataType& type);
std::string_view FamilyName(Family family);
constexpr bool IsNumber(Family family) {
  return family == Family::kInteger || family == Family::kReal || family == Family::kDecimal;
}
}  // namespace weirhouse::gate

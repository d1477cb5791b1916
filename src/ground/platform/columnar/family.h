// What kind of values a column of an Arrow type holds.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <optional>

namespace weirhouse::platform {

// How values compare. Stored by number in states of checks: the numbers never change.
enum class Family : std::uint8_t { kInteger, kReal, kDecimal, kText, kBoolean, kDate, kTimestamp };
// Absent for types whose values are none of these: binary, times of day, nested ones, and unsigned
// integers of 64 bits, which may be greater than a signed one.
std::optional<Family> FamilyOf(const arrow::DataType& type);

// How many microseconds one unit of such a column is; 0: less than one.
std::int64_t MicrosPerUnit(const arrow::TimestampType& type);
}  // namespace weirhouse::platform

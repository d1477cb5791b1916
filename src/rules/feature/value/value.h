// The values of features: five types, their statuses, and the bits in which they are logged and
// compared.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace arrow {
class ChunkedArray;
class DataType;
}  // namespace arrow

namespace weirhouse::feature {

// kDecimal exists in feature rows only, so that sums and means are computed from the digits
// written: an answer made from decimals is a number, rounded once. Entities, requests and answers
// use the first five.
enum class ValueType : std::uint8_t { kBool, kInt64, kDouble, kString, kTimestamp, kDecimal };
std::string_view TypeName(ValueType type);  // "boolean", "integer", "number", "string", "timestamp"
// The reverse, with the usual other spellings ("long", "double" …); absent if unknown.
std::optional<ValueType> ParseTypeName(std::string_view name);

// `scale`: of a decimal, whose precision is 38.
std::shared_ptr<arrow::DataType> ArrowTypeOf(ValueType type, int scale = 0);
// The type in which values of an Arrow type are kept: any integer is an integer, any float a
// number. Absent for types that features cannot hold (decimals, times without zone, nested types).
std::optional<ValueType> ValueTypeOf(const arrow::DataType& type);

// Microseconds since 1970-01-01 UTC, as a value. Told from an integer by its type.
struct Timestamp {
  std::int64_t us = 0;
  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};
// NULL, or a value of one of the five types.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, Timestamp>;
inline bool IsNull(const Value& value) { return std::holds_alternative<std::monostate>(value); }

// How a value was found, or why there is none. Only kPresent has a value.
enum class FeatureStatus : std::uint8_t {
  kPresent,
  kNull,
  kExpired,
  kNotFound,
  kNotYetKnown,
  kOverflow,  // an integer sum that does not fit 64 bits; who asks for it gets the error WH4012
};
std::string_view StatusName(FeatureStatus status);  // "present", "null", "expired", "not_found", …

// Bitwise equality: 0.0 differs from -0.0, a NaN equals itself.
bool SameBits(const Value& a, const Value& b);
// The exact bits of a vector as hexadecimal digits. For each value one tag byte (0 null, 1 boolean,
// 2 integer, 3 number, 4 string, 5 timestamp), then 1 byte, 8 bytes big-endian, or for strings a
// 4-byte big-endian length and the bytes. Decimal digits would round; these do not.
std::string VectorBits(std::span<const Value> values);
// Parses the result of VectorBits; kInvalidInput for anything else.
Result<std::vector<Value>> ParseVectorBits(std::string_view hex);
// SHA-256 of those bits.
Digest VectorDigest(std::span<const Value> values);
// A decimal's digits as text, from its 16 bytes (feature_rows.h): "2.9750".
std::string DecimalText(std::string_view bytes, int scale);
// For people: "13.5", "null", "2013-12-30T20:15:00Z"; numbers in the shortest exact form.
std::string ToText(const Value& value);
}  // namespace weirhouse::feature

#include "ground/iceberg/type/value.h"

#include <cstring>

namespace weirhouse::iceberg {
namespace {

template <typename Number>
int Order(Number a, Number b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

bool IsTimestamp(const Type& type) {
  return type.IsOneOf({TypeKind::kTimestamp, TypeKind::kTimestampTz}) || IsNanos(type);
}
bool IsNanos(const Type& type) {
  return type.IsOneOf({TypeKind::kTimestampNs, TypeKind::kTimestampTzNs});
}

DecimalShape ShapeOf(const Type& type) {
  if (type.kind() != TypeKind::kDecimal) return {};
  return {type.precision(), type.scale()};
}

int FixedLength(const Type& type) { return type.length(); }

int DecimalBytes(int precision) {
  Int128 greatest = 1;
  for (int i = 0; i < precision; ++i) greatest *= 10;
  return static_cast<int>(EncodeUnscaled(greatest - 1).size());
}

std::string EncodeInt(std::int32_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
std::string EncodeLong(std::int64_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::optional<std::int64_t> DecodeLong(std::string_view bytes) {
  if (bytes.size() == 8) {
    std::int64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  if (bytes.size() != 4) return std::nullopt;
  std::int32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::optional<double> DecodeDouble(std::string_view bytes) {
  if (bytes.size() == 8) {
    double value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  if (bytes.size() != 4) return std::nullopt;
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return static_cast<double>(value);
}

std::string EncodeUnscaled(Int128 value) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<UInt128>(value) >> shift);
  }
  std::size_t skip = 0;
  while (skip + 1 < bytes.size()) {
    const bool next_negative = (static_cast<std::uint8_t>(bytes[skip + 1]) & 0x80) != 0;
    const auto head = static_cast<std::uint8_t>(bytes[skip]);
    if (!((head == 0 && !next_negative) || (head == 0xff && next_negative))) break;
    ++skip;
  }
  return bytes.substr(skip);
}

Int128 DecodeUnscaled(std::string_view bytes) {
  const bool negative = !bytes.empty() && (static_cast<std::uint8_t>(bytes[0]) & 0x80) != 0;
  UInt128 bits = negative ? ~static_cast<UInt128>(0) : 0;
  for (const char c : bytes) bits = (bits << 8) | static_cast<std::uint8_t>(c);
  return static_cast<Int128>(bits);
}

std::string Widen(const Type& type, std::string bytes) {
  if (bytes.size() != 4) return bytes;
  if (type.kind() == TypeKind::kLong) return EncodeLong(*DecodeLong(bytes));
  if (type.kind() != TypeKind::kDouble) return bytes;
  const double value = *DecodeDouble(bytes);
  std::string wide(sizeof value, '\0');
  std::memcpy(wide.data(), &value, sizeof value);
  return wide;
}

std::optional<int> CompareValues(const Type& type, std::string_view a, std::string_view b) {
  if (type.kind() == TypeKind::kString || type.kind() == TypeKind::kBinary ||
      type.kind() == TypeKind::kUuid || FixedLength(type) > 0) {
    return Order(a.compare(b), 0);
  }
  if (type.kind() == TypeKind::kBoolean) {
    if (a.size() != 1 || b.size() != 1) return std::nullopt;
    return Order(a[0] != 0, b[0] != 0);
  }
  if (type.kind() == TypeKind::kFloat || type.kind() == TypeKind::kDouble) {
    const auto x = DecodeDouble(a);
    const auto y = DecodeDouble(b);
    if (!x || !y) return std::nullopt;
    return Order(*x, *y);
  }
  if (ShapeOf(type).precision > 0) {
    if (a.empty() || b.empty() || a.size() > 16 || b.size() > 16) return std::nullopt;
    return Order(DecodeUnscaled(a), DecodeUnscaled(b));
  }
  const bool whole = type.kind() == TypeKind::kInt || type.kind() == TypeKind::kLong ||
                     type.kind() == TypeKind::kDate || type.kind() == TypeKind::kTime ||
                     IsTimestamp(type);
  if (!whole) return std::nullopt;
  // The bound of a date that was promoted to a timestamp is in days; such bounds cannot prune
  // files.
  const bool mixed = IsTimestamp(type) && a.size() != b.size();
  const auto x = DecodeLong(a);
  const auto y = DecodeLong(b);
  if (!x || !y || mixed) return std::nullopt;
  return Order(*x, *y);
}
}  // namespace weirhouse::iceberg

#include "ground/iceberg/type/value.h"

#include <cstring>

namespace weirhouse::iceberg {
namespace {

// "name[12]" or "name(9, 2)" → the text between the brackets.
std::string_view Inside(std::string_view text, std::string_view name, char open, char close) {
  if (text.size() < name.size() + 2 || text.substr(0, name.size()) != name) return {};
  if (text[name.size()] != open || text.back() != close) return {};
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

int NumberOf(std::string_view text) {
  int value = 0;
  bool any = false;
  for (const char c : text) {
    if (c == ' ') continue;
    if (c < '0' || c > '9' || value > 100'000'000) return -1;
    value = value * 10 + (c - '0');
    any = true;
  }
  return any ? value : -1;
}

template <typename Number>
int Order(Number a, Number b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

}  // namespace

bool IsTimestamp(const Type& type) {
  return type.name == "timestamp" || type.name == "timestamptz" || IsNanos(type);
}
bool IsNanos(const Type& type) {
  return type.name == "timestamp_ns" || type.name == "timestamptz_ns";
}

DecimalShape ShapeOf(const Type& type) {
  const std::string_view inside = Inside(type.name, "decimal", '(', ')');
  const auto comma = inside.find(',');
  if (comma == std::string_view::npos) return {};
  const int precision = NumberOf(inside.substr(0, comma));
  const int scale = NumberOf(inside.substr(comma + 1));
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return {};
  return {precision, scale};
}

int FixedLength(const Type& type) {
  const int length = NumberOf(Inside(type.name, "fixed", '[', ']'));
  return length < 0 ? 0 : length;
}

int DecimalBytes(int precision) {
  Int128 greatest = 1;
  for (int i = 0; i < precision; ++i) greatest *= 10;
  return static_cast<int>(BytesOfUnscaled(greatest - 1).size());
}

std::string BytesOfInt(std::int32_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
std::string BytesOfLong(std::int64_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::optional<std::int64_t> LongOfBytes(std::string_view bytes) {
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

std::optional<double> DoubleOfBytes(std::string_view bytes) {
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

std::string BytesOfUnscaled(Int128 value) {
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

Int128 UnscaledOfBytes(std::string_view bytes) {
  const bool negative = !bytes.empty() && (static_cast<std::uint8_t>(bytes[0]) & 0x80) != 0;
  UInt128 bits = negative ? ~static_cast<UInt128>(0) : 0;
  for (const char c : bytes) bits = (bits << 8) | static_cast<std::uint8_t>(c);
  return static_cast<Int128>(bits);
}

std::string Widened(const Type& type, std::string bytes) {
  if (bytes.size() != 4) return bytes;
  if (type.name == "long") return BytesOfLong(*LongOfBytes(bytes));
  if (type.name != "double") return bytes;
  const double value = *DoubleOfBytes(bytes);
  std::string wide(sizeof value, '\0');
  std::memcpy(wide.data(), &value, sizeof value);
  return wide;
}

std::optional<int> CompareValues(const Type& type, std::string_view a, std::string_view b) {
  if (type.name == "string" || type.name == "binary" || type.name == "uuid" ||
      FixedLength(type) > 0) {
    return Order(a.compare(b), 0);
  }
  if (type.name == "boolean") {
    if (a.size() != 1 || b.size() != 1) return std::nullopt;
    return Order(a[0] != 0, b[0] != 0);
  }
  if (type.name == "float" || type.name == "double") {
    const auto x = DoubleOfBytes(a);
    const auto y = DoubleOfBytes(b);
    if (!x || !y) return std::nullopt;
    return Order(*x, *y);
  }
  if (ShapeOf(type).precision > 0) {
    if (a.empty() || b.empty() || a.size() > 16 || b.size() > 16) return std::nullopt;
    return Order(UnscaledOfBytes(a), UnscaledOfBytes(b));
  }
  const bool whole = type.name == "int" || type.name == "long" || type.name == "date" ||
                     type.name == "time" || IsTimestamp(type);
  if (!whole) return std::nullopt;
  // A date that was promoted to a timestamp has days in its bound; such bounds prune nothing.
  const bool mixed = IsTimestamp(type) && a.size() != b.size();
  const auto x = LongOfBytes(a);
  const auto y = LongOfBytes(b);
  if (!x || !y || mixed) return std::nullopt;
  return Order(*x, *y);
}
}  // namespace weirhouse::iceberg

#include "table/value.h"

#include <algorithm>
#include <cstring>

#include "base/time.h"

namespace weirhouse::table {
namespace {

constexpr std::int64_t kDayMicros = 86'400'000'000;
constexpr std::int64_t kHourMicros = 3'600'000'000;

std::int64_t FloorDivide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

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

bool IsTimestamp(const Type& type) {
  return type.name == "timestamp" || type.name == "timestamptz";
}

// Days that fit a time in microseconds; what lies beyond is no date that anyone meant.
std::int64_t Clamped(std::int64_t days) {
  return std::clamp<std::int64_t>(days, -100'000'000, 100'000'000);
}

std::string UrlEncoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<std::uint8_t>(c));
    }
  }
  // "." and ".." would walk the tree; a very long value would not fit in a file name.
  if (out.empty() || out.find_first_not_of('.') == std::string::npos) out = "%" + out;
  if (out.size() > 100) out.resize(100);
  return out;
}

std::string IdentityText(const Type& source, std::string_view bytes) {
  if (source.name == "boolean") return !bytes.empty() && bytes[0] != 0 ? "true" : "false";
  if (source.name == "string") return UrlEncoded(bytes);
  if (source.name == "float" || source.name == "double") {
    return UrlEncoded(fmt::format("{}", DoubleOfBytes(bytes).value_or(0)));
  }
  if (source.name == "int" || source.name == "long") {
    return fmt::format("{}", LongOfBytes(bytes).value_or(0));
  }
  if (source.name == "date")
    return FormatDate(Clamped(LongOfBytes(bytes).value_or(0)) * kDayMicros);
  if (IsTimestamp(source)) return UrlEncoded(FormatTime(LongOfBytes(bytes).value_or(0)));
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
  return UrlEncoded(hex);
}
}  // namespace

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
  // A date that was promoted to a timestamp has days in its bound; such bounds prune nothing.
  const bool mixed = IsTimestamp(type) && a.size() != b.size();
  const auto x = LongOfBytes(a);
  const auto y = LongOfBytes(b);
  if (!x || !y || mixed) return std::nullopt;
  return Order(*x, *y);
}

Result<Type> ResultType(std::string_view transform, const Type& source) {
  if (transform == "identity" || transform == "void" || transform.substr(0, 8) == "truncate") {
    return source;
  }
  if (transform == "day") return Type{"date"};
  if (transform == "year" || transform == "month" || transform == "hour" ||
      transform.substr(0, 6) == "bucket") {
    return Type{"int"};
  }
  return Status(Code::kInvalidInput,
                fmt::format("partition transform \"{}\" is not known", transform))
      .WithError("WH7060")
      .WithHint("known transforms: identity, year, month, day, hour, bucket, truncate, void");
}

bool CanApply(std::string_view transform) {
  return transform == "identity" || transform == "year" || transform == "month" ||
         transform == "day" || transform == "hour" || transform == "void";
}

std::int64_t TransformOrdinal(std::string_view transform, const Type& source, std::int64_t value) {
  if (transform == "hour") return FloorDivide(value, kHourMicros);
  const std::int64_t days = IsTimestamp(source) ? FloorDivide(value, kDayMicros) : value;
  if (transform == "day") return days;
  const Civil civil = CivilFromDays(days);
  if (transform == "year") return civil.year - 1970;
  return (civil.year - 1970) * 12 + static_cast<std::int64_t>(civil.month) - 1;
}

std::optional<std::string> ApplyTransform(std::string_view transform, const Type& source,
                                          const std::optional<std::string>& value) {
  if (!value || transform == "void") return std::nullopt;
  if (transform == "identity") return value;
  const std::optional<std::int64_t> number = LongOfBytes(*value);
  if (!number || (!IsTimestamp(source) && *number != Clamped(*number))) return std::nullopt;
  return BytesOfInt(static_cast<std::int32_t>(TransformOrdinal(transform, source, *number)));
}

std::string PartitionText(std::string_view transform, const Type& source,
                          const std::optional<std::string>& value) {
  if (!value) return "null";
  if (transform == "identity") return IdentityText(source, *value);
  const std::int64_t ordinal = LongOfBytes(*value).value_or(0);
  if (transform == "year") return fmt::format("{:04}", 1970 + ordinal);
  if (transform == "month") {
    return fmt::format("{:04}-{:02}", 1970 + FloorDivide(ordinal, 12),
                       ordinal - FloorDivide(ordinal, 12) * 12 + 1);
  }
  if (transform == "day") return FormatDate(Clamped(ordinal) * kDayMicros);
  if (transform == "hour") return UrlEncoded(FormatTime(Clamped(ordinal) * kHourMicros));
  return UrlEncoded(*value);
}
}  // namespace weirhouse::table

// Partition transforms (Iceberg spec, "Partition Transforms", appendix B for the hash).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "ground/base/time.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

constexpr std::int64_t kDayMicros = 86'400'000'000;
constexpr std::int64_t kHourMicros = 3'600'000'000;

std::int64_t FloorDivide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// Days clamped to the range of a time in microseconds; dates beyond it are not meaningful.
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
  // "." and ".." would traverse folders; a very long value would not fit into a file name.
  if (out.empty() || out.find_first_not_of('.') == std::string::npos) out = "%" + out;
  if (out.size() > 100) out.resize(100);
  return out;
}

std::string DecimalText(const DecimalShape& shape, std::string_view bytes) {
  const Int128 unscaled = DecodeUnscaled(bytes);
  UInt128 rest = unscaled < 0 ? -static_cast<UInt128>(unscaled) : static_cast<UInt128>(unscaled);
  std::string digits;
  for (; rest > 0; rest /= 10) digits += static_cast<char>('0' + static_cast<int>(rest % 10));
  while (digits.size() <= static_cast<std::size_t>(shape.scale)) digits += '0';
  std::reverse(digits.begin(), digits.end());
  if (shape.scale > 0) digits.insert(digits.size() - static_cast<std::size_t>(shape.scale), ".");
  return unscaled < 0 ? "-" + digits : digits;
}

std::string IdentityText(const Type& source, std::string_view bytes) {
  if (source.kind() == TypeKind::kBoolean)
    return !bytes.empty() && bytes[0] != 0 ? "true" : "false";
  if (source.kind() == TypeKind::kString) return UrlEncoded(bytes);
  if (source.kind() == TypeKind::kFloat || source.kind() == TypeKind::kDouble) {
    return UrlEncoded(fmt::format("{}", DecodeDouble(bytes).value_or(0)));
  }
  if (source.kind() == TypeKind::kInt || source.kind() == TypeKind::kLong) {
    return fmt::format("{}", DecodeLong(bytes).value_or(0));
  }
  if (source.kind() == TypeKind::kDate) {
    return FormatDate(Clamped(DecodeLong(bytes).value_or(0)) * kDayMicros);
  }
  if (IsTimestamp(source)) {
    const std::int64_t value = DecodeLong(bytes).value_or(0);
    return UrlEncoded(FormatTime(IsNanos(source) ? FloorDivide(value, 1000) : value));
  }
  if (const DecimalShape shape = ShapeOf(source); shape.precision > 0 && bytes.size() <= 16) {
    return DecimalText(shape, bytes);
  }
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
  return UrlEncoded(hex);
}

// The number in "bucket[16]"; 0 if `transform` is not `name` of a positive number.
int Parameter(std::string_view transform, std::string_view name) {
  if (transform.size() < name.size() + 3 || transform.substr(0, name.size()) != name) return 0;
  if (transform[name.size()] != '[' || transform.back() != ']') return 0;
  std::int64_t number = 0;
  for (const char c : transform.substr(name.size() + 1, transform.size() - name.size() - 2)) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + (c - '0');
    if (number > std::numeric_limits<std::int32_t>::max()) return 0;
  }
  return static_cast<int>(number);
}

std::uint32_t RotateLeft(std::uint32_t value, int by) {
  return (value << by) | (value >> (32 - by));
}

// MurmurHash3_x86_32 (Appleby, public domain), seed 0.
std::int32_t Murmur3(std::string_view bytes) {
  constexpr std::uint32_t kFirst = 0xcc9e2d51;
  constexpr std::uint32_t kSecond = 0x1b873593;
  std::uint32_t hash = 0;
  const std::size_t whole = bytes.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + i, 4);
    hash ^= RotateLeft(word * kFirst, 15) * kSecond;
    hash = RotateLeft(hash, 13) * 5 + 0xe6546b64;
  }
  std::uint32_t tail = 0;
  for (std::size_t i = bytes.size(); i > whole; --i) {
    tail = (tail << 8) | static_cast<std::uint8_t>(bytes[i - 1]);
  }
  hash ^= RotateLeft(tail * kFirst, 15) * kSecond;
  hash ^= static_cast<std::uint32_t>(bytes.size());
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return static_cast<std::int32_t>(hash ^ (hash >> 16));
}

// v - (((v % W) + W) % W), in a wider type: a result below the least value wraps as in Java.
Int128 Truncated(Int128 value, int width) {
  const Int128 rest = ((value % width) + width) % width;
  return value - rest;
}

std::string FirstCodePoints(std::string_view text, int count) {
  std::size_t end = 0;
  for (int i = 0; i < count && end < text.size(); ++i) {
    ++end;
    while (end < text.size() && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80) ++end;
  }
  return std::string(text.substr(0, end));
}

std::optional<std::string> Truncate(int width, const Type& source, const std::string& value) {
  if (source.kind() == TypeKind::kString) return FirstCodePoints(value, width);
  if (source.kind() == TypeKind::kBinary) return value.substr(0, static_cast<std::size_t>(width));
  if (ShapeOf(source).precision > 0) {
    if (value.empty() || value.size() > 16) return std::nullopt;
    return EncodeUnscaled(Truncated(DecodeUnscaled(value), width));
  }
  const std::optional<std::int64_t> number = DecodeLong(value);
  if (!number) return std::nullopt;
  const Int128 truncated = Truncated(*number, width);
  return source.kind() == TypeKind::kInt ? EncodeInt(static_cast<std::int32_t>(truncated))
                                         : EncodeLong(static_cast<std::int64_t>(truncated));
}
}  // namespace

int BucketCount(std::string_view transform) { return Parameter(transform, "bucket"); }
int TruncateWidth(std::string_view transform) { return Parameter(transform, "truncate"); }

Result<Type> ResultType(std::string_view transform, const Type& source) {
  if (transform == "identity" || transform == "void" || TruncateWidth(transform) > 0) {
    return source;
  }
  if (transform == "day") return Type(TypeKind::kDate);
  if (transform == "year" || transform == "month" || transform == "hour" ||
      BucketCount(transform) > 0) {
    return Type(TypeKind::kInt);
  }
  return Status(Code::kInvalidInput,
                fmt::format("partition transform \"{}\" is not known", transform))
      .WithError("WH7060")
      .WithHint("known transforms: identity, year, month, day, hour, bucket, truncate, void");
}

bool CanApply(std::string_view transform) {
  return transform == "identity" || transform == "year" || transform == "month" ||
         transform == "day" || transform == "hour" || transform == "void" ||
         BucketCount(transform) > 0 || TruncateWidth(transform) > 0;
}

bool CanApply(std::string_view transform, const Type& source) {
  if (!CanApply(transform)) return false;
  if (transform == "void") return true;
  const bool decimal = ShapeOf(source).precision > 0;
  if (transform == "identity") {
    return decimal || FixedLength(source) > 0 || IsTimestamp(source) ||
           source.IsOneOf({TypeKind::kBoolean, TypeKind::kInt, TypeKind::kLong, TypeKind::kFloat,
                           TypeKind::kDouble, TypeKind::kDate, TypeKind::kTime, TypeKind::kString,
                           TypeKind::kBinary, TypeKind::kUuid});
  }
  if (BucketCount(transform) > 0)
    return IsNanos(source) ? false
                           : decimal || FixedLength(source) > 0 || IsTimestamp(source) ||
                                 source.IsOneOf({TypeKind::kInt, TypeKind::kLong, TypeKind::kDate,
                                                 TypeKind::kTime, TypeKind::kString,
                                                 TypeKind::kBinary, TypeKind::kUuid});
  if (TruncateWidth(transform) > 0) {
    return decimal ||
           source.IsOneOf({TypeKind::kInt, TypeKind::kLong, TypeKind::kString, TypeKind::kBinary});
  }
  return IsTimestamp(source) || (source.kind() == TypeKind::kDate && transform != "hour");
}

std::int64_t TransformOrdinal(std::string_view transform, const Type& source, std::int64_t value) {
  if (IsNanos(source)) value = FloorDivide(value, 1000);
  if (transform == "hour") return FloorDivide(value, kHourMicros);
  const std::int64_t days = IsTimestamp(source) ? FloorDivide(value, kDayMicros) : value;
  if (transform == "day") return days;
  const Civil civil = CivilFromDays(days);
  if (transform == "year") return civil.year - 1970;
  return (civil.year - 1970) * 12 + static_cast<std::int64_t>(civil.month) - 1;
}

std::optional<std::int32_t> BucketHash(const Type& source, std::string_view value) {
  if (!CanApply("bucket[1]", source)) return std::nullopt;
  const bool whole = IsTimestamp(source) || source.IsOneOf({TypeKind::kInt, TypeKind::kLong,
                                                            TypeKind::kDate, TypeKind::kTime});
  if (!whole) return Murmur3(value);
  const std::optional<std::int64_t> number = DecodeLong(value);
  if (!number) return std::nullopt;
  // an int hashes like the equal long, because it may be promoted
  return Murmur3(EncodeLong(*number));
}

std::optional<std::string> ApplyTransform(std::string_view transform, const Type& source,
                                          const std::optional<std::string>& value) {
  if (!value || !CanApply(transform, source) || transform == "void") return std::nullopt;
  if (transform == "identity") return value;
  if (const int count = BucketCount(transform); count > 0) {
    const std::optional<std::int32_t> hash = BucketHash(source, *value);
    if (!hash) return std::nullopt;
    return EncodeInt((*hash & std::numeric_limits<std::int32_t>::max()) % count);
  }
  if (const int width = TruncateWidth(transform); width > 0) {
    return Truncate(width, source, *value);
  }
  const std::optional<std::int64_t> number = DecodeLong(*value);
  if (!number || (!IsTimestamp(source) && *number != Clamped(*number))) return std::nullopt;
  return EncodeInt(static_cast<std::int32_t>(TransformOrdinal(transform, source, *number)));
}

std::string PartitionText(std::string_view transform, const Type& source,
                          const std::optional<std::string>& value) {
  if (!value) return "null";
  if (transform == "identity" || TruncateWidth(transform) > 0) return IdentityText(source, *value);
  const std::int64_t ordinal = DecodeLong(*value).value_or(0);
  if (BucketCount(transform) > 0) return fmt::format("{}", ordinal);
  if (transform == "year") return fmt::format("{:04}", 1970 + ordinal);
  if (transform == "month") {
    return fmt::format("{:04}-{:02}", 1970 + FloorDivide(ordinal, 12),
                       ordinal - FloorDivide(ordinal, 12) * 12 + 1);
  }
  if (transform == "day") return FormatDate(Clamped(ordinal) * kDayMicros);
  if (transform == "hour") return UrlEncoded(FormatTime(Clamped(ordinal) * kHourMicros));
  return UrlEncoded(*value);
}
}  // namespace weirhouse::iceberg

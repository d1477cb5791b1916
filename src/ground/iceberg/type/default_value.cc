#include "ground/iceberg/type/default_value.h"

#include <nlohmann/json.hpp>

#include "ground/base/time.h"
#include "ground/iceberg/type/value.h"

namespace weirhouse::iceberg {
namespace {

using Json = nlohmann::json;

bool IsHex(std::string_view text) {
  return text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// "9" stands for a digit; any other character for itself. `text` may go on after the pattern.
bool Follows(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool matches =
        pattern[i] == '9' ? text[i] >= '0' && text[i] <= '9' : text[i] == pattern[i];
    if (!matches) return false;
  }
  return true;
}

int TwoDigits(std::string_view text, std::size_t at) {
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

// "22:31:08", "22:31:08.123456"; nine digits of a second with `nanoseconds`.
bool IsTime(std::string_view text, bool nanoseconds) {
  if (!Follows(text, "99:99:99")) return false;
  if (TwoDigits(text, 0) > 23 || TwoDigits(text, 3) > 59 || TwoDigits(text, 6) > 59) return false;
  const std::string_view rest = text.substr(8);
  if (rest.empty()) return true;
  const std::size_t digits = rest.size() - 1;
  return rest[0] == '.' && digits >= 1 && digits <= (nanoseconds ? 9 : 6) &&
         rest.substr(1).find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsDate(std::string_view text) {
  return text.size() == 10 && Follows(text, "9999-99-99") && ParseTimeMicros(text, true).ok();
}

// A zoned one ends in "+00:00", as the specification wants it.
bool IsTimestamp(std::string_view text, bool zoned, bool nanoseconds) {
  constexpr std::string_view kUtc = "+00:00";
  if (zoned) {
    if (text.size() < kUtc.size() || text.substr(text.size() - kUtc.size()) != kUtc) return false;
    text.remove_suffix(kUtc.size());
  }
  return text.size() >= 19 && text[10] == 'T' && IsDate(text.substr(0, 10)) &&
         IsTime(text.substr(11), nanoseconds);
}

// "-14.20" for a decimal of scale 2.
bool IsDecimal(std::string_view text, const DecimalShape& shape) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part =
      point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  const auto digits = [](std::string_view some) {
    return some.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (whole.empty() || !digits(whole) || !digits(part)) return false;
  return part.size() == static_cast<std::size_t>(shape.scale) &&
         whole.size() + part.size() <= static_cast<std::size_t>(std::max(shape.precision, 1)) + 1;
}

bool IsUuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kShape[i] == '-' ? text[i] != '-' : !IsHex(std::string{'0', text[i]})) return false;
  }
  return true;
}

bool IsWhole(const Json& json, std::int64_t minimum, std::int64_t maximum) {
  if (!json.is_number_integer()) return false;
  if (json.is_number_unsigned()) {
    return json.get<std::uint64_t>() <= static_cast<std::uint64_t>(maximum);
  }
  const auto value = json.get<std::int64_t>();
  return value >= minimum && value <= maximum;
}
}  // namespace

bool IsValueOf(const Type& type, const Json& json) {
  const TypeKind kind = type.kind();
  if (kind == TypeKind::kBoolean) return json.is_boolean();
  if (kind == TypeKind::kInt) {
    return IsWhole(json, std::numeric_limits<std::int32_t>::min(),
                   std::numeric_limits<std::int32_t>::max());
  }
  if (kind == TypeKind::kLong) {
    return IsWhole(json, std::numeric_limits<std::int64_t>::min(),
                   std::numeric_limits<std::int64_t>::max());
  }
  if (kind == TypeKind::kFloat || kind == TypeKind::kDouble) return json.is_number();
  if (!json.is_string()) return false;
  const auto text = json.get<std::string>();
  if (kind == TypeKind::kString) return true;
  if (kind == TypeKind::kDate) return IsDate(text);
  if (kind == TypeKind::kTime) return IsTime(text, false);
  if (kind == TypeKind::kTimestamp) return IsTimestamp(text, false, false);
  if (kind == TypeKind::kTimestampTz) return IsTimestamp(text, true, false);
  if (kind == TypeKind::kTimestampNs) return IsTimestamp(text, false, true);
  if (kind == TypeKind::kTimestampTzNs) return IsTimestamp(text, true, true);
  if (kind == TypeKind::kUuid) return IsUuid(text);
  if (kind == TypeKind::kBinary) return IsHex(text);
  if (const int length = FixedLength(type); length > 0) {
    return IsHex(text) && text.size() == 2 * static_cast<std::size_t>(length);
  }
  const DecimalShape shape = ShapeOf(type);
  return shape.precision > 0 && IsDecimal(text, shape);
}
}  // namespace weirhouse::iceberg

#include "rules/feature/value/value.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <bit>

#include "ground/base/ascii.h"
#include "ground/base/text.h"
#include "ground/base/time.h"
#include "ground/platform/columnar/family.h"

namespace weirhouse::feature {
namespace {
constexpr std::array<std::string_view, 6> kTypeNames = {"boolean", "integer",   "number",
                                                        "string",  "timestamp", "decimal"};
constexpr int kDecimalDigits = 38;
constexpr std::array<std::string_view, 6> kStatusNames = {"present",   "null",          "expired",
                                                          "not_found", "not_yet_known", "overflow"};

void AppendBytes(std::uint64_t bits, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((bits >> shift) & 0xff));
  }
}

std::string BytesOf(std::span<const Value> values) {
  std::string bytes;
  for (const Value& value : values) {
    bytes.push_back(static_cast<char>(value.index()));
    if (const auto* flag = std::get_if<bool>(&value)) {
      bytes.push_back(*flag ? 1 : 0);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      AppendBytes(static_cast<std::uint64_t>(*number), 8, &bytes);
    } else if (const auto* real = std::get_if<double>(&value)) {
      AppendBytes(std::bit_cast<std::uint64_t>(*real), 8, &bytes);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      AppendBytes(text->size(), 4, &bytes);
      bytes += *text;
    } else if (const auto* time = std::get_if<Timestamp>(&value)) {
      AppendBytes(static_cast<std::uint64_t>(time->us), 8, &bytes);
    }
  }
  return bytes;
}

Status BadBits() { return Status(Code::kInvalidInput, "could not read the bits of a vector"); }
}  // namespace

std::string_view TypeName(ValueType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::optional<ValueType> ParseTypeName(std::string_view name) {
  if (name == "boolean" || name == "bool") return ValueType::kBool;
  if (name == "integer" || name == "int" || name == "long" || name == "bigint") {
    return ValueType::kInt64;
  }
  if (name == "number" || name == "double" || name == "float") return ValueType::kDouble;
  if (name == "string" || name == "varchar" || name == "text") return ValueType::kString;
  if (name == "timestamp" || name == "timestamptz") return ValueType::kTimestamp;
  return std::nullopt;
}

std::shared_ptr<arrow::DataType> ArrowTypeOf(ValueType type, int scale) {
  switch (type) {
    case ValueType::kBool:
      return arrow::boolean();
    case ValueType::kInt64:
      return arrow::int64();
    case ValueType::kDouble:
      return arrow::float64();
    case ValueType::kString:
      return arrow::utf8();
    case ValueType::kDecimal:
      return arrow::decimal128(kDecimalDigits, scale);
    case ValueType::kTimestamp:
      break;
  }
  return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
}

std::optional<ValueType> ValueTypeOf(const arrow::DataType& type) {
  using platform::Family;
  const std::optional<Family> family = platform::FamilyOf(type);
  if (family == Family::kBoolean) return ValueType::kBool;
  if (family == Family::kInteger) return ValueType::kInt64;
  if (family == Family::kReal) return ValueType::kDouble;
  if (family == Family::kText) return ValueType::kString;
  const bool has_zone = family == Family::kTimestamp &&
                        !static_cast<const arrow::TimestampType&>(type).timezone().empty();
  return has_zone ? std::optional(ValueType::kTimestamp) : std::nullopt;
}

std::string_view StatusName(FeatureStatus status) {
  return kStatusNames[static_cast<std::size_t>(status)];
}

bool SameBits(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  if (const auto* real = std::get_if<double>(&a)) {
    return std::bit_cast<std::uint64_t>(*real) ==
           std::bit_cast<std::uint64_t>(*std::get_if<double>(&b));
  }
  return a == b;
}

std::string VectorBits(std::span<const Value> values) { return ToHex(BytesOf(values)); }

Result<std::vector<Value>> ParseVectorBits(std::string_view hex) {
  if (hex.size() % 2 != 0) return BadBits();
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = LowerHexDigit(hex[i]);
    const int low = LowerHexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return BadBits();
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  std::size_t at = 0;
  const auto read = [&](std::size_t count) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < count; ++i) {
      bits = (bits << 8) | static_cast<std::uint8_t>(bytes[at + i]);
    }
    at += count;
    return bits;
  };
  std::vector<Value> values;
  while (at < bytes.size()) {
    const int tag = bytes[at++];
    constexpr std::array<std::size_t, 6> kSizes = {0, 1, 8, 8, 4, 8};
    if (tag < 0 || tag > 5 || bytes.size() - at < kSizes[static_cast<std::size_t>(tag)]) {
      return BadBits();
    }
    const std::uint64_t bits = read(kSizes[static_cast<std::size_t>(tag)]);
    if (tag == 0) values.emplace_back();
    if (tag == 1) values.emplace_back(bits != 0);
    if (tag == 2) values.emplace_back(static_cast<std::int64_t>(bits));
    if (tag == 3) values.emplace_back(std::bit_cast<double>(bits));
    if (tag == 5) values.emplace_back(Timestamp{static_cast<std::int64_t>(bits)});
    if (tag == 4) {
      if (bytes.size() - at < bits) return BadBits();
      values.emplace_back(bytes.substr(at, bits));
      at += bits;
    }
  }
  return values;
}

Digest VectorDigest(std::span<const Value> values) { return Sha256Of(BytesOf(values)); }

std::string DecimalText(std::string_view bytes, int scale) {
  return arrow::Decimal128(reinterpret_cast<const std::uint8_t*>(bytes.data())).ToString(scale);
}

std::string ToText(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* time = std::get_if<Timestamp>(&value)) return FormatTime(time->us);
  return "null";
}
}  // namespace weirhouse::feature

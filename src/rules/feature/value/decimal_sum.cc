#include "rules/feature/value/decimal_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "ground/base/exact/limbs.h"

namespace weirhouse::feature {
namespace {
__extension__ typedef unsigned __int128 WideUnsigned;

constexpr int kMantissaBits = 53;
// Limbs below the point for a division: 128 fraction bits leave at least 65 after dividing by 63.
constexpr int kFractionLimbs = 4;

// The quotient of 2^53 to 2^106 by up to 2^53: the dividend is two doubles exactly, and two steps
// of division give it to some 100 bits. Absent where those do not tell to which double it rounds.
std::optional<double> QuickQuotient(WideUnsigned dividend, std::int64_t count) {
  constexpr std::int64_t kExact = std::int64_t{1} << kMantissaBits;
  if ((dividend >> (2 * kMantissaBits)) != 0 || count > kExact) return std::nullopt;
  const double divisor = static_cast<double>(count);
  const double upper =
      static_cast<double>(static_cast<std::int64_t>(dividend >> kMantissaBits)) * 0x1p53;
  const double lower = static_cast<double>(static_cast<std::int64_t>(dividend) & (kExact - 1));
  const double head = upper + lower;
  const double tail = lower - (head - upper);
  const double first = head / divisor;
  // The remainder of a division is a double: no rounding here.
  const double rest = std::fma(-first, divisor, head) + tail;
  const double second = rest / divisor;
  const double error = std::abs(second) * 0x1p-50;  // more than both roundings together
  const double least = first + (second - error);
  return least == first + (second + error) ? std::optional(least) : std::nullopt;
}
}  // namespace

double RoundedQuotient(WideInt sum, std::int64_t count) {
  constexpr WideInt kExact = WideInt{1} << kMantissaBits;
  if (sum <= kExact && sum >= -kExact && count <= static_cast<std::int64_t>(kExact)) {
    // Both are doubles, and IEEE division rounds once.
    return static_cast<double>(static_cast<std::int64_t>(sum)) / static_cast<double>(count);
  }
  const bool negative = sum < 0;
  auto magnitude = static_cast<WideUnsigned>(sum);
  if (negative) magnitude = ~magnitude + 1;
  if (const auto quick = QuickQuotient(magnitude, count)) return negative ? -*quick : *quick;
  std::array<std::uint32_t, kFractionLimbs + 4> limbs{};
  for (std::size_t i = 0; i < 4; ++i) {
    limbs[kFractionLimbs + i] = static_cast<std::uint32_t>(magnitude >> (32 * i));
  }
  const int size = static_cast<int>(limbs.size());
  const bool sticky = DivideLimbs(limbs.data(), size, static_cast<std::uint64_t>(count));
  return RoundLimbs(limbs.data(), size, -32 * kFractionLimbs, sticky, negative);
}

namespace {
// 10^19 is the greatest power of ten below 2^64.
constexpr int kTensAtOnce = 19;
std::uint64_t PowerOfTen(int power) {
  std::uint64_t value = 1;
  for (int i = 0; i < power; ++i) value *= 10;
  return value;
}
// Enough bits below one for the smallest quotient, 10^-38 / 2^63, with all of its mantissa.
constexpr std::size_t kDecimalFractionLimbs = 12;
constexpr std::size_t kDecimalWholeLimbs = 6;
}  // namespace

WideInt DecimalDigits(std::string_view bytes) {
  WideInt digits = 0;
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(&digits, bytes.data(), sizeof(digits));
  return digits;
}

void DecimalSum::Add(WideInt digits, int by) {
  high_ += (digits >> 64) * by;
  low_ += static_cast<WideInt>(static_cast<std::uint64_t>(digits)) * by;
}

double DecimalSum::Mean(std::int64_t count, int scale) const {
  WideInt high = high_ + (low_ >> 64);
  auto low = static_cast<std::uint64_t>(low_);
  std::int64_t divisor = 0;
  if (high == static_cast<std::int64_t>(high) && scale < kTensAtOnce &&
      !__builtin_mul_overflow(count, static_cast<std::int64_t>(PowerOfTen(scale)), &divisor)) {
    const WideUnsigned sum = (static_cast<WideUnsigned>(high) << 64) | low;
    return RoundedQuotient(static_cast<WideInt>(sum), divisor);
  }
  const bool negative = high < 0;
  if (negative) {  // two's complement over 192 bits
    low = ~low + 1;
    high = ~high + (low == 0 ? 1 : 0);
  }
  std::array<std::uint32_t, kDecimalFractionLimbs + kDecimalWholeLimbs> limbs{};
  const auto put = [&](std::size_t limb, WideUnsigned value) {
    for (; value != 0; value >>= 32)
      limbs[kDecimalFractionLimbs + limb++] = static_cast<std::uint32_t>(value);
  };
  put(0, low);
  put(2, static_cast<WideUnsigned>(high));
  const int size = static_cast<int>(limbs.size());
  bool sticky = DivideLimbs(limbs.data(), size, static_cast<std::uint64_t>(count));
  for (; scale > 0; scale -= kTensAtOnce) {
    const std::uint64_t tens = PowerOfTen(std::min(scale, kTensAtOnce));
    sticky = DivideLimbs(limbs.data(), size, tens) || sticky;
  }
  return RoundLimbs(limbs.data(), size, -32 * static_cast<int>(kDecimalFractionLimbs), sticky,
                    negative);
}

double RoundedDecimal(WideInt digits, int scale) {
  DecimalSum sum;
  sum.Add(digits, 1);
  return sum.Round(scale);
}
}  // namespace weirhouse::feature

#include "rules/feature/value/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace weirhouse::feature {
namespace {
__extension__ typedef unsigned __int128 WideUnsigned;

constexpr int kMantissaBits = 53;
constexpr int kLowestExponent = -1074;
// Low limbs added before a division: 128 fraction bits leave at least 65 after dividing by 63.
constexpr int kFractionLimbs = 4;

// Rounds limbs (32 bits each, lowest first, limb 0 weighing 2^exponent) to the nearest double,
// ties to even; `sticky` tells that something nonzero lies below limb 0.
double RoundLimbs(const std::uint32_t* limbs, int count, int exponent, bool sticky, bool negative) {
  while (count > 0 && limbs[count - 1] == 0) --count;
  if (count == 0) return 0.0;  // what is below 2^-1138 rounds to zero
  const int top_bit = (count - 1) * 32 + 31 - std::countl_zero(limbs[count - 1]);
  const auto bit = [&](int index) -> std::uint64_t {
    return index < 0 ? 0 : (limbs[index / 32] >> (index % 32)) & 1;
  };
  // The lowest bit that the result keeps, as an index into the limbs.
  const int lowest = std::max(top_bit - (kMantissaBits - 1), kLowestExponent - exponent);
  std::uint64_t mantissa = 0;
  for (int index = top_bit; index >= lowest; --index) mantissa = (mantissa << 1) | bit(index);
  if (lowest > 0) {
    const bool half = bit(lowest - 1) != 0;
    bool below = sticky;
    for (int index = lowest - 2; index >= 0 && !below; --index) {
      if (index % 32 == 31) {
        below = limbs[index / 32] != 0;
        index -= 31;
      } else {
        below = bit(index) != 0;
      }
    }
    if (half && (below || (mantissa & 1) != 0)) ++mantissa;
  }
  const double value = std::ldexp(static_cast<double>(mantissa), exponent + lowest);
  return negative ? -value : value;
}

// Divides limbs in place by `divisor`; true if a remainder is left.
bool DivideLimbs(std::uint32_t* limbs, int count, std::uint64_t divisor) {
  WideUnsigned rest = 0;
  for (int i = count - 1; i >= 0; --i) {
    const WideUnsigned part = (rest << 32) | limbs[i];
    limbs[i] = static_cast<std::uint32_t>(part / divisor);
    rest = part % divisor;
  }
  return rest != 0;
}
}  // namespace

double CanonicalNan() { return std::bit_cast<double>(std::uint64_t{0x7ff8000000000000}); }

// A sum as sign and limbs, with room for fraction limbs below.
struct ExactSum::Magnitude {
  std::array<std::uint32_t, kChunks + kFractionLimbs> limbs{};
  bool negative = false;
  int first = 0;               // limbs below this one (plus the fraction) are zero
  int count = kFractionLimbs;  // limbs in use, fraction included
};

void ExactSum::AddSpecial(double x, int sign) {
  if (std::isnan(x)) {
    nan_ += sign;
  } else {
    (x > 0 ? plus_infinity_ : minus_infinity_) += sign;
  }
}

void ExactSum::AddSigned(double x, int sign) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const int biased = static_cast<int>((bits >> 52) & 0x7ff);
  if (biased == 0x7ff) {
    AddSpecial(x, sign);
    return;
  }
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
  if (biased != 0) mantissa |= std::uint64_t{1} << 52;
  if (mantissa == 0) return;
  if (--until_carry_ == 0) Carry();
  const int position = biased == 0 ? 0 : biased - 1;
  const int chunk = position >> 5;
  const auto wide = static_cast<WideUnsigned>(mantissa) << (position & 31);
  const std::int64_t direction = (bits >> 63) != 0 ? -sign : sign;
  const auto index = static_cast<std::size_t>(chunk);
  chunks_[index] += direction * static_cast<std::int64_t>(static_cast<std::uint32_t>(wide));
  chunks_[index + 1] +=
      direction * static_cast<std::int64_t>(static_cast<std::uint32_t>(wide >> 32));
  chunks_[index + 2] += direction * static_cast<std::int64_t>(wide >> 64);
  if (chunk < low_) low_ = chunk;
  if (chunk + 2 > high_) high_ = chunk + 2;
}

void ExactSum::Carry() {
  until_carry_ = kAdditionsBetweenCarries;
  for (int i = low_; i <= high_ && i + 1 < kChunks; ++i) {
    const auto index = static_cast<std::size_t>(i);
    const std::int64_t carry = chunks_[index] >> 32;  // towards minus infinity
    chunks_[index] -= carry * (std::int64_t{1} << 32);
    chunks_[index + 1] += carry;
    if (i == high_ && carry != 0) ++high_;
  }
}

void ExactSum::Merge(const ExactSum& other) {
  ExactSum addend = other;
  Carry();
  addend.Carry();
  for (int i = addend.low_; i <= addend.high_; ++i) {
    chunks_[static_cast<std::size_t>(i)] += addend.chunks_[static_cast<std::size_t>(i)];
  }
  low_ = std::min(low_, addend.low_);
  high_ = std::max(high_, addend.high_);
  nan_ += addend.nan_;
  plus_infinity_ += addend.plus_infinity_;
  minus_infinity_ += addend.minus_infinity_;
}

double ExactSum::SpecialValue() const {
  if (nan_ != 0 || (plus_infinity_ != 0 && minus_infinity_ != 0)) return CanonicalNan();
  const double infinity = std::numeric_limits<double>::infinity();
  return plus_infinity_ != 0 ? infinity : -infinity;
}

ExactSum::Magnitude ExactSum::Normalized() const {
  Magnitude out;
  std::int64_t carry = 0;
  int i = std::max(0, std::min(low_, kChunks));
  const int first = i;
  for (; i < kChunks && (i <= high_ || (carry != 0 && carry != -1)); ++i) {
    const std::int64_t part = chunks_[static_cast<std::size_t>(i)] + carry;
    out.limbs[static_cast<std::size_t>(i + kFractionLimbs)] = static_cast<std::uint32_t>(part);
    carry = part >> 32;
  }
  if (carry == -1) {  // two's complement of a negative sum: negate
    out.negative = true;
    std::uint64_t add = 1;
    for (int j = first; j < i; ++j) {
      std::uint32_t& limb = out.limbs[static_cast<std::size_t>(j + kFractionLimbs)];
      const std::uint64_t part =
          static_cast<std::uint64_t>(static_cast<std::uint32_t>(~limb)) + add;
      limb = static_cast<std::uint32_t>(part);
      add = part >> 32;
    }
  } else if (carry > 0 && i < kChunks) {
    out.limbs[static_cast<std::size_t>(i + kFractionLimbs)] = static_cast<std::uint32_t>(carry);
    ++i;
  }
  out.first = first;
  out.count = i + kFractionLimbs;
  return out;
}

double ExactSum::Round() const {
  if (IsSpecial()) return SpecialValue();
  if (high_ < 0) return 0.0;
  const Magnitude sum = Normalized();
  return RoundLimbs(sum.limbs.data() + kFractionLimbs, sum.count - kFractionLimbs, kLowestExponent,
                    false, sum.negative);
}

double ExactSum::Mean(std::int64_t count) const {
  if (IsSpecial()) return SpecialValue();
  if (high_ < 0) return 0.0;
  Magnitude sum = Normalized();
  // Whole limbs of zeros below the sum and its fraction would stay zero or sticky: leave them out.
  std::uint32_t* const limbs = sum.limbs.data() + sum.first;
  const int size = sum.count - sum.first;
  const bool sticky = DivideLimbs(limbs, size, static_cast<std::uint64_t>(count));
  return RoundLimbs(limbs, size, kLowestExponent - 32 * (kFractionLimbs - sum.first), sticky,
                    sum.negative);
}

double RoundedQuotient(WideInt sum, std::int64_t count) {
  constexpr WideInt kExact = WideInt{1} << kMantissaBits;
  if (sum <= kExact && sum >= -kExact && count <= static_cast<std::int64_t>(kExact)) {
    // Both are doubles, and IEEE division rounds once.
    return static_cast<double>(static_cast<std::int64_t>(sum)) / static_cast<double>(count);
  }
  const bool negative = sum < 0;
  auto magnitude = static_cast<WideUnsigned>(sum);
  if (negative) magnitude = ~magnitude + 1;
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
    const std::uint64_t divisor = PowerOfTen(std::min(scale, kTensAtOnce));
    sticky = DivideLimbs(limbs.data(), size, divisor) || sticky;
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

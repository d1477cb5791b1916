#include "rules/feature/value/fixed_point.h"

namespace weirhouse::feature {
namespace {
__extension__ typedef unsigned __int128 WideUnsigned;

// Of biased exponents. A quotient by 2^63 of the smallest is normal still, and so is the unit; a
// sum of 2^64 of the greatest is finite.
constexpr int kLeastExponent = 160;
constexpr int kGreatestExponent = 1900;
constexpr int kSumBits = 126;
}  // namespace

double RoundedWide(WideInt value) {
  const bool negative = value < 0;
  auto size = static_cast<WideUnsigned>(value);
  if (negative) size = ~size + 1;
  const auto high = static_cast<std::uint64_t>(size >> 64);
  if (high == 0) {
    const auto number = static_cast<double>(static_cast<std::uint64_t>(size));
    return negative ? -number : number;
  }
  // The highest 64 bits, the last of which also says whether anything lies below: more than enough
  // for a double to be rounded right from them.
  const int shift = 64 - std::countl_zero(high);
  auto top = static_cast<std::uint64_t>(size >> shift);
  if ((size & ((WideUnsigned{1} << shift) - 1)) != 0) top |= 1;
  const double number = static_cast<double>(top) *
                        std::bit_cast<double>(static_cast<std::uint64_t>(1023 + shift) << 52);
  return negative ? -number : number;
}

bool FixedPoint::Fits(std::size_t addends) const {
  if (greatest_ < 0) return true;
  return least_ >= kLeastExponent && greatest_ <= kGreatestExponent &&
         greatest_ - least_ + kMantissaBits + 1 + static_cast<int>(std::bit_width(addends)) <=
             kSumBits;
}
}  // namespace weirhouse::feature

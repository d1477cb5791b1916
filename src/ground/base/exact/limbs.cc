#include "ground/base/exact/limbs.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weirhouse {
namespace {
__extension__ typedef unsigned __int128 LimbRest;
constexpr int kMantissaBits = 53;
constexpr int kLowestExponent = -1074;
}  // namespace

double CanonicalNan() { return std::bit_cast<double>(std::uint64_t{0x7ff8000000000000}); }

double RoundLimbs(const std::uint32_t* limbs, int count, int exponent, bool sticky, bool negative) {
  while (count > 0 && limbs[count - 1] == 0) --count;
  if (count == 0) return 0.0;  // bits below limb 0 are far below the least double
  const int top_bit = (count - 1) * 32 + 31 - std::countl_zero(limbs[count - 1]);
  const auto bit = [&](int index) -> std::uint64_t {
    return index < 0 || index > top_bit ? 0 : (limbs[index / 32] >> (index % 32)) & 1;
  };
  // The lowest bit that the result keeps, as an index into the limbs.
  const int lowest = std::max(top_bit - (kMantissaBits - 1), kLowestExponent - exponent);
  std::uint64_t mantissa = 0;
  for (int index = top_bit; index >= lowest; --index) mantissa = (mantissa << 1) | bit(index);
  if (lowest > 0) {
    const bool half = bit(lowest - 1) != 0;
    bool below = sticky;
    for (int index = std::min(lowest - 2, top_bit); index >= 0 && !below; --index) {
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

bool DivideLimbs(std::uint32_t* limbs, int count, std::uint64_t divisor) {
  LimbRest rest = 0;
  for (int i = count - 1; i >= 0; --i) {
    const LimbRest part = (rest << 32) | limbs[i];
    limbs[i] = static_cast<std::uint32_t>(part / divisor);
    rest = part % divisor;
  }
  return rest != 0;
}
}  // namespace weirhouse

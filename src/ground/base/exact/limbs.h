// Whole numbers of any size as limbs: 32 bits each, the lowest first. What exact sums, their
// quotients and decimals are rounded by. Pure; threads: any.
#pragma once

#include <cstdint>

namespace weirhouse {

// The double nearest to Σ limbs[i] · 2^(exponent + 32 i), ties to even; `sticky` tells that
// something that is not zero lies below limb 0. Infinite where no double is great enough.
double RoundLimbs(const std::uint32_t* limbs, int count, int exponent, bool sticky, bool negative);

// Divides the limbs in place by `divisor` (> 0). True if a remainder is left.
bool DivideLimbs(std::uint32_t* limbs, int count, std::uint64_t divisor);

// The one NaN of every answer, so that equal answers have equal bits.
double CanonicalNan();
}  // namespace weirhouse

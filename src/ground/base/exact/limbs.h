// Arithmetic on whole numbers of any size, stored as limbs of 32 bits, the lowest first. Exact
// sums, their quotients and decimals are rounded with it. Pure; threads: any.
#pragma once

#include <cstdint>

namespace weirhouse {

// The double nearest to Σ limbs[i] · 2^(exponent + 32 i), ties to even; infinite beyond the
// greatest double. `sticky`: a value that is not zero lies below limb 0.
double RoundLimbs(const std::uint32_t* limbs, int count, int exponent, bool sticky, bool negative);

// Divides the limbs in place by `divisor` (> 0). True if a remainder is left.
bool DivideLimbs(std::uint32_t* limbs, int count, std::uint64_t divisor);

// The one NaN that all results use, so that equal results have equal bits.
double CanonicalNan();
}  // namespace weirhouse

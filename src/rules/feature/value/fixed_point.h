// Exact sums of doubles of one column as whole numbers: multiples of the unit of the smallest of
// them, in 128 bits. Where the exponents lie close together this is the exact sum of
// ground/base/exact, bit for bit, at a hundredth of its cost, and a window is a difference of two
// running sums.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {

// `value` as a double, rounded once to nearest even.
double RoundedWide(WideInt value);

// How far the exponents of some doubles lie apart; then the whole numbers that stand for them.
class FixedPoint {
 public:
  // Takes one more of the values, as bits.
  void Widen(std::uint64_t bits) {
    if ((bits << 1) == 0) return;  // zeros have no exponent
    const auto biased = static_cast<int>((bits >> kMantissaBits) & kSpecial);
    least_ = biased < least_ ? biased : least_;
    greatest_ = biased > greatest_ ? biased : greatest_;
  }
  // Whether any `addends` of the values have a sum that 128 bits hold, and that neither it nor a
  // mean of it is near the ends of the range of doubles. False if a value is not finite.
  bool Fits(std::size_t addends) const;

  // The value in units. Only for values that were taken, if they fit.
  WideInt Of(std::uint64_t bits) const {
    const auto biased = static_cast<int>((bits >> kMantissaBits) & kSpecial);
    if (biased == 0) return 0;
    const std::uint64_t mantissa =
        (bits & ((std::uint64_t{1} << kMantissaBits) - 1)) | (std::uint64_t{1} << kMantissaBits);
    const WideInt size = static_cast<WideInt>(mantissa) << (biased - least_);
    return (bits >> 63) != 0 ? -size : size;
  }
  // A sum of units, and its quotient by `count` (> 0), each rounded once to nearest even.
  double Round(WideInt sum) const { return RoundedWide(sum) * Unit(); }
  double Mean(WideInt sum, std::int64_t count) const {
    return RoundedQuotient(sum, count) * Unit();
  }

 private:
  static constexpr int kMantissaBits = 52;
  static constexpr int kSpecial = 0x7ff;

  // 2^(least_ - 1075), so that multiplying by it is exact where Fits holds.
  double Unit() const {
    if (greatest_ < 0) return 1;  // all are zero
    return std::bit_cast<double>(static_cast<std::uint64_t>(least_ - kMantissaBits)
                                 << kMantissaBits);
  }

  int least_ = std::numeric_limits<int>::max();
  int greatest_ = -1;
};
}  // namespace weirhouse::feature

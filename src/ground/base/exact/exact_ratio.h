// Quotients and products of exact sums. Comparison is exact; a result is rounded once. Pure;
// threads: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "ground/base/exact/exact_sum.h"

namespace weirhouse {

// over / under. `under` is above zero.
struct ExactRatio {
  ExactSum over;
  ExactSum under;

  static ExactRatio Of(double value);
  static ExactRatio Of(ExactSum::Wide value);
  // The nearest double, ties to even.
  double Round() const;
  // The square root; the ratio must not be negative. The ratio is rounded to at least 64 bits, its
  // root once.
  double RoundedRoot() const;
};
// −1, 0 or 1. Both ratios must be finite.
int Compare(const ExactRatio& a, const ExactRatio& b);
ExactSum Product(const ExactSum& a, const ExactSum& b);
// 10^n, n ≥ 0.
ExactSum PowerOfTen(int n);
// Reads a decimal number ("12.5", "-1e30") exactly into `value`. False if `text` is not a decimal
// number or its exponent is beyond ±400.
bool ParseExact(std::string_view text, ExactRatio& value);
}  // namespace weirhouse

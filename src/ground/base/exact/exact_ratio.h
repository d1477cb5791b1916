// Quotients and products of exact sums: compared as they are, rounded once.
#pragma once

#include <cstdint>
#include <string_view>

#include "ground/base/exact/exact_sum.h"

namespace weirhouse {

// A quotient of two exact sums; the divisor is above zero.
struct ExactRatio {
  ExactSum over;
  ExactSum under;

  static ExactRatio Of(double value);
  static ExactRatio Of(ExactSum::Wide value);
  // Correctly rounded.
  double Round() const;
  // Of a ratio that is not negative. The ratio is rounded to 64 bits or more, then its root once.
  double RoundedRoot() const;
};
// Of finite ratios: −1, 0 or 1.
int Compare(const ExactRatio& a, const ExactRatio& b);
ExactSum Product(const ExactSum& a, const ExactSum& b);
// 10^n, n ≥ 0.
ExactSum PowerOfTen(int n);
// "12.5", "-1e30": exactly. False for what is no decimal number, or has an exponent beyond ±400.
bool ParseExact(std::string_view text, ExactRatio& value);
}  // namespace weirhouse

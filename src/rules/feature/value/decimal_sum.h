// Exact sums and quotients of integers and decimals, rounded once to nearest even. For doubles:
// ground/base/exact.
#pragma once

#include <cstdint>
#include <string_view>

namespace weirhouse::feature {

// 128 bits hold any sum of fewer than 2^63 integers of 64 bits.
__extension__ typedef __int128 WideInt;

// sum / count (> 0), rounded once to nearest even.
double RoundedQuotient(WideInt sum, std::int64_t count);

// A decimal's digits from Arrow's form: 16 bytes, little-endian, two's complement.
WideInt DecimalDigits(std::string_view bytes);
// digits / 10^scale, rounded once. `scale` is 0 to 38.
double RoundedDecimal(WideInt digits, int scale);

// An exact sum of up to 2^63 decimals of one scale, from which addends can be removed.
class DecimalSum {
 public:
  void Add(WideInt digits, int by);  // `by`: 1, or -1 to remove it
  // The sum, or its quotient by `count` (> 0), rounded once.
  double Mean(std::int64_t count, int scale) const;
  double Round(int scale) const { return Mean(1, scale); }

 private:
  // The sum is high_ * 2^64 + low_: a single addend may have 127 bits.
  WideInt high_ = 0;
  WideInt low_ = 0;
};
}  // namespace weirhouse::feature

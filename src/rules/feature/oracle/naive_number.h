// Rational sums of unlimited size, the slow way: schoolbook arithmetic for the oracle. Shares
// nothing with exact_sum.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weirhouse::feature {

// Adds integers and doubles exactly, as whole multiples of 2^-1200.
class NaiveSum {
 public:
  void AddInteger(std::int64_t value);
  void AddDouble(double value);  // finite
  // sum / divisor (> 0) as the nearest double, ties to even.
  double DividedBy(std::uint64_t divisor) const;
  // A decimal's digits, taken as a whole number: `high` * 2^64 + `low`, or that below zero.
  void AddWide(bool negative, std::uint64_t high, std::uint64_t low);
  // sum / (divisor * 10^tens) as the nearest double, ties to even.
  double DividedBy(std::uint64_t divisor, int tens) const;
  // The sum itself, if all addends were integers and it fits.
  bool FitsInteger(std::int64_t* value) const;

 private:
  using Digits = std::vector<std::uint32_t>;  // base 2^32, lowest first
  static void AddShifted(Digits* digits, std::uint64_t value, int shift);
  static bool Less(const Digits& a, const Digits& b);
  static Digits Minus(Digits a, const Digits& b);  // a >= b
  Digits Magnitude(bool* negative) const;
  // One more bit of a quotient: takes the next bit of the dividend into `rest`.
  static bool DivideBit(Digits* rest, bool bit, const Digits& divisor);
  // The quotient whose bits are `quotient`, the highest of which weighs 2^top; `rest`: there is
  // one.
  static double RoundBits(const std::vector<bool>& quotient, int top, bool rest, bool negative);

  Digits positive_;
  Digits negative_;
};
}  // namespace weirhouse::feature

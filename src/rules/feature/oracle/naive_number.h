// Rational sums of unlimited size by schoolbook arithmetic, for the oracle. Shares nothing with
// exact_sum.h.
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
  // Adds a decimal's digits as a whole number: `high` * 2^64 + `low`, negated if `negative`.
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
  // One step of a division: shifts the next bit of the dividend into `rest` and returns a quotient
  // bit.
  static bool DivideBit(Digits* rest, bool bit, const Digits& divisor);
  // Rounds the quotient with the bits `quotient`, whose highest bit has weight 2^top; `rest` tells
  // whether there is a remainder.
  static double RoundBits(const std::vector<bool>& quotient, int top, bool rest, bool negative);

  Digits positive_;
  Digits negative_;
};
}  // namespace weirhouse::feature

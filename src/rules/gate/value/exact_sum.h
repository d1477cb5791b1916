// Sums, products and quotients without rounding: a sum is one long fixed-point number, so the order
// of adding never shows and nothing overflows on the way. Feature values have their own
// accumulator with another layout; this one is for gates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weirhouse::gate {

// (−1)^negative · Σ limbs[i] · 2^(32 · (first + i)); no zero limb at either end, none at all for 0.
struct BigNumber {
  bool negative = false;
  int first = 0;
  std::vector<std::uint32_t> limbs;

  bool zero() const { return limbs.empty(); }
};

// Threads: one writer. An infinity or NaN is remembered beside the finite part and makes the
// rounded sum infinite or NaN, as addition would.
class ExactSum {
 public:
  __extension__ typedef __int128 Wide;

  void Add(double value);
  void AddSquare(double value);
  void Add(std::int64_t value);
  void Add(Wide value);
  void AddSquare(std::int64_t value);
  void Add(const ExactSum& other);
  void AddFinite(const ExactSum& other);  // without its infinities and NaN
  // Adds factor · a · b of the finite parts.
  void AddProduct(const ExactSum& a, const ExactSum& b, double factor);

  // Correctly rounded, half to even; infinite where no double is great enough.
  double Round() const;
  // −1, 0 or 1 of the finite part.
  int Sign() const;
  BigNumber Number() const;  // the finite part

  // Whether Parts holds all of it: nothing of the sum lies beyond the doubles or below them.
  bool FitsDoubles() const;
  // The one canonical expansion of this sum: greatest part first, each the rounded rest. Empty for
  // zero.
  std::vector<double> Parts() const;
  static ExactSum FromParts(std::span<const double> parts);
  // "-1f00p-64": hexadecimal digits times a power of two. Of the finite part.
  std::string Hex() const;
  // Adds what Hex wrote. False if it did not.
  bool AddHex(std::string_view text);
  // The infinities and NaN that were added, each once.
  std::vector<double> Specials() const;
  bool finite() const { return !positive_infinity_ && !negative_infinity_ && !nan_; }

  friend bool operator==(const ExactSum& a, const ExactSum& b);

 private:
  __extension__ typedef unsigned __int128 UnsignedWide;
  void AddBits(UnsignedWide bits, int exponent, bool negative);
  void AddBig(const BigNumber& number, bool negate);
  void Reach(int low, int high);
  void Carry();

  int first_ = 0;                    // which power of 2^32 limbs_[0] counts
  std::vector<std::int64_t> limbs_;  // each may hold carries that are not passed on yet
  int pending_ = 0;                  // additions since Carry
  bool positive_infinity_ = false;
  bool negative_infinity_ = false;
  bool nan_ = false;
};

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
}  // namespace weirhouse::gate

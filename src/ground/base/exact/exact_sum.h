// The exact sum of doubles and whole numbers: the true real sum, rounded once to the nearest even.
// So neither the order of adding, nor how rows were split, nor how a window slid shows in any bit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse {

// (−1)^negative · Σ limbs[i] · 2^(32 · (first + i)); no zero limb at either end, none at all for 0.
struct BigNumber {
  bool negative = false;
  int first = 0;
  std::vector<std::uint32_t> limbs;

  bool zero() const { return limbs.empty(); }
};

// A sum that can be merged, stored and can forget what was added: the small superaccumulator of
// Neal (arXiv 1505.05571), a fixed-point number in chunks of 32 bits kept in 64, which holds the
// chunks that were met and no others; so squares and products, far beyond the doubles, are as exact.
//
// Infinities and NaN are counted beside the finite part and make the rounded sum infinite or NaN,
// as addition would; Remove takes them back. Threads: one writer. Cost: about 4 ns an addition,
// 80 ns a rounding; 64 bytes and 8 for each 32 bits between the least and the greatest that was
// added.
class ExactSum {
 public:
  __extension__ typedef __int128 Wide;

  void Add(double value) { AddSigned(value, 1); }
  // Takes back a `value` that was added: the state is then as if it never had been.
  void Remove(double value) { AddSigned(value, -1); }
  void AddSquare(double value);
  void Add(std::int64_t value);
  void Add(Wide value);
  void AddSquare(std::int64_t value);
  void Merge(const ExactSum& other);
  void AddFinite(const ExactSum& other);  // without its infinities and NaN
  // Adds factor · a · b of the finite parts.
  void AddProduct(const ExactSum& a, const ExactSum& b, double factor);
  // As new; keeps its memory.
  void Clear();

  // Correctly rounded, half to even; infinite where no double is great enough. NaN or both
  // infinities among the addends: NaN; one infinity: that one. An exact zero is +0.0.
  double Round() const;
  // The sum divided by `count` (> 0), rounded once.
  double Mean(std::int64_t count) const;
  // −1, 0 or 1 of the finite part.
  int Sign() const;
  BigNumber Number() const;  // the finite part

  // All of it as text: "0 1 0 -1f00p-64", the NaN, +∞ and −∞ that were added, then Hex(). Equal
  // sums are equal texts, however they came about.
  std::string Serialize() const;
  // What Serialize wrote. kCorruption for any other text.
  static Result<ExactSum> Parse(std::string_view text);

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
  bool finite() const { return nan_ == 0 && positive_infinity_ == 0 && negative_infinity_ == 0; }

  friend bool operator==(const ExactSum& a, const ExactSum& b);

 private:
  __extension__ typedef unsigned __int128 UnsignedWide;
  struct Magnitude;

  void AddSigned(double value, int sign);
  void AddSpecial(double value, int sign);
  void AddBits(UnsignedWide bits, int exponent, bool negative);
  void AddBig(const BigNumber& number, bool negate);
  void Reach(int low, int high);
  void Carry();
  double SpecialValue() const;
  void Normalize(Magnitude* into) const;

  // Each addition puts less than 2^32 into a limb, which holds 2^63.
  static constexpr std::int64_t kAdditionsBetweenCarries = std::int64_t{1} << 29;

  std::vector<std::int64_t> limbs_;  // each may hold carries that are not passed on yet
  int first_ = 0;                    // limbs_[0] counts 2^(32 · first_)
  std::int64_t until_carry_ = kAdditionsBetweenCarries;
  std::int64_t nan_ = 0;
  std::int64_t positive_infinity_ = 0;
  std::int64_t negative_infinity_ = 0;
};

// Of two exact numbers.
BigNumber Multiply(const BigNumber& a, const BigNumber& b);
}  // namespace weirhouse

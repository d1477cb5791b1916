// The exact sum of doubles and whole numbers: the true real sum, rounded once to the nearest
// double, ties to even. The result does not depend on the order of additions, on how rows were
// split, or on how a window slid.
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

// A sum that can be merged and stored, and from which addends can be removed. It is the small
// superaccumulator of Neal (arXiv 1505.05571): a fixed-point number in chunks of 32 bits, each kept
// in 64. Only the chunks in use are stored, so squares and products far outside the range of double
// are exact too.
//
// Infinities and NaN are counted beside the finite part and make the rounded sum infinite or NaN,
// as addition would; Remove takes them back. Threads: one writer. Cost: about 4 ns per addition, 80
// ns per rounding. Memory: 64 bytes, and 8 for each 32 bits between the smallest and the greatest
// addend.
class ExactSum {
 public:
  __extension__ typedef __int128 Wide;

  void Add(double value) { AddSigned(value, 1); }
  // Removes a `value` that was added: the state is then as if it had never been added.
  void Remove(double value) { AddSigned(value, -1); }
  void AddSquare(double value);
  void Add(std::int64_t value);
  void Add(Wide value);
  void AddSquare(std::int64_t value);
  // Adds value · 2^exponent: what many addends of one exponent come to. Cost: as one addition.
  void AddScaled(Wide value, int exponent);
  void Merge(const ExactSum& other);
  void AddFinite(const ExactSum& other);  // without its infinities and NaN
  // Adds factor · a · b of the finite parts.
  void AddProduct(const ExactSum& a, const ExactSum& b, double factor);
  // Resets the sum to zero and keeps its memory.
  void Clear();

  // The nearest double, ties to even; infinite if the sum is beyond the greatest double. NaN or
  // infinities of both signs among the addends give NaN; one infinity gives that infinity. An exact
  // zero is +0.0.
  double Round() const;
  // The sum divided by `count` (> 0), rounded once.
  double Mean(std::int64_t count) const;
  // The sign of the finite part: −1, 0 or 1.
  int Sign() const;
  BigNumber Number() const;  // the finite part

  // The whole state as text: the counts of NaN, +∞ and −∞ and then Hex(), as in "0 1 0 -1f00p-64".
  // Equal sums have equal texts, whatever was added and removed on the way.
  std::string Serialize() const;
  // Reads what Serialize wrote. kCorruption for any other text.
  static Result<ExactSum> Parse(std::string_view text);

  // Whether Parts can represent the sum: no part of it is too large or too small for a double.
  bool FitsDoubles() const;
  // The one canonical expansion of this sum: greatest part first, each the rounded rest. Empty for
  // zero.
  std::vector<double> Parts() const;
  static ExactSum FromParts(std::span<const double> parts);
  // "-1f00p-64": hexadecimal digits times a power of two. Of the finite part.
  std::string Hex() const;
  // Adds the number that Hex wrote. False if `text` is not such a number.
  bool AddHex(std::string_view text);
  // The kinds of infinity and NaN among the addends, each once.
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

// The exact product.
BigNumber Multiply(const BigNumber& a, const BigNumber& b);
}  // namespace weirhouse

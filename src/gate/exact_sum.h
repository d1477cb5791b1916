// Sums without rounding: the running sum is kept as an expansion of non-overlapping doubles
// (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997), so the order of adding never
// shows. Feature values have their own accumulator with another layout; this one is for profiles.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weirhouse::gate {

// Threads: one writer. Exact as long as no partial sum leaves the range of doubles; an infinity or
// NaN is remembered and makes the rounded sum infinite or NaN, as addition would.
class ExactSum {
 public:
  void Add(double value);
  // Adds value · value exactly (down to the smallest normal double).
  void AddSquare(double value);
  void Add(std::int64_t value);
  void AddSquare(std::int64_t value);
  void Add(const ExactSum& other);
  // Adds factor · a · b, each exact; for variances.
  void AddProduct(const ExactSum& a, const ExactSum& b, double factor);

  // Correctly rounded, half to even.
  double Round() const;
  // The one canonical expansion of this sum: greatest part first, each the rounded rest. Empty for
  // zero.
  std::vector<double> Parts() const;
  static ExactSum FromParts(std::span<const double> parts);
  bool finite() const { return infinities_ == 0 && !nan_; }

  friend bool operator==(const ExactSum& a, const ExactSum& b) { return a.Parts() == b.Parts(); }

 private:
  std::vector<double> partials_;  // increasing magnitude, non-overlapping
  double infinities_ = 0;         // the sum of the infinities added
  bool nan_ = false;
};
}  // namespace weirhouse::gate

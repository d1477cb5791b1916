#include "gate/exact_sum.h"

#include <cmath>
#include <cstdint>
#include <utility>

namespace weirhouse::gate {
namespace {
struct Pair {
  double high;
  double low;
};

// high + low == a + b exactly, |low| ≤ ulp(high) / 2 (Knuth).
Pair TwoSum(double a, double b) {
  if (std::fabs(a) < std::fabs(b)) std::swap(a, b);
  const double high = a + b;
  return {high, b - (high - a)};
}
Pair TwoProduct(double a, double b) {
  const double high = a * b;
  return {high, std::fma(a, b, -high)};
}
// An integer of 64 bits is the sum of two doubles.
Pair Split(std::int64_t value) {
  const auto high = static_cast<double>(value);
  // Near the maximum the double is 2^63, which an integer does not hold.
  if (high >= 0x1p63) return {high, static_cast<double>(value - INT64_MAX) - 1.0};
  return {high, static_cast<double>(value - static_cast<std::int64_t>(high))};
}
}  // namespace

void ExactSum::Add(double value) {
  if (!std::isfinite(value)) {
    if (std::isnan(value)) {
      nan_ = true;
    } else {
      infinities_ += value;
    }
    return;
  }
  std::size_t kept = 0;
  for (const double partial : partials_) {
    const Pair sum = TwoSum(value, partial);
    if (sum.low != 0) partials_[kept++] = sum.low;
    value = sum.high;
  }
  partials_.resize(kept);
  if (!std::isfinite(value)) {
    infinities_ += value;
    partials_.clear();
  } else if (value != 0) {
    partials_.push_back(value);
  }
}

void ExactSum::AddSquare(double value) {
  const Pair square = TwoProduct(value, value);
  Add(square.high);
  if (std::isfinite(square.high) && square.low != 0) Add(square.low);
}

void ExactSum::Add(std::int64_t value) {
  const Pair parts = Split(value);
  Add(parts.high);
  if (parts.low != 0) Add(parts.low);
}

void ExactSum::AddSquare(std::int64_t value) {
  const Pair parts = Split(value);
  AddSquare(parts.high);
  if (parts.low == 0) return;
  AddSquare(parts.low);
  const Pair cross = TwoProduct(2 * parts.high, parts.low);
  Add(cross.high);
  if (cross.low != 0) Add(cross.low);
}

void ExactSum::Add(const ExactSum& other) {
  const std::vector<double> parts = other.partials_;  // a copy: `other` may be this
  for (const double part : parts) Add(part);
  infinities_ += other.infinities_;
  nan_ = nan_ || other.nan_;
}

void ExactSum::AddProduct(const ExactSum& a, const ExactSum& b, double factor) {
  if (!a.finite() || !b.finite()) nan_ = true;
  for (const double x : a.partials_) {
    for (const double y : b.partials_) {
      const Pair product = TwoProduct(x, y);
      for (const double part : {product.high, product.low}) {
        const Pair scaled = TwoProduct(part, factor);
        Add(scaled.high);
        if (scaled.low != 0) Add(scaled.low);
      }
    }
  }
}

double ExactSum::Round() const {
  if (nan_) return std::nan("");
  if (infinities_ != 0) return infinities_;
  if (partials_.empty()) return 0;
  std::size_t at = partials_.size() - 1;
  double high = partials_[at];
  double low = 0;
  while (at > 0) {
    const double before = high;
    const double next = partials_[--at];
    high = before + next;
    low = next - (high - before);
    if (low != 0) break;
  }
  // Halfway between two doubles, what follows decides; without it half would round to even twice.
  if (at > 0 && ((low < 0 && partials_[at - 1] < 0) || (low > 0 && partials_[at - 1] > 0))) {
    const double twice = low * 2;
    const double moved = high + twice;
    if (twice == moved - high) high = moved;
  }
  return high;
}

std::vector<double> ExactSum::Parts() const {
  std::vector<double> parts;
  if (!finite()) {
    parts.push_back(Round());
    return parts;
  }
  ExactSum rest = *this;
  while (!rest.partials_.empty()) {
    const double part = rest.Round();
    parts.push_back(part);
    rest.Add(-part);
  }
  return parts;
}

ExactSum ExactSum::FromParts(std::span<const double> parts) {
  ExactSum sum;
  for (const double part : parts) sum.Add(part);
  return sum;
}
}  // namespace weirhouse::gate

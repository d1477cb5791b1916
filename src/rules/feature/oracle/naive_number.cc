#include "rules/feature/oracle/naive_number.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weirhouse::feature {
namespace {
constexpr int kPoint = 1200;  // bits below one
}  // namespace

void NaiveSum::AddShifted(Digits* digits, std::uint64_t value, int shift) {
  // One bit at a time would do; one digit at a time makes the tests faster.
  for (int bit = 0; bit < 64; ++bit) {
    if (((value >> bit) & 1) == 0) continue;
    auto place = static_cast<std::size_t>((shift + bit) / 32);
    std::uint64_t carry = std::uint64_t{1} << ((shift + bit) % 32);
    for (; carry != 0; ++place) {
      if (digits->size() <= place) digits->resize(place + 1, 0);
      carry += (*digits)[place];
      (*digits)[place] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
}

void NaiveSum::AddInteger(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  AddShifted(value < 0 ? &negative_ : &positive_, value < 0 ? ~bits + 1 : bits, kPoint);
}

void NaiveSum::AddDouble(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(value), &exponent);
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  AddShifted(value < 0 ? &negative_ : &positive_, mantissa, exponent - 53 + kPoint);
}

bool NaiveSum::Less(const Digits& a, const Digits& b) {
  for (std::size_t i = std::max(a.size(), b.size()); i-- > 0;) {
    const std::uint32_t x = i < a.size() ? a[i] : 0;
    const std::uint32_t y = i < b.size() ? b[i] : 0;
    if (x != y) return x < y;
  }
  return false;
}

NaiveSum::Digits NaiveSum::Minus(Digits a, const Digits& b) {
  std::int64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::int64_t digit = static_cast<std::int64_t>(a[i]) - borrow - (i < b.size() ? b[i] : 0);
    borrow = digit < 0 ? 1 : 0;
    if (digit < 0) digit += std::int64_t{1} << 32;
    a[i] = static_cast<std::uint32_t>(digit);
  }
  return a;
}

NaiveSum::Digits NaiveSum::Magnitude(bool* negative) const {
  *negative = Less(positive_, negative_);
  return *negative ? Minus(negative_, positive_) : Minus(positive_, negative_);
}

void NaiveSum::AddWide(bool negative, std::uint64_t high, std::uint64_t low) {
  Digits* const digits = negative ? &negative_ : &positive_;
  AddShifted(digits, low, kPoint);
  AddShifted(digits, high, kPoint + 64);
}

double NaiveSum::RoundBits(const std::vector<bool>& quotient, int top, bool rest, bool negative) {
  const auto first = std::find(quotient.begin(), quotient.end(), true);
  if (first == quotient.end()) return 0.0;
  const int highest = top - static_cast<int>(first - quotient.begin());
  const int lowest = std::max(highest - 52, -1074);
  double value = 0;
  auto bit = first;
  for (int weight = highest; weight >= lowest; --weight, ++bit) {
    value = value * 2 + (*bit ? 1 : 0);
  }
  if (lowest > highest) bit = quotient.begin() + (top - lowest + 1);
  const bool half = *bit;
  const bool below = rest || std::find(bit + 1, quotient.end(), true) != quotient.end();
  const bool odd = std::fmod(value, 2) != 0;
  if (half && (below || odd)) value += 1;
  value = std::ldexp(value, lowest);
  return negative ? -value : value;
}

double NaiveSum::DividedBy(std::uint64_t divisor) const {
  bool negative = false;
  const Digits dividend = Magnitude(&negative);
  // Long division bit by bit, continued below 2^-1200 as long as a quotient bit may matter.
  std::vector<bool> quotient;  // highest bit first; bit i weighs 2^(top - i)
  const int top = static_cast<int>(dividend.size()) * 32 - 1 - kPoint;
  std::uint64_t rest = 0;
  for (int weight = top; weight >= -kPoint - 200; --weight) {
    const int position = weight + kPoint;
    const bool next =
        position >= 0 &&
        ((dividend[static_cast<std::size_t>(position / 32)] >> (position % 32)) & 1) != 0;
    rest = rest * 2 + (next ? 1 : 0);
    quotient.push_back(rest >= divisor);
    if (rest >= divisor) rest -= divisor;
  }
  return RoundBits(quotient, top, rest != 0, negative);
}

bool NaiveSum::DivideBit(Digits* rest, bool bit, const Digits& divisor) {
  std::uint32_t carry = bit ? 1 : 0;
  for (std::uint32_t& digit : *rest) {
    const std::uint32_t over = digit >> 31;
    digit = (digit << 1) | carry;
    carry = over;
  }
  if (carry != 0) rest->push_back(carry);
  if (Less(*rest, divisor)) return false;
  *rest = Minus(*rest, divisor);
  return true;
}

double NaiveSum::DividedBy(std::uint64_t divisor, int tens) const {
  Digits by{static_cast<std::uint32_t>(divisor), static_cast<std::uint32_t>(divisor >> 32)};
  for (int i = 0; i < tens; ++i) {
    std::uint64_t carry = 0;
    for (std::uint32_t& digit : by) {
      carry += std::uint64_t{digit} * 10;
      digit = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) by.push_back(static_cast<std::uint32_t>(carry));
  }
  bool negative = false;
  const Digits dividend = Magnitude(&negative);
  std::vector<bool> quotient;
  const int top = static_cast<int>(dividend.size()) * 32 - 1 - kPoint;
  Digits rest;
  for (int weight = top; weight >= -kPoint; --weight) {
    const int position = weight + kPoint;
    const bool next =
        ((dividend[static_cast<std::size_t>(position / 32)] >> (position % 32)) & 1) != 0;
    quotient.push_back(DivideBit(&rest, next, by));
  }
  const bool left = std::any_of(rest.begin(), rest.end(), [](std::uint32_t d) { return d != 0; });
  return RoundBits(quotient, top, left, negative);
}

bool NaiveSum::FitsInteger(std::int64_t* value) const {
  bool negative = false;
  const Digits magnitude = Magnitude(&negative);
  std::uint64_t whole = 0;
  for (std::size_t bit = magnitude.size() * 32; bit-- > kPoint;) {
    const bool set = ((magnitude[bit / 32] >> (bit % 32)) & 1) != 0;
    if (set && bit >= kPoint + 64) return false;
    if (set) whole |= std::uint64_t{1} << (bit - kPoint);
  }
  const std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (whole > most + (negative ? 1 : 0)) return false;
  *value = static_cast<std::int64_t>(negative ? ~whole + 1 : whole);
  return true;
}
}  // namespace weirhouse::feature

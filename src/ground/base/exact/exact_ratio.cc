#include "ground/base/exact/exact_ratio.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "ground/base/exact/limbs.h"

namespace weirhouse {
namespace {
__extension__ typedef unsigned __int128 QuotientBits;

constexpr int kLimbBits = 32;
constexpr std::int64_t kLimbMask = 0xFFFFFFFF;
constexpr int kQuotientBits = 68;
constexpr int kDecimalExponentMax = 400;

// The exponent of the leading bit: the number lies in [2^it, 2^(it + 1)).
int TopOf(const BigNumber& number) {
  const auto size = static_cast<int>(number.limbs.size());
  return kLimbBits * (number.first + size - 1) +
         static_cast<int>(std::bit_width(number.limbs.back())) - 1;
}

// The nearest double, half to even.
double RoundNumber(const BigNumber& number) {
  return RoundLimbs(number.limbs.data(), static_cast<int>(number.limbs.size()),
                    kLimbBits * number.first, false, number.negative);
}

// An integer of limbs whose bits are tested and subtracted during a division.
using Digits = std::vector<std::uint32_t>;

void ShiftLeft(Digits& digits, int bits) {
  digits.insert(digits.begin(), static_cast<std::size_t>(bits / kLimbBits), 0);
  const int rest = bits % kLimbBits;
  if (rest == 0) return;
  std::uint32_t carry = 0;
  for (std::uint32_t& limb : digits) {
    const std::uint32_t next = limb >> (kLimbBits - rest);
    limb = (limb << rest) | carry;
    carry = next;
  }
  if (carry != 0) digits.push_back(carry);
}
bool AtLeast(const Digits& a, const Digits& b) {
  for (std::size_t i = std::max(a.size(), b.size()); i-- > 0;) {
    const std::uint32_t x = i < a.size() ? a[i] : 0;
    const std::uint32_t y = i < b.size() ? b[i] : 0;
    if (x != y) return x > y;
  }
  return true;
}
void Subtract(Digits& a, const Digits& b) {
  std::int64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::int64_t limb = static_cast<std::int64_t>(a[i]) - borrow -
                        (i < b.size() ? static_cast<std::int64_t>(b[i]) : 0);
    borrow = limb < 0 ? 1 : 0;
    a[i] = static_cast<std::uint32_t>(limb & kLimbMask);
  }
}

// a / b to kQuotientBits, and one more bit that is set if there is a remainder. The sign is that of
// a.
BigNumber Divide(const BigNumber& a, const BigNumber& b) {
  if (a.zero()) return {};
  const int gap = TopOf(a) - TopOf(b);  // the quotient lies in [2^(gap − 1), 2^(gap + 1))
  Digits rest = a.limbs;
  Digits divisor = b.limbs;
  const int lowest_a = kLimbBits * a.first;
  const int lowest_b = kLimbBits * b.first + gap;
  if (lowest_a > lowest_b) ShiftLeft(rest, lowest_a - lowest_b);
  if (lowest_b > lowest_a) ShiftLeft(divisor, lowest_b - lowest_a);
  QuotientBits bits = 0;
  for (int i = 0; i < kQuotientBits; ++i) {
    const bool one = AtLeast(rest, divisor);
    if (one) Subtract(rest, divisor);
    bits = bits * 2 + (one ? 1 : 0);
    ShiftLeft(rest, 1);
  }
  const bool left =
      std::any_of(rest.begin(), rest.end(), [](std::uint32_t limb) { return limb != 0; });
  bits = bits * 2 + (left ? 1 : 0);
  BigNumber result;
  result.negative = a.negative;
  // bits · 2^(gap − kQuotientBits), cut into limbs.
  const int exponent = gap - kQuotientBits;
  result.first = exponent >> 5;  // towards minus infinity
  const int shift = exponent - kLimbBits * result.first;
  Digits digits;
  for (QuotientBits left_bits = bits; left_bits != 0; left_bits >>= kLimbBits) {
    digits.push_back(static_cast<std::uint32_t>(left_bits));
  }
  ShiftLeft(digits, shift);
  while (!digits.empty() && digits.back() == 0) digits.pop_back();
  result.limbs = std::move(digits);
  return result;
}
}  // namespace

ExactRatio ExactRatio::Of(double value) {
  ExactRatio ratio;
  ratio.over.Add(value);
  ratio.under.Add(std::int64_t{1});
  return ratio;
}

ExactRatio ExactRatio::Of(ExactSum::Wide value) {
  ExactRatio ratio;
  ratio.over.Add(value);
  ratio.under.Add(std::int64_t{1});
  return ratio;
}

double ExactRatio::Round() const {
  if (!over.finite()) return over.Round();
  return RoundNumber(Divide(over.Number(), under.Number()));
}

double ExactRatio::RoundedRoot() const {
  if (!over.finite()) return CanonicalNan();
  BigNumber square = Divide(over.Number(), under.Number());
  if (square.zero()) return 0;
  // Scaled near 1, so that no step overflows or underflows: whole limbs are powers of 2^32.
  const int limbs = TopOf(square) >> 5;
  square.first -= limbs % 2 == 0 ? limbs : limbs - 1;
  const int halved = (limbs % 2 == 0 ? limbs : limbs - 1) / 2;
  return std::ldexp(std::sqrt(RoundNumber(square)), kLimbBits * halved);
}

ExactSum Product(const ExactSum& a, const ExactSum& b) {
  ExactSum product;
  product.AddProduct(a, b, 1);
  return product;
}

int Compare(const ExactRatio& a, const ExactRatio& b) {
  ExactSum difference;
  difference.AddProduct(a.over, b.under, 1);
  difference.AddProduct(b.over, a.under, -1);
  return difference.Sign();
}

ExactSum PowerOfTen(int n) {
  ExactSum power;
  power.Add(std::int64_t{1});
  for (; n > 0; n -= 18) {
    std::int64_t step = 1;
    for (int i = 0; i < std::min(n, 18); ++i) step *= 10;
    ExactSum by;
    by.Add(step);
    power = Product(power, by);
  }
  return power;
}

bool ParseExact(std::string_view text, ExactRatio& value) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto parsed = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (parsed.ec != std::errc() || parsed.ptr != power.data() + power.size()) return false;
    text = text.substr(0, e);
  }
  constexpr std::size_t kDigitsMax = 2'000;
  if (text.empty() || text.size() > kDigitsMax) return false;
  ExactSum ten;
  ten.Add(std::int64_t{10});
  ExactSum digits;
  bool point = false;
  bool any = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return false;
    any = true;
    digits = Product(digits, ten);
    digits.Add(std::int64_t{negative ? '0' - c : c - '0'});
    if (point) --exponent;
  }
  if (!any || exponent > kDecimalExponentMax ||
      exponent < -kDecimalExponentMax - static_cast<int>(kDigitsMax)) {
    return false;
  }
  value.over = exponent > 0 ? Product(digits, PowerOfTen(exponent)) : digits;
  value.under = PowerOfTen(exponent < 0 ? -exponent : 0);
  return true;
}
}  // namespace weirhouse

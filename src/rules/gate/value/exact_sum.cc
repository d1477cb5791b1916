#include "rules/gate/value/exact_sum.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

namespace weirhouse::gate {
namespace {
__extension__ typedef unsigned __int128 UnsignedWide;

constexpr int kLimbBits = 32;
constexpr std::int64_t kLimbMask = 0xFFFFFFFF;
constexpr int kCarryEvery = 1 << 29;  // each addition puts less than 2^33 into a limb
constexpr int kSmallestExponent = -1074;
constexpr int kQuotientBits = 68;
constexpr int kDecimalExponentMax = 400;

// A finite double as mantissa · 2^exponent.
struct Binary {
  std::uint64_t mantissa;
  int exponent;
  bool negative;
};
Binary BinaryOf(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(value), &exponent);
  return {static_cast<std::uint64_t>(std::ldexp(fraction, 53)), exponent - 53, std::signbit(value)};
}

int FloorDivide(int value, int by) { return value >= 0 ? value / by : -((-value + by - 1) / by); }

void Trim(BigNumber& number) {
  while (!number.limbs.empty() && number.limbs.back() == 0) number.limbs.pop_back();
  const auto low = std::find_if(number.limbs.begin(), number.limbs.end(),
                                [](std::uint32_t limb) { return limb != 0; });
  number.first += static_cast<int>(low - number.limbs.begin());
  number.limbs.erase(number.limbs.begin(), low);
  if (number.limbs.empty()) number = {};
}

// The exponent of the leading bit: the number lies in [2^it, 2^(it + 1)).
int TopOf(const BigNumber& number) {
  const auto size = static_cast<int>(number.limbs.size());
  return kLimbBits * (number.first + size - 1) +
         static_cast<int>(std::bit_width(number.limbs.back())) - 1;
}

bool BitAt(const BigNumber& number, int position) {
  const int limb = FloorDivide(position, kLimbBits) - number.first;
  if (limb < 0 || limb >= static_cast<int>(number.limbs.size())) return false;
  return ((number.limbs[static_cast<std::size_t>(limb)] >>
           (position - kLimbBits * FloorDivide(position, kLimbBits))) &
          1U) != 0;
}

bool AnyBitBelow(const BigNumber& number, int position) {
  const int limb = FloorDivide(position, kLimbBits) - number.first;
  for (int i = 0; i < static_cast<int>(number.limbs.size()) && i <= limb; ++i) {
    std::uint32_t bits = number.limbs[static_cast<std::size_t>(i)];
    if (i == limb) {
      const int kept = position - kLimbBits * FloorDivide(position, kLimbBits);
      bits &= kept == 0 ? 0 : (~std::uint32_t{0} >> (kLimbBits - kept));
    }
    if (bits != 0) return true;
  }
  return false;
}

// The nearest double, half to even.
double RoundNumber(const BigNumber& number) {
  if (number.zero()) return 0;
  const int top = TopOf(number);
  const int low = std::max(top - 52, kSmallestExponent);
  std::uint64_t mantissa = 0;
  for (int bit = top; bit >= low; --bit) mantissa = mantissa * 2 + (BitAt(number, bit) ? 1 : 0);
  const bool half = BitAt(number, low - 1);
  if (half && ((mantissa & 1) != 0 || AnyBitBelow(number, low - 1))) ++mantissa;
  const double value = std::ldexp(static_cast<double>(mantissa), low);
  return number.negative ? -value : value;
}

BigNumber Multiply(const BigNumber& a, const BigNumber& b) {
  BigNumber product;
  if (a.zero() || b.zero()) return product;
  product.negative = a.negative != b.negative;
  product.first = a.first + b.first;
  product.limbs.assign(a.limbs.size() + b.limbs.size(), 0);
  for (std::size_t i = 0; i < a.limbs.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.limbs.size(); ++j) {
      const std::uint64_t sum =
          product.limbs[i + j] + carry + static_cast<std::uint64_t>(a.limbs[i]) * b.limbs[j];
      product.limbs[i + j] = static_cast<std::uint32_t>(sum);
      carry = sum >> kLimbBits;
    }
    product.limbs[i + b.limbs.size()] = static_cast<std::uint32_t>(carry);
  }
  Trim(product);
  return product;
}

// A number whose bits are asked and taken away during a division: an integer of limbs.
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

// a / b to kQuotientBits, with one bit more that is set if a rest was left. The sign is that of a.
BigNumber Divide(const BigNumber& a, const BigNumber& b) {
  if (a.zero()) return {};
  const int gap = TopOf(a) - TopOf(b);  // the quotient lies in [2^(gap − 1), 2^(gap + 1))
  Digits rest = a.limbs;
  Digits divisor = b.limbs;
  const int lowest_a = kLimbBits * a.first;
  const int lowest_b = kLimbBits * b.first + gap;
  if (lowest_a > lowest_b) ShiftLeft(rest, lowest_a - lowest_b);
  if (lowest_b > lowest_a) ShiftLeft(divisor, lowest_b - lowest_a);
  UnsignedWide bits = 0;
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
  result.first = FloorDivide(exponent, kLimbBits);
  const int shift = exponent - kLimbBits * result.first;
  Digits digits;
  for (UnsignedWide left_bits = bits; left_bits != 0; left_bits >>= kLimbBits) {
    digits.push_back(static_cast<std::uint32_t>(left_bits));
  }
  ShiftLeft(digits, shift);
  result.limbs = std::move(digits);
  Trim(result);
  return result;
}
}  // namespace

void ExactSum::Reach(int low, int high) {
  if (limbs_.empty()) {
    first_ = low;
    limbs_.assign(static_cast<std::size_t>(high - low + 1), 0);
    return;
  }
  if (low < first_) {
    limbs_.insert(limbs_.begin(), static_cast<std::size_t>(first_ - low), 0);
    first_ = low;
  }
  const int size = high - first_ + 1;
  if (size > static_cast<int>(limbs_.size())) limbs_.resize(static_cast<std::size_t>(size), 0);
}

void ExactSum::Carry() {
  pending_ = 0;
  std::int64_t carry = 0;
  for (std::int64_t& limb : limbs_) {
    const std::int64_t sum = limb + carry;
    limb = sum & kLimbMask;
    carry = sum >> kLimbBits;  // rounds down, so that limbs are not negative
  }
  // The last limb keeps the sign.
  if (carry != 0) limbs_.push_back(carry);
}

void ExactSum::AddBits(UnsignedWide bits, int exponent, bool negative) {
  if (bits == 0) return;
  if (++pending_ >= kCarryEvery) Carry();
  int limb = FloorDivide(exponent, kLimbBits);
  const int shift = exponent - kLimbBits * limb;
  constexpr int kLimbsTouched = 5;
  Reach(limb, limb + kLimbsTouched - 1);
  const std::int64_t sign = negative ? -1 : 1;
  const auto low = static_cast<std::int64_t>((static_cast<std::uint64_t>(bits) << shift) &
                                             static_cast<std::uint64_t>(kLimbMask));
  limbs_[static_cast<std::size_t>(limb - first_)] += sign * low;
  for (bits >>= kLimbBits - shift; bits != 0; bits >>= kLimbBits) {
    ++limb;
    limbs_[static_cast<std::size_t>(limb - first_)] +=
        sign * static_cast<std::int64_t>(static_cast<std::uint64_t>(bits) &
                                         static_cast<std::uint64_t>(kLimbMask));
  }
}

void ExactSum::AddBig(const BigNumber& number, bool negate) {
  for (std::size_t i = 0; i < number.limbs.size(); ++i) {
    AddBits(number.limbs[i], kLimbBits * (number.first + static_cast<int>(i)),
            number.negative != negate);
  }
}

void ExactSum::Add(double value) {
  if (std::isnan(value)) {
    nan_ = true;
  } else if (std::isinf(value)) {
    (value > 0 ? positive_infinity_ : negative_infinity_) = true;
  } else {
    const Binary binary = BinaryOf(value);
    AddBits(binary.mantissa, binary.exponent, binary.negative);
  }
}

void ExactSum::AddSquare(double value) {
  if (!std::isfinite(value)) return Add(value * value);
  const Binary binary = BinaryOf(value);
  AddBits(static_cast<UnsignedWide>(binary.mantissa) * binary.mantissa, 2 * binary.exponent, false);
}

void ExactSum::Add(std::int64_t value) { Add(static_cast<Wide>(value)); }

void ExactSum::Add(Wide value) {
  const bool negative = value < 0;
  AddBits(negative ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value), 0,
          negative);
}

void ExactSum::AddSquare(std::int64_t value) {
  const bool negative = value < 0;
  const std::uint64_t size =
      negative ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  AddBits(static_cast<UnsignedWide>(size) * size, 0, false);
}

void ExactSum::AddFinite(const ExactSum& other) { AddBig(other.Number(), false); }

void ExactSum::Add(const ExactSum& other) {
  AddFinite(other);
  positive_infinity_ = positive_infinity_ || other.positive_infinity_;
  negative_infinity_ = negative_infinity_ || other.negative_infinity_;
  nan_ = nan_ || other.nan_;
}

void ExactSum::AddProduct(const ExactSum& a, const ExactSum& b, double factor) {
  if (!a.finite() || !b.finite()) nan_ = true;
  ExactSum by;
  by.Add(factor);
  AddBig(Multiply(Multiply(a.Number(), b.Number()), by.Number()), false);
}

BigNumber ExactSum::Number() const {
  ExactSum settled;
  settled.first_ = first_;
  settled.limbs_ = limbs_;
  settled.Carry();
  BigNumber number;
  number.first = first_;
  number.negative = !settled.limbs_.empty() && settled.limbs_.back() < 0;
  if (number.negative) {
    for (std::int64_t& limb : settled.limbs_) limb = -limb;
    settled.Carry();
  }
  for (const std::int64_t limb : settled.limbs_) {
    number.limbs.push_back(static_cast<std::uint32_t>(limb));
  }
  Trim(number);
  return number;
}

double ExactSum::Round() const {
  if (nan_ || (positive_infinity_ && negative_infinity_)) return std::nan("");
  if (positive_infinity_) return HUGE_VAL;
  if (negative_infinity_) return -HUGE_VAL;
  return RoundNumber(Number());
}

int ExactSum::Sign() const {
  const BigNumber number = Number();
  if (number.zero()) return 0;
  return number.negative ? -1 : 1;
}

bool ExactSum::FitsDoubles() const {
  if (!finite()) return true;
  const BigNumber number = Number();
  if (number.zero()) return true;
  return std::isfinite(RoundNumber(number)) && !AnyBitBelow(number, kSmallestExponent);
}

std::vector<double> ExactSum::Specials() const {
  std::vector<double> specials;
  if (nan_) specials.push_back(std::nan(""));
  if (positive_infinity_) specials.push_back(HUGE_VAL);
  if (negative_infinity_) specials.push_back(-HUGE_VAL);
  return specials;
}

std::vector<double> ExactSum::Parts() const {
  std::vector<double> parts;
  if (!finite()) {
    parts.push_back(Round());
    return parts;
  }
  ExactSum rest = *this;
  for (double part = rest.Round(); part != 0; part = rest.Round()) {
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

std::string ExactSum::Hex() const {
  const BigNumber number = Number();
  if (number.zero()) return "0p0";
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (std::size_t i = number.limbs.size(); i-- > 0;) {
    for (int shift = 28; shift >= 0; shift -= 4) {
      const char digit = kDigits[(number.limbs[i] >> shift) & 15U];
      if (!digits.empty() || digit != '0') digits += digit;
    }
  }
  return (number.negative ? "-" : "") + digits + "p" + std::to_string(kLimbBits * number.first);
}

bool ExactSum::AddHex(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t p = text.find('p');
  if (p == 0 || p == std::string_view::npos) return false;
  int exponent = 0;
  const std::string_view power = text.substr(p + 1);
  const auto parsed = std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (parsed.ec != std::errc() || parsed.ptr != power.data() + power.size()) return false;
  constexpr int kExponentMax = 100'000;
  if (exponent < -kExponentMax || exponent > kExponentMax) return false;
  for (std::size_t i = 0; i < p; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return false;
    AddBits(static_cast<UnsignedWide>(digit), exponent + 4 * static_cast<int>(p - 1 - i), negative);
  }
  return true;
}

bool operator==(const ExactSum& a, const ExactSum& b) {
  if (a.finite() != b.finite()) return false;
  if (!a.finite()) {
    const double x = a.Round();
    const double y = b.Round();
    return x == y || (std::isnan(x) && std::isnan(y));
  }
  const BigNumber x = a.Number();
  const BigNumber y = b.Number();
  return x.negative == y.negative && x.first == y.first && x.limbs == y.limbs;
}

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
  if (!over.finite()) return std::nan("");
  BigNumber square = Divide(over.Number(), under.Number());
  if (square.zero()) return 0;
  // Brought near 1, so that neither end of the doubles is met: whole limbs are powers of 2^32.
  const int limbs = FloorDivide(TopOf(square), kLimbBits);
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
}  // namespace weirhouse::gate

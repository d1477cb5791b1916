#include "ground/base/exact/exact_sum.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "ground/base/ascii.h"
#include "ground/base/exact/limbs.h"
#include "ground/base/text.h"

namespace weirhouse {
namespace {
constexpr int kSumLimbBits = 32;
constexpr std::int64_t kSumLimbMask = 0xFFFFFFFF;
constexpr int kLeastExponent = -1074;
constexpr int kSpecialExponent = 0x7ff;
// Limbs put below a sum before it is divided: 128 bits leave at least 65 after dividing by 63.
constexpr int kQuotientLimbs = 4;

// A finite double as mantissa · 2^exponent.
struct DoubleParts {
  std::uint64_t mantissa;
  int exponent;
};
DoubleParts PartsOf(std::uint64_t bits) {
  const int biased = static_cast<int>((bits >> 52) & kSpecialExponent);
  const std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
  if (biased == 0) return {mantissa, kLeastExponent};
  return {mantissa | (std::uint64_t{1} << 52), biased - 1 + kLeastExponent};
}

void DropZeroLimbs(BigNumber& number) {
  while (!number.limbs.empty() && number.limbs.back() == 0) number.limbs.pop_back();
  const auto low = std::find_if(number.limbs.begin(), number.limbs.end(),
                                [](std::uint32_t limb) { return limb != 0; });
  number.first += static_cast<int>(low - number.limbs.begin());
  number.limbs.erase(number.limbs.begin(), low);
  if (number.limbs.empty()) number = {};
}
}  // namespace

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
      carry = sum >> kSumLimbBits;
    }
    product.limbs[i + b.limbs.size()] = static_cast<std::uint32_t>(carry);
  }
  DropZeroLimbs(product);
  return product;
}

// The finite part as sign and limbs, with room for those of a quotient below. Sums of doubles that
// are not far apart need no memory of their own.
struct ExactSum::Magnitude {
  static constexpr int kFewLimbs = 40;
  std::array<std::uint32_t, kFewLimbs> few{};
  std::vector<std::uint32_t> many;
  std::uint32_t* limbs = nullptr;
  int count = 0;  // the limbs of a quotient included
  bool negative = false;
};

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
  until_carry_ = kAdditionsBetweenCarries;
  std::int64_t carry = 0;
  for (std::int64_t& limb : limbs_) {
    const std::int64_t sum = limb + carry;
    carry = sum >> kSumLimbBits;  // rounds down, so that limbs are not negative
    limb = sum & kSumLimbMask;
  }
  // The last limb keeps the sign.
  if (carry != 0) limbs_.push_back(carry);
}

void ExactSum::AddSpecial(double value, int sign) {
  if (std::isnan(value)) {
    nan_ += sign;
  } else {
    (value > 0 ? positive_infinity_ : negative_infinity_) += sign;
  }
}

void ExactSum::AddSigned(double value, int sign) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto biased = static_cast<int>((bits >> 52) & kSpecialExponent);
  if (biased == kSpecialExponent) return AddSpecial(value, sign);
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
  if (biased != 0) mantissa |= std::uint64_t{1} << 52;
  if (mantissa == 0) return;
  if (--until_carry_ <= 0) Carry();
  const int exponent = (biased == 0 ? 0 : biased - 1) + kLeastExponent;
  const int limb = exponent >> 5;  // towards minus infinity
  constexpr std::size_t kLimbsTouched = 3;
  auto place = static_cast<std::size_t>(limb - first_);  // below the first: far beyond the last
  if (place >= limbs_.size() || limbs_.size() - place < kLimbsTouched) {
    Reach(limb, limb + static_cast<int>(kLimbsTouched) - 1);
    place = static_cast<std::size_t>(limb - first_);
  }
  const int shift = exponent & 31;
  const std::int64_t direction = (bits >> 63) != 0 ? -sign : sign;
  const std::uint64_t low = mantissa << shift;  // its lowest 64 bits
  const std::uint64_t high = shift == 0 ? 0 : mantissa >> (64 - shift);
  std::int64_t* const at = limbs_.data() + place;
  const std::int64_t first =
      at[0] + direction * static_cast<std::int64_t>(static_cast<std::uint32_t>(low));
  const std::int64_t second = at[1] + direction * static_cast<std::int64_t>(low >> kSumLimbBits);
  at[0] = first;
  at[1] = second;
  if (high != 0) at[2] += direction * static_cast<std::int64_t>(high);
}

void ExactSum::AddBits(UnsignedWide bits, int exponent, bool negative) {
  if (bits == 0) return;
  if (--until_carry_ <= 0) Carry();
  int limb = exponent >> 5;  // towards minus infinity
  const int shift = exponent & 31;
  constexpr int kLimbsTouched = 5;
  Reach(limb, limb + kLimbsTouched - 1);
  const std::int64_t sign = negative ? -1 : 1;
  const auto low = static_cast<std::int64_t>((static_cast<std::uint64_t>(bits) << shift) &
                                             static_cast<std::uint64_t>(kSumLimbMask));
  limbs_[static_cast<std::size_t>(limb - first_)] += sign * low;
  for (bits >>= kSumLimbBits - shift; bits != 0; bits >>= kSumLimbBits) {
    ++limb;
    limbs_[static_cast<std::size_t>(limb - first_)] +=
        sign * static_cast<std::int64_t>(static_cast<std::uint64_t>(bits) &
                                         static_cast<std::uint64_t>(kSumLimbMask));
  }
}

void ExactSum::AddBig(const BigNumber& number, bool negate) {
  for (std::size_t i = 0; i < number.limbs.size(); ++i) {
    AddBits(number.limbs[i], kSumLimbBits * (number.first + static_cast<int>(i)),
            number.negative != negate);
  }
}

void ExactSum::AddSquare(double value) {
  if (!std::isfinite(value)) return AddSpecial(value * value, 1);
  const DoubleParts parts = PartsOf(std::bit_cast<std::uint64_t>(value));
  AddBits(static_cast<UnsignedWide>(parts.mantissa) * parts.mantissa, 2 * parts.exponent, false);
}

void ExactSum::Add(std::int64_t value) { Add(static_cast<Wide>(value)); }

void ExactSum::Add(Wide value) { AddScaled(value, 0); }

void ExactSum::AddScaled(Wide value, int exponent) {
  const bool negative = value < 0;
  AddBits(negative ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value), exponent,
          negative);
}

void ExactSum::AddSquare(std::int64_t value) {
  const bool negative = value < 0;
  const std::uint64_t size =
      negative ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  AddBits(static_cast<UnsignedWide>(size) * size, 0, false);
}

void ExactSum::AddFinite(const ExactSum& other) { AddBig(other.Number(), false); }

void ExactSum::Merge(const ExactSum& other) {
  AddFinite(other);
  nan_ += other.nan_;
  positive_infinity_ += other.positive_infinity_;
  negative_infinity_ += other.negative_infinity_;
}

void ExactSum::AddProduct(const ExactSum& a, const ExactSum& b, double factor) {
  if (!a.finite() || !b.finite()) ++nan_;
  ExactSum by;
  by.Add(factor);
  AddBig(Multiply(Multiply(a.Number(), b.Number()), by.Number()), false);
}

void ExactSum::Clear() {
  limbs_.clear();
  until_carry_ = kAdditionsBetweenCarries;
  nan_ = 0;
  positive_infinity_ = 0;
  negative_infinity_ = 0;
}

void ExactSum::Normalize(Magnitude* into) const {
  const int own = static_cast<int>(limbs_.size());
  into->count = kQuotientLimbs + own + 2;  // the carries of the last limb
  if (into->count > Magnitude::kFewLimbs) {
    into->many.resize(static_cast<std::size_t>(into->count));
    into->limbs = into->many.data();
  } else {
    into->limbs = into->few.data();
  }
  std::fill_n(into->limbs, kQuotientLimbs, 0U);
  std::int64_t carry = 0;
  int at = kQuotientLimbs;
  for (const std::int64_t limb : limbs_) {
    const std::int64_t part = limb + carry;
    into->limbs[at++] = static_cast<std::uint32_t>(part);
    carry = part >> kSumLimbBits;
  }
  into->negative = carry < 0;
  for (; at < into->count; ++at, carry >>= kSumLimbBits)
    into->limbs[at] = static_cast<std::uint32_t>(carry);
  if (!into->negative) return;
  std::uint64_t add = 1;  // two's complement: negate
  for (int i = kQuotientLimbs; i < into->count; ++i) {
    const std::uint64_t part =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(~into->limbs[i])) + add;
    into->limbs[i] = static_cast<std::uint32_t>(part);
    add = part >> kSumLimbBits;
  }
}

BigNumber ExactSum::Number() const {
  Magnitude sum;
  Normalize(&sum);
  BigNumber number;
  number.first = first_;
  number.negative = sum.negative;
  number.limbs.assign(sum.limbs + kQuotientLimbs, sum.limbs + sum.count);
  DropZeroLimbs(number);
  return number;
}

double ExactSum::SpecialValue() const {
  if (nan_ != 0 || (positive_infinity_ != 0 && negative_infinity_ != 0)) return CanonicalNan();
  const double infinity = std::numeric_limits<double>::infinity();
  return positive_infinity_ != 0 ? infinity : -infinity;
}

double ExactSum::Round() const {
  if (!finite()) return SpecialValue();
  Magnitude sum;
  Normalize(&sum);
  return RoundLimbs(sum.limbs + kQuotientLimbs, sum.count - kQuotientLimbs, kSumLimbBits * first_,
                    false, sum.negative);
}

double ExactSum::Mean(std::int64_t count) const {
  if (!finite()) return SpecialValue();
  Magnitude sum;
  Normalize(&sum);
  const bool sticky = DivideLimbs(sum.limbs, sum.count, static_cast<std::uint64_t>(count));
  return RoundLimbs(sum.limbs, sum.count, kSumLimbBits * (first_ - kQuotientLimbs), sticky,
                    sum.negative);
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
  const int lowest =
      kSumLimbBits * number.first + std::countr_zero(number.limbs.front());  // its last bit
  return std::isfinite(Round()) && lowest >= kLeastExponent;
}

std::vector<double> ExactSum::Specials() const {
  std::vector<double> specials;
  if (nan_ != 0) specials.push_back(CanonicalNan());
  if (positive_infinity_ != 0) specials.push_back(HUGE_VAL);
  if (negative_infinity_ != 0) specials.push_back(-HUGE_VAL);
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
  return (number.negative ? "-" : "") + digits + "p" + std::to_string(kSumLimbBits * number.first);
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
    const int digit = LowerHexDigit(text[i]);
    if (digit < 0) return false;
    AddBits(static_cast<UnsignedWide>(digit), exponent + 4 * static_cast<int>(p - 1 - i), negative);
  }
  return true;
}

std::string ExactSum::Serialize() const {
  return fmt::format("{} {} {} {}", nan_, positive_infinity_, negative_infinity_, Hex());
}

Result<ExactSum> ExactSum::Parse(std::string_view text) {
  const auto damaged = [&] {
    return Status(Code::kCorruption,
                  fmt::format("a stored sum cannot be read: \"{}\"", text.substr(0, 80)));
  };
  constexpr std::size_t kTextMax = 20'000;  // more than squares of all doubles need
  if (text.size() > kTextMax) return damaged();
  ExactSum sum;
  const std::vector<std::string_view> words = Split(text, ' ');
  std::int64_t* const counts[] = {&sum.nan_, &sum.positive_infinity_, &sum.negative_infinity_};
  if (words.size() != std::size(counts) + 1) return damaged();
  for (std::size_t i = 0; i < std::size(counts); ++i) {
    const char* const end = words[i].data() + words[i].size();
    const auto parsed = std::from_chars(words[i].data(), end, *counts[i]);
    if (parsed.ec != std::errc() || parsed.ptr != end) return damaged();
  }
  // Each sum has exactly one text form; any other text is refused, so that equal states have equal
  // bytes.
  if (!sum.AddHex(words.back()) || sum.Serialize() != text) return damaged();
  return sum;
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
}  // namespace weirhouse

#include "rules/gate/history/moment_adder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <memory>

namespace weirhouse::gate {
namespace {
using Wide = ExactSum::Wide;
__extension__ typedef unsigned __int128 UnsignedWide;

constexpr std::size_t kFewValues = 512;  // below it the bins cost more than they save
constexpr int kExponents = 2048;
constexpr int kNoNumber = kExponents - 1;  // infinities
// Squares of mantissas are below 2^106: so many of them stay below 2^127.
constexpr std::size_t kValuesPerFlush = std::size_t{1} << 20;

struct RealBins {
  std::array<Wide, kExponents> sums{};
  std::array<UnsignedWide, kExponents> squares{};
};

int ExponentOf(int biased) { return std::max(biased, 1) - 1075; }

void Flush(RealBins& bins, ExactSum& sum, ExactSum& squares) {
  for (int i = 0; i < kNoNumber; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (bins.squares[at] == 0) continue;
    if (bins.sums[at] != 0) sum.AddScaled(bins.sums[at], ExponentOf(i));
    squares.AddScaled(static_cast<Wide>(bins.squares[at]), 2 * ExponentOf(i));
  }
}

void AddToBins(double value, RealBins& bins) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto biased = static_cast<std::size_t>((bits >> 52) & (kExponents - 1));
  const std::uint64_t mantissa =
      (bits & ((std::uint64_t{1} << 52) - 1)) | (std::uint64_t{biased != 0} << 52);
  const auto sign = static_cast<std::int64_t>(bits) >> 63;  // 0 or −1
  bins.sums[biased] += (static_cast<std::int64_t>(mantissa) ^ sign) - sign;
  bins.squares[biased] += static_cast<UnsignedWide>(mantissa) * mantissa;
}
}  // namespace

void AddMoments(std::span<const double> values, ExactSum& sum, ExactSum& squares) {
  if (values.size() < kFewValues) {
    for (const double value : values) {
      sum.Add(value);
      squares.AddSquare(value);
    }
    return;
  }
  const auto bins = std::make_unique<RealBins>();
  for (std::size_t begin = 0; begin < values.size(); begin += kValuesPerFlush) {
    if (begin > 0) *bins = RealBins();
    const auto block = values.subspan(begin, std::min(kValuesPerFlush, values.size() - begin));
    for (const double value : block) AddToBins(value, *bins);
    if (bins->squares[kNoNumber] != 0) {
      for (const double value : block) {
        if (value - value == 0) continue;
        sum.Add(value);
        squares.AddSquare(value);
      }
    }
    Flush(*bins, sum, squares);
  }
}

Wide AddMoments(std::span<const std::int64_t> values, ExactSum& sum, ExactSum& squares) {
  constexpr std::size_t kBlock = 4096;
  UnsignedWide total = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const auto block = values.subspan(begin, std::min(kBlock, values.size() - begin));
    std::uint64_t greatest = 0;  // an upper bound of the sizes
    for (const std::int64_t value : block)
      greatest |= static_cast<std::uint64_t>(value ^ (value >> 63));
    if (greatest < (std::uint64_t{1} << 25)) {  // sizes up to 2^25, squares 2^50, their sum 2^62
      std::int64_t narrow = 0;
      std::int64_t narrow_squares = 0;
      for (const std::int64_t value : block) {
        narrow += value;
        narrow_squares += value * value;
      }
      sum.Add(narrow);
      squares.Add(narrow_squares);
      total += static_cast<UnsignedWide>(static_cast<Wide>(narrow));
      continue;
    }
    Wide wide = 0;
    Wide wide_squares = 0;
    const bool fits = greatest < (std::uint64_t{1} << 56);  // squares 2^112, their sum 2^124
    for (const std::int64_t value : block) {
      wide += value;
      if (fits) {
        wide_squares += static_cast<Wide>(value) * value;
      } else {
        squares.AddSquare(value);
      }
    }
    sum.Add(wide);
    squares.Add(wide_squares);
    total += static_cast<UnsignedWide>(wide);
  }
  return static_cast<Wide>(total);
}
}  // namespace weirhouse::gate

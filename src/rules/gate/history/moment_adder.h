// Exact moments of many numbers at once: sums and sums of squares of a block, added to exact sums as
// a whole. A block gives the same sums, bit for bit, as its numbers one by one.
//
// Doubles: the mantissas of each exponent are added up as whole numbers of 128 bits (the "large"
// superaccumulator of Neal, arXiv 1505.05571, with squares beside it), so that a number costs two
// additions and no rounding, branch or allocation. Whole numbers: in 64 or 128 bits, by their size.
#pragma once

#include <cstdint>
#include <span>

#include "ground/base/exact/exact_sum.h"

namespace weirhouse::gate {

// Adds values, none of which is NaN; infinities are counted as ExactSum counts them. Cost: some 2 ns
// a value, and a few µs a call. Memory: 64 KiB while it runs.
void AddMoments(std::span<const double> values, ExactSum& sum, ExactSum& squares);
// The same of whole numbers; returns their sum modulo 2^128.
ExactSum::Wide AddMoments(std::span<const std::int64_t> values, ExactSum& sum, ExactSum& squares);
}  // namespace weirhouse::gate

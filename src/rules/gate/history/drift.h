// Drift between a baseline and a batch: pure functions over value counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/gate/definition/definition.h"
#include "rules/gate/history/profile.h"

namespace weirhouse::gate {

// The smoothing of binned shares, part of the definition of psi and kl.
inline constexpr double kSmoothing = 0.5;
// So many of the baseline's most frequent texts are bins of their own; all others share one.
inline constexpr std::size_t kTextBinsMax = 100;

// Where share `q` of `count` sorted values lies: h = (count − 1) q, whole part and remainder, so
// that no rounding decides which neighbours are meant.
struct Rank {
  std::int64_t low = 0;
  Ratio rest;  // below 1
};
Rank RankOf(std::int64_t count, Ratio q);
enum class QuantileMethod : std::uint8_t { kLinear, kLower, kHigher, kNearest, kMidpoint };
// How much of the way from the value at `low` to the next the method goes: 0 to 1.
Ratio ShareAbove(const Rank& rank, QuantileMethod method);
// The value so much of the way from `low` to `high`.
double Between(double low, double high, Ratio share);
// The value at share `q` of the sorted multiset; `counts` is not empty.
double QuantileOf(const NumberCounts& counts, Ratio q, QuantileMethod method);
std::int64_t TotalOf(const NumberCounts& counts);

// Inner edges of `bins` quantile bins of the baseline (type 7). Bins are (−∞, e1), [e1, e2), …,
// [em, ∞). A value v on which several edges fall is a bin of its own, [v, next double), and the
// other values are cut at their own quantiles, into as many bins fewer: so no bin hides a move.
std::vector<double> QuantileEdges(const NumberCounts& baseline, int bins);
// Inner edges of `bins` bins of equal width over the baseline's finite range; a range of one value
// is a bin of its own.
std::vector<double> EqualWidthEdges(const NumberCounts& baseline, int bins);
// Counts per bin: edges.size() + 1 of them.
std::vector<std::int64_t> CountBins(const NumberCounts& counts, std::span<const double> edges);

// Baseline and current counts over the same bins.
struct Bins {
  std::vector<std::int64_t> baseline;
  std::vector<std::int64_t> current;
};
double PopulationStability(const Bins& bins);  // smoothed
double KullbackLeibler(const Bins& bins);      // KL(Q‖P), nats, smoothed
double JensenShannon(const Bins& bins);        // base 2, in [0, 1], not smoothed

struct Significance {
  double statistic = 0;
  double p = 1;
  int degrees = 0;     // chi2
  bool exact = false;  // chi2: p is that of Fisher's test
};
// Two samples: the baseline is one too, of finite size. Bins that expect fewer than 5 in either are
// merged into one; if that expects less than 1 and two others are left, it joins the smallest of
// them. Two bins that expect fewer than 5 are judged by Fisher's exact test (`exact`). One bin: 0,
// and p = 1.
Significance ChiSquare(const Bins& bins);
// Exact D; p by the asymptotic Kolmogorov distribution with Stephens' correction. NaN counts as the
// greatest number.
Significance KolmogorovSmirnov(const NumberCounts& baseline, const NumberCounts& current,
                               std::int64_t baseline_nan = 0, std::int64_t current_nan = 0);
// Of finite numbers.
double Wasserstein(const NumberCounts& baseline, const NumberCounts& current);

// Upper regularized incomplete gamma function Q(a, x).
double UpperGamma(double a, double x);
}  // namespace weirhouse::gate

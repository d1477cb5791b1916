// Drift between a baseline and a batch: pure functions over value counts. Private to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gate/definition.h"
#include "gate/profile.h"

namespace weirhouse::gate {

// The smoothing of binned shares, part of the definition of psi and kl.
inline constexpr double kSmoothing = 0.5;
// So many of the baseline's most frequent texts are bins of their own; all others share one.
inline constexpr std::size_t kTextBinsMax = 100;

// The value at share `q` of the sorted multiset; `counts` is not empty.
double QuantileOf(const NumberCounts& counts, Ratio q, QuantileMethod method);
std::int64_t TotalOf(const NumberCounts& counts);

// Inner edges of `bins` quantile bins of the baseline (type 7), equal ones merged. Bins are
// (−∞, e1), [e1, e2), …, [em, ∞).
std::vector<double> QuantileEdges(const NumberCounts& baseline, int bins);
// Inner edges of `bins` bins of equal width over the baseline's range.
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
  int degrees = 0;  // chi2
};
// Bins whose expected count is below 5 are merged into one. nullopt: fewer than two bins are left.
std::optional<Significance> ChiSquare(const Bins& bins);
// Exact D; p by the asymptotic Kolmogorov distribution with Stephens' correction.
Significance KolmogorovSmirnov(const NumberCounts& baseline, const NumberCounts& current);
double Wasserstein(const NumberCounts& baseline, const NumberCounts& current);

// Upper regularized incomplete gamma function Q(a, x).
double UpperGamma(double a, double x);
}  // namespace weirhouse::gate

#include "gate/drift.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weirhouse::gate {
namespace {
// Finds values by rank; ranks must be asked for in ascending order.
class Ranks {
 public:
  explicit Ranks(const NumberCounts& counts) : counts_(counts) {}
  double At(std::int64_t rank) {
    while (before_ + counts_[at_].second <= rank) before_ += counts_[at_++].second;
    return counts_[at_].first;
  }

 private:
  const NumberCounts& counts_;
  std::size_t at_ = 0;
  std::int64_t before_ = 0;
};

// As NumPy does it: from whichever end is nearer.
double Interpolate(double a, double b, double share) {
  const double difference = b - a;
  if (a == b) return a;  // infinities too
  return share < 0.5 ? a + difference * share : b - difference * (1 - share);
}

std::int64_t Total(std::span<const std::int64_t> counts) {
  std::int64_t total = 0;
  for (const std::int64_t count : counts) total += count;
  return total;
}

struct Shares {
  std::vector<double> baseline;
  std::vector<double> current;
};
Shares SharesOf(const Bins& bins, double smoothing) {
  Shares shares;
  auto fill = [smoothing](const std::vector<std::int64_t>& counts, std::vector<double>& into) {
    const double total =
        static_cast<double>(Total(counts)) + smoothing * static_cast<double>(counts.size());
    for (const std::int64_t count : counts) {
      into.push_back((static_cast<double>(count) + smoothing) / total);
    }
  };
  fill(bins.baseline, shares.baseline);
  fill(bins.current, shares.current);
  return shares;
}

// std::lgamma keeps its sign in a global, which threads would share.
double LogGamma(double a) {
  int sign = 0;
  return lgamma_r(a, &sign);
}

double KolmogorovTail(double lambda) {
  if (lambda < 0.2) return 1;  // the series needs many terms there, and is 1 to all digits
  double sum = 0;
  double sign = 1;
  for (int j = 1; j <= 100; ++j) {
    const double term = std::exp(-2.0 * j * j * lambda * lambda);
    sum += sign * term;
    if (term < 1e-18) break;
    sign = -sign;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

// Walks the distinct values of both lists in order: step(value, baseline ≤ value, current ≤ value).
template <typename Step>
void WalkBoth(const NumberCounts& p, const NumberCounts& q, Step step) {
  std::size_t i = 0;
  std::size_t j = 0;
  std::int64_t below_p = 0;
  std::int64_t below_q = 0;
  while (i < p.size() || j < q.size()) {
    const double value =
        j == q.size() || (i < p.size() && p[i].first <= q[j].first) ? p[i].first : q[j].first;
    if (i < p.size() && p[i].first == value) below_p += p[i++].second;
    if (j < q.size() && q[j].first == value) below_q += q[j++].second;
    step(value, below_p, below_q);
  }
}
}  // namespace

std::int64_t TotalOf(const NumberCounts& counts) {
  std::int64_t total = 0;
  for (const auto& [value, count] : counts) total += count;
  return total;
}

double QuantileOf(const NumberCounts& counts, Ratio q, QuantileMethod method) {
  // h = (n − 1) q as a whole part and a remainder: no rounding decides which neighbours are meant.
  __extension__ typedef __int128 Wide;
  const Wide product = static_cast<Wide>(TotalOf(counts) - 1) * q.numerator;
  const auto low = static_cast<std::int64_t>(product / q.denominator);
  const auto rest = static_cast<std::int64_t>(product % q.denominator);
  Ranks ranks(counts);
  const double a = ranks.At(low);
  if (rest == 0) return a;
  const double b = ranks.At(low + 1);
  const Wide twice = static_cast<Wide>(rest) * 2;
  switch (method) {
    case QuantileMethod::kLower:
      return a;
    case QuantileMethod::kHigher:
      return b;
    case QuantileMethod::kMidpoint:
      return Interpolate(a, b, 0.5);
    case QuantileMethod::kNearest:
      if (twice == q.denominator) return low % 2 == 0 ? a : b;
      return twice < q.denominator ? a : b;
    case QuantileMethod::kLinear:
      break;
  }
  return Interpolate(a, b, static_cast<double>(rest) / static_cast<double>(q.denominator));
}

std::vector<double> QuantileEdges(const NumberCounts& baseline, int bins) {
  std::vector<double> edges;
  if (baseline.empty()) return edges;
  for (int i = 1; i < bins; ++i) {
    const double edge = QuantileOf(baseline, {i, bins}, QuantileMethod::kLinear);
    if (std::isnan(edge)) continue;  // between the two infinities
    if (edges.empty() || edges.back() < edge) edges.push_back(edge);
  }
  return edges;
}

std::vector<double> EqualWidthEdges(const NumberCounts& baseline, int bins) {
  std::vector<double> edges;
  if (baseline.empty()) return edges;
  const double low = baseline.front().first;
  const double high = baseline.back().first;
  for (int i = 1; i < bins; ++i) {
    const double edge = Interpolate(low, high, static_cast<double>(i) / bins);
    if (std::isnan(edge)) continue;  // between the two infinities
    if (edges.empty() || edges.back() < edge) edges.push_back(edge);
  }
  return edges;
}

std::vector<std::int64_t> CountBins(const NumberCounts& counts, std::span<const double> edges) {
  std::vector<std::int64_t> bins(edges.size() + 1, 0);
  std::size_t bin = 0;
  for (const auto& [value, count] : counts) {
    while (bin < edges.size() && edges[bin] <= value) ++bin;
    bins[bin] += count;
  }
  return bins;
}

double PopulationStability(const Bins& bins) {
  const Shares shares = SharesOf(bins, kSmoothing);
  double sum = 0;
  for (std::size_t i = 0; i < shares.baseline.size(); ++i) {
    const double p = shares.baseline[i];
    const double q = shares.current[i];
    sum += (q - p) * std::log(q / p);
  }
  return sum;
}

double KullbackLeibler(const Bins& bins) {
  const Shares shares = SharesOf(bins, kSmoothing);
  double sum = 0;
  for (std::size_t i = 0; i < shares.baseline.size(); ++i) {
    sum += shares.current[i] * std::log(shares.current[i] / shares.baseline[i]);
  }
  return sum;
}

double JensenShannon(const Bins& bins) {
  const Shares shares = SharesOf(bins, 0);
  double sum = 0;
  for (std::size_t i = 0; i < shares.baseline.size(); ++i) {
    const double p = shares.baseline[i];
    const double q = shares.current[i];
    const double middle = (p + q) / 2;
    if (p > 0) sum += p / 2 * std::log2(p / middle);
    if (q > 0) sum += q / 2 * std::log2(q / middle);
  }
  return std::clamp(sum, 0.0, 1.0);
}

std::optional<Significance> ChiSquare(const Bins& bins) {
  const auto baseline = static_cast<double>(Total(bins.baseline));
  const auto current = static_cast<double>(Total(bins.current));
  double statistic = 0;
  int kept = 0;
  double other_expected = 0;
  double other_observed = 0;
  auto add = [&](double observed, double expected) {
    ++kept;
    if (expected > 0) {
      statistic += (observed - expected) * (observed - expected) / expected;
    } else if (observed > 0) {
      statistic = std::numeric_limits<double>::infinity();
    }
  };
  bool merged = false;
  for (std::size_t i = 0; i < bins.baseline.size(); ++i) {
    const double expected = current * static_cast<double>(bins.baseline[i]) / baseline;
    const auto observed = static_cast<double>(bins.current[i]);
    if (expected < 5) {
      merged = merged || expected > 0 || observed > 0;
      other_expected += expected;
      other_observed += observed;
    } else {
      add(observed, expected);
    }
  }
  if (merged) add(other_observed, other_expected);
  if (kept < 2) return std::nullopt;
  const int degrees = kept - 1;
  const double p = std::isinf(statistic) ? 0 : UpperGamma(degrees / 2.0, statistic / 2);
  return Significance{statistic, p, degrees};
}

Significance KolmogorovSmirnov(const NumberCounts& baseline, const NumberCounts& current) {
  const auto n_p = static_cast<double>(TotalOf(baseline));
  const auto n_q = static_cast<double>(TotalOf(current));
  double distance = 0;
  WalkBoth(baseline, current, [&](double, std::int64_t below_p, std::int64_t below_q) {
    distance = std::max(distance, std::fabs(static_cast<double>(below_p) / n_p -
                                            static_cast<double>(below_q) / n_q));
  });
  const double root = std::sqrt(n_p * n_q / (n_p + n_q));
  return {distance, KolmogorovTail((root + 0.12 + 0.11 / root) * distance), 0};
}

double Wasserstein(const NumberCounts& baseline, const NumberCounts& current) {
  const auto n_p = static_cast<double>(TotalOf(baseline));
  const auto n_q = static_cast<double>(TotalOf(current));
  double area = 0;
  double last_value = 0;
  double last_gap = 0;
  WalkBoth(baseline, current, [&](double value, std::int64_t below_p, std::int64_t below_q) {
    if (last_gap != 0) area += last_gap * (value - last_value);
    last_value = value;
    last_gap = std::fabs(static_cast<double>(below_p) / n_p - static_cast<double>(below_q) / n_q);
  });
  return area;
}

double UpperGamma(double a, double x) {
  if (x <= 0) return 1;
  const double front = std::exp(a * std::log(x) - x - LogGamma(a));
  constexpr int kTermsMax = 10'000;
  constexpr double kEnough = 1e-16;
  if (x < a + 1) {  // the series of the lower function
    double term = 1 / a;
    double sum = term;
    for (int i = 1; i < kTermsMax && std::fabs(term) > std::fabs(sum) * kEnough; ++i) {
      term *= x / (a + i);
      sum += term;
    }
    return std::clamp(1 - front * sum, 0.0, 1.0);
  }
  // Lentz's continued fraction.
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a;
  double c = 1 / kTiny;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < kTermsMax; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (std::fabs(d) < kTiny) d = kTiny;
    c = b + an / c;
    if (std::fabs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double factor = d * c;
    h *= factor;
    if (std::fabs(factor - 1) < kEnough) break;
  }
  return std::clamp(front * h, 0.0, 1.0);
}
}  // namespace weirhouse::gate

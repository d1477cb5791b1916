#include "rules/gate/history/drift.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ground/base/exact/exact_ratio.h"
#include "ground/base/exact/exact_sum.h"

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
  if (std::isinf(difference) && std::isfinite(a) && std::isfinite(b)) {
    return a * (1 - share) + b * share;  // the difference is more than a double holds
  }
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

Rank RankOf(std::int64_t count, Ratio q) {
  const ExactSum::Wide product = static_cast<ExactSum::Wide>(count - 1) * q.numerator;
  return {static_cast<std::int64_t>(product / q.denominator),
          {static_cast<std::int64_t>(product % q.denominator), q.denominator}};
}

Ratio ShareAbove(const Rank& rank, QuantileMethod method) {
  if (rank.rest.numerator == 0) return {0, 1};
  const ExactSum::Wide twice = static_cast<ExactSum::Wide>(rank.rest.numerator) * 2;
  switch (method) {
    case QuantileMethod::kLower:
      return {0, 1};
    case QuantileMethod::kHigher:
      return {1, 1};
    case QuantileMethod::kMidpoint:
      return {1, 2};
    case QuantileMethod::kNearest:
      if (twice == rank.rest.denominator) return {rank.low % 2, 1};
      return {twice < rank.rest.denominator ? 0 : 1, 1};
    case QuantileMethod::kLinear:
      break;
  }
  return rank.rest;
}

double Between(double low, double high, Ratio share) {
  if (share.numerator == 0) return low;
  if (share.numerator == share.denominator) return high;
  return Interpolate(low, high,
                     static_cast<double>(share.numerator) / static_cast<double>(share.denominator));
}

double QuantileOf(const NumberCounts& counts, Ratio q, QuantileMethod method) {
  const Rank rank = RankOf(TotalOf(counts), q);
  const Ratio share = ShareAbove(rank, method);
  Ranks ranks(counts);
  const double low = ranks.At(rank.low);
  return Between(low, share.numerator == 0 ? low : ranks.At(rank.low + 1), share);
}

namespace {
// All `bins` − 1 edges, ascending, equal ones too.
std::vector<double> AllQuantiles(const NumberCounts& counts, int bins) {
  std::vector<double> edges;
  for (int i = 1; i < bins; ++i) {
    double edge = QuantileOf(counts, {i, bins}, QuantileMethod::kLinear);
    if (std::isnan(edge)) {  // between the two infinities
      edge = QuantileOf(counts, {i, bins}, QuantileMethod::kHigher);
    }
    edges.push_back(edge);
  }
  return edges;
}

// [value, next): a bin of its own.
void AddBinOf(double value, std::vector<double>& edges) {
  edges.push_back(value);
  const double next = std::nextafter(value, HUGE_VAL);
  if (next > value) edges.push_back(next);
}

std::vector<double> Ascending(std::vector<double> edges) {
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}
}  // namespace

std::vector<double> QuantileEdges(const NumberCounts& baseline, int bins) {
  std::vector<double> edges;
  NumberCounts rest = baseline;
  int left = bins;
  while (!rest.empty()) {
    const std::vector<double> quantiles = AllQuantiles(rest, std::max(left, 2));
    std::vector<double> heavy;
    for (std::size_t i = 1; i < quantiles.size(); ++i) {
      const bool again = !heavy.empty() && heavy.back() == quantiles[i];
      if (quantiles[i] == quantiles[i - 1] && !again) heavy.push_back(quantiles[i]);
    }
    if (heavy.empty()) {
      edges.insert(edges.end(), quantiles.begin(), quantiles.end());
      break;
    }
    for (const double value : heavy) AddBinOf(value, edges);
    std::erase_if(rest, [&](const auto& entry) {
      return std::binary_search(heavy.begin(), heavy.end(), entry.first);
    });
    left -= static_cast<int>(heavy.size());
  }
  return Ascending(std::move(edges));
}

std::vector<double> EqualWidthEdges(const NumberCounts& baseline, int bins) {
  std::vector<double> edges;
  const auto finite = [](const auto& entry) { return std::isfinite(entry.first); };
  const auto first = std::find_if(baseline.begin(), baseline.end(), finite);
  if (first == baseline.end()) return edges;
  const double low = first->first;
  const double high = std::find_if(baseline.rbegin(), baseline.rend(), finite)->first;
  if (low == high) {
    AddBinOf(low, edges);
    return edges;
  }
  for (int i = 1; i < bins; ++i) {
    edges.push_back(Interpolate(low, high, static_cast<double>(i) / bins));
  }
  return Ascending(std::move(edges));
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

namespace {
// One bin of both samples.
struct Cell {
  double baseline = 0;
  double current = 0;
  Cell& operator+=(const Cell& other) {
    baseline += other.baseline;
    current += other.current;
    return *this;
  }
};

// Two-sided, as the sum of all tables that are no more likely than this one.
double FisherP(const Cell& one, const Cell& totals) {
  const double marked = one.baseline + one.current;
  auto log_choose = [](double n, double k) {
    return LogGamma(n + 1) - LogGamma(k + 1) - LogGamma(n - k + 1);
  };
  const double all = log_choose(totals.baseline + totals.current, marked);
  auto log_likelihood = [&](double current) {
    return log_choose(totals.current, current) + log_choose(totals.baseline, marked - current) -
           all;
  };
  constexpr double kTieTolerance = 1e-7;
  const double limit = log_likelihood(one.current) + kTieTolerance;
  double p = 0;
  const double low = std::max(0.0, marked - totals.baseline);
  const double high = std::min(marked, totals.current);
  for (double x = low; x <= high; ++x) {
    const double likelihood = log_likelihood(x);
    if (likelihood <= limit) p += std::exp(likelihood);
  }
  return std::min(p, 1.0);
}
}  // namespace

Significance ChiSquare(const Bins& bins) {
  const Cell totals{static_cast<double>(Total(bins.baseline)),
                    static_cast<double>(Total(bins.current))};
  const double share =
      std::min(totals.baseline, totals.current) / (totals.baseline + totals.current);
  // What the smaller sample expects.
  auto expected = [&](const Cell& cell) { return (cell.baseline + cell.current) * share; };
  std::vector<Cell> kept;
  Cell few;
  for (std::size_t i = 0; i < bins.baseline.size(); ++i) {
    const Cell cell{static_cast<double>(bins.baseline[i]), static_cast<double>(bins.current[i])};
    if (expected(cell) < 5) {
      few += cell;
    } else {
      kept.push_back(cell);
    }
  }
  if (few.baseline + few.current > 0) {
    if (expected(few) < 1 && kept.size() >= 2) {
      *std::min_element(kept.begin(), kept.end(), [&](const Cell& a, const Cell& b) {
        return expected(a) < expected(b);
      }) += few;
    } else {
      kept.push_back(few);
    }
  }
  if (kept.size() < 2) return {};
  double statistic = 0;
  const double ratio = std::sqrt(totals.baseline / totals.current);
  for (const Cell& cell : kept) {
    const double gap = cell.baseline / ratio - cell.current * ratio;
    statistic += gap * gap / (cell.baseline + cell.current);
  }
  const int degrees = static_cast<int>(kept.size()) - 1;
  if (degrees == 1 && std::min(expected(kept[0]), expected(kept[1])) < 5) {
    const bool first_is_less = expected(kept[0]) < expected(kept[1]);
    return {statistic, FisherP(first_is_less ? kept[0] : kept[1], totals), 1, true};
  }
  return {statistic, UpperGamma(degrees / 2.0, statistic / 2), degrees, false};
}

Significance KolmogorovSmirnov(const NumberCounts& baseline, const NumberCounts& current,
                               std::int64_t baseline_nan, std::int64_t current_nan) {
  const ExactSum::Wide wide_p = TotalOf(baseline) + baseline_nan;
  const ExactSum::Wide wide_q = TotalOf(current) + current_nan;
  ExactSum::Wide greatest = 0;  // of |F_P − F_Q|, times both sizes
  WalkBoth(baseline, current, [&](double, std::int64_t below_p, std::int64_t below_q) {
    const ExactSum::Wide gap = below_p * wide_q - below_q * wide_p;
    greatest = std::max(greatest, gap < 0 ? -gap : gap);
  });
  ExactRatio ratio = ExactRatio::Of(greatest);
  ratio.under = {};
  ratio.under.Add(wide_p * wide_q);
  const double distance = ratio.Round();
  const auto n_p = static_cast<double>(wide_p);
  const auto n_q = static_cast<double>(wide_q);
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
    // The difference of two values may be more than a double holds, its share not.
    const double width = value - last_value;
    area += std::isfinite(width) || last_gap == 0 ? (last_gap == 0 ? 0 : last_gap * width)
                                                  : last_gap * value - last_gap * last_value;
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

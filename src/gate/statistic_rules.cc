// The checks on a statistic of one column: bounds, its own history, quantiles, drift.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "gate/column_values.h"
#include "gate/drift.h"
#include "gate/evaluation.h"
#include "gate/history.h"
#include "gate/history_finding.h"
#include "gate/wording.h"

namespace weirhouse::gate {
namespace {
constexpr Ratio kMedianShare{1, 2};

Result<ColumnProfile> ProfileOf(Evaluation& evaluation, const Check& check, const std::string& name,
                                CountValues count) {
  WEIRHOUSE_TRY(const RowsPtr rows, evaluation.Rows(check, {name}));
  WEIRHOUSE_TRY(const auto column, ColumnOf(*rows, name));
  WEIRHOUSE_TRY(const Family family, FamilyOf(*column->type()));
  if (!IsNumber(family)) {
    return Status(Code::kInvalidInput, fmt::format("{} is for numbers, and \"{}\" is of type {}",
                                                   check.kind, name, FamilyName(family)))
        .WithError("WH3005");
  }
  return ProfileColumn(*column, count);
}

std::optional<double> ValueOf(Statistic statistic, const ColumnProfile& profile) {
  switch (statistic) {
    case Statistic::kMean:
      return profile.Mean();
    case Statistic::kStddev:
      return profile.Stddev();
    case Statistic::kSum:
      if (profile.numbers_count() < 1) return std::nullopt;
      return profile.Sum();
    case Statistic::kMin:
      return profile.min;
    case Statistic::kMax:
      return profile.max;
    case Statistic::kMedian:
      if (profile.numbers.empty()) return std::nullopt;
      return QuantileOf(profile.numbers, kMedianShare, QuantileMethod::kLinear);
  }
  return std::nullopt;
}

// What all statistics share: NaN fails unless it is allowed, no value is too few.
// True if the finding is already made.
bool Preliminary(const Check& check, const ColumnProfile& profile, bool allow_nan,
                 std::int64_t needed, Finding& finding) {
  if (profile.nan > 0 && !allow_nan) {
    finding.state = State::kFailed;
    finding.observed = "NaN";
    finding.bad = profile.nan;
    finding.reason = fmt::format("{} {} values are NaN", check.name, WithThousands(profile.nan));
  } else if (profile.numbers_count() < needed) {
    const nlohmann::json bound = finding.bound;
    finding = TooFewFinding(check, profile.numbers_count(), needed,
                            fmt::format("{} too few values ({}, needs {})", check.name,
                                        profile.numbers_count(), needed));
    finding.bound = bound;
  } else {
    return false;
  }
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  return true;
}

Result<Finding> JudgeWithin(Evaluation& evaluation, const Check& check, const StatisticRule& rule,
                            double value, Finding finding) {
  const GateInput& input = evaluation.input();
  auto value_of = [&](const PublishedBatch& run) -> std::optional<double> {
    const auto column = run.profile->columns.find(rule.column);
    if (column == run.profile->columns.end()) return std::nullopt;
    return ValueOf(rule.statistic, column->second);
  };
  const WindowRuns window =
      RunsInWindow(rule.window, input.history, input.batch_end, std::max(check.warmup, 2),
                   [&](const PublishedBatch& run) { return !run.profile || value_of(run); });
  WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
  if (!IsReady(check, window, rule.window, finding)) return finding;
  ExactSum sum;
  ExactSum squares;
  std::vector<double> values;
  for (const PublishedBatch* run : window.runs) values.push_back(*value_of(*run));
  for (const double past : values) {
    sum.Add(past);
    squares.AddSquare(past);
  }
  ColumnProfile of_runs;
  of_runs.rows = static_cast<std::int64_t>(values.size());
  of_runs.sum = sum;
  of_runs.sum_of_squares = squares;
  const double mean = *of_runs.Mean();
  const double deviation = *of_runs.Stddev();
  const double off = std::fabs(value - mean);
  if (!(off <= *rule.sigmas * deviation)) finding.state = State::kFailed;
  const double sigmas = off == 0 ? 0 : off / deviation;
  finding.bound = {{"sigma", *rule.sigmas},
                   {"low", JsonNumber(mean - *rule.sigmas * deviation)},
                   {"high", JsonNumber(mean + *rule.sigmas * deviation)}};
  finding.detail = {{"window", rule.window.text},
                    {"runs", values.size()},
                    {"mean", JsonNumber(mean)},
                    {"sd", JsonNumber(deviation)},
                    {"sigma", JsonNumber(sigmas)}};
  finding.reason = fmt::format("{} {} is {:.1f} sigma off (limit {})", check.name,
                               NumberText(value), sigmas, NumberText(*rule.sigmas));
  return finding;
}
}  // namespace

Status NeedProfiles(const WindowRuns& window) {
  for (const PublishedBatch* run : window.runs) {
    if (run->profile != nullptr) continue;
    return Status(Code::kInternal,
                  fmt::format("the profile of batch \"{}\" was not loaded", run->batch));
  }
  return Status();
}

bool IsReady(const Check& check, const WindowRuns& window, const Window& shape, Finding& finding) {
  if (window.state == WindowRuns::State::kReady) return true;
  const bool warming = window.state == WindowRuns::State::kWarming;
  finding.state = warming ? State::kWarming : State::kNotEvaluated;
  finding.detail = {{"window", shape.text}, {"runs", window.runs.size()}};
  finding.reason = fmt::format("{} has {} of {} runs in {}", check.name, window.runs.size(),
                               std::max(check.warmup, 1), shape.text);
  return false;
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const StatisticRule& rule) {
  const bool median = rule.statistic == Statistic::kMedian;
  WEIRHOUSE_TRY(
      const ColumnProfile profile,
      ProfileOf(evaluation, check, rule.column, median ? CountValues::kExact : CountValues::kNone));
  Finding finding;
  finding.bound = rule.sigmas ? check.parameters.at("within") : ToJson(rule.bounds);
  const std::int64_t needed = rule.statistic == Statistic::kStddev ? 2 : 1;
  if (Preliminary(check, profile, rule.allow_nan, needed, finding)) return finding;
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  const double value = *ValueOf(rule.statistic, profile);
  finding.observed = JsonNumber(value);
  if (rule.sigmas) return JudgeWithin(evaluation, check, rule, value, std::move(finding));
  if (!Holds(rule.bounds, value)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} {} ({})", check.name, NumberText(value), LimitText(rule.bounds));
  return finding;
}

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const QuantileRule& rule) {
  WEIRHOUSE_TRY(const ColumnProfile profile,
                ProfileOf(evaluation, check, rule.column, CountValues::kExact));
  Finding finding;
  finding.bound = ToJson(rule.bounds);
  if (Preliminary(check, profile, rule.allow_nan, 1, finding)) return finding;
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  const double value = QuantileOf(profile.numbers, rule.q, rule.method);
  finding.observed = JsonNumber(value);
  if (!Holds(rule.bounds, value)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} {} ({})", check.name, NumberText(value), LimitText(rule.bounds));
  return finding;
}

namespace {
// Both sides of a drift check.
struct Sides {
  ColumnProfile baseline;
  ColumnProfile current;
};

// The most frequent texts of the baseline are bins of their own; the rest share one.
Bins TextBins(const Sides& sides, nlohmann::json& detail) {
  TextCounts frequent = sides.baseline.texts;
  std::sort(frequent.begin(), frequent.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (frequent.size() > kTextBinsMax) frequent.resize(kTextBinsMax);
  std::map<std::string_view, std::size_t> bin_of;
  Bins bins;
  bins.baseline.assign(frequent.size() + 1, 0);
  bins.current.assign(frequent.size() + 1, 0);
  nlohmann::json names = nlohmann::json::array();
  for (std::size_t i = 0; i < frequent.size(); ++i) {
    bin_of[frequent[i].first] = i;
    names.push_back(frequent[i].first);
  }
  auto count = [&](const ColumnProfile& side, std::vector<std::int64_t>& into) {
    for (const auto& [text, times] : side.texts) {
      const auto bin = bin_of.find(text);
      into[bin == bin_of.end() ? frequent.size() : bin->second] += times;
    }
    into[frequent.size()] += side.other_texts;
  };
  count(sides.baseline, bins.baseline);
  count(sides.current, bins.current);
  nlohmann::json unseen = nlohmann::json::array();
  for (const auto& [text, times] : sides.current.texts) {
    const bool known = std::binary_search(
        sides.baseline.texts.begin(), sides.baseline.texts.end(), std::make_pair(text, times),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    if (!known && unseen.size() < kTextBinsMax) unseen.push_back(text);
  }
  detail["values"] = std::move(names);
  if (!unseen.empty()) detail["unseen"] = std::move(unseen);
  return bins;
}

Bins MakeBins(const DistributionRule& rule, const Sides& sides, nlohmann::json& detail) {
  Bins bins;
  if (sides.baseline.type == ColumnProfile::Type::kText) {
    bins = TextBins(sides, detail);
  } else {
    const std::vector<double> edges =
        !rule.edges.empty() ? rule.edges
        : rule.equal_widths ? EqualWidthEdges(sides.baseline.numbers, *rule.equal_widths)
                            : QuantileEdges(sides.baseline.numbers, rule.bins);
    bins.baseline = CountBins(sides.baseline.numbers, edges);
    bins.current = CountBins(sides.current.numbers, edges);
    // NaN is no null: it lies above all numbers, as the SQL engine sorts it.
    bins.baseline.back() += sides.baseline.nan;
    bins.current.back() += sides.current.nan;
    detail["edges"] = nlohmann::json::array();
    for (const double edge : edges) detail["edges"].push_back(JsonNumber(edge));
  }
  if (rule.nulls_bin) {
    bins.baseline.push_back(sides.baseline.nulls);
    bins.current.push_back(sides.current.nulls);
    detail["nulls"] = "last bin";
  }
  detail["baseline"] = bins.baseline;
  detail["current"] = bins.current;
  return bins;
}

bool IsBinned(DriftTest test) { return test != DriftTest::kKs && test != DriftTest::kWasserstein; }

// The statistic of the test; nullopt where it has none.
std::optional<Significance> Measure(const DistributionRule& rule, const Sides& sides,
                                    nlohmann::json& detail) {
  if (rule.test == DriftTest::kKs) {
    return KolmogorovSmirnov(sides.baseline.numbers, sides.current.numbers);
  }
  if (rule.test == DriftTest::kWasserstein) {
    const double area = Wasserstein(sides.baseline.numbers, sides.current.numbers);
    if (!rule.scale_by_deviation) return Significance{area, 1, 0};
    const auto deviation = sides.baseline.Stddev();
    if (!deviation || !(*deviation > 0)) return std::nullopt;
    return Significance{area / *deviation, 1, 0};
  }
  const Bins bins = MakeBins(rule, sides, detail);
  switch (rule.test) {
    case DriftTest::kPsi:
      return Significance{PopulationStability(bins), 1, 0};
    case DriftTest::kKl:
      return Significance{KullbackLeibler(bins), 1, 0};
    case DriftTest::kJs:
      return Significance{JensenShannon(bins), 1, 0};
    case DriftTest::kJsDistance:
      return Significance{std::sqrt(JensenShannon(bins)), 1, 0};
    default:
      return ChiSquare(bins);
  }
}

// Rows that the test counts.
std::int64_t SampleOf(const DistributionRule& rule, const ColumnProfile& side) {
  return IsBinned(rule.test) && rule.nulls_bin ? side.rows : side.values();
}

void Decide(const DistributionRule& rule, const Check& check, const Significance& measured,
            Finding& finding) {
  finding.observed = JsonNumber(measured.statistic);
  if (rule.min_p) {
    finding.detail["p"] = measured.p;
    if (!(measured.p >= *rule.min_p)) finding.state = State::kFailed;
    finding.reason = fmt::format("{} {:.4g} has p {:.3g} (at least {})", check.name,
                                 measured.statistic, measured.p, NumberText(*rule.min_p));
    return;
  }
  if (!(measured.statistic <= *rule.max)) finding.state = State::kFailed;
  finding.reason =
      fmt::format("{} {:.2f} (limit {})", check.name, measured.statistic, NumberText(*rule.max));
}
}  // namespace

Result<Finding> Judge(Evaluation& evaluation, const Check& check, const DistributionRule& rule) {
  const GateInput& input = evaluation.input();
  WEIRHOUSE_TRY(const BatchProfile* profile, evaluation.Profile());
  Sides sides;
  sides.current = profile->columns.at(rule.column);
  Finding finding;
  finding.population = sides.current.rows;
  finding.nulls = sides.current.nulls;
  finding.bound = rule.max ? nlohmann::json(*rule.max) : nlohmann::json{{"min_p", *rule.min_p}};
  const WindowRuns window =
      RunsInWindow(rule.baseline, input.history, input.batch_end, std::max(check.warmup, 1),
                   [&](const PublishedBatch& run) {
                     return !run.profile || run.profile->columns.contains(rule.column);
                   });
  WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
  if (!IsReady(check, window, rule.baseline, finding)) return finding;
  std::vector<const ColumnProfile*> past;
  for (const PublishedBatch* run : window.runs) {
    past.push_back(&run->profile->columns.at(rule.column));
  }
  sides.baseline = MergeAll(past);
  if (sides.baseline.type != sides.current.type) {
    return Status(Code::kInvalidInput,
                  fmt::format("\"{}\" was of another type in its history", rule.column))
        .WithError("WH3005");
  }
  const std::int64_t sample =
      std::min(SampleOf(rule, sides.baseline), SampleOf(rule, sides.current));
  if (sample < rule.min_rows) {
    Finding few = TooFewFinding(check, sample, rule.min_rows,
                                fmt::format("too few rows ({}, needs {})", WithThousands(sample),
                                            WithThousands(rule.min_rows)));
    few.population = finding.population;
    few.nulls = finding.nulls;
    few.bound = finding.bound;
    return few;
  }
  const bool text = sides.current.type == ColumnProfile::Type::kText;
  if (!IsBinned(rule.test) && (text || sides.baseline.nan + sides.current.nan > 0)) {
    return Status(Code::kInvalidInput, fmt::format("the test needs numbers, and \"{}\" holds {}",
                                                   rule.column, text ? "text" : "NaN"))
        .WithError("WH3005");
  }
  if (sides.current.sampled) {
    WEIRHOUSE_TRY(const auto column, ColumnOf(*input.this_rows, rule.column));
    WEIRHOUSE_TRY(sides.current, ProfileColumn(*column, CountValues::kExact));
  }
  finding.detail = {{"window", rule.baseline.text},
                    {"runs", window.runs.size()},
                    {"baseline_rows", sides.baseline.rows},
                    {"baseline_sampled", sides.baseline.sampled}};
  const auto measured = Measure(rule, sides, finding.detail);
  if (!measured) {
    finding.state = State::kNotEvaluated;
    finding.reason =
        fmt::format("{} has nothing to compare: the baseline does not vary", check.name);
    return finding;
  }
  Decide(rule, check, *measured, finding);
  return finding;
}
}  // namespace weirhouse::gate

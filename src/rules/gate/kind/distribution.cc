// The check `distribution`: this batch against the merged profiles of its window.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>

#include "ground/base/text.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/history_finding.h"
#include "rules/gate/history/drift.h"
#include "rules/gate/history/history.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
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

// Why the bins would hide a move of most of the baseline; empty if they would not. Bins of a
// person's own edges are meant as they are.
std::string Blindness(const DistributionRule& rule, const Sides& sides, const Bins& bins) {
  // So much of the baseline in one bin of many values hides what happens to it.
  constexpr std::int64_t kHiddenPercent = 90;
  std::int64_t numbers = 0;
  std::int64_t greatest = 0;
  const bool text = sides.baseline.type == ColumnProfile::Type::kText;
  const std::size_t count = bins.baseline.size() - (rule.nulls_bin ? 1 : 0);
  for (std::size_t i = 0; i < count; ++i) {
    numbers += bins.baseline[i];
    greatest = std::max(greatest, bins.baseline[i]);
  }
  if (text) {
    const std::int64_t others = bins.baseline[count - 1];
    if (others * 100 <= kHiddenPercent * numbers) return "";
    return fmt::format("{} of {} values of the baseline are beyond its {} most frequent texts",
                       WithThousands(others), WithThousands(numbers), kTextBinsMax);
  }
  if (!rule.edges.empty()) return "";
  if (sides.baseline.numbers.empty() && numbers > 0) return "the baseline is NaN only";
  const bool one_value = sides.baseline.numbers.size() == 1;
  if (!rule.equal_widths || one_value || greatest * 100 <= kHiddenPercent * numbers) return "";
  return fmt::format("{} of {} values of the baseline lie in one of the {} bins of equal width",
                     WithThousands(greatest), WithThousands(numbers), *rule.equal_widths);
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

// What a test found, or why it could not look.
struct Measured {
  Significance significance;
  std::string blind;
};

NumberCounts FiniteOf(const NumberCounts& counts) {
  NumberCounts finite = counts;
  std::erase_if(finite, [](const auto& entry) { return !std::isfinite(entry.first); });
  return finite;
}

// NaN and infinities lie at no distance: those of the baseline are left out, those of the batch
// make the distance infinite.
Measured MeasureWasserstein(const DistributionRule& rule, const Sides& sides,
                            nlohmann::json& detail) {
  const NumberCounts baseline = FiniteOf(sides.baseline.numbers);
  const std::int64_t left_out = sides.baseline.values() - TotalOf(baseline);
  if (left_out > 0) detail["baseline_left_out"] = left_out;
  if (baseline.empty()) return {{}, "the baseline holds no finite number"};
  const std::int64_t nowhere = sides.current.nan + sides.current.InfiniteCount();
  if (nowhere > 0) {
    detail["not_finite"] = nowhere;
    return {{HUGE_VAL, 0, 0}, ""};
  }
  const double area = Wasserstein(baseline, sides.current.numbers);
  if (!rule.scale_by_deviation || area == 0) return {{area, 1, 0}, ""};
  // From a baseline that never varied any distance is infinitely many deviations.
  const double deviation = sides.baseline.FiniteStddev().value_or(0);
  return {{deviation > 0 ? area / deviation : HUGE_VAL, 1, 0}, ""};
}

Measured Measure(const DistributionRule& rule, const Sides& sides, nlohmann::json& detail) {
  if (rule.test == DriftTest::kKs) {
    return {KolmogorovSmirnov(sides.baseline.numbers, sides.current.numbers, sides.baseline.nan,
                              sides.current.nan),
            ""};
  }
  if (rule.test == DriftTest::kWasserstein) return MeasureWasserstein(rule, sides, detail);
  const Bins bins = MakeBins(rule, sides, detail);
  Measured measured;
  measured.blind = Blindness(rule, sides, bins);
  switch (rule.test) {
    case DriftTest::kPsi:
      measured.significance.statistic = PopulationStability(bins);
      break;
    case DriftTest::kKl:
      measured.significance.statistic = KullbackLeibler(bins);
      break;
    case DriftTest::kJs:
      measured.significance.statistic = JensenShannon(bins);
      break;
    case DriftTest::kJsDistance:
      measured.significance.statistic = std::sqrt(JensenShannon(bins));
      break;
    default:
      measured.significance = ChiSquare(bins);
      detail["degrees"] = measured.significance.degrees;
      if (measured.significance.exact) detail["p_by"] = "fisher";
  }
  return measured;
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

namespace {
// Below `min_rows` on either side. What lacks rows in the past lacks history.
std::optional<Finding> TooFewRows(const DistributionRule& rule, const Check& check,
                                  const Sides& sides, const Finding& begun) {
  const std::int64_t current = SampleOf(rule, sides.current);
  const std::int64_t baseline = SampleOf(rule, sides.baseline);
  const std::int64_t sample = std::min(baseline, current);
  if (sample >= rule.min_rows) return std::nullopt;
  Finding few = TooFewFinding(check, sample, rule.min_rows,
                              fmt::format("too few rows ({}, needs {})", WithThousands(sample),
                                          WithThousands(rule.min_rows)));
  if (few.state == State::kFailed && current >= rule.min_rows) {
    few.state = State::kNotEvaluated;
    few.detail["evaluated"] = false;
    few.reason = fmt::format("not evaluated: {} has {} rows in its baseline, needs {}", check.name,
                             WithThousands(baseline), WithThousands(rule.min_rows));
  }
  few.population = begun.population;
  few.nulls = begun.nulls;
  few.bound = begun.bound;
  return few;
}
}  // namespace

Result<Finding> Finish(const CheckState& state, const Check& check, const DistributionRule& rule,
                       const Against& against) {
  const auto& column = state.As<ColumnState>();
  Sides sides;
  sides.current = column.Capped();
  Finding finding;
  finding.population = sides.current.rows;
  finding.nulls = sides.current.nulls;
  finding.bound = rule.max ? nlohmann::json(*rule.max) : nlohmann::json{{"min_p", *rule.min_p}};
  // A run in which the column was of another kind of type is no history for it.
  const WindowRuns window = RunsInWindow(rule.baseline, against.history, against.batch_end,
                                         std::max(check.warmup, 1), [&](const PublishedBatch& run) {
                                           if (!run.profile) return true;
                                           const auto past = run.profile->columns.find(rule.column);
                                           return past != run.profile->columns.end() &&
                                                  past->second.type == sides.current.type;
                                         });
  WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
  if (!IsReady(check, window, rule.baseline, finding)) {
    const bool number = sides.current.type == ColumnProfile::Type::kNumber;
    finding.detail["type"] = number ? "number" : "text";
    return finding;
  }
  if (!IsBinned(rule.test) && sides.current.type == ColumnProfile::Type::kText) {
    return Status(Code::kInvalidInput,
                  fmt::format("the test needs numbers, and \"{}\" holds text", rule.column))
        .WithError("WH3005");
  }
  std::vector<const ColumnProfile*> past;
  for (const PublishedBatch* run : window.runs) {
    past.push_back(&run->profile->columns.at(rule.column));
  }
  sides.baseline = MergeAll(past);
  if (const auto few = TooFewRows(rule, check, sides, finding)) return *few;
  // A sampled baseline is compared with a sample taken the same way, so that equal batches are
  // equal; an exact one with all values.
  if (sides.current.sampled && !sides.baseline.sampled)
    sides.current = column.Profile(CountValues::kExact);
  finding.detail = {{"window", rule.baseline.text},
                    {"runs", window.runs.size()},
                    {"baseline_rows", sides.baseline.rows},
                    {"baseline_sampled", sides.baseline.sampled}};
  const Measured measured = Measure(rule, sides, finding.detail);
  if (!measured.blind.empty()) {
    finding.observed = JsonNumber(measured.significance.statistic);
    finding.state = State::kNotEvaluated;
    finding.reason =
        fmt::format("not evaluated: {} would hide a move: {}", check.name, measured.blind);
    return finding;
  }
  Decide(rule, check, measured.significance, finding);
  return finding;
}
}  // namespace weirhouse::gate

// The checks on a statistic of one column: bounds, its own history, quantiles.
#include "rules/gate/evaluation/statistic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ground/base/text.h"
#include "rules/gate/evaluation/evaluation.h"
#include "rules/gate/evaluation/history_finding.h"
#include "rules/gate/history/history.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
// What was gathered of the column, which must hold numbers.
Result<const ColumnState*> NumbersOf(const CheckState& state, const Check& check,
                                     const std::string& name) {
  const auto& column = state.As<ColumnState>();
  const Family family = column.family().value_or(Family::kReal);
  if (!IsNumber(family)) {
    return Status(Code::kInvalidInput, fmt::format("{} is for numbers, and \"{}\" is of type {}",
                                                   check.kind, name, FamilyName(family)))
        .WithError("WH3005");
  }
  return &column;
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

Finding BoundFinding(const Check& check, const NumberBounds& bounds, const StatisticValue& value,
                     Finding finding) {
  finding.observed = value.AsJson();
  if (!Holds(bounds, value)) finding.state = State::kFailed;
  finding.reason = fmt::format("{} {} ({})", check.name, value.AsText(), LimitText(bounds));
  return finding;
}

// abs(x − m) ≤ k · sd over `past`, decided without rounding: with n values, S their sum and Q that
// of their squares, (n x − S)² (n − 1) ≤ k² n (n Q − S²).
bool IsWithin(double value, double sigmas, const ColumnProfile& past) {
  const auto whole = [](std::int64_t number) {
    ExactSum sum;
    sum.Add(number);
    return sum;
  };
  const ExactSum n = whole(past.rows);
  ExactSum off;
  off.AddProduct(n, ExactRatio::Of(value).over, 1);
  off.AddProduct(past.sum, whole(1), -1);
  ExactSum spread;
  spread.AddProduct(n, past.sum_of_squares, 1);
  spread.AddProduct(past.sum, past.sum, -1);
  const ExactSum factor = ExactRatio::Of(sigmas).over;
  ExactSum difference;
  difference.AddProduct(Product(off, off), whole(past.rows - 1), 1);
  difference.AddProduct(Product(Product(factor, factor), n), spread, -1);
  return difference.Sign() <= 0;
}

// By the profiles alone, on both sides: what history knows of a run, and the same of this batch.
Result<Finding> JudgeWithin(const ColumnState& state, const Check& check, const StatisticRule& rule,
                            const Against& against, Finding finding) {
  auto value_of = [&](const BatchProfile& run) -> std::optional<double> {
    const auto column = run.columns.find(rule.column);
    if (column == run.columns.end()) return std::nullopt;
    return ValueOf(rule.statistic, column->second);
  };
  // A run whose statistic is no number (infinities, texts in their place) says nothing.
  const WindowRuns window = RunsInWindow(rule.window, against.history, against.batch_end,
                                         std::max(check.warmup, 2), [&](const PublishedBatch& run) {
                                           if (!run.profile) return true;
                                           const auto past = value_of(*run.profile);
                                           return past && std::isfinite(*past);
                                         });
  const double value = ValueOf(rule.statistic, state.Capped()).value_or(std::nan(""));
  finding.observed = JsonNumber(value);
  WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
  if (!IsReady(check, window, rule.window, finding)) return finding;
  ColumnProfile of_runs;
  for (const PublishedBatch* run : window.runs) {
    const double past = *value_of(*run->profile);
    ++of_runs.rows;
    of_runs.sum.Add(past);
    of_runs.sum_of_squares.AddSquare(past);
  }
  const double mean = *of_runs.Mean();
  const double deviation = *of_runs.Stddev();
  const double off = std::fabs(value - mean);
  const bool within = std::isfinite(value) && IsWithin(value, *rule.sigmas, of_runs);
  if (!within) finding.state = State::kFailed;
  const double sigmas = off == 0 ? 0 : off / deviation;
  finding.bound = {{"sigma", *rule.sigmas},
                   {"low", JsonNumber(mean - *rule.sigmas * deviation)},
                   {"high", JsonNumber(mean + *rule.sigmas * deviation)}};
  finding.detail = {{"window", rule.window.text},
                    {"runs", window.runs.size()},
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
  finding.detail["evaluated"] = false;
  finding.reason =
      fmt::format("{}{} has {} of {} runs in {}", warming ? "" : "not evaluated: ", check.name,
                  window.runs.size(), window.needed, shape.text);
  return false;
}

Result<Finding> Finish(const CheckState& state, const Check& check, const StatisticRule& rule,
                       const Against& against) {
  WEIRHOUSE_TRY(const ColumnState* column, NumbersOf(state, check, rule.column));
  const ColumnProfile& profile = column->moments();
  Finding finding;
  finding.bound = rule.sigmas ? check.parameters.at("within") : ToJson(rule.bounds);
  const std::int64_t needed = rule.statistic == Statistic::kStddev ? 2 : 1;
  if (Preliminary(check, profile, rule.allow_nan, needed, finding)) return finding;
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  if (rule.sigmas) return JudgeWithin(*column, check, rule, against, std::move(finding));
  return BoundFinding(check, rule.bounds, *ColumnStatistics(*column).Value(rule.statistic),
                      std::move(finding));
}

Result<Finding> Finish(const CheckState& state, const Check& check, const QuantileRule& rule,
                       const Against&) {
  WEIRHOUSE_TRY(const ColumnState* column, NumbersOf(state, check, rule.column));
  const ColumnProfile& profile = column->moments();
  Finding finding;
  finding.bound = ToJson(rule.bounds);
  if (Preliminary(check, profile, rule.allow_nan, 1, finding)) return finding;
  finding.population = profile.rows;
  finding.nulls = profile.nulls;
  return BoundFinding(check, rule.bounds, *ColumnStatistics(*column).Quantile(rule.q, rule.method),
                      std::move(finding));
}
}  // namespace weirhouse::gate

// `mean`, `stddev`, `sum`, `min`, `max`, `median`: a statistic of one column within bounds, or
// within so many deviations of its own history.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ground/base/exact/exact_ratio.h"
#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/history_finding.h"
#include "rules/gate/evaluation/statistic_rule.h"
#include "rules/gate/history/history.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
struct SigmasOf {
  double sigmas = 0;
  Window window;
};

// "8 sigma of 28d"
Result<SigmasOf> ReadSigmas(const CheckNode& at, const YamlNode& node) {
  WEIRHOUSE_TRY(const std::string text, node.AsString(at.What("within")));
  std::vector<std::string> words;
  for (const std::string_view word : Split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  const auto sigmas = words.empty() ? std::nullopt : ParseDouble(words[0]);
  if (words.size() != 4 || !sigmas || *sigmas < 0 || words[1] != "sigma" || words[2] != "of") {
    return node.Error("WH3002", fmt::format("{} must read like \"8 sigma of 28d\", found \"{}\"",
                                            at.What("within"), text));
  }
  SigmasOf read{*sigmas, {}};
  WEIRHOUSE_TRY(read.window, ReadWindow(node, words[3]));
  return read;
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

class StatisticRule final : public ColumnRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    static const std::map<std::string, Statistic> kinds = {
        {"mean", Statistic::kMean}, {"stddev", Statistic::kStddev}, {"sum", Statistic::kSum},
        {"min", Statistic::kMin},   {"max", Statistic::kMax},       {"median", Statistic::kMedian}};
    auto rule = std::make_shared<StatisticRule>();
    rule->statistic_ = kinds.at(at.kind);
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(rule->bounds_, ReadNumberBounds(at.node, at.kind));
    WEIRHOUSE_TRY(rule->allow_nan_, Flag(at, "allow_nan"));
    const bool bounded = rule->bounds_.min || rule->bounds_.max;
    const YamlNode* within = at.Find("within");
    if (within == nullptr) {
      WEIRHOUSE_TRY_STATUS(NeedBound(at, bounded));
      return RulePtr(std::move(rule));
    }
    if (bounded) {
      return within->Error(
          "WH3003", fmt::format("{} takes bounds or within, not both: write two checks", at.kind));
    }
    WEIRHOUSE_TRY(rule->sigmas_of_, ReadSigmas(at, *within));
    check.history = HistoryUse{rule->sigmas_of_->window, rule->column_};
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    WEIRHOUSE_TRY_STATUS(NeedNumbers(check, schema, column_));
    return RefuseIdleNan(check, schema);
  }

 protected:
  ColumnState EmptyState() const override {
    if (sigmas_of_) return ColumnState(ColumnState::Keeps::kCounts);
    return ColumnState(statistic_ == Statistic::kMedian ? ColumnState::Keeps::kRanks
                                                        : ColumnState::Keeps::kMoments);
  }

  Result<Finding> Judge(const ColumnState& state, std::int64_t, const Check& check,
                        const Against& against) const override {
    WEIRHOUSE_TRY_STATUS(NeedNumbers(state, check, column_));
    Finding finding;
    finding.bound = sigmas_of_ ? check.parameters.at("within") : ToJson(bounds_);
    const std::int64_t needed = statistic_ == Statistic::kStddev ? 2 : 1;
    if (Preliminary(check, state.moments(), allow_nan_, needed, finding)) return finding;
    if (sigmas_of_) return JudgeWithin(state, check, against, std::move(finding));
    return BoundFinding(check, bounds_, *ColumnStatistics(state).Value(statistic_),
                        std::move(finding));
  }

 private:
  // By the profiles alone, on both sides: what history knows of a run, and the same of this batch.
  Result<Finding> JudgeWithin(const ColumnState& state, const Check& check, const Against& against,
                              Finding finding) const {
    auto value_of = [&](const BatchProfile& run) -> std::optional<double> {
      const auto column = run.columns.find(column_);
      if (column == run.columns.end()) return std::nullopt;
      return ValueOf(statistic_, column->second);
    };
    // A run whose statistic is no number (infinities, texts in their place) says nothing.
    const WindowRuns runs = RunsInWindow(sigmas_of_->window, against.history, against.batch_end,
                                         std::max(check.warmup, 2), [&](const PublishedBatch& run) {
                                           if (!run.profile) return true;
                                           const auto past = value_of(*run.profile);
                                           return past && std::isfinite(*past);
                                         });
    const double value = ValueOf(statistic_, state.Capped()).value_or(std::nan(""));
    finding.observed = JsonNumber(value);
    WEIRHOUSE_TRY_STATUS(NeedProfiles(runs));
    if (!IsReady(check, runs, sigmas_of_->window, finding)) return finding;
    ColumnProfile of_runs;
    for (const PublishedBatch* run : runs.runs) {
      const double past = *value_of(*run->profile);
      ++of_runs.rows;
      of_runs.sum.Add(past);
      of_runs.sum_of_squares.AddSquare(past);
    }
    const double mean = *of_runs.Mean();
    const double deviation = *of_runs.Stddev();
    const double off = std::fabs(value - mean);
    const bool within = std::isfinite(value) && IsWithin(value, sigmas_of_->sigmas, of_runs);
    if (!within) finding.state = State::kFailed;
    const double sigmas = off == 0 ? 0 : off / deviation;
    finding.bound = {{"sigma", sigmas_of_->sigmas},
                     {"low", JsonNumber(mean - sigmas_of_->sigmas * deviation)},
                     {"high", JsonNumber(mean + sigmas_of_->sigmas * deviation)}};
    finding.detail = {{"window", sigmas_of_->window.text},
                      {"runs", runs.runs.size()},
                      {"mean", JsonNumber(mean)},
                      {"sd", JsonNumber(deviation)},
                      {"sigma", JsonNumber(sigmas)}};
    finding.reason = fmt::format("{} {} is {:.1f} sigma off (limit {})", check.name,
                                 NumberText(value), sigmas, NumberText(sigmas_of_->sigmas));
    return finding;
  }

  Statistic statistic_ = Statistic::kMean;
  NumberBounds bounds_;
  std::optional<SigmasOf> sigmas_of_;  // `within: 8 sigma of 28d`
  bool allow_nan_ = false;
};
}  // namespace

CheckKind StatisticKind() {
  return {.names = {"mean", "stddev", "sum", "min", "max", "median"},
          .keys = WithBounds({"column", "within", "warmup", "allow_nan", "scope", "too_few"}),
          .parse = StatisticRule::Parse};
}
}  // namespace weirhouse::gate

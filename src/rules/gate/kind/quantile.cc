// The kinds of checks that describe a batch by a statistic, alone or against its history.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/value_parser.h"

namespace weirhouse::gate {
namespace {
constexpr int kBinsMax = 1'000;

Result<Window> ReadWindow(const YamlNode& node, std::string_view text) {
  auto window = ParseWindow(text);
  if (window.ok()) return window;
  return node.Error("WH3002", window.status().message()).WithHint(window.status().hint());
}

// "8 sigma of 28d"
Status ReadSigmas(const CheckNode& at, const YamlNode& node, StatisticRule& rule) {
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
  rule.sigmas = *sigmas;
  WEIRHOUSE_TRY(rule.window, ReadWindow(node, words[3]));
  return Status();
}

Status ReadBins(const CheckNode& at, DistributionRule& rule) {
  const YamlNode* bins = at.Find("bins");
  const YamlNode* width = at.Find("width");
  if (bins != nullptr && width != nullptr) {
    return width->Error("WH3003", "distribution takes bins or width, not both");
  }
  auto count = [&](const YamlNode& node, std::string_view key) -> Result<int> {
    WEIRHOUSE_TRY(const std::int64_t value, node.AsInt(at.What(key)));
    if (value < 2 || value > kBinsMax) {
      return node.Error("WH3002", fmt::format("{} must be from 2 to {}", at.What(key), kBinsMax));
    }
    return static_cast<int>(value);
  };
  if (width != nullptr) {
    WEIRHOUSE_TRY(rule.equal_widths, count(*width, "width"));
  }
  if (bins == nullptr) return Status();
  if (!bins->is_sequence()) {
    WEIRHOUSE_TRY(rule.bins, count(*bins, "bins"));
    return Status();
  }
  for (const YamlNode& item : bins->items()) {
    WEIRHOUSE_TRY(const double edge, item.AsDouble(at.What("bins")));
    if (!std::isfinite(edge) || (!rule.edges.empty() && rule.edges.back() >= edge)) {
      return item.Error("WH3002", "the edges of bins must rise");
    }
    rule.edges.push_back(edge);
  }
  if (rule.edges.empty()) return bins->Error("WH3002", "bins names no edge");
  return Status();
}

Status ReadDriftBound(const CheckNode& at, DistributionRule& rule) {
  const YamlNode* max = at.Find("max");
  const YamlNode* min_p = at.Find("min_p");
  if ((max == nullptr) == (min_p == nullptr)) {
    return at.node.Error("WH3003", "distribution needs a bound: max, or min_p (ks and chi2)");
  }
  if (max != nullptr) {
    WEIRHOUSE_TRY(rule.max, max->AsDouble(at.What("max")));
    if (!(*rule.max >= 0)) return max->Error("WH3002", "distribution.max must not be negative");
    return Status();
  }
  if (rule.test != DriftTest::kKs && rule.test != DriftTest::kChi2) {
    return min_p->Error("WH3003", "only the tests ks and chi2 have a p: give max");
  }
  WEIRHOUSE_TRY(rule.min_p, min_p->AsDouble(at.What("min_p")));
  if (!(*rule.min_p >= 0 && *rule.min_p <= 1)) {
    return min_p->Error("WH3002", "distribution.min_p must lie between 0 and 1");
  }
  return Status();
}
}  // namespace

Result<Rule> ParseRowCountChange(const CheckNode& at, Check&) {
  RowCountChangeRule rule;
  WEIRHOUSE_TRY(const YamlNode* vs, at.Require("vs"));
  WEIRHOUSE_TRY(const std::string text, vs->AsString(at.What("vs")));
  WEIRHOUSE_TRY(rule.window, ReadWindow(*vs, text));
  WEIRHOUSE_TRY(const YamlNode* within, at.Require("within"));
  WEIRHOUSE_TRY(rule.within, ReadPercent(*within, at.What("within")));
  return Rule(rule);
}

Result<Rule> ParseStatistic(const CheckNode& at, Check& check) {
  static const std::map<std::string, Statistic> kinds = {
      {"mean", Statistic::kMean}, {"stddev", Statistic::kStddev}, {"sum", Statistic::kSum},
      {"min", Statistic::kMin},   {"max", Statistic::kMax},       {"median", Statistic::kMedian}};
  StatisticRule rule;
  rule.statistic = kinds.at(at.kind);
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(rule.bounds, ReadNumberBounds(at.node, at.kind));
  WEIRHOUSE_TRY(rule.allow_nan, Flag(at, "allow_nan"));
  const bool bounded = rule.bounds.min || rule.bounds.max;
  const YamlNode* within = at.Find("within");
  if (within == nullptr) {
    WEIRHOUSE_TRY_STATUS(NeedBound(at, bounded));
    return Rule(std::move(rule));
  }
  if (bounded) {
    return within->Error(
        "WH3003", fmt::format("{} takes bounds or within, not both: write two checks", at.kind));
  }
  WEIRHOUSE_TRY_STATUS(ReadSigmas(at, *within, rule));
  return Rule(std::move(rule));
}

Result<Rule> ParseQuantile(const CheckNode& at, Check& check) {
  static const std::map<std::string, QuantileMethod> methods = {
      {"", QuantileMethod::kLinear},         {"linear", QuantileMethod::kLinear},
      {"lower", QuantileMethod::kLower},     {"higher", QuantileMethod::kHigher},
      {"nearest", QuantileMethod::kNearest}, {"midpoint", QuantileMethod::kMidpoint}};
  QuantileRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY(const YamlNode* q, at.Require("q"));
  WEIRHOUSE_TRY(rule.q, ReadFraction(*q, at.What("q")));
  if (rule.q.numerator > rule.q.denominator) {
    return q->Error("WH3002", fmt::format("{} must lie between 0 and 1", at.What("q")));
  }
  WEIRHOUSE_TRY(const std::string method,
                Word(at, "method", {"linear", "lower", "higher", "nearest", "midpoint"}));
  rule.method = methods.at(method);
  WEIRHOUSE_TRY(rule.bounds, ReadNumberBounds(at.node, at.kind));
  WEIRHOUSE_TRY_STATUS(NeedBound(at, rule.bounds.min || rule.bounds.max));
  WEIRHOUSE_TRY(rule.allow_nan, Flag(at, "allow_nan"));
  return Rule(rule);
}

Result<Rule> ParseDistinct(const CheckNode& at, Check& check) {
  DistinctRule rule;
  rule.share = at.kind == "distinct_share";
  WEIRHOUSE_TRY(rule.columns, Columns(at, check));
  WEIRHOUSE_TRY(rule.bounds, ReadNumberBounds(at.node, at.kind));
  WEIRHOUSE_TRY_STATUS(NeedBound(at, rule.bounds.min || rule.bounds.max));
  return Rule(std::move(rule));
}

Result<Rule> ParseDistribution(const CheckNode& at, Check& check) {
  static const std::map<std::string, DriftTest> tests = {{"psi", DriftTest::kPsi},
                                                         {"ks", DriftTest::kKs},
                                                         {"js", DriftTest::kJs},
                                                         {"js_distance", DriftTest::kJsDistance},
                                                         {"kl", DriftTest::kKl},
                                                         {"chi2", DriftTest::kChi2},
                                                         {"wasserstein", DriftTest::kWasserstein}};
  DistributionRule rule;
  WEIRHOUSE_TRY(rule.column, Column(at, check));
  WEIRHOUSE_TRY_STATUS(at.Require("test").status());
  WEIRHOUSE_TRY(const std::string test,
                Word(at, "test", {"psi", "ks", "js", "js_distance", "kl", "chi2", "wasserstein"}));
  rule.test = tests.at(test);
  WEIRHOUSE_TRY(const YamlNode* baseline, at.Require("baseline"));
  WEIRHOUSE_TRY(const std::string text, baseline->AsString(at.What("baseline")));
  WEIRHOUSE_TRY(rule.baseline, ReadWindow(*baseline, text));
  WEIRHOUSE_TRY_STATUS(ReadDriftBound(at, rule));
  if (const YamlNode* min_rows = at.Find("min_rows")) {
    WEIRHOUSE_TRY(rule.min_rows, min_rows->AsInt(at.What("min_rows")));
    if (rule.min_rows < 1) return min_rows->Error("WH3002", "min_rows must be 1 or more");
  }
  WEIRHOUSE_TRY_STATUS(ReadBins(at, rule));
  WEIRHOUSE_TRY(const std::string nulls, Word(at, "nulls", {"bin", "ignore"}));
  rule.nulls_bin = nulls != "ignore";
  WEIRHOUSE_TRY(const std::string scale, Word(at, "scale", {"sd"}));
  rule.scale_by_deviation = scale == "sd";
  if (rule.scale_by_deviation && rule.test != DriftTest::kWasserstein) {
    return at.Find("scale")->Error("WH3003", "scale is for the test wasserstein");
  }
  return Rule(std::move(rule));
}
}  // namespace weirhouse::gate

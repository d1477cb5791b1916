// `distribution`: this batch against the merged profiles of its window.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/text.h"
#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/evaluation/history_finding.h"
#include "rules/gate/evaluation/statistic_rule.h"
#include "rules/gate/history/drift.h"
#include "rules/gate/history/history.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/wording.h"

namespace weirhouse::gate {
namespace {
constexpr int kBinsMax = 1'000;

enum class DriftTest : std::uint8_t { kPsi, kKs, kJs, kJsDistance, kKl, kChi2, kWasserstein };
struct DriftAsked {
  DriftTest test = DriftTest::kPsi;
  Window baseline;
  std::optional<double> max;
  std::optional<double> min_p;  // ks and chi2
  std::int64_t min_rows = 500;
  int bins = 10;                    // quantiles of the baseline …
  std::vector<double> edges;        // … or these edges …
  std::optional<int> equal_widths;  // … or so many bins of equal width over the baseline's range
  bool nulls_bin = true;            // nulls are one more bin; false: they are left out
  bool scale_by_deviation = false;  // wasserstein in baseline deviations
};

Status ReadBins(const CheckNode& at, DriftAsked& asked) {
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
    WEIRHOUSE_TRY(asked.equal_widths, count(*width, "width"));
  }
  if (bins == nullptr) return Status();
  if (!bins->is_sequence()) {
    WEIRHOUSE_TRY(asked.bins, count(*bins, "bins"));
    return Status();
  }
  for (const YamlNode& item : bins->items()) {
    WEIRHOUSE_TRY(const double edge, item.AsDouble(at.What("bins")));
    if (!std::isfinite(edge) || (!asked.edges.empty() && asked.edges.back() >= edge)) {
      return item.Error("WH3002", "the edges of bins must rise");
    }
    asked.edges.push_back(edge);
  }
  if (asked.edges.empty()) return bins->Error("WH3002", "bins names no edge");
  return Status();
}

Status ReadDriftBound(const CheckNode& at, DriftAsked& asked) {
  const YamlNode* max = at.Find("max");
  const YamlNode* min_p = at.Find("min_p");
  if ((max == nullptr) == (min_p == nullptr)) {
    return at.node.Error("WH3003", "distribution needs a bound: max, or min_p (ks and chi2)");
  }
  if (max != nullptr) {
    WEIRHOUSE_TRY(asked.max, max->AsDouble(at.What("max")));
    if (!(*asked.max >= 0)) return max->Error("WH3002", "distribution.max must not be negative");
    return Status();
  }
  if (asked.test != DriftTest::kKs && asked.test != DriftTest::kChi2) {
    return min_p->Error("WH3003", "only the tests ks and chi2 have a p: give max");
  }
  WEIRHOUSE_TRY(asked.min_p, min_p->AsDouble(at.What("min_p")));
  if (!(*asked.min_p >= 0 && *asked.min_p <= 1)) {
    return min_p->Error("WH3002", "distribution.min_p must lie between 0 and 1");
  }
  return Status();
}
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
std::string Blindness(const DriftAsked& asked, const Sides& sides, const Bins& bins) {
  // So much of the baseline in one bin of many values hides what happens to it.
  constexpr std::int64_t kHiddenPercent = 90;
  std::int64_t numbers = 0;
  std::int64_t greatest = 0;
  const bool text = sides.baseline.type == ColumnProfile::Type::kText;
  const std::size_t count = bins.baseline.size() - (asked.nulls_bin ? 1 : 0);
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
  if (!asked.edges.empty()) return "";
  if (sides.baseline.numbers.empty() && numbers > 0) return "the baseline is NaN only";
  const bool one_value = sides.baseline.numbers.size() == 1;
  if (!asked.equal_widths || one_value || greatest * 100 <= kHiddenPercent * numbers) return "";
  return fmt::format("{} of {} values of the baseline lie in one of the {} bins of equal width",
                     WithThousands(greatest), WithThousands(numbers), *asked.equal_widths);
}

Bins MakeBins(const DriftAsked& asked, const Sides& sides, nlohmann::json& detail) {
  Bins bins;
  if (sides.baseline.type == ColumnProfile::Type::kText) {
    bins = TextBins(sides, detail);
  } else {
    const std::vector<double> edges =
        !asked.edges.empty() ? asked.edges
        : asked.equal_widths ? EqualWidthEdges(sides.baseline.numbers, *asked.equal_widths)
                             : QuantileEdges(sides.baseline.numbers, asked.bins);
    bins.baseline = CountBins(sides.baseline.numbers, edges);
    bins.current = CountBins(sides.current.numbers, edges);
    // NaN is no null: it lies above all numbers, as the SQL engine sorts it.
    bins.baseline.back() += sides.baseline.nan;
    bins.current.back() += sides.current.nan;
    detail["edges"] = nlohmann::json::array();
    for (const double edge : edges) detail["edges"].push_back(JsonNumber(edge));
  }
  if (asked.nulls_bin) {
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
Measured MeasureWasserstein(const DriftAsked& asked, const Sides& sides, nlohmann::json& detail) {
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
  if (!asked.scale_by_deviation || area == 0) return {{area, 1, 0}, ""};
  // From a baseline that never varied any distance is infinitely many deviations.
  const double deviation = sides.baseline.FiniteStddev().value_or(0);
  return {{deviation > 0 ? area / deviation : HUGE_VAL, 1, 0}, ""};
}

Measured Measure(const DriftAsked& asked, const Sides& sides, nlohmann::json& detail) {
  if (asked.test == DriftTest::kKs) {
    return {KolmogorovSmirnov(sides.baseline.numbers, sides.current.numbers, sides.baseline.nan,
                              sides.current.nan),
            ""};
  }
  if (asked.test == DriftTest::kWasserstein) return MeasureWasserstein(asked, sides, detail);
  const Bins bins = MakeBins(asked, sides, detail);
  Measured measured;
  measured.blind = Blindness(asked, sides, bins);
  switch (asked.test) {
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
std::int64_t TestedRows(const DriftAsked& asked, const ColumnProfile& side) {
  return IsBinned(asked.test) && asked.nulls_bin ? side.rows : side.values();
}

void Decide(const DriftAsked& asked, const Check& check, const Significance& measured,
            Finding& finding) {
  finding.observed = JsonNumber(measured.statistic);
  if (asked.min_p) {
    finding.detail["p"] = measured.p;
    if (!(measured.p >= *asked.min_p)) finding.state = State::kFailed;
    finding.reason = fmt::format("{} {:.4g} has p {:.3g} (at least {})", check.name,
                                 measured.statistic, measured.p, NumberText(*asked.min_p));
    return;
  }
  if (!(measured.statistic <= *asked.max)) finding.state = State::kFailed;
  finding.reason =
      fmt::format("{} {:.2f} (limit {})", check.name, measured.statistic, NumberText(*asked.max));
}
// Below `min_rows` on either side. What lacks rows in the past lacks history.
std::optional<Finding> TooFewRows(const DriftAsked& asked, const Check& check, const Sides& sides,
                                  const Finding& begun) {
  const std::int64_t current = TestedRows(asked, sides.current);
  const std::int64_t baseline = TestedRows(asked, sides.baseline);
  const std::int64_t sample = std::min(baseline, current);
  if (sample >= asked.min_rows) return std::nullopt;
  Finding few = TooFewFinding(check, sample, asked.min_rows,
                              fmt::format("too few rows ({}, needs {})", WithThousands(sample),
                                          WithThousands(asked.min_rows)));
  if (few.state == State::kFailed && current >= asked.min_rows) {
    few.state = State::kNotEvaluated;
    few.detail["evaluated"] = false;
    few.reason = fmt::format("not evaluated: {} has {} rows in its baseline, needs {}", check.name,
                             WithThousands(baseline), WithThousands(asked.min_rows));
  }
  few.population = begun.population;
  few.nulls = begun.nulls;
  few.bound = begun.bound;
  return few;
}

class DistributionRule final : public ColumnRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    static const std::map<std::string, DriftTest> tests = {
        {"psi", DriftTest::kPsi},
        {"ks", DriftTest::kKs},
        {"js", DriftTest::kJs},
        {"js_distance", DriftTest::kJsDistance},
        {"kl", DriftTest::kKl},
        {"chi2", DriftTest::kChi2},
        {"wasserstein", DriftTest::kWasserstein}};
    auto rule = std::make_shared<DistributionRule>();
    DriftAsked& asked = rule->asked_;
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY_STATUS(at.Require("test").status());
    WEIRHOUSE_TRY(
        const std::string test,
        Word(at, "test", {"psi", "ks", "js", "js_distance", "kl", "chi2", "wasserstein"}));
    asked.test = tests.at(test);
    WEIRHOUSE_TRY(const YamlNode* baseline, at.Require("baseline"));
    WEIRHOUSE_TRY(const std::string text, baseline->AsString(at.What("baseline")));
    WEIRHOUSE_TRY(asked.baseline, ReadWindow(*baseline, text));
    WEIRHOUSE_TRY_STATUS(ReadDriftBound(at, asked));
    if (const YamlNode* min_rows = at.Find("min_rows")) {
      WEIRHOUSE_TRY(asked.min_rows, min_rows->AsInt(at.What("min_rows")));
      if (asked.min_rows < 1) return min_rows->Error("WH3002", "min_rows must be 1 or more");
    }
    WEIRHOUSE_TRY_STATUS(ReadBins(at, asked));
    WEIRHOUSE_TRY(const std::string nulls, Word(at, "nulls", {"bin", "ignore"}));
    asked.nulls_bin = nulls != "ignore";
    WEIRHOUSE_TRY(const std::string scale, Word(at, "scale", {"sd"}));
    asked.scale_by_deviation = scale == "sd";
    if (asked.scale_by_deviation && asked.test != DriftTest::kWasserstein) {
      return at.Find("scale")->Error("WH3003", "scale is for the test wasserstein");
    }
    check.history = HistoryUse{asked.baseline, rule->column_};
    return RulePtr(std::move(rule));
  }

  std::string DefaultName(const Check& check) const override {
    return fmt::format("{}({})", check.parameters.at("test").get<std::string>(), column_);
  }

  Status RefuseIdleKeys(const CheckNode& at, const Check& check) const override {
    for (const char* key : {"bins", "width", "nulls"}) {
      if (IsBinned(asked_.test) || at.Find(key) == nullptr) continue;
      const std::string test = check.parameters.at("test").get<std::string>();
      return IdleKey(at, key,
                     std::string_view(key) == "nulls"
                         ? fmt::format("the test {} compares values and leaves nulls out; bound "
                                       "them by `required`, or use psi",
                                       test)
                         : fmt::format("the test {} has no bins", test));
    }
    return Status();
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    const bool needs_order = !IsBinned(asked_.test) || !asked_.edges.empty() || asked_.equal_widths;
    if (needs_order) {
      WEIRHOUSE_TRY_STATUS(NeedFamily(
          check, schema, column_,
          {Family::kInteger, Family::kReal, Family::kDecimal, Family::kDate, Family::kTimestamp},
          "numbers or times"));
    }
    WEIRHOUSE_TRY_STATUS(NeedKnownTypes(schema, {column_}));
    if (!AnyIs(check, schema, Family::kText) && !AnyIs(check, schema, Family::kBoolean))
      return Status();
    return RefuseIdleKey(check, "bins",
                         "each of the most frequent values of such a column is a bin");
  }

 protected:
  ColumnState EmptyState() const override { return ColumnState(ColumnState::Keeps::kCounts); }

  Result<Finding> Judge(const ColumnState& state, std::int64_t, const Check& check,
                        const Against& against) const override {
    Sides sides;
    sides.current = state.Capped();
    Finding finding;
    finding.population = sides.current.rows;
    finding.nulls = sides.current.nulls;
    finding.bound =
        asked_.max ? nlohmann::json(*asked_.max) : nlohmann::json{{"min_p", *asked_.min_p}};
    // A run in which the column was of another kind of type is no history for it.
    const WindowRuns window = RunsInWindow(
        asked_.baseline, against.history, against.batch_end, std::max(check.warmup, 1),
        [&](const PublishedBatch& run) {
          if (!run.profile) return true;
          const auto past = run.profile->columns.find(column_);
          return past != run.profile->columns.end() && past->second.type == sides.current.type;
        });
    WEIRHOUSE_TRY_STATUS(NeedProfiles(window));
    if (!IsReady(check, window, asked_.baseline, finding)) {
      const bool number = sides.current.type == ColumnProfile::Type::kNumber;
      finding.detail["type"] = number ? "number" : "text";
      return finding;
    }
    if (!IsBinned(asked_.test) && sides.current.type == ColumnProfile::Type::kText) {
      return Status(Code::kInvalidInput,
                    fmt::format("the test needs numbers, and \"{}\" holds text", column_))
          .WithError("WH3005");
    }
    std::vector<const ColumnProfile*> past;
    for (const PublishedBatch* run : window.runs) {
      past.push_back(&run->profile->columns.at(column_));
    }
    sides.baseline = MergeAll(past);
    if (const auto few = TooFewRows(asked_, check, sides, finding)) return *few;
    // A sampled baseline is compared with a sample taken the same way, so that equal batches are
    // equal; an exact one with all values.
    if (sides.current.sampled && !sides.baseline.sampled)
      sides.current = state.Profile(CountValues::kExact);
    finding.detail = {{"window", asked_.baseline.text},
                      {"runs", window.runs.size()},
                      {"baseline_rows", sides.baseline.rows},
                      {"baseline_sampled", sides.baseline.sampled}};
    const Measured measured = Measure(asked_, sides, finding.detail);
    if (!measured.blind.empty()) {
      finding.observed = JsonNumber(measured.significance.statistic);
      finding.state = State::kNotEvaluated;
      finding.reason =
          fmt::format("not evaluated: {} would hide a move: {}", check.name, measured.blind);
      return finding;
    }
    Decide(asked_, check, measured.significance, finding);
    return finding;
  }

 private:
  DriftAsked asked_;
};
}  // namespace

CheckKind DistributionKind() {
  return {.names = {"distribution"},
          .keys = {"column", "test", "baseline", "max", "min_p", "warmup", "min_rows", "too_few",
                   "bins", "width", "nulls", "scale"},
          .parse = DistributionRule::Parse};
}
}  // namespace weirhouse::gate

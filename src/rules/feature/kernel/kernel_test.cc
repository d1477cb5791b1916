#include "rules/feature/kernel/kernel.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "ground/base/time.h"
#include "rules/feature/oracle/naive.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {

struct Case {
  std::optional<std::string> entity;
  std::int64_t at;
  std::optional<std::int64_t> known;  // absent: at
  Value x;
  FeatureStatus status;
};

ViewPlan Balances(const std::string& extra = "") {
  return PlanOf(
      "{ feature_view: bal, entity: { account: string }, source: processed.bal_history, "
      "event_time: ev, known_time: kn, ttl: 7d, " +
          extra + " features: { x: latest } }",
      {ValueType::kInt64});
}

std::vector<SampleRow> BalanceRows() {
  const auto n = [](std::int64_t value) { return std::vector<Value>{Value(value)}; };
  return {{"A", "A-1", D(1), D(1), false, n(10)},
          {"A", "A-2", D(5), D(5), false, n(20)},
          {"A", "A-2", D(5), D(8), false, n(21)},
          {"A", "A-3", D(15), D(15), false, {Value()}},
          {"A", "A-3", std::nullopt, D(18), true, {Value()}},
          {"B", "B-1", D(1), D(1), false, n(5)},
          {"C", "C-1", D(30), D(30), false, n(7)},
          {"A", "A-4", D(3), D(20), false, n(99)},
          {"D", "D-1", D(9), D(9), false, n(8)},
          {"D", "D-1", std::nullopt, D(12), true, {Value()}},
          {"D", "D-1", D(9), D(14), false, n(9)},
          {"E", "E-1", D(5), D(5), false, n(1)},
          {"E", "E-1", D(9), D(6), false, n(2)}};
}

std::vector<Case> BalanceCases() {
  const auto kPresent = FeatureStatus::kPresent;
  const auto kNotFound = FeatureStatus::kNotFound;
  const auto n = [](std::int64_t value) { return Value(value); };
  return {{"A", D(4), {}, n(10), kPresent},
          {"A", D(5), {}, n(20), kPresent},
          {"A", D(8), {}, n(21), kPresent},
          {"A", D(12), {}, n(21), kPresent},
          {"A", D(12) + 1, {}, {}, FeatureStatus::kExpired},
          {"A", D(15), {}, {}, FeatureStatus::kNull},
          {"A", D(17), {}, {}, FeatureStatus::kNull},
          {"A", D(18), {}, {}, FeatureStatus::kExpired},
          {"A", D(4), kLatest, n(99), kPresent},
          {"A", D(4), D(21), n(99), kPresent},
          {"D", D(11), {}, n(8), kPresent},
          {"D", D(12), {}, {}, kNotFound},
          {"D", D(14), {}, n(9), kPresent},
          {"E", D(5), {}, n(1), kPresent},
          {"E", D(7), {}, {}, FeatureStatus::kNotYetKnown},
          {"E", D(9), {}, n(2), kPresent},
          {"B", D(10), {}, {}, FeatureStatus::kExpired},
          {"C", D(10), {}, {}, FeatureStatus::kNotYetKnown},
          {"Z", D(10), {}, {}, kNotFound},
          {std::nullopt, D(10), {}, {}, kNotFound}};
}

std::string EntityBytes(const ViewPlan& plan, const std::string& name) {
  const std::vector<Value> values = {Value(name)};
  return *EncodeEntity(plan.view.entity, values).value();
}

std::vector<Cell> AnswersOf(const ViewPlan& plan, const LoadedView& view,
                            const std::optional<std::string>& entity, Label label) {
  std::vector<Cell> cells(plan.outputs.size());
  const EntityRowsView rows =
      entity ? view.Of(EntityBytes(plan, *entity)) : EntityRowsView{&view.rows(), 0, 0};
  EXPECT_OK(Evaluate(plan, rows, label, cells));
  return cells;
}

TEST(Kernel, AnswersEveryLabelOfTheWorkedExample) {
  const ViewPlan plan = Balances();
  const auto table = SampleTable(plan, BalanceRows());
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *table));
  ASSERT_OK_AND(const NaiveInterpreter naive, NaiveInterpreter::Make(plan, table));
  for (const Case& c : BalanceCases()) {
    const std::int64_t known = c.known.value_or(c.at);
    const std::vector<Cell> cells = AnswersOf(plan, view, c.entity, {c.at, known});
    const std::string what = c.entity.value_or("NULL") + " at " + FormatTime(c.at);
    EXPECT_EQ(cells[0].ToValue(), c.x) << what;
    EXPECT_EQ(StatusName(cells[0].status), StatusName(c.status)) << what;
    std::optional<std::string> entity;
    if (c.entity) entity = EntityBytes(plan, *c.entity);
    ASSERT_OK_AND(const auto oracle, naive.Answer(entity, c.at, known));
    EXPECT_EQ(oracle[0].value, c.x) << what;
    EXPECT_EQ(StatusName(oracle[0].status), StatusName(c.status)) << what;
  }
}

TEST(Kernel, TellsTheEventTimeOfWhatItChose) {
  const ViewPlan plan = Balances();
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, BalanceRows())));
  const std::vector<Cell> expired = AnswersOf(plan, view, "B", {D(10), D(10)});
  EXPECT_TRUE(expired[0].has_event_time);
  EXPECT_EQ(expired[0].event_time, D(1));
  EXPECT_FALSE(AnswersOf(plan, view, "Z", {D(10), D(10)})[0].has_event_time);
}

TEST(Kernel, IgnoresKnownTimeInAViewThatAsksForTheLatest) {
  const ViewPlan plan = Balances("as_of: latest,");
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, BalanceRows())));
  EXPECT_EQ(AnswersOf(plan, view, "A", {D(4), D(4)})[0].ToValue(), Value(std::int64_t{99}));
}

TEST(Kernel, TtlOfZeroTakesOnlyTheInstantItself) {
  ViewPlan plan = Balances();
  plan.view.ttl_us = 0;
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, BalanceRows())));
  EXPECT_EQ(AnswersOf(plan, view, "B", {D(1), D(1)})[0].status, FeatureStatus::kPresent);
  EXPECT_EQ(AnswersOf(plan, view, "B", {D(1) + 1, D(2)})[0].status, FeatureStatus::kExpired);
}

ViewPlan Sums(const std::string& extra) {
  return PlanOf(
      "{ feature_view: w, entity: { account: string }, source: processed.w_history, "
      "event_time: ev, known_time: kn, windows: [24h], " +
          extra +
          " features: { s: { agg: sum, of: x }, n: { agg: count }, hi: { agg: max, of: x } } }",
      {ValueType::kInt64});
}

std::vector<SampleRow> WindowRows() {
  return {{"A", "1", D(1), D(1), false, {Value(std::int64_t{1})}},
          {"A", "2", D(1) + 6 * kHour, D(1) + 6 * kHour, false, {Value(std::int64_t{2})}},
          {"A", "3", D(2), D(2), false, {Value(std::int64_t{4})}}};
}

TEST(Kernel, CountsTheEventAtTheStartOfAWindowAndNotTheOneAtItsEnd) {
  const ViewPlan plan = Sums("");
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, WindowRows())));
  const auto cells = AnswersOf(plan, view, "A", {D(2), D(2)});
  EXPECT_EQ(cells[0].ToValue(), Value(std::int64_t{3}));
  EXPECT_EQ(cells[1].ToValue(), Value(std::int64_t{2}));
}

TEST(Kernel, CountsTheOtherWayRoundWhereTheViewDeclaresIt) {
  const ViewPlan plan = Sums("boundary: closed_end,");
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, WindowRows())));
  EXPECT_EQ(AnswersOf(plan, view, "A", {D(2), D(2)})[0].ToValue(), Value(std::int64_t{6}));
}

TEST(Kernel, LetsACorrectionReplaceAndADeleteRemoveFromTheMomentTheyAreKnown) {
  const ViewPlan plan = Sums("");
  std::vector<SampleRow> rows = WindowRows();
  rows.push_back({"A", "2", D(1) + 7 * kHour, D(1) + 8 * kHour, false, {Value(std::int64_t{50})}});
  rows.push_back({"A", "1", std::nullopt, D(1) + 10 * kHour, true, {Value()}});
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, rows)));
  const auto sum = [&](std::int64_t at) {
    return AnswersOf(plan, view, "A", {at, at})[0].ToValue();
  };
  EXPECT_EQ(sum(D(1) + 8 * kHour - 1), Value(std::int64_t{3}));
  EXPECT_EQ(sum(D(1) + 8 * kHour), Value(std::int64_t{51}));
  EXPECT_EQ(sum(D(1) + 10 * kHour), Value(std::int64_t{50}));
}

TEST(Kernel, GivesZeroForTheCountOfNothingAndNullForTheRest) {
  const ViewPlan plan = Sums("");
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, WindowRows())));
  for (const std::optional<std::string>& who : {std::optional<std::string>("Z"), {}}) {
    const auto cells = AnswersOf(plan, view, who, {D(9), D(9)});
    EXPECT_EQ(cells[1].ToValue(), Value(std::int64_t{0}));
    EXPECT_EQ(cells[1].status, FeatureStatus::kPresent);
    EXPECT_EQ(cells[0].status, FeatureStatus::kNotFound);
    EXPECT_EQ(cells[2].status, FeatureStatus::kNotFound);
  }
  const auto empty = AnswersOf(plan, view, "A", {D(9), D(9)});
  EXPECT_EQ(empty[0].status, FeatureStatus::kNull);
  EXPECT_FALSE(empty[0].has_event_time);
}

TEST(Kernel, RefusesAnIntegerSumThatDoesNotFit) {
  const ViewPlan plan = Sums("");
  std::vector<SampleRow> rows = WindowRows();
  for (SampleRow& row : rows) row.values = {Value(std::numeric_limits<std::int64_t>::max() - 1)};
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, rows)));
  std::vector<Cell> cells(plan.outputs.size());
  const Status status = Evaluate(plan, view.Of(EntityBytes(plan, "A")), {D(2), D(2)}, cells);
  EXPECT_EQ(status.error_code(), "WH4012");
  // The others are answered, and the oracle says the same of each.
  EvaluateEach(plan, view.Of(EntityBytes(plan, "A")), {D(2), D(2)}, cells);
  ASSERT_OK_AND(const NaiveInterpreter naive,
                NaiveInterpreter::Make(plan, SampleTable(plan, rows)));
  ASSERT_OK_AND(const auto answers, naive.Answer(EntityBytes(plan, "A"), D(2), D(2)));
  std::size_t overflows = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ(cells[i].status, answers[i].status) << plan.outputs[i].column.qualified;
    EXPECT_TRUE(SameBits(cells[i].ToValue(), answers[i].value));
    overflows += cells[i].status == FeatureStatus::kOverflow ? 1 : 0;
  }
  EXPECT_GT(overflows, 0u);
  EXPECT_LT(overflows, cells.size());
}

TEST(Kernel, MovesARowToTheEntityOfItsCorrection) {
  const ViewPlan plan = Balances();
  const std::vector<SampleRow> rows = {{"A", "1", D(1), D(1), false, {Value(std::int64_t{1})}},
                                       {"B", "1", D(1), D(2), false, {Value(std::int64_t{2})}}};
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, rows)));
  EXPECT_EQ(AnswersOf(plan, view, "A", {D(1), D(1)})[0].status, FeatureStatus::kPresent);
  EXPECT_EQ(AnswersOf(plan, view, "A", {D(2), D(2)})[0].status, FeatureStatus::kNotFound);
  EXPECT_EQ(AnswersOf(plan, view, "B", {D(2), D(2)})[0].status, FeatureStatus::kPresent);
}

// ---- Against the oracle
// -------------------------------------------------------------------------
struct Difference {
  std::int64_t cells = 0;
  std::int64_t values = 0;
  std::int64_t statuses = 0;
  std::int64_t event_times = 0;
  std::string first;
};

void Compare(const ViewPlan& plan, std::span<const Cell> cells,
             const Result<std::vector<NaiveAnswer>>& oracle, const std::string& what,
             Difference* difference) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ++difference->cells;
    const NaiveAnswer& expected = (*oracle)[i];
    const bool value = !SameBits(cells[i].ToValue(), expected.value);
    const bool status = cells[i].status != expected.status;
    std::optional<std::int64_t> event_time;
    if (cells[i].has_event_time) event_time = cells[i].event_time;
    const bool time = event_time != expected.event_time;
    difference->values += value ? 1 : 0;
    difference->statuses += status ? 1 : 0;
    difference->event_times += time ? 1 : 0;
    if ((value || status || time) && difference->first.empty()) {
      difference->first =
          fmt::format("{} {}: kernel {} {}, oracle {} {}", what, plan.outputs[i].column.name,
                      ToText(cells[i].ToValue()), StatusName(cells[i].status),
                      ToText(expected.value), StatusName(expected.status));
    }
  }
}

// Labels of all entities at random times, with k = t, k later, or everything known. The kernel works by `kernels`, the
// oracle by `plan`: the same plan, unless a test makes the kernel's faulty.
Difference CompareRandom(const ViewPlan& plan, const ViewPlan& kernels, std::uint64_t seed,
                         int rounds) {
  Difference difference;
  SeededRandom random(seed);
  for (int round = 0; round < rounds; ++round) {
    const auto table = SampleTable(plan, RandomRows(random, 5 + random.Below(60)));
    auto view = LoadedView::Load(plan, *table);
    auto naive = NaiveInterpreter::Make(plan, table);
    WEIRHOUSE_CHECK(view.ok() && naive.ok());
    for (const char* who : {"a", "b", "c", "z"}) {
      const std::string entity = EntityBytes(plan, who);
      const std::uint64_t mode = random.Below(3);
      std::vector<Label> labels;
      for (int i = 0; i < 12; ++i) {
        const auto at = static_cast<std::int64_t>(random.Below(45)) - 3;
        const auto later = static_cast<std::int64_t>(random.Below(20));
        labels.push_back({at, mode == 0 ? at : mode == 1 ? at + later : kLatest});
      }
      std::stable_sort(labels.begin(), labels.end(),
                       [](const Label& a, const Label& b) { return a.at < b.at; });
      std::size_t taken = 0;
      const Status many = EvaluateMany(
          kernels, view->Of(entity), labels, [&](std::size_t i, std::span<const Cell> cells) {
            EXPECT_EQ(i, taken++);
            Compare(plan, cells, naive->Answer(entity, labels[i].at, labels[i].known),
                    fmt::format("round {} {} t={} k={} batch", round, who, labels[i].at,
                                labels[i].known),
                    &difference);
          });
      WEIRHOUSE_CHECK(many.ok());
      for (const Label& label : labels) {
        std::vector<Cell> cells(plan.outputs.size());
        WEIRHOUSE_CHECK(Evaluate(kernels, view->Of(entity), label, cells).ok());
        Compare(plan, cells, naive->Answer(entity, label.at, label.known),
                fmt::format("round {} {} t={} k={} point", round, who, label.at, label.known),
                &difference);
      }
    }
  }
  return difference;
}

// Sums of 2^62 may overflow: here x keeps its mean only.
ViewPlan EveryAggregateThatFits(const std::string& extra = "") {
  ViewPlan plan = EveryAggregate(extra);
  std::erase_if(plan.outputs, [](const PlannedOutput& o) {
    return o.aggregate == Aggregate::kSum && o.type == ValueType::kInt64;
  });
  return plan;
}

TEST(Kernel, EqualsTheNaiveInterpreterInTenThousandRandomCases) {
  for (const char* extra : {"", "boundary: closed_end,", "as_of: latest,"}) {
    const ViewPlan plan = EveryAggregateThatFits(extra);
    const Difference difference = CompareRandom(plan, plan, 7, 200);
    EXPECT_GT(difference.cells, 100'000);
    EXPECT_EQ(difference.values, 0) << difference.first;
    EXPECT_EQ(difference.statuses, 0) << difference.first;
    EXPECT_EQ(difference.event_times, 0) << difference.first;
  }
}

TEST(Kernel, IsCaughtByTheOracleWhenAWindowIsClosedAtBothEnds) {
  const ViewPlan plan = EveryAggregateThatFits();
  ViewPlan faulty = plan;  // [t - w, t]: one tick more of (t - w, t]
  faulty.view.closed_end = true;
  for (std::int64_t& window_us : faulty.windows_us) ++window_us;
  EXPECT_GT(CompareRandom(plan, faulty, 7, 2).values, 0);
}

TEST(Kernel, IsCaughtByTheOracleWhenItIgnoresKnownTime) {
  const ViewPlan plan = EveryAggregateThatFits();
  ViewPlan faulty = plan;
  faulty.view.as_of_latest = true;
  EXPECT_GT(CompareRandom(plan, faulty, 7, 2).values, 0);
}

TEST(Kernel, AnswersTheSameWhateverTheOrderOfRows) {
  const ViewPlan plan = EveryAggregateThatFits();
  SeededRandom random(3);
  std::vector<SampleRow> rows = RandomRows(random, 80);
  std::string first;
  for (int round = 0; round < 10; ++round) {
    ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *SampleTable(plan, rows)));
    std::vector<Value> all;
    for (const char* who : {"a", "b", "c"}) {
      for (std::int64_t at = 0; at < 40; ++at) {
        for (const Cell& cell : AnswersOf(plan, view, who, {at, at})) all.push_back(cell.ToValue());
      }
    }
    const std::string bits = VectorBits(all);
    if (round == 0) first = bits;
    EXPECT_EQ(bits, first);
    for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.Below(i)]);
  }
}

TEST(Kernel, AnswersTheSameWhateverTheLabelsBesides) {
  const ViewPlan plan = EveryAggregateThatFits();
  SeededRandom random(5);
  ASSERT_OK_AND(const LoadedView view,
                LoadedView::Load(plan, *SampleTable(plan, RandomRows(random, 200))));
  const EntityRowsView rows = view.Of(EntityBytes(plan, "a"));
  std::map<std::int64_t, std::string> alone;
  const auto bits_of = [](std::span<const Cell> cells) {
    std::vector<Value> values;
    for (const Cell& cell : cells) values.push_back(cell.ToValue());
    return VectorBits(values);
  };
  std::vector<Label> labels;
  for (std::int64_t at = -2; at < 50; ++at) labels.push_back({at, at});
  ASSERT_OK(EvaluateMany(plan, rows, labels, [&](std::size_t i, std::span<const Cell> cells) {
    alone[labels[i].at] = bits_of(cells);
  }));
  for (std::size_t step = 2; step < 9; ++step) {
    std::vector<Label> some;
    for (std::size_t i = 0; i < labels.size(); i += step) some.push_back(labels[i]);
    ASSERT_OK(EvaluateMany(plan, rows, some, [&](std::size_t i, std::span<const Cell> cells) {
      EXPECT_EQ(bits_of(cells), alone[some[i].at]);
    }));
  }
}
}  // namespace
}  // namespace weirhouse::feature

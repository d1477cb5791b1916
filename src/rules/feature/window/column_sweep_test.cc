#include "rules/feature/window/column_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
// The rows of one entity in their order, drawn from a seed.
struct Drawn {
  FeatureRows rows;
  EntityRowsView view() const { return {&rows, 0, rows.size()}; }
};

std::string DecimalBytes(WideInt digits) {
  return std::string(reinterpret_cast<const char*>(&digits), sizeof(digits));
}

ViewPlan EveryColumn(const std::string& extra, bool overflowing) {
  std::string features;
  for (const char* of : {"i", "d", "m", "s", "f"}) {
    const std::string name = of;
    features += fmt::format(
        "n{0}: {{ agg: count, of: {0} }}, lo{0}: {{ agg: min, of: {0} }}, hi{0}: {{ agg: max, of: "
        "{0} }}, ",
        name);
    features += fmt::format(
        "last{0}: {{ agg: last, of: {0} }}, now{0}: {{ agg: latest, of: {0} }}, ", name);
    if (name == "s") continue;
    features += fmt::format("mean{0}: {{ agg: mean, of: {0} }}, ", name);
    if (name != "i" || overflowing)
      features += fmt::format("sum{0}: {{ agg: sum, of: {0} }}, ", name);
  }
  auto views = ParseFeatureViews(
      "{ feature_view: all, version: 1, entity: { name: string }, source: processed.x_history, "
      "event_time: at, known_time: known, windows: [3us, 10us, 1000us], ttl: 8us, " +
          extra +
          " features: { n: { agg: count }, since: { agg: seconds_since_last, windows: none }, " +
          features + " since_w: { agg: seconds_since_last } } }",
      "features/all.yaml");
  WEIRHOUSE_CHECK(views.ok());
  auto plan = PlanView(views->front(),
                       {ValueType::kInt64, ValueType::kDouble, ValueType::kDecimal,
                        ValueType::kString, ValueType::kBool},
                       {0, 0, 2, 0, 0});
  WEIRHOUSE_CHECK(plan.ok());
  return *plan;
}

// What rows look like: each turns one kind of trouble up.
struct Manner {
  std::int64_t span = 40;    // of event times
  std::uint64_t late = 0;    // one in so many is known late; 0: none
  std::uint64_t early = 0;   // known before its event time
  std::int64_t delay = 0;    // all are known so much later
  std::uint64_t hidden = 0;  // replaced by a later version
  std::uint64_t deleted = 0;
  std::uint64_t null = 6;
  int numbers = 0;  // 0: cents; 1: wide exponents; 2: with NaN, infinities and denormals
  bool huge_integers = false;
  bool huge_decimals = false;
};

double DrawNumber(Random& random, int numbers) {
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random.Below(n)); };
  if (numbers == 0) return static_cast<double>(below(200'000) - 100'000) / 100;
  if (numbers == 1) return std::ldexp(random.Unit() - 0.5, static_cast<int>(below(300)) - 150);
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  switch (below(40)) {
    case 0:
      return kEndless;
    case 1:
      return -kEndless;
    case 2:
      return std::numeric_limits<double>::quiet_NaN();
    case 3:
      return 5e-324;
    case 4:
      return 1.7e308;
    case 5:
      return -1.7e308;
    case 6:
    case 7:
      return -0.0;
    default:
      return std::ldexp(random.Unit() - 0.5, static_cast<int>(below(4)));
  }
}

Drawn Draw(Random& random, const ViewPlan& plan, const Manner& manner, std::size_t count) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(n)));
  };
  const auto one_in = [&](std::uint64_t n) { return n != 0 && random.Below(n) == 0; };
  struct Row {
    std::int64_t event, known, hidden;
    bool deleted;
    std::string key;
  };
  std::vector<Row> drawn;
  for (std::size_t i = 0; i < count; ++i) {
    Row row{below(manner.span), 0, kNever, one_in(manner.deleted), fmt::format("k{}", below(50))};
    row.known = row.event + manner.delay;
    if (one_in(manner.late)) row.known += below(manner.span);
    if (one_in(manner.early)) row.known -= below(manner.span);
    if (one_in(manner.hidden)) row.hidden = row.known + below(12);
    if (row.deleted && below(2) == 0) row.event = kTimeless;
    drawn.push_back(row);
  }
  std::sort(drawn.begin(), drawn.end(), [](const Row& a, const Row& b) {
    return std::tie(a.event, a.known, a.key) < std::tie(b.event, b.known, b.key);
  });
  Drawn result;
  FeatureRows& rows = result.rows;
  rows.values = EmptyValues(plan);
  for (const Row& row : drawn) {
    rows.event_time.push_back(row.event);
    rows.known_time.push_back(row.known);
    rows.hidden_at.push_back(row.hidden);
    rows.deleted.push_back(row.deleted ? 1 : 0);
    rows.row_key.Append(row.key);
    rows.digest.emplace_back();
    for (ValueColumn& column : rows.values) {
      if (row.deleted || one_in(manner.null)) {
        column.AppendNull();
        continue;
      }
      if (column.type == ValueType::kInt64) {
        std::int64_t value = below(100) - 50;
        if (manner.huge_integers && below(8) == 0) value = std::int64_t{1} << (60 + below(3));
        if (manner.huge_integers && below(8) == 0) value = std::numeric_limits<std::int64_t>::min();
        column.AppendBits(static_cast<std::uint64_t>(value));
      } else if (column.type == ValueType::kDouble) {
        double value = DrawNumber(random, manner.numbers);
        if (value != value) value = std::numeric_limits<double>::quiet_NaN();
        column.AppendBits(std::bit_cast<std::uint64_t>(value));
      } else if (column.type == ValueType::kDecimal) {
        WideInt digits = below(100'000) - 50'000;
        if (manner.huge_decimals && below(4) == 0) digits = (WideInt{1} << (60 + below(66))) - 3;
        if (manner.huge_decimals && below(4) == 0) digits = -digits / 8 * 7;
        column.AppendText(DecimalBytes(digits));
      } else if (column.type == ValueType::kString) {
        column.AppendText(
            std::string(static_cast<std::size_t>(below(3)), static_cast<char>('p' + below(4))));
      } else {
        column.AppendBits(static_cast<std::uint64_t>(below(2)));
      }
    }
  }
  return result;
}

std::string BitsAndStatus(const Cell& cell) {
  const std::vector<Value> values{cell.ToValue()};
  return fmt::format("{} {} {}", VectorBits(values), StatusName(cell.status),
                     cell.has_event_time ? fmt::format("@{}", cell.event_time) : "");
}

// Columns and what is written to them.
struct Columns {
  Columns(const ViewPlan& plan, std::size_t count) : outputs(plan.outputs.size()), labels(count) {
    bits.resize(outputs * count, 77);
    valid.resize(outputs * count, 7);
    texts.resize(outputs * count);
    status.resize(outputs * count);
    has.resize(outputs * count);
    at.resize(outputs * count);
  }
  std::vector<AnswerColumn> Wanted(bool only_values = false) {
    std::vector<AnswerColumn> columns;
    for (std::size_t o = outputs; o-- > 0;) {
      const std::size_t i = o * labels;
      AnswerColumn column{o, &bits[i], &valid[i], &texts[i], nullptr, nullptr, nullptr};
      if (!only_values) {
        column.status = &status[i];
        column.has_event_time = &has[i];
        column.event_time = &at[i];
      }
      columns.push_back(column);
    }
    return columns;
  }
  Cell At(const ViewPlan& plan, std::size_t output, std::size_t label) const {
    const std::size_t i = output * labels + label;
    return {status[i], plan.outputs[output].type, bits[i], texts[i], has[i] != 0, at[i]};
  }
  std::size_t outputs, labels;
  std::vector<std::uint64_t> bits;
  std::vector<std::uint8_t> valid;
  std::vector<std::string_view> texts;
  std::vector<FeatureStatus> status;
  std::vector<std::uint8_t> has;
  std::vector<std::int64_t> at;
};

std::vector<Label> DrawLabels(Random& random, std::int64_t span, std::size_t count,
                              std::uint64_t mode) {
  std::vector<Label> labels;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(span) + 10)) - 4;
    const auto other = static_cast<std::int64_t>(random.Below(20));
    labels.push_back({at, mode == 0   ? at
                          : mode == 1 ? at + other
                          : mode == 2 ? at - other
                                      : kLatest});
  }
  std::sort(labels.begin(), labels.end(),
            [](const Label& a, const Label& b) { return a.at < b.at; });
  if (mode == 1 || mode == 2) {  // ascending in half the cases
    if (random.Below(2) == 0) {
      for (std::size_t i = 1; i < labels.size(); ++i)
        labels[i].known = std::max(labels[i].known, labels[i - 1].known);
    }
  }
  return labels;
}

const std::vector<Manner>& Manners() {
  static const std::vector<Manner> manners = {
      {},
      {.null = 0},
      {.span = 2000, .numbers = 2},
      {.span = 2000, .numbers = 1, .huge_integers = true, .huge_decimals = true},
      {.late = 3},
      {.span = 400, .late = 40, .early = 2},
      {.span = 400, .delay = 15},
      {.span = 400, .late = 30, .delay = 4, .hidden = 20, .deleted = 30, .numbers = 2},
      {.late = 2, .hidden = 2, .deleted = 4},
      {.span = 4, .hidden = 9, .deleted = 9, .null = 2},
  };
  return manners;
}

TEST(ColumnSweep, AnswersBitForBitAsEachLabelAlone) {
  for (const char* extra : {"", "boundary: closed_end,", "as_of: latest,"}) {
    const ViewPlan plan = EveryColumn(extra, false);
    SeededRandom random(11);
    std::size_t by_column = 0;
    std::size_t cases = 0;
    for (int round = 0; round < 30; ++round) {
      for (const Manner& manner : Manners()) {
        const Drawn drawn = Draw(random, plan, manner, random.Below(round % 5 == 0 ? 600 : 60));
        const std::vector<Label> labels =
            DrawLabels(random, manner.span, 1 + random.Below(40), random.Below(4));
        std::vector<std::size_t> places(labels.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = places.size() - 1 - i;
        Columns columns(plan, labels.size());
        ColumnEvaluation evaluation(plan, columns.Wanted());
        ASSERT_OK(evaluation.Answer(drawn.view(), labels, places));
        Columns values(plan, labels.size());
        ColumnEvaluation values_alone(plan, values.Wanted(true));
        ASSERT_OK(values_alone.Answer(drawn.view(), labels, places));
        // Few rows at once: windows that no longer fit are left to others, those that do agree.
        Columns few(plan, labels.size());
        ColumnSweep sweep(plan, few.Wanted(), 50);
        bool from_at = true;
        for (const Label& label : labels) from_at = from_at && label.known >= label.at;
        std::size_t done = 0;
        if (sweep.Begin(drawn.view(), from_at)) {
          ASSERT_OK_AND(done, sweep.Answer(labels, places));
        }
        by_column += done;
        cases += labels.size();
        for (std::size_t i = 0; i < labels.size(); ++i) {
          std::vector<Cell> cells(plan.outputs.size());
          ASSERT_OK(Evaluate(plan, drawn.view(), labels[i], cells));
          for (std::size_t o = 0; o < cells.size(); ++o) {
            const std::string expected = BitsAndStatus(cells[o]);
            const std::string what =
                fmt::format("{} round {} manner {} t={} k={}", plan.outputs[o].column.name, round,
                            &manner - Manners().data(), labels[i].at, labels[i].known);
            ASSERT_EQ(BitsAndStatus(columns.At(plan, o, places[i])), expected) << what;
            const std::size_t at = o * labels.size() + places[i];
            ASSERT_EQ(columns.valid[at], cells[o].status == FeatureStatus::kPresent) << what;
            ASSERT_EQ(values.bits[at], columns.bits[at]) << what;
            ASSERT_EQ(values.valid[at], columns.valid[at]) << what;
            ASSERT_EQ(values.texts[at], columns.texts[at]) << what;
            if (i < done) {
              ASSERT_EQ(BitsAndStatus(few.At(plan, o, places[i])), expected) << what;
            }
          }
        }
      }
    }
    EXPECT_GT(by_column, cases / 4);  // the test means something
    EXPECT_LT(by_column, cases);
  }
}

TEST(ColumnSweep, RefusesTheSumThatALabelAloneWouldRefuse) {
  const ViewPlan plan = EveryColumn("", true);
  SeededRandom random(12);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    Manner manner{.span = 2000, .huge_integers = true};
    const Drawn drawn = Draw(random, plan, manner, 1 + random.Below(40));
    const std::vector<Label> labels = DrawLabels(random, manner.span, 10, 0);
    Status first;
    for (const Label& label : labels) {
      std::vector<Cell> cells(plan.outputs.size());
      if (first.ok()) first = Evaluate(plan, drawn.view(), label, cells);
    }
    const Status many =
        EvaluateMany(plan, drawn.view(), labels, [](std::size_t, std::span<const Cell>) {});
    ASSERT_EQ(many.ToString(), first.ToString());
    refused += first.ok() ? 0 : 1;
    // Who does not ask for the sum is not refused.
    Columns columns(plan, labels.size());
    std::vector<AnswerColumn> wanted = columns.Wanted();
    std::erase_if(wanted, [&](const AnswerColumn& column) {
      const PlannedOutput& output = plan.outputs[column.output];
      return output.aggregate == Aggregate::kSum && output.type == ValueType::kInt64;
    });
    ColumnEvaluation evaluation(plan, wanted);
    EXPECT_OK(evaluation.Answer(drawn.view(), labels, {}));
  }
  EXPECT_GT(refused, 20);
  EXPECT_LT(refused, 180);
}

TEST(ColumnSweep, AnswersManyEntitiesOneAfterTheOther) {
  const ViewPlan plan = EveryColumn("", false);
  SeededRandom random(13);
  const std::vector<Label> labels = DrawLabels(random, 400, 30, 0);
  Columns columns(plan, labels.size());
  ColumnEvaluation evaluation(plan, columns.Wanted());
  for (int round = 0; round < 40; ++round) {
    const Manner& manner = Manners()[random.Below(Manners().size())];
    const Drawn drawn = Draw(random, plan, manner, random.Below(100));
    ASSERT_OK(evaluation.Answer(drawn.view(), labels, {}));
    Columns alone(plan, labels.size());
    ASSERT_OK(ColumnEvaluation(plan, alone.Wanted()).Answer(drawn.view(), labels, {}));
    EXPECT_EQ(columns.bits, alone.bits);
    EXPECT_EQ(columns.valid, alone.valid);
    EXPECT_EQ(columns.status, alone.status);
    EXPECT_EQ(columns.at, alone.at);
  }
}

template <typename T, bool kGreatest>
void CompareExtremes(Random& random) {
  RangeExtreme<T, kGreatest> extremes;
  for (std::size_t count = 0; count < 200; count += 1 + random.Below(7)) {
    std::vector<T> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<T>(random.Below(90)) - 45);
    extremes.Build(values);
    for (int i = 0; i < 200 && count > 0; ++i) {
      const std::size_t begin = random.Below(count);
      const std::size_t end = begin + 1 + random.Below(count - begin);
      T best = values[begin];
      for (std::size_t j = begin; j < end; ++j)
        best = RangeExtreme<T, kGreatest>::Better(best, values[j]);
      ASSERT_EQ(static_cast<std::int64_t>(extremes.Of(begin, end)),
                static_cast<std::int64_t>(best));
    }
  }
}

TEST(RangeExtreme, FindsWhatLookingAtEachValueFinds) {
  SeededRandom random(14);
  CompareExtremes<std::int64_t, true>(random);
  CompareExtremes<std::int64_t, false>(random);
  CompareExtremes<WideInt, true>(random);
  CompareExtremes<WideInt, false>(random);
}
}  // namespace
}  // namespace weirhouse::feature

// The columnar path, compared bit for bit with Evaluate and with the naive interpreter.
#include "rules/feature/training/latest_columns.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>

#include "rules/feature/join/hidden_versions.h"
#include "rules/feature/join/latest.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/oracle/naive.h"
#include "rules/feature/oracle/sample_rows_test.h"
#include "rules/feature/value/arrow_columns.h"
#include "testing/testing.h"

namespace weirhouse::feature {
namespace {
const auto kLabelTimes = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");

// All outputs that choose rows, of a view that has other aggregates too.
std::vector<std::size_t> Choosing(const ViewPlan& plan) {
  std::vector<std::size_t> outputs;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    if (ChoosesRows(plan.view, {i})) outputs.push_back(i);
  }
  return outputs;
}

struct LabelTable {
  std::shared_ptr<arrow::Table> rows;
  std::vector<Label> labels;
};

LabelTable RandomLabels(Random& random, std::size_t count) {
  LabelTable out;
  std::vector<std::string> names;
  std::vector<std::uint8_t> known;
  for (std::size_t i = 0; i < count; ++i) {
    names.emplace_back(1, "abcz"[random.Below(4)]);
    known.push_back(random.Below(9) == 0 ? 0 : 1);
    const auto at = static_cast<std::int64_t>(random.Below(45)) - 2;
    const std::int64_t when = random.Below(4) == 0 ? kLatest : at;
    out.labels.push_back(
        {at, when + (when == at ? static_cast<std::int64_t>(random.Below(9)) - 3 : 0)});
  }
  out.rows = arrow::Table::Make(arrow::schema({arrow::field("name", arrow::utf8())}),
                                {BuildArray(ValueType::kString, {}, names, known)});
  return out;
}

// What was asked of a table, to see what is not read.
class CountedPieces final : public FeaturePieces {
 public:
  CountedPieces(std::shared_ptr<const FeaturePieces> inner, bool unique_keys)
      : inner_(std::move(inner)), unique_keys_(unique_keys) {}
  std::shared_ptr<arrow::Schema> schema() const override { return inner_->schema(); }
  std::size_t count() const override { return inner_->count(); }
  std::int64_t rows_max(std::size_t piece) const override { return inner_->rows_max(piece); }
  bool unique_keys() const override { return unique_keys_; }
  std::optional<PieceBounds> BoundsOf(std::size_t piece, const std::string& column) const override {
    const auto read = inner_->Read(piece, {column});
    if (!read.ok() || column == "name") return std::nullopt;
    const auto values = ReadIntegers(*(*read)->column(0), column);
    if (!values.ok() || std::count(values->valid.begin(), values->valid.end(), 0) > 0)
      return std::nullopt;
    const auto [low, high] = std::minmax_element(values->values.begin(), values->values.end());
    return PieceBounds{*low, *high};
  }
  Result<std::shared_ptr<arrow::Table>> Read(
      std::size_t piece, const std::vector<std::string>& columns) const override {
    {
      const std::lock_guard lock(mutex_);  // pieces are read on several threads
      for (const std::string& column : columns) ++reads[column];
    }
    return inner_->Read(piece, columns);
  }
  mutable std::map<std::string, int> reads;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const FeaturePieces> inner_;
  bool unique_keys_;
};

void ExpectSame(const ViewPlan& plan, const std::shared_ptr<arrow::Table>& table,
                const FeaturePieces& pieces, const LabelTable& spine, int threads,
                const std::string& what) {
  const std::vector<std::size_t> outputs = Choosing(plan);
  ASSERT_OK_AND(const LabelOrder order,
                LabelOrder::Sort(plan.view.entity, *spine.rows, spine.labels));
  ASSERT_OK_AND(const auto columns,
                LatestColumns(plan, pieces, order, outputs, spine.labels.size(), threads));
  ASSERT_OK_AND(const LoadedView view, LoadedView::Load(plan, *table));
  ASSERT_OK_AND(const NaiveInterpreter naive, NaiveInterpreter::Make(plan, table));
  ASSERT_OK_AND(const auto entities, EncodeEntities(plan.view.entity, *spine.rows));
  std::vector<Cell> cells(plan.outputs.size());
  for (std::size_t i = 0; i < spine.labels.size(); ++i) {
    const Label label = spine.labels[i];
    const EntityRowsView rows =
        entities[i] ? view.Of(*entities[i]) : EntityRowsView{&view.rows(), 0, 0};
    const Status evaluated = Evaluate(plan, rows, label, cells);
    if (!evaluated.ok()) continue;  // a sum that does not fit: another output's
    ASSERT_OK_AND(const auto answers, naive.Answer(entities[i], label.at, label.known));
    for (std::size_t c = 0; c < outputs.size(); ++c) {
      ASSERT_OK_AND(const Value value, ReadCell(*columns[c], static_cast<std::int64_t>(i)));
      const Value expected = cells[outputs[c]].ToValue();
      ASSERT_TRUE(SameBits(value, expected))
          << what << ": " << plan.outputs[outputs[c]].column.name << " at " << label.at << " known "
          << label.known << ": " << ToText(value) << ", Evaluate: " << ToText(expected);
      ASSERT_TRUE(SameBits(value, answers[outputs[c]].value)) << what;
    }
  }
}

TEST(LatestColumns, AgreeWithEvaluateBitForBit) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SeededRandom random(seed);
    const ViewPlan plan = EveryAggregate(seed % 3 == 0   ? "boundary: closed_end,"
                                         : seed % 3 == 1 ? "as_of: latest,"
                                                         : "");
    std::vector<SampleRow> rows = RandomRows(random, 20 + random.Below(400));
    const auto table = SampleTable(plan, rows);
    const LabelTable spine = RandomLabels(random, 150);
    for (const std::int64_t piece_rows : {1'000'000, 97, 5}) {
      const auto pieces = PiecesOf(table, piece_rows);
      const std::string what = fmt::format("seed {}, pieces of {}", seed, piece_rows);
      ExpectSame(plan, table, *pieces, spine, 1 + static_cast<int>(seed % 2), what);
      ExpectSame(plan, table, CountedPieces(pieces, false), spine, 2, what + ", bounds");
    }
  }
}

TEST(LatestColumns, ReadNoKeysOfATableWhoseKeysAreUnique) {
  SeededRandom random(5);
  const ViewPlan plan = EveryAggregate();
  std::vector<SampleRow> rows = RandomRows(random, 300);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].key = fmt::format("u{}", i);
    rows[i].event_time = static_cast<std::int64_t>(i % 30);
    rows[i].known_time = static_cast<std::int64_t>(i);  // no two are equal by their times
    rows[i].is_delete = false;
  }
  const auto table = SampleTable(plan, rows);
  const LabelTable spine = RandomLabels(random, 200);
  const CountedPieces pieces(PiecesOf(table, 64), true);
  ExpectSame(plan, table, pieces, spine, 2, "unique");
  EXPECT_EQ(pieces.reads["row_key"], 0);
  EXPECT_EQ(pieces.reads["row_digest"], 0);
}

TEST(LatestColumns, ReadValuesOfThePiecesThatChosenRowsLieIn) {
  const ViewPlan plan = EveryAggregate();
  std::vector<SampleRow> rows;
  for (int i = 0; i < 100; ++i) {
    SampleRow row;
    row.entity = "a";
    row.key = fmt::format("k{}", i);
    row.event_time = i;
    row.known_time = i;
    row.values = {Value(std::int64_t{i}), Value(0.5), Value(std::string("s"))};
    rows.push_back(row);
  }
  LabelTable spine;
  spine.labels = {{35, 35}, {36, 36}};
  spine.rows = arrow::Table::Make(arrow::schema({arrow::field("name", arrow::utf8())}),
                                  {BuildArray(ValueType::kString, {}, {"a", "a"}, {1, 1})});
  const auto table = SampleTable(plan, rows);
  const CountedPieces pieces(PiecesOf(table, 10), true);
  ExpectSame(plan, table, pieces, spine, 1, "late");
  for (const RowExpression& expression : plan.expressions)
    EXPECT_LE(pieces.reads[expression.column], 2) << expression.column;
}

TEST(LatestColumns, FindWhatIsHiddenInParts) {
  SeededRandom random(11);
  const ViewPlan plan = EveryAggregate();
  const auto table = SampleTable(plan, RandomRows(random, 500));
  const auto pieces = PiecesOf(table, 41);
  ASSERT_OK_AND(const auto whole, FindHidden(*pieces, 1));
  ASSERT_OK_AND(const auto parts, FindHidden(*pieces, 2, 50));
  ASSERT_OK_AND(const UnsortedRows rows, ReadUnsorted(plan, *table));
  std::size_t row = 0;
  for (std::size_t p = 0; p < whole.size(); ++p) {
    ASSERT_EQ(whole[p].size(), parts[p].size());
    std::map<std::uint32_t, std::int64_t> hidden;
    for (std::size_t i = 0; i < whole[p].size(); ++i) {
      EXPECT_EQ(whole[p][i].row, parts[p][i].row);
      EXPECT_EQ(whole[p][i].hidden_at, parts[p][i].hidden_at);
      hidden[whole[p][i].row] = whole[p][i].hidden_at;
    }
    for (std::uint32_t i = 0; i < pieces->rows_max(p); ++i, ++row) {
      const auto found = hidden.find(i);
      // Of equal versions either may be the one that stays: their rows are the same bytes.
      const std::int64_t at = found == hidden.end() ? kNever : found->second;
      if (at != rows.rows.hidden_at[row]) {
        EXPECT_TRUE(at == rows.rows.known_time[row] ||
                    rows.rows.hidden_at[row] == rows.rows.known_time[row]);
      }
    }
  }
}

// Entities that are integers, times, numbers and several parts, and decimals, flags and times as
// values.
TEST(LatestColumns, TakeEveryTypeOfEntityAndValue) {
  const std::string view =
      "feature_view: typed, version: 1, source: processed.x_history, event_time: at, known_time: "
      "known, ttl: 20us, features: { d: { agg: latest, of: d }, b: { agg: latest, of: b }, t: { "
      "agg: latest, of: t }, s: { agg: last, of: s, windows: none } }";
  const std::vector<std::pair<std::string, std::vector<ValueType>>> entities = {
      {"{ id: integer }", {ValueType::kInt64}},
      {"{ id: timestamp }", {ValueType::kTimestamp}},
      {"{ id: number }", {ValueType::kDouble}},
      {"{ id: boolean }", {ValueType::kBool}},
      {"{ id: string, other: integer }", {ValueType::kString, ValueType::kInt64}}};
  for (const auto& [entity, types] : entities) {
    auto views = ParseFeatureViews("{ " + view + ", entity: " + entity + " }", "x");
    ASSERT_OK(views);
    ASSERT_OK_AND(const ViewPlan plan, PlanView(views->front(),
                                                {ValueType::kDecimal, ValueType::kBool,
                                                 ValueType::kTimestamp, ValueType::kString},
                                                {2, 0, 0, 0}));
    SeededRandom random(entity.size());
    const std::size_t count = 300;
    const auto column = [&](ValueType type, std::uint64_t distinct, bool nulls) {
      std::vector<std::uint64_t> bits;
      std::vector<std::string> texts;
      std::vector<std::uint8_t> valid;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t n = random.Below(distinct);
        valid.push_back(nulls && random.Below(8) == 0 ? 0 : 1);
        bits.push_back(type == ValueType::kDouble
                           ? std::bit_cast<std::uint64_t>(0.5 * static_cast<double>(n))
                           : n);
        std::string text(type == ValueType::kDecimal ? 16 : n % 5, static_cast<char>('a' + n % 7));
        if (type == ValueType::kDecimal) {
          text.assign(16, '\0');
          text[0] = static_cast<char>(n);
        }
        texts.push_back(std::move(text));
      }
      return BuildArray(type, bits, texts, valid, type == ValueType::kDecimal ? 2 : 0);
    };
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    arrow::FieldVector label_fields;
    arrow::ArrayVector label_arrays;
    const auto add = [&](const std::string& name, std::shared_ptr<arrow::Array> array) {
      fields.push_back(arrow::field(name, array->type()));
      arrays.push_back(std::move(array));
    };
    for (std::size_t i = 0; i < types.size(); ++i) {
      const std::string& name = plan.view.entity[i].name;
      const std::uint64_t distinct = types[i] == ValueType::kBool ? 2 : 6;
      add(name, column(types[i], distinct, true));
      label_arrays.push_back(
          column(types[i], distinct + (types[i] == ValueType::kBool ? 0 : 2), true));
      label_fields.push_back(fields.back());
    }
    add("event_time", column(ValueType::kTimestamp, 60, false));
    add("known_time", column(ValueType::kTimestamp, 60, false));
    arrow::BinaryBuilder keys;
    arrow::BinaryBuilder digests;
    arrow::Int32Builder ops;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(keys.Append(fmt::format("k{}", random.Below(200))).ok());
      ASSERT_TRUE(digests.Append(Sha256Of(fmt::format("{}", i)).view()).ok());
      ASSERT_TRUE(ops.Append(random.Below(12) == 0 ? 1 : 0).ok());
    }
    add("row_key", *keys.Finish());
    add("row_digest", *digests.Finish());
    add("op", *ops.Finish());
    for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
      add(plan.expressions[i].column,
          column(plan.value_types[i], plan.value_types[i] == ValueType::kBool ? 2 : 90, true));
    }
    const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
    LabelTable spine;
    spine.rows = arrow::Table::Make(arrow::schema(label_fields), label_arrays);
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::int64_t>(random.Below(90));
      spine.labels.push_back({at, at});
    }
    ExpectSame(plan, table, *PiecesOf(table, 70), spine, 2, entity);
  }
}

TEST(LatestColumns, AnswerNothingWithoutLabelsOrRows) {
  const ViewPlan plan = EveryAggregate();
  SeededRandom random(2);
  const auto table = SampleTable(plan, RandomRows(random, 40));
  ExpectSame(plan, table, *PiecesOf(table), RandomLabels(random, 0), 2, "no label");
  const auto none = SampleTable(plan, {});
  ExpectSame(plan, none, *PiecesOf(none), RandomLabels(random, 20), 2, "no row");
}

// A row that stands lies behind many that are not yet known, or hidden.
TEST(LatestColumns, PassRowsThatAreNotYetKnown) {
  const ViewPlan plan = EveryAggregate();
  std::vector<SampleRow> rows;
  for (int i = 0; i < 1000; ++i) {
    SampleRow row;
    row.entity = i < 900 ? "a" : "b";
    row.key = fmt::format("k{}", i);
    row.event_time = 20 + i / 100;
    row.known_time = i % 333 == 1 ? 0 : 500;
    row.values = {Value(std::int64_t{i}), Value(0.5), Value(std::string("s"))};
    rows.push_back(row);
  }
  SeededRandom random(4);
  const auto table = SampleTable(plan, rows);
  ExpectSame(plan, table, *PiecesOf(table), RandomLabels(random, 100), 1, "unknown");
}
}  // namespace
}  // namespace weirhouse::feature

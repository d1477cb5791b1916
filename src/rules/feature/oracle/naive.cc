#include "rules/feature/oracle/naive.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/oracle/naive_number.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
struct NaiveRow {
  std::optional<std::string> entity;
  std::int64_t event_time = kTimeless;
  std::int64_t known_time = 0;
  std::string_view key;
  std::string_view digest;
  bool is_delete = false;

  auto Order() const { return std::tuple(event_time, known_time, key, digest); }
};

std::int64_t After(std::int64_t at, std::int64_t back) {
  // Real times are far from the ends of 64 bits; the guard is for fuzzed ones.
  return at < kTimeless + back ? kTimeless : at - back;
}
}  // namespace

double NaiveMean(std::span<const double> values, std::int64_t count) {
  const double nan = std::bit_cast<double>(std::uint64_t{0x7ff8000000000000});
  bool plus = false;
  bool minus = false;
  NaiveSum sum;
  for (const double value : values) {
    if (std::isnan(value)) return nan;
    plus = plus || value == std::numeric_limits<double>::infinity();
    minus = minus || value == -std::numeric_limits<double>::infinity();
    if (std::isfinite(value)) sum.AddDouble(value);
  }
  if (plus && minus) return nan;
  if (plus) return std::numeric_limits<double>::infinity();
  if (minus) return -std::numeric_limits<double>::infinity();
  return sum.DividedBy(static_cast<std::uint64_t>(count));
}

struct NaiveInterpreter::State {
  ViewPlan plan;
  std::shared_ptr<arrow::Table> table;
  std::vector<NaiveRow> rows;
  std::vector<RawColumn> values;
  std::map<std::string, std::vector<std::size_t>> by_entity;  // each ascending in event time
  std::vector<std::size_t> by_key;                            // ascending in table key

  std::vector<std::size_t> Candidates(const std::string& entity, std::int64_t at,
                                      Scope scope) const;
  Result<NaiveAnswer> One(const PlannedOutput& output, const std::vector<std::size_t>& survivors,
                          std::int64_t at, FeatureStatus why_none_later,
                          FeatureStatus why_none) const;
  std::optional<Value> Aggregated(const PlannedOutput& output,
                                  const std::vector<std::size_t>& chosen) const;
  Value ValueAt(std::size_t expression, std::size_t row) const;
  double MeanOfDecimals(std::size_t expression, const std::vector<std::size_t>& chosen,
                        std::int64_t count) const;
};

namespace {
arrow::Decimal128 DecimalAt(const RawColumn& column, std::size_t row) {
  return arrow::Decimal128(reinterpret_cast<const std::uint8_t*>(column.texts[row].data()));
}
}  // namespace

double NaiveInterpreter::State::MeanOfDecimals(std::size_t expression,
                                               const std::vector<std::size_t>& chosen,
                                               std::int64_t count) const {
  const RawColumn& column = values[expression];
  NaiveSum sum;
  for (const std::size_t row : chosen) {
    if (column.valid[row] == 0) continue;
    arrow::Decimal128 decimal = DecimalAt(column, row);
    const bool negative = decimal.high_bits() < 0;
    if (negative) decimal.Negate();
    sum.AddWide(negative, static_cast<std::uint64_t>(decimal.high_bits()), decimal.low_bits());
  }
  return sum.DividedBy(static_cast<std::uint64_t>(count), plan.scales[expression]);
}

Value NaiveInterpreter::State::ValueAt(std::size_t expression, std::size_t row) const {
  const RawColumn& column = values[expression];
  if (column.valid[row] == 0) return Value();
  switch (plan.value_types[expression]) {
    case ValueType::kBool:
      return Value(column.bits[row] != 0);
    case ValueType::kInt64:
      return Value(static_cast<std::int64_t>(column.bits[row]));
    case ValueType::kDouble:
      return Value(std::bit_cast<double>(column.bits[row]));
    case ValueType::kString:
      return Value(std::string(column.texts[row]));
    case ValueType::kDecimal:
      // The decimal as it is written, read as the nearest double.
      return Value(
          std::strtod(DecimalAt(column, row).ToString(plan.scales[expression]).c_str(), nullptr));
    case ValueType::kTimestamp:
      break;
  }
  return Value(Timestamp{static_cast<std::int64_t>(column.bits[row])});
}

std::vector<std::size_t> NaiveInterpreter::State::Candidates(const std::string& entity,
                                                             std::int64_t at, Scope scope) const {
  const auto mine = by_entity.find(entity);
  if (mine == by_entity.end()) return {};
  const auto earlier = [&](std::size_t row, std::int64_t time) {
    return rows[row].event_time < time;
  };
  auto first = mine->second.begin();
  auto last = mine->second.end();
  if (scope == Scope::kNear) {
    const std::optional<std::int64_t> back = plan.look_back_us();
    if (back) first = std::lower_bound(first, last, After(at, *back + 1), earlier);
    last = std::lower_bound(first, last, at + 1, earlier);
  }
  const auto key_before = [&](std::size_t row, std::string_view key) {
    return rows[row].key < key;
  };
  std::set<std::size_t> found;
  for (; first != last; ++first) {
    const std::string_view key = rows[*first].key;
    auto version = std::lower_bound(by_key.begin(), by_key.end(), key, key_before);
    for (; version != by_key.end() && rows[*version].key == key; ++version) {
      found.insert(*version);
    }
  }
  return {found.begin(), found.end()};
}

namespace {
// NaN above all numbers, one zero; other types by their own order.
bool Less(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<double>(&a)) {
    const double y = *std::get_if<double>(&b);
    if (std::isnan(*x) || std::isnan(y)) return !std::isnan(*x) && std::isnan(y);
    return *x < y;
  }
  if (const auto* t = std::get_if<Timestamp>(&a)) return t->us < std::get_if<Timestamp>(&b)->us;
  if (const auto* s = std::get_if<std::string>(&a)) return *s < *std::get_if<std::string>(&b);
  if (const auto* i = std::get_if<std::int64_t>(&a)) return *i < *std::get_if<std::int64_t>(&b);
  return !*std::get_if<bool>(&a) && *std::get_if<bool>(&b);
}

std::int64_t NaiveWhole(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  return *std::get_if<std::int64_t>(&value);
}
}  // namespace

// Absent: the sum does not fit 64 bits.
std::optional<Value> NaiveInterpreter::State::Aggregated(
    const PlannedOutput& output, const std::vector<std::size_t>& chosen) const {
  if (output.aggregate == Aggregate::kCount && !output.expression) {
    return Value(static_cast<std::int64_t>(chosen.size()));
  }
  std::vector<Value> present;
  for (const std::size_t row : chosen) {
    Value value = ValueAt(*output.expression, row);
    if (!IsNull(value)) present.push_back(std::move(value));
  }
  const auto count = static_cast<std::int64_t>(present.size());
  if (output.aggregate == Aggregate::kCount) return Value(count);
  if (present.empty()) return Value();
  if (output.aggregate == Aggregate::kMin || output.aggregate == Aggregate::kMax) {
    Value best = output.aggregate == Aggregate::kMin
                     ? *std::min_element(present.begin(), present.end(), Less)
                     : *std::max_element(present.begin(), present.end(), Less);
    if (auto* x = std::get_if<double>(&best); x != nullptr && *x == 0) *x = 0.0;
    return best;
  }
  const bool mean = output.aggregate == Aggregate::kMean;
  if (plan.value_types[*output.expression] == ValueType::kDecimal) {
    return Value(MeanOfDecimals(*output.expression, chosen, mean ? count : 1));
  }
  if (plan.value_types[*output.expression] == ValueType::kDouble) {
    std::vector<double> numbers;
    for (const Value& value : present) numbers.push_back(*std::get_if<double>(&value));
    return Value(NaiveMean(numbers, mean ? count : 1));
  }
  NaiveSum sum;
  for (const Value& value : present) sum.AddInteger(NaiveWhole(value));
  if (mean) return Value(sum.DividedBy(static_cast<std::uint64_t>(count)));
  std::int64_t whole = 0;
  if (!sum.FitsInteger(&whole)) {
    return std::nullopt;
  }
  return Value(whole);
}

Result<NaiveAnswer> NaiveInterpreter::State::One(const PlannedOutput& output,
                                                 const std::vector<std::size_t>& survivors,
                                                 std::int64_t at, FeatureStatus why_none_before,
                                                 FeatureStatus why_none_at) const {
  const bool latest = output.aggregate == Aggregate::kLatest;
  const bool end_counts = latest || plan.view.closed_end;
  std::vector<std::size_t> in_range;  // up to the end, ascending in the full order
  for (const std::size_t row : survivors) {
    const std::int64_t event = rows[row].event_time;
    if (event < at || (end_counts && event == at)) in_range.push_back(row);
  }
  NaiveAnswer answer;
  const FeatureStatus why_none = end_counts ? why_none_at : why_none_before;
  if (!output.window) {
    if (in_range.empty()) {
      answer.status = why_none;
      return answer;
    }
    const NaiveRow& row = rows[in_range.back()];
    if (row.event_time != kTimeless) answer.event_time = row.event_time;
    if (plan.view.ttl_us && row.event_time < After(at, *plan.view.ttl_us)) {
      answer.status = FeatureStatus::kExpired;
      return answer;
    }
  }
  std::vector<std::size_t> window;
  for (const std::size_t row : in_range) {
    if (output.window) {
      const std::int64_t start = After(at, plan.windows_us[*output.window]);
      const std::int64_t event = rows[row].event_time;
      if (event < start || (plan.view.closed_end && event == start)) continue;
    }
    window.push_back(row);
  }
  if (!window.empty() && rows[window.back()].event_time != kTimeless) {
    answer.event_time = rows[window.back()].event_time;
  }
  if (output.aggregate == Aggregate::kLatest || output.aggregate == Aggregate::kLast) {
    if (!window.empty()) answer.value = ValueAt(*output.expression, window.back());
  } else if (output.aggregate == Aggregate::kSecondsSinceLast) {
    if (!window.empty()) {
      NaiveSum since;
      since.AddInteger(at);
      since.AddInteger(-rows[window.back()].event_time);
      answer.value = Value(since.DividedBy(1'000'000));
    }
  } else {
    const std::optional<Value> value = Aggregated(output, window);
    if (!value) {
      answer.status = FeatureStatus::kOverflow;
      return answer;
    }
    answer.value = *value;
  }
  answer.status = !IsNull(answer.value) ? FeatureStatus::kPresent
                  : in_range.empty()    ? why_none
                                        : FeatureStatus::kNull;
  return answer;
}

Result<std::vector<NaiveAnswer>> NaiveInterpreter::Answer(const std::optional<std::string>& entity,
                                                          std::int64_t at, std::int64_t known,
                                                          Scope scope) const {
  const std::vector<NaiveRow>& rows = state_->rows;
  if (state_->plan.view.as_of_latest) known = kLatest;
  std::vector<std::size_t> candidates;
  if (entity) candidates = state_->Candidates(*entity, at, scope);

  // Step 1, known; step 2, collapse.
  std::map<std::string_view, std::size_t> stands;
  for (const std::size_t row : candidates) {
    if (rows[row].known_time > known) continue;
    const auto [place, fresh] = stands.try_emplace(rows[row].key, row);
    if (fresh) continue;
    const NaiveRow& other = rows[place->second];
    if (std::tuple(rows[row].known_time, rows[row].digest, rows[row].event_time) >
        std::tuple(other.known_time, other.digest, other.event_time)) {
      place->second = row;
    }
  }
  // Visible rows of this entity, in the full order; and the status if there are none.
  std::vector<std::size_t> survivors;
  bool delete_hid_one = false;
  for (const auto& [key, row] : stands) {
    if (rows[row].entity != entity) continue;
    if (!rows[row].is_delete) {
      survivors.push_back(row);
      continue;
    }
    for (const std::size_t other : candidates) {
      delete_hid_one |= rows[other].key == key && !rows[other].is_delete &&
                        rows[other].known_time <= known && rows[other].entity == entity;
    }
  }
  std::sort(survivors.begin(), survivors.end(),
            [&](std::size_t a, std::size_t b) { return rows[a].Order() < rows[b].Order(); });
  const auto why_none = [&](bool at_counts) {
    if (delete_hid_one) return FeatureStatus::kNotFound;
    for (const std::size_t row : survivors) {
      if (rows[row].event_time > at || (!at_counts && rows[row].event_time == at)) {
        return FeatureStatus::kNotYetKnown;
      }
    }
    for (const std::size_t row : candidates) {
      if (rows[row].entity == entity && !rows[row].is_delete && rows[row].known_time > known) {
        return FeatureStatus::kNotYetKnown;
      }
    }
    return FeatureStatus::kNotFound;
  };
  const FeatureStatus before = why_none(false);
  const FeatureStatus until = why_none(true);
  std::vector<NaiveAnswer> answers;
  for (const PlannedOutput& output : state_->plan.outputs) {
    WEIRHOUSE_TRY(NaiveAnswer answer, state_->One(output, survivors, at, before, until));
    answers.push_back(std::move(answer));
  }
  return answers;
}

Result<NaiveInterpreter> NaiveInterpreter::Make(const ViewPlan& plan,
                                                std::shared_ptr<arrow::Table> table) {
  auto state = std::make_unique<State>();
  state->plan = plan;
  state->table = std::move(table);
  const std::string what = "the feature table";
  WEIRHOUSE_TRY(auto entities, EncodeEntities(plan.view.entity, *state->table));
  WEIRHOUSE_TRY(const auto event_column, RequireColumn(*state->table, "event_time", what));
  WEIRHOUSE_TRY(const IntColumn event_time, ReadIntegers(*event_column, "event_time"));
  WEIRHOUSE_TRY(const auto known_column, RequireColumn(*state->table, "known_time", what));
  WEIRHOUSE_TRY(const IntColumn known_time, ReadIntegers(*known_column, "known_time"));
  WEIRHOUSE_TRY(const auto op_column, RequireColumn(*state->table, "op", what));
  WEIRHOUSE_TRY(const IntColumn op, ReadIntegers(*op_column, "op"));
  WEIRHOUSE_TRY(const auto key_column, RequireColumn(*state->table, "row_key", what));
  WEIRHOUSE_TRY(const auto keys, ReadBytes(*key_column, "row_key"));
  WEIRHOUSE_TRY(const auto digest_column, RequireColumn(*state->table, "row_digest", what));
  WEIRHOUSE_TRY(const auto digests, ReadBytes(*digest_column, "row_digest"));
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    WEIRHOUSE_TRY(const auto column,
                  RequireColumn(*state->table, plan.expressions[i].column, what));
    WEIRHOUSE_TRY(RawColumn raw,
                  ReadColumn(*column, plan.value_types[i], plan.expressions[i].column));
    state->values.push_back(std::move(raw));
  }
  for (std::size_t i = 0; i < entities.size(); ++i) {
    NaiveRow row;
    row.entity = std::move(entities[i]);
    if (event_time.valid[i] != 0) row.event_time = event_time.values[i];
    row.known_time = known_time.values[i];
    row.key = keys[i];
    row.digest = digests[i];
    row.is_delete = op.values[i] != 0;
    if (row.entity) state->by_entity[*row.entity].push_back(i);
    state->by_key.push_back(i);
    state->rows.push_back(std::move(row));
  }
  const std::vector<NaiveRow>& rows = state->rows;
  for (auto& [entity, mine] : state->by_entity) {
    std::sort(mine.begin(), mine.end(), [&](std::size_t a, std::size_t b) {
      return rows[a].event_time < rows[b].event_time;
    });
  }
  std::sort(state->by_key.begin(), state->by_key.end(),
            [&](std::size_t a, std::size_t b) { return rows[a].key < rows[b].key; });
  return NaiveInterpreter(std::move(state));
}

NaiveInterpreter::NaiveInterpreter(std::unique_ptr<State> state) : state_(std::move(state)) {}
NaiveInterpreter::~NaiveInterpreter() = default;
NaiveInterpreter::NaiveInterpreter(NaiveInterpreter&&) noexcept = default;
}  // namespace weirhouse::feature

// `range`: each value is within bounds.
#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <optional>

#include "rules/gate/definition/check_node.h"
#include "rules/gate/definition/column_types.h"
#include "rules/gate/definition/literal.h"
#include "rules/gate/definition/value_parser.h"
#include "rules/gate/evaluation/row_source.h"
#include "rules/gate/evaluation/value_rule.h"
#include "rules/gate/kind/kinds.h"
#include "rules/gate/value/column_values.h"

namespace weirhouse::gate {
namespace {
template <typename T>
struct Interval {
  std::optional<T> low;
  std::optional<T> high;
  bool low_open = false;
  bool high_open = false;

  template <typename Value>
  bool Holds(const Value& value) const {
    if (low && (value < *low || (low_open && value == *low))) return false;
    if (high && (*high < value || (high_open && value == *high))) return false;
    return true;
  }
};

// The bounds for one type of column. Decimals compare as decimals, never through double.
class RangeTest {
 public:
  static Result<RangeTest> Bind(const ValueBounds& bounds, bool allow_nan,
                                const arrow::DataType& type);

  bool Holds(std::int64_t value) const { return integers_.Holds(value); }
  bool Holds(double value) const { return value != value ? allow_nan_ : reals_.Holds(value); }
  bool Holds(std::string_view value) const { return texts_.Holds(value); }
  bool Holds(const arrow::Decimal128& value) const { return decimals_.Holds(value); }
  bool Holds(bool) const { return false; }  // never bound to a boolean column

 private:
  Interval<std::int64_t> integers_;
  Interval<double> reals_;
  Interval<std::string> texts_;
  Interval<arrow::Decimal128> decimals_;
  bool allow_nan_ = false;
};

Status NoneFits(const ValueBounds& bounds) {
  return Status(Code::kInvalidInput, "no value fits the bounds of range")
      .WithError("WH3002")
      .WithSpan(bounds.min->span);
}

// The closed interval of whole numbers (at `scale`) that the bounds leave.
Result<Interval<arrow::Decimal128>> WholeInterval(const ValueBounds& bounds, std::int32_t scale,
                                                  Family family) {
  Interval<arrow::Decimal128> interval;
  auto floor_of = [&](const Literal& literal) -> Result<Floor> {
    const auto number = ParseExact(literal);
    const auto floor = number ? FloorAt(*number, scale) : std::nullopt;
    if (!floor) return Misfit(literal, family);
    return *floor;
  };
  if (bounds.min) {
    WEIRHOUSE_TRY(Floor low, floor_of(*bounds.min));
    if (!low.exact || bounds.min_exclusive) low.value += arrow::Decimal128(1);
    interval.low = low.value;
  }
  if (bounds.max) {
    WEIRHOUSE_TRY(Floor high, floor_of(*bounds.max));
    if (high.exact && bounds.max_exclusive) high.value -= arrow::Decimal128(1);
    interval.high = high.value;
  }
  if (interval.low && interval.high && *interval.high < *interval.low) return NoneFits(bounds);
  return interval;
}

// Outside the 64-bit range a bound lets everything or nothing through.
Interval<std::int64_t> ToIntegers(const Interval<arrow::Decimal128>& wide) {
  Interval<std::int64_t> narrow;
  const arrow::Decimal128 least(INT64_MIN);
  const arrow::Decimal128 most(INT64_MAX);
  if (wide.low && *wide.low > most) return {INT64_MAX, INT64_MIN};
  if (wide.high && *wide.high < least) return {INT64_MAX, INT64_MIN};
  if (wide.low && *wide.low >= least) narrow.low = static_cast<std::int64_t>(wide.low->low_bits());
  if (wide.high && *wide.high <= most) {
    narrow.high = static_cast<std::int64_t>(wide.high->low_bits());
  }
  return narrow;
}

// Fills an interval by reading both ends with `read`.
template <typename T, typename Read>
Status Fill(const ValueBounds& bounds, Interval<T>& interval, Read read) {
  interval.low_open = bounds.min_exclusive;
  interval.high_open = bounds.max_exclusive;
  if (bounds.min) {
    WEIRHOUSE_TRY(interval.low, read(*bounds.min));
  }
  if (bounds.max) {
    WEIRHOUSE_TRY(interval.high, read(*bounds.max));
  }
  if (!interval.low || !interval.high || *interval.low < *interval.high) return Status();
  const bool open = interval.low_open || interval.high_open;
  return *interval.high < *interval.low || open ? NoneFits(bounds) : Status();
}

Result<RangeTest> RangeTest::Bind(const ValueBounds& bounds, bool allow_nan,
                                  const arrow::DataType& type) {
  WEIRHOUSE_TRY(const Family family, FamilyOf(type));
  RangeTest test;
  test.allow_nan_ = allow_nan;
  switch (family) {
    case Family::kInteger: {
      WEIRHOUSE_TRY(const auto wide, WholeInterval(bounds, 0, family));
      test.integers_ = ToIntegers(wide);
      return test;
    }
    case Family::kDecimal: {
      const auto scale = static_cast<const arrow::Decimal128Type&>(type).scale();
      WEIRHOUSE_TRY(test.decimals_, WholeInterval(bounds, scale, family));
      return test;
    }
    case Family::kReal:
      WEIRHOUSE_TRY_STATUS(
          Fill(bounds, test.reals_, [&](const Literal& l) { return RealOf(l, family); }));
      return test;
    case Family::kText:
      WEIRHOUSE_TRY_STATUS(Fill(bounds, test.texts_, TextOfLiteral));
      return test;
    case Family::kDate:
    case Family::kTimestamp:
      WEIRHOUSE_TRY_STATUS(
          Fill(bounds, test.integers_, [&](const Literal& l) { return TimeOf(l, family); }));
      return test;
    case Family::kBoolean:
      break;
  }
  return Status(Code::kInvalidInput, "range does not fit a boolean column")
      .WithError("WH3005")
      .WithHint("use accepted");
}

class RangeRule final : public ValueRule {
 public:
  static Result<RulePtr> Parse(const CheckNode& at, Check& check) {
    auto rule = std::make_shared<RangeRule>();
    WEIRHOUSE_TRY(rule->column_, Column(at, check));
    WEIRHOUSE_TRY(rule->bounds_, ReadValueBounds(at.node, at.kind));
    WEIRHOUSE_TRY_STATUS(NeedBound(at, rule->bounds_.min || rule->bounds_.max));
    WEIRHOUSE_TRY(rule->allow_nan_, Flag(at, "allow_nan"));
    return RulePtr(std::move(rule));
  }

  Status CheckTypes(const Check& check, const arrow::Schema& schema) const override {
    const arrow::DataType& type = *schema.GetFieldByName(column_)->type();
    WEIRHOUSE_TRY_STATUS(RangeTest::Bind(bounds_, allow_nan_, type).status());
    return RefuseIdleNan(check, schema);
  }

  // Where what is stored beside the values says that all are there and within bounds, none is read.
  bool NeedsValues(const RowSource& rows) const override {
    const auto field = rows.schema()->GetFieldByName(column_);
    if (field == nullptr || !rows.IsWhole(column_)) return true;
    const auto bounds = rows.BoundsOf(column_, RowSource::Look::kBesideValues);
    if (!bounds) return true;
    const auto test = RangeTest::Bind(bounds_, allow_nan_, *field->type());
    return !test.ok() || !test->Holds(bounds->least) || !test->Holds(bounds->greatest);
  }

 protected:
  Status Mark(const Check&, const arrow::Table& rows, std::int64_t first_row,
              MarkedRows& marked) const override {
    WEIRHOUSE_TRY(const auto column, ColumnOf(rows, column_));
    WEIRHOUSE_TRY(const RangeTest test,
                  RangeTest::Bind(bounds_, allow_nan_, ValueType(*column->type())));
    return MarkValues(*column, first_row, marked,
                      [&](const auto& value) { return test.Holds(value); });
  }
  std::string WhatIsBad() const override { return "values are out of bounds"; }

 private:
  std::string column_;
  ValueBounds bounds_;
  bool allow_nan_ = false;
};
}  // namespace

CheckKind RangeKind() {
  return {.names = {"range"},
          .keys = WithBounds({"column", "allow_nan", "scope", "too_few"}),
          .judges_values = true,
          .parse = RangeRule::Parse};
}
}  // namespace weirhouse::gate

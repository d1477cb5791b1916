#include "rules/feature/oracle/sample_rows_test.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <limits>

#include "ground/base/digest.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
Digest SampleDigest(const SampleRow& row) {
  std::string bytes = VectorBits(row.values) + (row.is_delete ? "delete" : "put");
  if (row.event_time) bytes += fmt::format("@{}", *row.event_time);
  return Sha256Of(bytes + row.entity.value_or("null"));
}

}  // namespace

std::shared_ptr<arrow::Table> SampleTable(const ViewPlan& plan,
                                          const std::vector<SampleRow>& rows) {
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  arrow::StringBuilder entity;
  arrow::TimestampBuilder event_time(time, arrow::default_memory_pool());
  arrow::TimestampBuilder known_time(time, arrow::default_memory_pool());
  arrow::BinaryBuilder key;
  arrow::BinaryBuilder digest;
  arrow::Int32Builder op;
  for (const SampleRow& row : rows) {
    (void)(row.entity ? entity.Append(*row.entity) : entity.AppendNull());
    (void)(row.event_time ? event_time.Append(*row.event_time) : event_time.AppendNull());
    (void)known_time.Append(row.known_time);
    (void)key.Append(row.key);
    const Digest content = SampleDigest(row);
    (void)digest.Append(content.view());
    (void)op.Append(row.is_delete ? 1 : 0);
  }
  std::vector<std::shared_ptr<arrow::Field>> fields = {
      arrow::field(plan.view.entity[0].name, arrow::utf8()),
      arrow::field("event_time", time),
      arrow::field("known_time", time),
      arrow::field("row_key", arrow::binary()),
      arrow::field("row_digest", arrow::binary()),
      arrow::field("op", arrow::int32())};
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (arrow::ArrayBuilder* builder : std::initializer_list<arrow::ArrayBuilder*>{
           &entity, &event_time, &known_time, &key, &digest, &op}) {
    columns.push_back(builder->Finish().ValueOrDie());
  }
  for (std::size_t c = 0; c < plan.expressions.size(); ++c) {
    std::vector<std::shared_ptr<arrow::Array>> cells;
    for (const SampleRow& row : rows) {
      auto cell = ArrayOf(plan.value_types[c], row.is_delete ? Value() : row.values[c]);
      WEIRHOUSE_CHECK(cell.ok());
      cells.push_back(*cell);
    }
    fields.push_back(arrow::field(plan.expressions[c].column, ArrowTypeOf(plan.value_types[c])));
    columns.push_back(cells.empty()
                          ? arrow::MakeEmptyArray(ArrowTypeOf(plan.value_types[c])).ValueOrDie()
                          : arrow::Concatenate(cells).ValueOrDie());
  }
  return arrow::Table::Make(arrow::schema(fields), columns, static_cast<std::int64_t>(rows.size()));
}

ViewPlan PlanOf(const std::string& yaml, std::vector<ValueType> types) {
  auto views = ParseFeatureViews(yaml, "features/sample.yaml");
  WEIRHOUSE_CHECK(views.ok());
  auto plan = PlanView(views->front(), std::move(types));
  WEIRHOUSE_CHECK(plan.ok());
  return *plan;
}

ViewPlan EveryAggregate(const std::string& extra) {
  return PlanOf(
      "{ feature_view: every, version: 1, entity: { name: string }, source: "
      "processed.x_history, event_time: at, known_time: known, windows: [3us, 10us], "
      "ttl: 8us, " +
          extra +
          " features: { n: { agg: count }, nx: { agg: count, of: x }, sx: { agg: sum, of: x "
          "}, mx: { agg: mean, of: x }, lox: { agg: min, of: x }, hix: { agg: max, of: x }, "
          "sy: { agg: sum, of: y }, my: { agg: mean, of: y }, loy: { agg: min, of: y }, hiy: "
          "{ agg: max, of: y }, los: { agg: min, of: s }, his: { agg: max, of: s }, lasts: { "
          "agg: last, of: s }, lastx: { agg: last, of: x, windows: none }, since: { agg: "
          "seconds_since_last, windows: none }, since_w: { agg: seconds_since_last }, nowx: "
          "{ agg: latest, of: x }, nowy: { agg: latest, of: y }, nows: { agg: latest, of: s "
          "} } }",
      {ValueType::kInt64, ValueType::kDouble, ValueType::kString});
}

std::vector<SampleRow> RandomRows(Random& random, std::size_t count) {
  std::vector<SampleRow> rows;
  const auto below = [&](std::uint64_t bound) {
    return static_cast<std::int64_t>(random.Below(bound));
  };
  for (std::size_t i = 0; i < count; ++i) {
    SampleRow row;
    const std::int64_t who = below(8);
    if (who != 7) row.entity = std::string(1, static_cast<char>('a' + who % 3));
    row.key = fmt::format("k{}", below(6) == 0 ? below(4) : 100 + below(40));
    row.event_time = below(30);
    row.known_time = *row.event_time + (below(3) == 0 ? below(12) - 3 : 0);
    row.is_delete = below(10) == 0;
    if (row.is_delete && below(2) == 0) row.event_time.reset();
    Value x = below(6) == 0 ? Value() : Value(below(5) - 2);
    if (below(40) == 0) x = Value(std::int64_t{1} << 62);
    Value y =
        below(6) == 0 ? Value() : Value((random.Unit() - 0.5) * static_cast<double>(below(9)));
    const std::int64_t special = below(60);
    if (special == 0) y = Value(std::numeric_limits<double>::infinity());
    if (special == 1) y = Value(-std::numeric_limits<double>::infinity());
    if (special == 2) y = Value(std::numeric_limits<double>::quiet_NaN());
    if (special == 3) y = Value(-0.0);
    if (special == 4) y = Value(1e300);
    if (special == 5) y = Value(5e-324);
    Value s = below(6) == 0 ? Value() : Value(std::string(1, static_cast<char>('p' + below(4))));
    row.values = {std::move(x), std::move(y), std::move(s)};
    rows.push_back(row);
    if (below(20) == 0) rows.push_back(std::move(row));  // a byte-equal repeat
  }
  return rows;
}
}  // namespace weirhouse::feature

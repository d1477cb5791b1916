#include "rules/feature/kernel/request.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "ground/base/text.h"
#include "rules/feature/kernel/expression.h"
#include "rules/feature/value/arrow_columns.h"

namespace weirhouse::feature {
namespace {
constexpr const char* kRequestOrdinal = "wh_request_row";

Result<std::shared_ptr<arrow::ChunkedArray>> RequestColumn(const arrow::Table& requests,
                                                           const TypedName& name,
                                                           const std::string& view_id) {
  const auto column = requests.GetColumnByName(name.name);
  if (column == nullptr) {
    return Status(Code::kInvalidInput,
                  fmt::format("the request of view \"{}\" lacks \"{}\"", view_id, name.name))
        .WithError("WH4013");
  }
  Result<RawColumn> raw = ReadColumn(*column, name.type, fmt::format("\"{}\"", name.name));
  if (!raw.ok()) {
    return Status(Code::kInvalidInput,
                  fmt::format("the request of view \"{}\" has a wrong type: {}", view_id,
                              raw.status().message()))
        .WithError("WH4013");
  }
  const std::vector<std::string> texts(raw->texts.begin(), raw->texts.end());
  return std::make_shared<arrow::ChunkedArray>(BuildArray(name.type, raw->bits, texts, raw->valid));
}
}  // namespace

RequestEvaluator::RequestEvaluator(const ViewPlan& plan, platform::SqlSession& session)
    : plan_(plan), session_(session) {
  sql_ = fmt::format("SELECT {}", kRequestOrdinal);
  for (std::size_t i = 0; i < plan.view.features.size(); ++i) {
    sql_ += fmt::format(
        ", CAST((\n{}\n) AS {}) AS {}", plan.view.features[i].of,
        SqlTypeName(plan.scales[i] > 0 ? ValueType::kDecimal : plan.value_types[i], plan.scales[i]),
        QuoteIdentifier(plan.view.features[i].name));
  }
  sql_ += " FROM request";
}

Result<std::shared_ptr<arrow::Table>> RequestEvaluator::Evaluate(
    const arrow::Table& requests) const {
  const std::string view_id = plan_.view.id();
  arrow::FieldVector fields;
  arrow::ChunkedArrayVector columns;
  for (const TypedName& name : plan_.view.request) {
    WEIRHOUSE_TRY(auto column, RequestColumn(requests, name, view_id));
    fields.push_back(arrow::field(name.name, ArrowTypeOf(name.type)));
    columns.push_back(std::move(column));
  }
  const auto count = static_cast<std::size_t>(requests.num_rows());
  std::vector<std::uint64_t> ordinals(count);
  std::iota(ordinals.begin(), ordinals.end(), 0);
  fields.push_back(arrow::field(kRequestOrdinal, arrow::int64()));
  columns.push_back(std::make_shared<arrow::ChunkedArray>(
      BuildArray(ValueType::kInt64, ordinals, {}, std::vector<std::uint8_t>(count, 1))));
  WEIRHOUSE_TRY_STATUS(session_.Register(
      "request", arrow::Table::Make(arrow::schema(fields), columns, requests.num_rows())));
  auto rows = session_.Query(sql_);
  if (!rows.ok()) {
    return Status(rows.status().code(), fmt::format("could not compute view \"{}\": {}", view_id,
                                                    rows.status().message()))
        .WithError(kExpressionRefused)
        .WithHint(rows.status().hint());
  }
  WEIRHOUSE_TRY(const IntColumn back, ReadIntegers(*(*rows)->column(0), "the row number"));
  WEIRHOUSE_CHECK(back.values.size() == count);
  arrow::FieldVector out_fields;
  arrow::ArrayVector out_columns;
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
    const ValueType type = plan_.outputs[i].type;
    WEIRHOUSE_TRY(const RawColumn raw, ReadColumn(*(*rows)->column(static_cast<int>(i) + 1), type,
                                                  plan_.outputs[i].column.qualified));
    // Restores the order of the requests, whatever order DuckDB chose.
    std::vector<std::uint64_t> bits(raw.bits.size());
    std::vector<std::string> texts(raw.texts.size());
    std::vector<std::uint8_t> valid(count);
    for (std::size_t row = 0; row < count; ++row) {
      const auto to = static_cast<std::size_t>(back.values[row]);
      if (!bits.empty()) bits[to] = raw.bits[row];
      if (!texts.empty()) texts[to] = std::string(raw.texts[row]);
      valid[to] = raw.valid[row];
    }
    out_fields.push_back(arrow::field(plan_.outputs[i].column.qualified, ArrowTypeOf(type)));
    out_columns.push_back(BuildArray(type, bits, texts, valid));
  }
  return arrow::Table::Make(arrow::schema(out_fields), out_columns, requests.num_rows());
}

Result<FeatureAnswer> RequestEvaluator::EvaluateOne(const std::map<std::string, Value>& values,
                                                    std::int64_t at) const {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  bool any = false;
  for (const TypedName& name : plan_.view.request) {
    const auto found = values.find(name.name);
    any = any || found != values.end();
    const Value value = found == values.end() ? Value() : found->second;
    Result<std::shared_ptr<arrow::Array>> cell = ArrayOf(name.type, value);
    if (!cell.ok()) return Status(cell.status()).WithContext(fmt::format("\"{}\"", name.name));
    fields.push_back(arrow::field(name.name, ArrowTypeOf(name.type)));
    columns.push_back(std::move(cell).value());
  }
  if (!any) {
    return Status(Code::kInvalidInput,
                  fmt::format("the request lacks all that view \"{}\" is computed from: \"{}\"",
                              plan_.view.id(), plan_.view.request.front().name))
        .WithError("WH4013");
  }
  WEIRHOUSE_TRY(const auto rows, Evaluate(*arrow::Table::Make(arrow::schema(fields), columns, 1)));
  FeatureAnswer answer;
  answer.at = at;
  answer.view_versions.emplace_back(plan_.view.name, plan_.view.version);
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
    FeatureValue value;
    value.name = plan_.outputs[i].column.qualified;
    value.type = plan_.outputs[i].type;
    WEIRHOUSE_TRY(value.value, ReadCell(*rows->column(static_cast<int>(i)), 0));
    value.status = IsNull(value.value) ? FeatureStatus::kNull : FeatureStatus::kPresent;
    answer.values.push_back(std::move(value));
  }
  return answer;
}
}  // namespace weirhouse::feature

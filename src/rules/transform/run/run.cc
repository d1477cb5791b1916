#include "rules/transform/run/run.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "ground/base/text.h"
#include "ground/iceberg/type/schema.h"
#include "rules/transform/check/canonical_number.h"
#include "rules/transform/check/run_time.h"

namespace weirhouse::transform {
namespace {

Status ArrowError(const arrow::Status& status, const CheckedTransform& checked) {
  return Status(Code::kInternal, fmt::format("could not shape the rows of {}: {}",
                                             checked.definition.name(), status.message()));
}

Status DoesNotFit(const std::string& column, const arrow::Status& why,
                  const CheckedTransform& checked) {
  return Status(
             Code::kInvalidInput,
             fmt::format("a value of the column \"{}\" of {} does not fit its type {}: {}", column,
                         checked.definition.name(),
                         checked.output->GetFieldByName(column)->type()->ToString(), why.message()))
      .WithError(kFailedOnValue)
      .WithSpan(checked.definition.table.span)
      .WithHint("cast it in the SQL, or leave such rows out with WHERE");
}

// The engine returns HUGEINT as decimal(38, 0), even if it has 39 digits.
Status FitsItsDigits(const arrow::ChunkedArray& column, const std::string& name,
                     const CheckedTransform& checked) {
  constexpr std::int32_t kDigits = 38;
  if (column.type()->id() != arrow::Type::DECIMAL128 ||
      static_cast<const arrow::Decimal128Type&>(*column.type()).precision() != kDigits) {
    return Status::Ok();
  }
  for (const auto& chunk : column.chunks()) {
    const auto& values = static_cast<const arrow::Decimal128Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i) || arrow::Decimal128(values.GetValue(i)).FitsInPrecision(kDigits)) {
        continue;
      }
      return DoesNotFit(name, arrow::Status::Invalid("it has more than 38 digits"), checked);
    }
  }
  return Status::Ok();
}

// The columns of checked.output, in its types (narrow integers widened, dictionaries resolved).
Result<std::shared_ptr<arrow::Table>> Shape(const arrow::Table& rows,
                                            const CheckedTransform& checked) {
  if (rows.num_columns() != checked.output->num_fields()) {
    return Status(Code::kInternal, fmt::format("the SQL of {} returned other columns than checked",
                                               checked.definition.name()));
  }
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
  for (int i = 0; i < rows.num_columns(); ++i) {
    const auto& wanted = checked.output->field(i)->type();
    auto column = rows.column(i);
    if (!column->type()->Equals(*wanted)) {
      auto cast = arrow::compute::Cast(arrow::Datum(column), wanted);
      if (!cast.ok()) return DoesNotFit(checked.output->field(i)->name(), cast.status(), checked);
      column = cast->chunked_array();
    }
    WEIRHOUSE_TRY_STATUS(FitsItsDigits(*column, checked.output->field(i)->name(), checked));
    columns.push_back(std::move(column));
  }
  return arrow::Table::Make(checked.output, std::move(columns), rows.num_rows());
}

std::string SeedNames(const CheckedTransform& checked) {
  std::vector<std::string> seeds;
  for (const TableReference& reference : checked.references) {
    if (reference.kind == TableKind::kSeed) seeds.push_back(reference.name);
  }
  return Join(seeds, ", ");
}

// Rows of an aggregate, or over tables of other engines, come from no single record. While a query
// runs over them each gets a negative number instead, so that rows which it multiplies are found.
constexpr std::int64_t kFirstNumber = std::numeric_limits<std::int64_t>::min();

// Replaces each value of `_record` that `replace` names by the value for its row.
template <typename Replace>
Result<std::shared_ptr<arrow::Table>> WithRecords(const std::shared_ptr<arrow::Table>& rows,
                                                  int index, const Replace& replace) {
  arrow::Int64Builder builder;
  arrow::Status status = builder.Reserve(rows->num_rows());
  std::int64_t row = 0;
  for (const auto& chunk : rows->column(index)->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; status.ok() && i < values.length(); ++i, ++row) {
      const std::optional<std::int64_t> record =
          values.IsValid(i) ? std::optional(values.Value(i)) : std::nullopt;
      const std::optional<std::int64_t> now = replace(record, row);
      now ? builder.UnsafeAppend(*now) : builder.UnsafeAppendNull();
    }
  }
  std::shared_ptr<arrow::Array> records;
  if (status.ok()) status = builder.Finish(&records);
  if (!status.ok()) return Status(Code::kInternal, status.ToString());
  auto replaced = rows->SetColumn(index, rows->field(index),
                                  std::make_shared<arrow::ChunkedArray>(std::move(records)));
  if (!replaced.ok()) return Status(Code::kInternal, replaced.status().ToString());
  return *replaced;
}

Result<std::shared_ptr<arrow::Table>> WithNumbers(std::shared_ptr<arrow::Table> rows) {
  const int index = rows->schema()->GetFieldIndex(std::string(iceberg::kRecordColumn));
  if (index < 0 || rows->column(index)->null_count() == 0) return rows;
  return WithRecords(rows, index, [](std::optional<std::int64_t> record, std::int64_t row) {
    return record ? record : std::optional(kFirstNumber + row);
  });
}

Result<std::shared_ptr<arrow::Table>> WithoutNumbers(const std::shared_ptr<arrow::Table>& rows) {
  const int index = rows->schema()->GetFieldIndex(std::string(iceberg::kRecordColumn));
  return WithRecords(rows, index, [](std::optional<std::int64_t> record, std::int64_t) {
    return record && *record < 0 ? std::nullopt : record;
  });
}

// "a row of processed.t1, which gives k=a,": how a row without a record is described.
std::string RowOfDriver(const arrow::Table& rows, std::int64_t row,
                        const CheckedTransform& checked) {
  std::vector<std::string> values;
  for (const std::string& column : checked.definition.key_columns()) {
    const auto value = rows.GetColumnByName(column)->GetScalar(row);
    if (value.ok()) values.push_back(column + "=" + (*value)->ToString());
  }
  return fmt::format("a row of {}, which gives {},", *checked.driver, Join(values, ", "));
}

// Sorts by `_record`. Two rows of one record are an error, and so are two rows made of one row
// without a record, from an aggregate or a table of another engine.
Result<std::shared_ptr<arrow::Table>> InRecordOrder(std::shared_ptr<arrow::Table> rows,
                                                    const CheckedTransform& checked) {
  const auto column = rows->GetColumnByName(std::string(iceberg::kRecordColumn));
  std::vector<std::int64_t> records;
  records.reserve(static_cast<std::size_t>(rows->num_rows()));
  for (const auto& chunk : column->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    if (values.null_count() > 0) return rows;
    records.insert(records.end(), values.raw_values(), values.raw_values() + values.length());
  }
  const bool in_order = std::is_sorted(records.begin(), records.end());
  if (!in_order) {
    std::vector<std::int64_t> order(records.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::int64_t x, std::int64_t y) {
      return std::tie(records[static_cast<std::size_t>(x)], x) <
             std::tie(records[static_cast<std::size_t>(y)], y);
    });
    arrow::Int64Builder builder;
    std::shared_ptr<arrow::Array> indexes;
    arrow::Status built = builder.AppendValues(order);
    if (built.ok()) built = builder.Finish(&indexes);
    if (!built.ok()) return ArrowError(built, checked);
    auto taken = arrow::compute::Take(arrow::Datum(rows), arrow::Datum(indexes));
    if (!taken.ok()) return ArrowError(taken.status(), checked);
    rows = taken->table();
    std::sort(records.begin(), records.end());
  }
  const auto twice = std::adjacent_find(records.begin(), records.end());
  if (twice == records.end()) {
    return records.empty() || records.front() >= 0 ? rows : WithoutNumbers(rows);
  }
  const std::string what = *twice >= 0
                               ? fmt::format("record {}", *twice)
                               : RowOfDriver(*rows, std::distance(records.begin(), twice), checked);
  const std::string seeds = SeedNames(checked);
  return Status(Code::kInvalidInput,
                fmt::format("{} became several rows of {}: a join to {} finds more than one", what,
                            checked.definition.name(), seeds.empty() ? "itself" : seeds))
      .WithError("WH2111")
      .WithSpan(checked.definition.table.span)
      .WithHint("make the seed's key unique, or join on more columns");
}

ZeroSign ZeroSignOf(const CheckedTransform& checked) {
  return checked.row_wise ? ZeroSign::kKept : ZeroSign::kDropped;
}

}  // namespace

Status RegisterInput(platform::SqlSession& session, const CheckedTransform& checked,
                     const std::string& name, const std::shared_ptr<arrow::Table>& rows) {
  WEIRHOUSE_TRY(auto canonical, CanonicalNumbers(rows, ZeroSignOf(checked)));
  if (checked.row_wise && name == checked.driver) {
    WEIRHOUSE_TRY(canonical, WithNumbers(std::move(canonical)));
  }
  return session.Register(name, std::move(canonical));
}

Result<std::shared_ptr<arrow::Table>> RunTransform(platform::SqlSession& session,
                                                   const CheckedTransform& checked,
                                                   ProcessTime run_time) {
  const std::string sql = checked.uses_run_time ? BindRunTime(checked.sql, run_time) : checked.sql;
  Result<std::shared_ptr<arrow::Table>> rows = session.Query(sql);
  if (!rows.ok()) {
    Status status = rows.status();
    if (status.code() != Code::kInvalidInput) {
      return std::move(status).WithContext(checked.definition.name());
    }
    return Status(Code::kInvalidInput, fmt::format("the SQL of {} failed on a value: {}",
                                                   checked.definition.name(), status.message()))
        .WithError(kFailedOnValue)
        .WithSpan(checked.definition.table.span)
        .WithHint("use try_cast or a WHERE condition for values that may not fit");
  }
  WEIRHOUSE_TRY(auto shaped, Shape(**rows, checked));
  WEIRHOUSE_TRY(shaped, CanonicalNumbers(shaped, ZeroSignOf(checked)));
  if (!checked.row_wise) return shaped;
  return InRecordOrder(std::move(shaped), checked);
}
}  // namespace weirhouse::transform

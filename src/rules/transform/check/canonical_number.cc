#include "rules/transform/check/canonical_number.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace weirhouse::transform {
namespace {

template <typename Float>
using BitsOf = std::conditional_t<sizeof(Float) == 8, std::uint64_t, std::uint32_t>;

template <typename Float>
Float Canonical(Float value, ZeroSign zero) {
  if (std::isnan(value)) return std::numeric_limits<Float>::quiet_NaN();
  if (zero == ZeroSign::kDropped && value == 0) return 0;
  return value;
}

// The array itself if all of its values are canonical.
template <typename ArrowType>
Result<std::shared_ptr<arrow::Array>> CanonicalArray(const std::shared_ptr<arrow::Array>& array,
                                                     ZeroSign zero) {
  using Float = typename ArrowType::c_type;
  const auto& values = static_cast<const typename arrow::TypeTraits<ArrowType>::ArrayType&>(*array);
  bool same = true;
  for (std::int64_t i = 0; i < values.length() && same; ++i) {
    const Float value = values.Value(i);
    same =
        std::bit_cast<BitsOf<Float>>(value) == std::bit_cast<BitsOf<Float>>(Canonical(value, zero));
  }
  if (same) return array;
  typename arrow::TypeTraits<ArrowType>::BuilderType builder;
  arrow::Status status = builder.Reserve(values.length());
  for (std::int64_t i = 0; i < values.length() && status.ok(); ++i) {
    status = values.IsNull(i) ? builder.AppendNull()
                              : builder.Append(Canonical<Float>(values.Value(i), zero));
  }
  std::shared_ptr<arrow::Array> built;
  if (status.ok()) status = builder.Finish(&built);
  if (status.ok()) return built;
  return Status(Code::kInternal, fmt::format("could not copy numbers: {}", status.ToString()));
}

Result<std::shared_ptr<arrow::ChunkedArray>> CanonicalColumn(
    const std::shared_ptr<arrow::ChunkedArray>& column, ZeroSign zero) {
  const bool wide = column->type()->id() == arrow::Type::DOUBLE;
  arrow::ArrayVector chunks;
  bool same = true;
  for (const auto& chunk : column->chunks()) {
    WEIRHOUSE_TRY(auto canonical, wide ? CanonicalArray<arrow::DoubleType>(chunk, zero)
                                       : CanonicalArray<arrow::FloatType>(chunk, zero));
    same = same && canonical == chunk;
    chunks.push_back(std::move(canonical));
  }
  if (same) return column;
  return std::make_shared<arrow::ChunkedArray>(std::move(chunks), column->type());
}
}  // namespace

Result<std::shared_ptr<arrow::Table>> CanonicalNumbers(const std::shared_ptr<arrow::Table>& rows,
                                                       ZeroSign zero) {
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns = rows->columns();
  bool same = true;
  for (auto& column : columns) {
    const arrow::Type::type type = column->type()->id();
    if (type != arrow::Type::DOUBLE && type != arrow::Type::FLOAT) continue;
    WEIRHOUSE_TRY(auto canonical, CanonicalColumn(column, zero));
    same = same && canonical == column;
    column = std::move(canonical);
  }
  if (same) return rows;
  return arrow::Table::Make(rows->schema(), std::move(columns), rows->num_rows());
}
}  // namespace weirhouse::transform

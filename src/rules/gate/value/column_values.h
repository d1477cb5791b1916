// Walking the values of an Arrow column by type. Includes Arrow, so only
// for .cc files.
#pragma once

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "ground/base/status.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/gate/value/family.h"

namespace weirhouse::gate {

// "table lacks the column …" as a kInternal status, or the column.
Result<std::shared_ptr<arrow::ChunkedArray>> ColumnOf(const arrow::Table& rows,
                                                      const std::string& name);

namespace internal {
inline constexpr std::int64_t kRowsBeforeLetGo = 16 << 10;
Status UnknownType(const arrow::DataType& type);

template <typename Array, typename OnNull, typename Emit>
void VisitArray(const Array& array, std::int64_t first_row, OnNull& on_null, Emit&& emit) {
  const std::int64_t length = array.length();
  if (array.null_count() == 0) {
    for (std::int64_t i = 0; i < length; ++i) emit(first_row + i, i);
    return;
  }
  for (std::int64_t i = 0; i < length; ++i) {
    if (array.IsNull(i)) {
      on_null(first_row + i);
    } else {
      emit(first_row + i, i);
    }
  }
}

template <typename Array, typename OnNull, typename OnValue>
void VisitIntegers(const arrow::Array& chunk, std::int64_t row, std::int64_t factor,
                   OnNull& on_null, OnValue& on_value) {
  const auto& array = static_cast<const Array&>(chunk);
  const auto* values = array.raw_values();
  VisitArray(array, row, on_null, [&](std::int64_t r, std::int64_t i) {
    on_value(r, static_cast<std::int64_t>(values[i]) * factor);
  });
}

template <typename OnNull, typename OnValue>
Status VisitChunk(const arrow::Array& chunk, std::int64_t row, OnNull& on_null, OnValue& on_value) {
  const arrow::DataType& type = *chunk.type();
  switch (type.id()) {
    case arrow::Type::INT8:
      VisitIntegers<arrow::Int8Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::INT16:
      VisitIntegers<arrow::Int16Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::INT32:
      VisitIntegers<arrow::Int32Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::INT64:
      VisitIntegers<arrow::Int64Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::UINT8:
      VisitIntegers<arrow::UInt8Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::UINT16:
      VisitIntegers<arrow::UInt16Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::UINT32:
      VisitIntegers<arrow::UInt32Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::DATE32:
      VisitIntegers<arrow::Date32Array>(chunk, row, 1, on_null, on_value);
      return Status();
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(type).unit();
      const std::int64_t factor = unit == arrow::TimeUnit::SECOND  ? 1'000'000
                                  : unit == arrow::TimeUnit::MILLI ? 1'000
                                                                   : 1;
      VisitIntegers<arrow::TimestampArray>(chunk, row, factor, on_null, on_value);
      return Status();
    }
    case arrow::Type::FLOAT: {
      const auto& array = static_cast<const arrow::FloatArray&>(chunk);
      VisitArray(array, row, on_null, [&](std::int64_t r, std::int64_t i) {
        on_value(r, static_cast<double>(array.Value(i)));
      });
      return Status();
    }
    case arrow::Type::DOUBLE: {
      const auto& array = static_cast<const arrow::DoubleArray&>(chunk);
      VisitArray(array, row, on_null,
                 [&](std::int64_t r, std::int64_t i) { on_value(r, array.Value(i)); });
      return Status();
    }
    case arrow::Type::BOOL: {
      const auto& array = static_cast<const arrow::BooleanArray&>(chunk);
      VisitArray(array, row, on_null,
                 [&](std::int64_t r, std::int64_t i) { on_value(r, array.Value(i)); });
      return Status();
    }
    case arrow::Type::STRING: {
      const auto& array = static_cast<const arrow::StringArray&>(chunk);
      VisitArray(array, row, on_null, [&](std::int64_t r, std::int64_t i) {
        on_value(r, std::string_view(array.GetView(i)));
      });
      return Status();
    }
    case arrow::Type::LARGE_STRING: {
      const auto& array = static_cast<const arrow::LargeStringArray&>(chunk);
      VisitArray(array, row, on_null, [&](std::int64_t r, std::int64_t i) {
        on_value(r, std::string_view(array.GetView(i)));
      });
      return Status();
    }
    case arrow::Type::DECIMAL128: {
      const auto& array = static_cast<const arrow::Decimal128Array&>(chunk);
      VisitArray(array, row, on_null, [&](std::int64_t r, std::int64_t i) {
        on_value(r, arrow::Decimal128(array.GetValue(i)));
      });
      return Status();
    }
    default:
      return UnknownType(type);
  }
}
}  // namespace internal

// Calls on_null(row) or on_value(row, value) for each row in order. `on_value` is generic over
// std::int64_t (integers, dates as days, times as µs), double, bool, std::string_view and
// arrow::Decimal128.
template <typename OnNull, typename OnValue>
Status VisitColumn(const arrow::ChunkedArray& column, OnNull on_null, OnValue on_value) {
  std::int64_t row = 0;
  for (const auto& chunk : column.chunks()) {
    WEIRHOUSE_TRY_STATUS(internal::VisitChunk(*chunk, row, on_null, on_value));
    row += chunk->length();
    if (chunk->length() >= internal::kRowsBeforeLetGo) platform::LetGoOfStoredRows();
  }
  return Status();
}
}  // namespace weirhouse::gate

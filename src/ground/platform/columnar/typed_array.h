// From an Arrow column to its values by type: the only place that goes from a type's id to an
// array's class, and what the rest of the house makes of that: keys, digests, bounds, checks and
// features.
//
// Each template looks at the type once for a whole array, and its loop over rows is compiled for
// that type: no call through a pointer for a row. Includes Arrow's arrays, so only for .cc files.
#pragma once

#include <arrow/array.h>
#include <arrow/chunked_array.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "ground/platform/columnar/family.h"
#include "ground/platform/columnar/row_store.h"

namespace weirhouse::platform {

// The arrays of a family. Arrow's classes derive from one another (a text is a binary), so that
// these name each by itself.
template <typename T, typename... Others>
concept OneOf = (std::same_as<T, Others> || ...);
template <typename A>
concept IntegerArray =
    OneOf<A, arrow::Int8Array, arrow::Int16Array, arrow::Int32Array, arrow::Int64Array,
          arrow::UInt8Array, arrow::UInt16Array, arrow::UInt32Array>;
template <typename A>
concept RealArray = OneOf<A, arrow::FloatArray, arrow::DoubleArray>;
template <typename A>
concept TextArray = OneOf<A, arrow::StringArray, arrow::LargeStringArray>;
template <typename A>
concept BytesArray =
    OneOf<A, arrow::BinaryArray, arrow::LargeBinaryArray, arrow::FixedSizeBinaryArray>;

// What tables keep in their files.
template <typename A>
concept StoredArray = RealArray<A> || TextArray<A> || BytesArray<A> ||
                      OneOf<A, arrow::BooleanArray, arrow::Int8Array, arrow::Int16Array,
                            arrow::Int32Array, arrow::Int64Array, arrow::Date32Array,
                            arrow::Time64Array, arrow::TimestampArray, arrow::Decimal128Array>;

// An array's class as a value.
template <typename Array>
struct ArrayClass {};

namespace internal {
template <typename Array, typename Visit>
bool VisitAs(Visit& visit) {
  if constexpr (std::is_invocable_v<Visit&, ArrayClass<Array>>) {
    visit(ArrayClass<Array>());
    return true;
  } else {
    return false;
  }
}
}  // namespace internal

// Calls visit(ArrayClass<arrow::Int64Array>()), or whatever the class of arrays of `type` is. False,
// and nothing is called, where `visit` does not take that class: it says which ones are meant by a
// `requires`.
template <typename Visit>
bool VisitArrayClass(const arrow::DataType& type, Visit&& visit) {
  using arrow::Type;
  switch (type.id()) {
    case Type::BOOL:
      return internal::VisitAs<arrow::BooleanArray>(visit);
    case Type::INT8:
      return internal::VisitAs<arrow::Int8Array>(visit);
    case Type::INT16:
      return internal::VisitAs<arrow::Int16Array>(visit);
    case Type::INT32:
      return internal::VisitAs<arrow::Int32Array>(visit);
    case Type::INT64:
      return internal::VisitAs<arrow::Int64Array>(visit);
    case Type::UINT8:
      return internal::VisitAs<arrow::UInt8Array>(visit);
    case Type::UINT16:
      return internal::VisitAs<arrow::UInt16Array>(visit);
    case Type::UINT32:
      return internal::VisitAs<arrow::UInt32Array>(visit);
    case Type::FLOAT:
      return internal::VisitAs<arrow::FloatArray>(visit);
    case Type::DOUBLE:
      return internal::VisitAs<arrow::DoubleArray>(visit);
    case Type::DECIMAL128:
      return internal::VisitAs<arrow::Decimal128Array>(visit);
    case Type::DATE32:
      return internal::VisitAs<arrow::Date32Array>(visit);
    case Type::TIME64:
      return internal::VisitAs<arrow::Time64Array>(visit);
    case Type::TIMESTAMP:
      return internal::VisitAs<arrow::TimestampArray>(visit);
    case Type::STRING:
      return internal::VisitAs<arrow::StringArray>(visit);
    case Type::LARGE_STRING:
      return internal::VisitAs<arrow::LargeStringArray>(visit);
    case Type::BINARY:
      return internal::VisitAs<arrow::BinaryArray>(visit);
    case Type::LARGE_BINARY:
      return internal::VisitAs<arrow::LargeBinaryArray>(visit);
    case Type::FIXED_SIZE_BINARY:
      return internal::VisitAs<arrow::FixedSizeBinaryArray>(visit);
    default:
      return false;
  }
}

// The same with the array itself: calls visit(const arrow::Int64Array&).
template <typename Visit>
bool VisitTyped(const arrow::Array& array, Visit&& visit) {
  return VisitArrayClass(*array.type(), [&]<typename Array>(ArrayClass<Array>)
                           requires std::is_invocable_v<Visit&, const Array&>
                         { visit(static_cast<const Array&>(array)); });
}

// A value that is there: of decimals arrow::Decimal128, of texts and bytes a view into the array,
// of others what Arrow has, of the array's width.
template <typename Array>
auto ValueAt(const Array& array, std::int64_t row) {
  if constexpr (std::same_as<Array, arrow::Decimal128Array>) {
    return arrow::Decimal128(array.GetValue(row));
  } else if constexpr (TextArray<Array> || BytesArray<Array>) {
    return std::string_view(array.GetView(row));
  } else {
    return array.Value(row);
  }
}

// Calls on_null(row) or on_value(row) for each row of `array` in order.
template <typename OnNull, typename OnValue>
void VisitRows(const arrow::Array& array, OnNull&& on_null, OnValue&& on_value) {
  const std::int64_t length = array.length();
  if (array.null_count() == 0) {
    for (std::int64_t row = 0; row < length; ++row) on_value(row);
    return;
  }
  for (std::int64_t row = 0; row < length; ++row) {
    if (array.IsNull(row)) {
      on_null(row);
    } else {
      on_value(row);
    }
  }
}

namespace internal {
inline constexpr std::int64_t kRowsBeforeLetGo = 16 << 10;

// A value in the widest type of its family.
template <typename Array>
auto WideValueAt(const Array& array, std::int64_t row) {
  if constexpr (IntegerArray<Array> || std::same_as<Array, arrow::Date32Array>) {
    return static_cast<std::int64_t>(array.Value(row));
  } else if constexpr (RealArray<Array>) {
    return static_cast<double>(array.Value(row));
  } else {
    return ValueAt(array, row);
  }
}
template <typename A>
concept FamilyArray = IntegerArray<A> || RealArray<A> || TextArray<A> ||
                      OneOf<A, arrow::BooleanArray, arrow::Date32Array, arrow::Decimal128Array>;
}  // namespace internal

// Calls on_null(row) or on_value(row, value) for each row in order. `on_value` is generic over
// std::int64_t (integers, dates as days, times as µs), double, bool, std::string_view and
// arrow::Decimal128. False for types without a Family, and times finer than a microsecond.
template <typename OnNull, typename OnValue>
bool VisitValues(const arrow::ChunkedArray& column, OnNull&& on_null, OnValue&& on_value) {
  std::int64_t first = 0;
  for (const auto& chunk : column.chunks()) {
    const auto null_at = [&](std::int64_t row) { on_null(first + row); };
    bool known = VisitTyped(*chunk, [&]<typename Array>(const Array& array)
                              requires internal::FamilyArray<Array>
                            {
                              VisitRows(array, null_at, [&](std::int64_t row) {
                                on_value(first + row, internal::WideValueAt(array, row));
                              });
                            });
    if (chunk->type_id() == arrow::Type::TIMESTAMP) {
      const auto& times = static_cast<const arrow::TimestampArray&>(*chunk);
      const std::int64_t factor =
          MicrosPerUnit(static_cast<const arrow::TimestampType&>(*chunk->type()));
      known = factor != 0;
      if (known) {
        const std::int64_t* const values = times.raw_values();
        VisitRows(times, null_at,
                  [&](std::int64_t row) { on_value(first + row, values[row] * factor); });
      }
    }
    if (!known) return false;
    first += chunk->length();
    if (chunk->length() >= internal::kRowsBeforeLetGo) LetGoOfStoredRows();
  }
  return true;
}
}  // namespace weirhouse::platform

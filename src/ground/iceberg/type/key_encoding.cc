// Layout of one column in a key (bytes compare as tuples do):
//
//   null                          00
//   boolean, integer, date, time  01, then 8 bytes big-endian with the sign bit flipped
//   float, double                 01, then 8 bytes big-endian of the double: negative values with
//                                 all bits flipped, others with the sign bit set; -0.0 is +0.0 and
//                                 every NaN the same, above all numbers
//   decimal                       01, then 16 bytes big-endian with the sign bit flipped
//   string, binary                01, then the bytes with 00 written as 00 FF, then 00 00
//
// Integers of different width and floats of different width give equal bytes, so that a column's
// promotion changes no key.
#include "ground/iceberg/type/key_encoding.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <limits>

#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::iceberg {
namespace {

constexpr char kNull = '\x00';
constexpr char kValue = '\x01';

void AppendBigEndian(std::string& out, std::uint64_t bits) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(bits >> (56 - 8 * i));
  out.append(bytes, 8);
}

void AppendInteger(std::string& out, std::int64_t value) {
  AppendBigEndian(out, static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63));
}

void AppendDouble(std::string& out, double value) {
  if (value == 0) value = 0.0;  // -0.0 == 0.0
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const bool negative = (bits >> 63) != 0;
  AppendBigEndian(out, negative ? ~bits : bits | (std::uint64_t{1} << 63));
}

void AppendKeyText(std::string& out, std::string_view text) {
  std::size_t plain = 0;
  for (std::size_t zero = text.find('\0'); zero != std::string_view::npos;
       zero = text.find('\0', plain)) {
    out.append(text, plain, zero + 1 - plain);
    out += '\xff';
    plain = zero + 1;
  }
  out.append(text, plain);
  out.append(2, '\0');
}

void AppendDecimal(std::string& out, const arrow::Decimal128& value) {
  AppendInteger(out, value.high_bits());
  AppendBigEndian(out, value.low_bits());
}

// What a key may be made of.
template <typename Array>
concept KeyNumber = platform::OneOf<Array, arrow::BooleanArray, arrow::Int8Array, arrow::Int16Array,
                                    arrow::Int32Array, arrow::UInt32Array, arrow::Int64Array,
                                    arrow::Date32Array, arrow::TimestampArray, arrow::Time64Array>;
template <typename Array>
concept KeyBytes = platform::TextArray<Array> ||
                   platform::OneOf<Array, arrow::BinaryArray, arrow::FixedSizeBinaryArray>;
template <typename Array>
concept KeyArray = KeyNumber<Array> || KeyBytes<Array> || platform::RealArray<Array> ||
                   std::same_as<Array, arrow::Decimal128Array>;

template <typename Array>
void AppendCell(const Array& array, std::int64_t row, std::string& key) {
  const auto value = platform::ValueAt(array, row);
  if constexpr (KeyNumber<Array>) {
    AppendInteger(key, static_cast<std::int64_t>(value));
  } else if constexpr (platform::RealArray<Array>) {
    AppendDouble(key, static_cast<double>(value));
  } else if constexpr (KeyBytes<Array>) {
    AppendKeyText(key, value);
  } else {
    AppendDecimal(key, value);
  }
}

Status AppendArray(const arrow::Array& chunk, const std::string& name, std::string* keys) {
  const bool usable =
      platform::VisitTyped(chunk, [&]<typename Array>(const Array& array)
                             requires KeyArray<Array>
                           {
                             platform::VisitRows(
                                 array, [&](std::int64_t row) { keys[row] += kNull; },
                                 [&](std::int64_t row) {
                                   keys[row] += kValue;
                                   AppendCell(array, row, keys[row]);
                                 });
                           });
  if (usable) return Status::Ok();
  return Status(Code::kInvalidInput, fmt::format("column \"{}\" of type {} cannot be part of a key",
                                                 name, chunk.type()->ToString()))
      .WithError("WH7062")
      .WithHint("keys are made of booleans, numbers, times, strings and binaries");
}
}  // namespace

Status AppendKeyColumn(const arrow::ChunkedArray& column, const std::string& name,
                       std::vector<std::string>& keys) {
  std::string* next = keys.data();
  for (const auto& chunk : column.chunks()) {
    WEIRHOUSE_TRY_STATUS(AppendArray(*chunk, name, next));
    next += chunk->length();
  }
  return Status::Ok();
}

Result<std::vector<std::string>> EncodeKeys(const arrow::Table& rows,
                                            const std::vector<std::string>& columns) {
  std::vector<std::string> keys(static_cast<std::size_t>(rows.num_rows()));
  for (const std::string& name : columns) {
    const auto column = rows.GetColumnByName(name);
    if (column == nullptr) {
      return Status(Code::kInvalidInput, fmt::format("rows lack key column \"{}\"", name))
          .WithError("WH7062")
          .WithHint("select the column, or take it out of the key");
    }
    WEIRHOUSE_TRY_STATUS(AppendKeyColumn(*column, name, keys));
  }
  return keys;
}
}  // namespace weirhouse::iceberg

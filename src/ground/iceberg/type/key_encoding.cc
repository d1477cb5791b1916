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
#include <limits>

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

template <typename ArrayType, typename Append>
void AppendChunk(const arrow::Array& chunk, std::string* keys, Append&& append) {
  const auto& array = static_cast<const ArrayType&>(chunk);
  for (std::int64_t i = 0; i < array.length(); ++i) {
    std::string& key = keys[i];
    if (array.IsNull(i)) {
      key += kNull;
    } else {
      key += kValue;
      append(key, array, i);
    }
  }
}

template <typename ArrayType>
void AppendIntegers(const arrow::Array& chunk, std::string* keys) {
  AppendChunk<ArrayType>(chunk, keys, [](std::string& key, const ArrayType& array, auto i) {
    AppendInteger(key, static_cast<std::int64_t>(array.Value(i)));
  });
}
template <typename ArrayType>
void AppendDoubles(const arrow::Array& chunk, std::string* keys) {
  AppendChunk<ArrayType>(chunk, keys, [](std::string& key, const ArrayType& array, auto i) {
    AppendDouble(key, static_cast<double>(array.Value(i)));
  });
}
template <typename ArrayType>
void AppendTexts(const arrow::Array& chunk, std::string* keys) {
  AppendChunk<ArrayType>(chunk, keys, [](std::string& key, const ArrayType& array, auto i) {
    AppendKeyText(key, array.GetView(i));
  });
}

void AppendDecimals(const arrow::Array& chunk, std::string* keys) {
  using ArrayType = arrow::Decimal128Array;
  AppendChunk<ArrayType>(chunk, keys, [](std::string& key, const ArrayType& array, auto i) {
    const arrow::Decimal128 value(array.GetValue(i));
    AppendInteger(key, value.high_bits());
    AppendBigEndian(key, value.low_bits());
  });
}

Status AppendArray(const arrow::Array& chunk, const std::string& name, std::string* keys) {
  switch (chunk.type_id()) {
    case arrow::Type::BOOL:
      AppendIntegers<arrow::BooleanArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::INT8:
      AppendIntegers<arrow::Int8Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::INT16:
      AppendIntegers<arrow::Int16Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::INT32:
      AppendIntegers<arrow::Int32Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::UINT32:
      AppendIntegers<arrow::UInt32Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::DATE32:
      AppendIntegers<arrow::Date32Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::INT64:
      AppendIntegers<arrow::Int64Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::TIMESTAMP:
      AppendIntegers<arrow::TimestampArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::TIME64:
      AppendIntegers<arrow::Time64Array>(chunk, keys);
      return Status::Ok();
    case arrow::Type::FLOAT:
      AppendDoubles<arrow::FloatArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::DOUBLE:
      AppendDoubles<arrow::DoubleArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::DECIMAL128:
      AppendDecimals(chunk, keys);
      return Status::Ok();
    case arrow::Type::STRING:
      AppendTexts<arrow::StringArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::LARGE_STRING:
      AppendTexts<arrow::LargeStringArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::BINARY:
      AppendTexts<arrow::BinaryArray>(chunk, keys);
      return Status::Ok();
    case arrow::Type::FIXED_SIZE_BINARY:
      AppendTexts<arrow::FixedSizeBinaryArray>(chunk, keys);
      return Status::Ok();
    default:
      return Status(Code::kInvalidInput,
                    fmt::format("column \"{}\" of type {} cannot be part of a key", name,
                                chunk.type()->ToString()))
          .WithError("WH7062")
          .WithHint("keys are made of booleans, numbers, times, strings and binaries");
  }
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

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

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <numeric>

#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::iceberg {
namespace {

constexpr char kNull = '\x00';
constexpr char kValue = '\x01';

// Writes one key after the other; a cell's part is measured before it is written.
char* PutBigEndian(char* to, std::uint64_t bits) {
  if constexpr (std::endian::native == std::endian::little) bits = __builtin_bswap64(bits);
  std::memcpy(to, &bits, sizeof(bits));
  return to + sizeof(bits);
}

char* PutInteger(char* to, std::int64_t value) {
  return PutBigEndian(to, static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63));
}

char* PutDouble(char* to, double value) {
  if (value == 0) value = 0.0;  // -0.0 == 0.0
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const bool negative = (bits >> 63) != 0;
  return PutBigEndian(to, negative ? ~bits : bits | (std::uint64_t{1} << 63));
}

std::size_t TextBytes(std::string_view text) {
  return text.size() + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\0')) + 2;
}
char* PutText(char* to, std::string_view text) {
  while (!text.empty()) {
    const void* const zero = std::memchr(text.data(), 0, text.size());
    const std::size_t plain =
        zero == nullptr
            ? text.size()
            : static_cast<std::size_t>(static_cast<const char*>(zero) - text.data()) + 1;
    std::memcpy(to, text.data(), plain);
    to += plain;
    if (zero != nullptr) *to++ = '\xff';
    text.remove_prefix(plain);
  }
  *to++ = '\0';
  *to++ = '\0';
  return to;
}

char* PutDecimal(char* to, const arrow::Decimal128& value) {
  return PutBigEndian(PutInteger(to, value.high_bits()), value.low_bits());
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
std::size_t CellBytes(const Array& array, std::int64_t row) {
  if constexpr (KeyBytes<Array>) {
    return TextBytes(platform::ValueAt(array, row));
  } else if constexpr (std::same_as<Array, arrow::Decimal128Array>) {
    return 16;
  } else {
    return 8;
  }
}

template <typename Array>
char* PutCell(const Array& array, std::int64_t row, char* to) {
  const auto value = platform::ValueAt(array, row);
  if constexpr (KeyNumber<Array>) {
    return PutInteger(to, static_cast<std::int64_t>(value));
  } else if constexpr (platform::RealArray<Array>) {
    return PutDouble(to, static_cast<double>(value));
  } else if constexpr (KeyBytes<Array>) {
    return PutText(to, value);
  } else {
    return PutDecimal(to, value);
  }
}

// Calls `null` or `value` for each row of `column`, with its number.
template <typename Null, typename Value>
Status VisitKeyColumn(const arrow::ChunkedArray& column, const std::string& name, const Null& null,
                      const Value& value) {
  std::size_t first = 0;
  for (const auto& chunk : column.chunks()) {
    const bool usable = platform::VisitTyped(
        *chunk, [&]<typename Array>(const Array& array)
          requires KeyArray<Array>
        {
          platform::VisitRows(
              array, [&](std::int64_t row) { null(first + static_cast<std::size_t>(row)); },
              [&](std::int64_t row) { value(first + static_cast<std::size_t>(row), array, row); });
        });
    if (!usable) {
      return Status(Code::kInvalidInput,
                    fmt::format("column \"{}\" of type {} cannot be part of a key", name,
                                chunk->type()->ToString()))
          .WithError("WH7062")
          .WithHint("keys are made of booleans, numbers, times, strings and binaries");
    }
    first += static_cast<std::size_t>(chunk->length());
  }
  return Status::Ok();
}
}  // namespace

KeyList KeyList::At(std::span<const std::int64_t> rows) const {
  std::vector<std::string_view> keys;
  keys.reserve(rows.size());
  for (const std::int64_t row : rows) keys.push_back(keys_[static_cast<std::size_t>(row)]);
  return {owner_, std::move(keys)};
}

Result<KeyList> EncodeKeys(const arrow::Table& rows, std::span<const int> columns) {
  const auto count = static_cast<std::size_t>(rows.num_rows());
  const auto name_of = [&](int column) -> const std::string& {
    return rows.schema()->field(column)->name();
  };
  std::vector<std::size_t> sizes(count, columns.size());  // each part begins with its tag
  for (const int column : columns) {
    WEIRHOUSE_TRY_STATUS(VisitKeyColumn(
        *rows.column(column), name_of(column), [](std::size_t) {},
        [&](std::size_t at, const auto& array, std::int64_t row) {
          sizes[at] += CellBytes(array, row);
        }));
  }
  const std::size_t bytes = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
  const std::shared_ptr<char[]> buffer(new char[bytes + 1]);
  std::vector<std::string_view> keys(count);
  std::vector<char*> ends(count);
  char* next = buffer.get();
  for (std::size_t i = 0; i < count; ++i) {
    keys[i] = {next, sizes[i]};
    ends[i] = next;
    next += sizes[i];
  }
  for (const int column : columns) {
    WEIRHOUSE_TRY_STATUS(VisitKeyColumn(
        *rows.column(column), name_of(column), [&](std::size_t at) { *ends[at]++ = kNull; },
        [&](std::size_t at, const auto& array, std::int64_t row) {
          *ends[at]++ = kValue;
          ends[at] = PutCell(array, row, ends[at]);
        }));
  }
  return KeyList(buffer, std::move(keys));
}

Result<KeyList> EncodeKeys(const arrow::Table& rows, const std::vector<std::string>& columns) {
  std::vector<int> places;
  for (const std::string& name : columns) {
    places.push_back(rows.schema()->GetFieldIndex(name));
    if (places.back() >= 0) continue;
    return Status(Code::kInvalidInput, fmt::format("rows lack key column \"{}\"", name))
        .WithError("WH7062")
        .WithHint("select the column, or take it out of the key");
  }
  return EncodeKeys(rows, places);
}
}  // namespace weirhouse::iceberg

#include "ground/platform/columnar/single_value.h"

#include <arrow/api.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/parquet.h"
#include "ground/platform/columnar/typed_array.h"

namespace weirhouse::platform {
namespace {
constexpr std::size_t kBoundUnitsMax = 16;  // code points of a string, bytes of a binary

template <typename T>
std::string LittleEndian(T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));  // the machines we build for are little-endian
  return bytes;
}

std::string DecimalBytes(const std::uint8_t* little_endian, std::size_t width) {
  std::string bytes(reinterpret_cast<const char*>(little_endian), width);
  std::reverse(bytes.begin(), bytes.end());
  // Drop leading bytes that only repeat the sign.
  std::size_t start = 0;
  while (start + 1 < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[start]);
    const bool next_negative = (static_cast<unsigned char>(bytes[start + 1]) & 0x80) != 0;
    if (!((first == 0x00 && !next_negative) || (first == 0xff && next_negative))) break;
    ++start;
  }
  return bytes.substr(start);
}

// The length of the first `count` code points of valid UTF-8.
std::size_t LengthOfCodePoints(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size()) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (starts && count-- == 0) break;
    ++at;
  }
  return at;
}

std::optional<std::uint32_t> DecodeCodePoint(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return text.size() == 1 ? std::optional<std::uint32_t>(first) : std::nullopt;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (text.size() != length) return std::nullopt;
  std::uint32_t point = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  return point;
}

void AppendCodePoint(std::string* text, std::uint32_t point) {
  const auto add = [text](std::uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xc0 | (point >> 6));
    add(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    add(0xe0 | (point >> 12));
    add(0x80 | ((point >> 6) & 0x3f));
    add(0x80 | (point & 0x3f));
  } else {
    add(0xf0 | (point >> 18));
    add(0x80 | ((point >> 12) & 0x3f));
    add(0x80 | ((point >> 6) & 0x3f));
    add(0x80 | (point & 0x3f));
  }
}

template <typename Array>
std::string EncodeValue(const Array& array, std::int64_t index) {
  const auto value = ValueAt(array, index);
  if constexpr (std::is_same_v<Array, arrow::BooleanArray>) {
    return std::string(1, value ? '\1' : '\0');
  } else if constexpr (OneOf<Array, arrow::Int8Array, arrow::Int16Array>) {
    return LittleEndian(static_cast<std::int32_t>(value));
  } else if constexpr (std::is_same_v<Array, arrow::Decimal128Array>) {
    return DecimalBytes(array.GetValue(index), 16);
  } else if constexpr (TextArray<Array> || BytesArray<Array>) {
    return std::string(value);
  } else {
    return LittleEndian(value);
  }
}
}  // namespace

std::optional<std::string> EncodeCell(const arrow::Array& array, std::int64_t index) {
  std::optional<std::string> encoded;
  VisitTyped(array, [&]<typename Array>(const Array& typed)
               requires StoredArray<Array>
             { encoded = EncodeValue(typed, index); });
  return encoded;
}

std::string CutTextLower(std::string_view text) {
  return std::string(text.substr(0, LengthOfCodePoints(text, kBoundUnitsMax)));
}

std::optional<std::string> CutTextUpper(std::string_view text) {
  std::size_t length = LengthOfCodePoints(text, kBoundUnitsMax);
  if (length == text.size()) return std::string(text);
  while (length > 0) {
    std::size_t start = length - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) --start;
    const auto point = DecodeCodePoint(text.substr(start, length - start));
    if (!point.has_value()) return std::nullopt;  // not UTF-8: no bound is better than a wrong one
    if (*point < 0x10ffff) {
      std::string bound(text.substr(0, start));
      AppendCodePoint(&bound, *point == 0xd7ff ? 0xe000 : *point + 1);  // over the surrogates
      return bound;
    }
    length = start;
  }
  return std::nullopt;
}

std::string CutBytesLower(std::string_view bytes) {
  return std::string(bytes.substr(0, kBoundUnitsMax));
}

std::optional<std::string> CutBytesUpper(std::string_view bytes) {
  if (bytes.size() <= kBoundUnitsMax) return std::string(bytes);
  std::string bound(bytes.substr(0, kBoundUnitsMax));
  while (!bound.empty()) {
    const auto last = static_cast<unsigned char>(bound.back());
    if (last < 0xff) {
      bound.back() = static_cast<char>(last + 1);
      return bound;
    }
    bound.pop_back();
  }
  return std::nullopt;
}

Result<std::string> SingleValueBytes(const arrow::Table& table, int column, std::int64_t row) {
  if (column < 0 || column >= table.num_columns() || row < 0 || row >= table.num_rows()) {
    return Status(Code::kInternal, "the table has no such cell");
  }
  for (const auto& chunk : table.column(column)->chunks()) {
    if (row >= chunk->length()) {
      row -= chunk->length();
      continue;
    }
    if (chunk->IsNull(row)) return Status(Code::kInvalidInput, "a null has no single-value bytes");
    if (auto bytes = EncodeCell(*chunk, row)) return *std::move(bytes);
    break;
  }
  return Status(Code::kInvalidInput,
                "type has no single-value bytes: " + table.column(column)->type()->ToString());
}
}  // namespace weirhouse::platform

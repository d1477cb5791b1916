// Encodes row keys, and single cells, as memory-comparable bytes. Threads: any. Cost: one pass over
// each column; memory: the keys.
#pragma once

#include <arrow/type_fwd.h>

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// Appends the encoding of each cell of `column` to the row's string in `keys`. kInvalidInput for a
// type that cannot be part of a key.
Status AppendKeyColumn(const arrow::ChunkedArray& column, const std::string& name,
                       std::vector<std::string>& keys);
// The memory-comparable bytes of `columns` for each row: equal tuples give equal bytes, and bytes
// order as tuples do (nulls first, integers and times by value, doubles by IEEE total order with
// -0.0 = +0.0, strings by code point). kInvalidInput (WH7062) if a column is missing.
Result<std::vector<std::string>> EncodeKeys(const arrow::Table& rows,
                                            const std::vector<std::string>& columns);

// The first 16 bytes of a key as two numbers that order as the bytes do. A shorter key ends in
// zeros: two keys with one prefix are compared whole. Most keys differ in it, so that a sort touches
// no key's own memory.
struct KeyPrefix {
  static constexpr std::size_t kBytes = 16;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  friend auto operator<=>(const KeyPrefix&, const KeyPrefix&) = default;
};
inline KeyPrefix PrefixOf(std::string_view key) {
  unsigned char bytes[KeyPrefix::kBytes] = {};
  if (!key.empty()) std::memcpy(bytes, key.data(), std::min(key.size(), sizeof(bytes)));
  KeyPrefix prefix;
  std::memcpy(&prefix.first, bytes, 8);
  std::memcpy(&prefix.second, bytes + 8, 8);
  if constexpr (std::endian::native == std::endian::little)
    prefix = {__builtin_bswap64(prefix.first), __builtin_bswap64(prefix.second)};
  return prefix;
}
}  // namespace weirhouse::iceberg

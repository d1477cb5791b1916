// Encodes row keys, and single cells, as memory-comparable bytes. Threads: any. Cost: one pass over
// each column; memory: the keys.
#pragma once

#include <arrow/type_fwd.h>

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// Keys, one for each row, whose bytes lie one after the other in one buffer: a key costs no
// allocation. Copies share the buffer. Threads: any may read.
class KeyList {
 public:
  KeyList() = default;
  // `owner` keeps what the views point into.
  KeyList(std::shared_ptr<const void> owner, std::vector<std::string_view> keys)
      : owner_(std::move(owner)), keys_(std::move(keys)) {}
  // Of texts that are stored elsewhere and outlive the list.
  static KeyList Of(std::span<const std::string> keys) {
    return {nullptr, {keys.begin(), keys.end()}};
  }

  std::size_t size() const { return keys_.size(); }
  bool empty() const { return keys_.empty(); }
  std::string_view operator[](std::size_t row) const& { return keys_[row]; }
  std::string_view operator[](std::size_t row) const&& = delete;  // its bytes go with it
  auto begin() const { return keys_.begin(); }
  auto end() const { return keys_.end(); }
  std::span<const std::string_view> views() const& { return keys_; }
  std::span<const std::string_view> views() const&& = delete;
  std::vector<std::string> Strings() const { return {keys_.begin(), keys_.end()}; }
  // The keys of chosen rows, in that order.
  KeyList At(std::span<const std::int64_t> rows) const;

 private:
  std::shared_ptr<const void> owner_;
  std::vector<std::string_view> keys_;
};

// Keys, each once.
using KeySet = std::set<std::string, std::less<>>;

// The memory-comparable bytes of `columns` for each row: equal tuples give equal bytes, and bytes
// order as tuples do (nulls first, integers and times by value, doubles by IEEE total order with
// -0.0 = +0.0, strings by code point). kInvalidInput (WH7062) if a column is missing, or its type
// cannot be part of a key.
Result<KeyList> EncodeKeys(const arrow::Table& rows, const std::vector<std::string>& columns);
// The same of the columns at these places.
Result<KeyList> EncodeKeys(const arrow::Table& rows, std::span<const int> columns);

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

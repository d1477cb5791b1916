// Finds rows with equal keys among rows that do not fit into memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/type/key_encoding.h"

namespace weirhouse::iceberg {

// External merge sort: sorts keys piece by piece into a file, then merges. Threads: one. Errors:
// kUnavailable if memory or the disk runs out.
class KeyRuns {
 public:
  static Result<std::unique_ptr<KeyRuns>> Make(const std::string& folder);
  ~KeyRuns();
  // Adds the keys (EncodeKeys) of rows from `first_row` on, except rows in `left_out` (empty:
  // none).
  Status Add(const KeyList& keys, const std::vector<bool>& left_out, std::int64_t first_row);
  // Calls `each` for every key, ascending, with its rows, ascending. Must be the last call. Memory:
  // the rows of one key, and one page of each piece.
  using Each = std::function<void(std::string_view key, std::span<const std::int64_t> rows)>;
  Status ForEachKey(const Each& each);

 private:
  struct State;
  explicit KeyRuns(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::iceberg

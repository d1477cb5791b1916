// Which rows have equal keys, of rows that are too many for memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::iceberg {

// Sorts keys a piece at a time into a file, then merges. Threads: one.
class KeyRuns {
 public:
  static Result<std::unique_ptr<KeyRuns>> Make(const std::string& folder);
  ~KeyRuns();
  // Keys (EncodeKeys) of rows from `first_row` on, without those of `left_out` (empty: of none).
  Status Add(const std::vector<std::string>& keys, const std::vector<bool>& left_out,
             std::int64_t first_row);
  // Calls `each` for every key, ascending, with its rows, ascending. Last call. Memory: the rows of
  // one key, and a page of each piece.
  using Each = std::function<void(std::string_view key, std::span<const std::int64_t> rows)>;
  Status ForEachKey(const Each& each);

 private:
  struct State;
  explicit KeyRuns(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::iceberg

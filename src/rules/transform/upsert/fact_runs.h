// What the upsert rules need, for rows too many for memory: sorted a piece at a time into a file,
// then merged.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/transform/upsert/upsert.h"

namespace weirhouse::transform {

// Threads: one.
class FactRuns {
 public:
  // `by_arrival`: sorted by key and record; otherwise by key, order, content, record.
  static Result<std::unique_ptr<FactRuns>> Make(const std::string& folder, bool by_arrival);
  ~FactRuns();

  // Adds the rows `sorted` of `facts` in that order; the first row of `facts` is row `first_row` of
  // all.
  Status Add(const RowFacts& facts, const std::vector<std::int64_t>& sorted,
             std::int64_t first_row);

  // Calls `window` with about `rows_at_once` rows in order, all rows of a key together; `rows` are
  // their indexes among all rows. Call it last. Memory: one window, and a page of each piece that
  // was added.
  using Window =
      std::function<Status(const RowFacts& facts, const std::vector<std::int64_t>& rows)>;
  Status Merge(std::size_t rows_at_once, const Window& window);

 private:
  struct State;
  explicit FactRuns(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};
}  // namespace weirhouse::transform

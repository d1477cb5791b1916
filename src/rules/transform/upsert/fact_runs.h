// What the upsert rules need, for rows too many for memory: sorted a piece at a time, the first
// pieces held in memory and the others in a file, then merged.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/transform/upsert/upsert.h"

namespace weirhouse::transform {

// Threads: one. Memory: `held_bytes` of the runs.
class FactRuns {
 public:
  static constexpr std::int64_t kHeldBytes = 64 << 20;  // the facts of about 600,000 rows
  // `by_arrival`: sorted by key and record; otherwise by key, order, content, record.
  FactRuns(std::string folder, bool by_arrival, std::int64_t held_bytes = kHeldBytes);
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

  // The runs that were merged, in the columns key, order, content, record and row; one chunk each.
  // They stay where they are as long as the table lives. Null if no row was added.
  std::shared_ptr<arrow::Table> runs() const;

 private:
  const std::string folder_;
  const bool by_arrival_;
  const std::int64_t held_bytes_max_;
  std::vector<std::shared_ptr<arrow::Table>> held_;  // before those in the file
  std::int64_t held_bytes_ = 0;
  std::unique_ptr<platform::RowFile> file_;  // null while all are held
  std::shared_ptr<arrow::Table> runs_;       // once they are merged
};

// The facts of chosen rows, run by run. Threads: one. Memory: one run's numbers.
class ChosenFacts {
 public:
  struct Fact {
    std::string_view key;
    std::string_view order;
    Digest content;
    RecordId record;
    std::int64_t rank = 0;  // among the chosen rows, in the order in which the rows were given
  };
  // `chosen`: for each row. Each chosen row must be in a run.
  ChosenFacts(std::shared_ptr<arrow::Table> runs, std::vector<bool> chosen);
  ~ChosenFacts();
  std::size_t count() const { return count_; }
  // Call it `count` times. The views are valid until the next call.
  Fact Next();

 private:
  struct Run;
  void OpenRun();
  std::shared_ptr<arrow::Table> runs_;
  const std::vector<bool> chosen_;
  std::size_t count_ = 0;
  std::unique_ptr<Run> run_;
  int next_run_ = 0;
  std::int64_t rows_before_ = 0;    // rows before the next run
  std::int64_t chosen_before_ = 0;  // of them chosen
};
}  // namespace weirhouse::transform

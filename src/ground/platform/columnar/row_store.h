// The rows of one step of work: in memory while they are few, in a file once they are many.
//
// The file has no name, so it disappears with the process, however that ends. It is memory-mapped:
// pages that were read stay in memory until LetGoOfStoredRows drops them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/status.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::platform {

// How many rows of one step are processed at a time. By default all of them.
struct Scratch {
  std::string folder{};  // holds the files of rows; created on first use
  std::int64_t piece_rows = std::numeric_limits<std::int64_t>::max();
  std::int64_t piece_bytes = std::numeric_limits<std::int64_t>::max();
};

struct RowRange {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};
// Splits `rows`, in order, into pieces of at most `piece_rows` rows and on average `piece_bytes`
// bytes. There is always at least one piece, even without rows. Reads no values.
std::vector<RowRange> PiecesOf(const arrow::Table& rows, const Scratch& scratch);
// Whether PiecesOf gives more than one piece.
bool AreMany(const arrow::Table& rows, const Scratch& scratch);

// Threads: one. Errors: kUnavailable (WH7010) if the disk is full. If no file can be created, all
// rows stay in memory.
class RowStore {
 public:
  explicit RowStore(Scratch scratch);
  ~RowStore();

  // Adds rows; all tables must have equal columns. Keeps a reference to those that stay in memory.
  Status Add(const std::shared_ptr<arrow::Table>& rows);
  // Begins a section that ForgetMarked can undo: it removes the rows added since Mark. Rows from
  // before Mark are moved to the file if there can be one.
  Status Mark();
  void ForgetMarked();
  // All rows in the order in which they were added; null if none was. Rows in a file stay there as
  // long as the table, or a part of it, lives. Must be the last call.
  Result<std::shared_ptr<arrow::Table>> Finish();

 private:
  struct State;
  Status Flush();
  std::unique_ptr<State> state_;
};

// Tables in one file, each as one chunk of the result. Threads: one.
class RowFile {
 public:
  static Result<std::unique_ptr<RowFile>> Make(const std::string& folder);
  ~RowFile();
  Status Append(const arrow::Table& rows);
  // All tables but those in `left_out` (numbers of appended tables, ascending). Null if none is
  // left. Must be the last call.
  Result<std::shared_ptr<arrow::Table>> Finish(const std::vector<std::size_t>& left_out = {});
  std::size_t count() const;  // of tables

 private:
  struct State;
  explicit RowFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Drops the memory of all mapped rows of this process; they are read from the file again on next
// use. Cost: microseconds if there are none. Threads: any.
void LetGoOfStoredRows();
}  // namespace weirhouse::platform

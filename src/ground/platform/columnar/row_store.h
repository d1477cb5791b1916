// Rows of one step of work: in memory while they are few, in a file while they are many.
//
// The file has no name, so that it is gone with the process, however that ends. It is read through
// a mapping: what was looked at takes memory until LetGoOfStoredRows gives that back.
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

// How much of one step's rows is worked on at a time. As it is made: all of them.
struct Scratch {
  std::string folder{};  // of files for rows that are many; made when it is first needed
  std::int64_t piece_rows = std::numeric_limits<std::int64_t>::max();
  std::int64_t piece_bytes = std::numeric_limits<std::int64_t>::max();
};

struct RowRange {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};
// All of `rows`, in order, in pieces of at most `piece_rows` that have `piece_bytes` on average;
// one piece, also of no rows, where they are few. Reads no values.
std::vector<RowRange> PiecesOf(const arrow::Table& rows, const Scratch& scratch);
// Whether that is more than one.
bool AreMany(const arrow::Table& rows, const Scratch& scratch);

// Threads: one. Errors: kUnavailable (WH7010) where the disk is full. Where no file may be made all
// rows stay in memory.
class RowStore {
 public:
  explicit RowStore(Scratch scratch);
  ~RowStore();

  // Tables of equal columns. Those in memory are kept as they are.
  Status Add(const std::shared_ptr<arrow::Table>& rows);
  // What is added after Mark and before ForgetMarked was never added. What came before is put into
  // the file, if there can be one.
  Status Mark();
  void ForgetMarked();
  // All rows in the order in which they came; null if nothing was added. Those of a file stay there
  // as long as the table, or a part of it, lives. Last call.
  Result<std::shared_ptr<arrow::Table>> Finish();

 private:
  struct State;
  Status Flush();
  std::unique_ptr<State> state_;
};

// Rows in files, one table after the other, each as one chunk of the answer. Threads: one.
class RowFile {
 public:
  static Result<std::unique_ptr<RowFile>> Make(const std::string& folder);
  ~RowFile();
  Status Append(const arrow::Table& rows);
  // Without those of `left_out`, numbers of appended tables, ascending. Null if none is left. Last
  // call.
  Result<std::shared_ptr<arrow::Table>> Finish(const std::vector<std::size_t>& left_out = {});
  std::size_t count() const;  // of tables

 private:
  struct State;
  explicit RowFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Gives back the memory of rows in files that were looked at, of all steps at work: who looks again
// reads them again. Cost: microseconds where there are none.
void LetGoOfStoredRows();
}  // namespace weirhouse::platform

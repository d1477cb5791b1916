#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "table/snapshot_change.h"

namespace weirhouse::table {
namespace {

constexpr std::int64_t kRowsComparedMax = 8'000'000;  // 16 bytes each, twice: 256 MB

// The first half of a row's SHA-256: what is compared. Sorted, not summed: sums of digests can be
// forged by who chooses the rows.
using RowMark = std::array<std::uint64_t, 2>;

// The table as if `snapshot` were its head, so that the current schema reads it.
TablePtr HeadedBy(const TableMetadata& table, const Snapshot& snapshot) {
  auto copy = std::make_shared<TableMetadata>(table);
  if (copy->FindSnapshot(snapshot.id) == nullptr) copy->snapshots.push_back(snapshot);
  copy->refs["main"].snapshot = snapshot.id;
  return copy;
}

// What decides which rows of a file are live: its path and the deletes that apply to it.
std::string StateOf(const Scan::Task& task) {
  std::vector<std::string> deletes;
  for (const auto& file : task.deletes) {
    deletes.push_back(fmt::format("{}@{}", file->path, file->data_sequence_number));
  }
  std::sort(deletes.begin(), deletes.end());
  std::string state = task.file.path;
  for (const std::string& file : deletes) state += "\n" + file;
  return state;
}

Status CannotCompare(const TableMetadata& table, std::string why) {
  return Status(Code::kInvalidInput,
                fmt::format("the rows before and after a replace cannot be compared: table \"{}\": "
                            "{}",
                            table.name, why))
      .WithError("WH7079")
      .WithHint(
          "rewrite fewer files in one commit (Spark: partial-progress.enabled), or let "
          "`wh table compact` do it");
}

class Reader {
 public:
  Reader(const TableMetadata& table, std::int64_t bytes_max)
      : table_(table), bytes_left_(bytes_max) {}

  Result<std::vector<RowMark>> Marks(const Scan& scan, const std::set<std::string>& elsewhere) {
    std::vector<RowMark> marks;
    for (const Scan::Task& task : scan.tasks()) {
      if (elsewhere.contains(StateOf(task))) continue;
      bytes_left_ -= task.file.size_bytes;
      rows_ += task.file.row_count;
      if (bytes_left_ < 0) return CannotCompare(table_, "the files that it rewrites are too large");
      if (rows_ > 2 * kRowsComparedMax) return CannotCompare(table_, "it rewrites too many rows");
      WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, scan.Read(task));
      WEIRHOUSE_TRY(const std::vector<Digest> digests, DeclaredDigests(*rows));
      for (const Digest& digest : digests) {
        RowMark& mark = marks.emplace_back();
        std::memcpy(mark.data(), digest.bytes.data(), sizeof(mark));
      }
    }
    std::sort(marks.begin(), marks.end());
    return marks;
  }

 private:
  const TableMetadata& table_;
  std::int64_t bytes_left_;
  std::int64_t rows_ = 0;
};
}  // namespace

Result<bool> HoldSameRows(storage::Disk& disk, const TableMetadata& table, const Snapshot& before,
                          const Snapshot& after, std::int64_t bytes_max) {
  ScanOptions options;
  for (const Field& field : table.schema().fields) {
    if (!ArrowTypeOf(field.type).ok()) {
      return CannotCompare(table, fmt::format("column \"{}\" of type {} cannot be read here",
                                              field.name, field.type.name));
    }
    if (!IsHidden(field.name)) options.columns.push_back(field.name);
  }
  WEIRHOUSE_TRY(const Scan was, Scan::Plan(disk, HeadedBy(table, before), options));
  WEIRHOUSE_TRY(const Scan is, Scan::Plan(disk, HeadedBy(table, after), options));
  std::set<std::string> states_before;
  std::set<std::string> in_both;
  for (const Scan::Task& task : was.tasks()) states_before.insert(StateOf(task));
  for (const Scan::Task& task : is.tasks()) {
    std::string state = StateOf(task);
    if (states_before.contains(state)) in_both.insert(std::move(state));
  }
  Reader reader(table, bytes_max);
  WEIRHOUSE_TRY(const std::vector<RowMark> rows_before, reader.Marks(was, in_both));
  WEIRHOUSE_TRY(const std::vector<RowMark> rows_after, reader.Marks(is, in_both));
  return rows_before == rows_after;
}
}  // namespace weirhouse::table

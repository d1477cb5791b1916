// One processed table's part of a batch: what its transform decided; staged, then applied to the
// indexes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/iceberg/write/stage_many.h"
#include "rules/transform/upsert/upsert.h"
#include "work/records/batch_records.h"
#include "work/workspace/publication.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/row_cache.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

// Records by the state they are in, as the database orders the states.
using RecordCounts = std::map<catalog::RecordState, std::int64_t, catalog::ByWord>;

// Threads: one. `transform` and `records` must outlive it.
class TableWork {
 public:
  // Decides what `rows` (the transform's answer) change. `records` = the driver's part of the
  // batch, or null. `driver_rows` = all driver rows the transform read (mode full and rebuilds), or
  // null: those of `records`. `full` = `rows` are the whole table and replace what is there.
  static Result<std::unique_ptr<TableWork>> Make(Workspace& workspace,
                                                 const transform::CheckedTransform& transform,
                                                 const std::shared_ptr<arrow::Table>& rows,
                                                 const SourceRecords* records,
                                                 const std::shared_ptr<arrow::Table>& driver_rows,
                                                 bool full);

  // The decision of a chain: see chain_work.h.
  // `indexes_history`: the history has one version for each key, and a key index of its own.
  static std::unique_ptr<TableWork> OfPlan(Workspace& workspace,
                                           const transform::CheckedTransform& transform,
                                           transform::UpsertPlan plan, bool indexes_history);

  // What late records changed, where some keys were decided again: see late_work.h. `rows` = the
  // transform's answer for `records`.
  static Result<std::unique_ptr<TableWork>> OfLate(Workspace& workspace,
                                                   const transform::CheckedTransform& transform,
                                                   transform::UpsertPlan plan,
                                                   const std::shared_ptr<arrow::Table>& rows,
                                                   const SourceRecords& records);

  // A table that keeps its rows because its SQL fails and no single record is to blame. It covers
  // no table; it counts the records that it would have read, which are `driver_rows`.
  static std::unique_ptr<TableWork> Standing(Workspace& workspace,
                                             const transform::CheckedTransform& transform,
                                             const SourceRecords* records,
                                             const std::shared_ptr<arrow::Table>& driver_rows);

  // Adds rows of the driver that were left out of the `rows` given to Make.
  void Reject(const std::vector<RejectedRecord>& without);
  // Adds rows that were rejected when they joined the driver, and have left it.
  void TakeBack(const std::vector<RejectedRecord>& rejected) {
    taken_back_.insert(taken_back_.end(), rejected.begin(), rejected.end());
  }

  bool stands() const { return stands_; }

  // For a whole table: drops rows whose content the table already holds. They are not written
  // again, readers keep their files, and downstream tables are not updated.
  Status DropUnchanged();

  const transform::CheckedTransform& transform() const { return *transform_; }
  const SourceRecords* records() const { return records_; }
  const std::vector<RejectedRecord>& rejected() const { return rejected_; }
  // Rejected when they came; the driver's row that they come from has left.
  const std::vector<RejectedRecord>& taken_back() const { return taken_back_; }
  const std::vector<transform::Loser>& losers() const { return plan_.losers; }
  // Used instead of `losers` if they may be many; may be null: see UpsertPlan.
  const std::shared_ptr<arrow::Table>& loser_rows() const { return plan_.loser_rows; }
  // Whether `losers` are all of the table's, not those of a batch.
  bool is_full() const { return full_; }
  // Keys of rows that repeat a version and have an older record.
  const std::vector<std::string>& older_keys() const { return plan_.older; }
  // Records for which `losers` is complete and replaces earlier entries.
  const std::vector<RecordId>& settled_records() const { return plan_.settled_records; }
  // Rows that join the current table, hidden columns included.
  const std::shared_ptr<arrow::Table>& added_rows() const { return plan_.current_rows; }
  const std::shared_ptr<arrow::Table>& added_history() const { return plan_.history_rows; }
  // The added rows of a table that this covers.
  const std::shared_ptr<arrow::Table>& added_rows_of(const std::string& table) const;

  bool Covers(const std::string& table) const;  // its table, or the history of it
  // Whether rows join or leave a table that this covers.
  bool ChangesRows(const std::string& table) const;
  // A table that this covers, as it will be. `columns` empty = all.
  Result<std::shared_ptr<arrow::Table>> StagedRows(RowCache& tables, const std::string& table,
                                                   const std::vector<std::string>& columns) const;
  // Whether rows leave a table that this covers, replaced or not.
  bool LosesRows(const std::string& table) const;
  // The rows that leave, and those that join; for a whole table, only rows that it did not hold
  // before.
  Result<std::shared_ptr<arrow::Table>> LeftRows(RowCache& tables, const std::string& table);
  Result<std::shared_ptr<arrow::Table>> JoinedRows(RowCache& tables, const std::string& table);
  // Keys of the current table under which something changes; may name others as well.
  Result<std::vector<std::string>> ChangedKeys(RowCache& tables);
  // For each added row: whether another current row, which this batch does not replace, has its
  // key.
  Result<std::vector<bool>> KeysHeldByOthers() const;
  // The greatest known (else event) time among the added rows, µs.
  std::optional<std::int64_t> NewestTime() const {
    return work::NewestTime(*plan_.current_rows, transform_->definition);
  }
  // Record states of its driver's records, as deltas.
  RecordCounts StateCounts() const { return states_; }
  // For a whole table: the totals over all records instead of deltas.
  const RecordCounts& StateTotals() const { return totals_; }

  Status Stage(Publication& publication, const std::string& ref);
  // Call after the commit. `losers` = system.losers as it is now, null if this run did not change
  // it.
  Status ApplyToIndexes(const iceberg::TablePtr& losers);
  void CountRows(std::map<std::string, std::int64_t>& rows_by_table) const;
  void NameTables(std::vector<std::string>& names) const;

 private:
  TableWork(Workspace& workspace, const transform::CheckedTransform& transform)
      : workspace_(workspace), transform_(&transform) {}
  Result<std::vector<bool>> ManyHeldByOthers() const;
  Status ApplyMany(iceberg::KeyIndex& index, const iceberg::TablePtr& losers);
  Status CountStates(const std::shared_ptr<arrow::Table>& rows,
                     const std::shared_ptr<arrow::Table>& driver_rows);

  struct Change {
    std::shared_ptr<arrow::Table> joined;
    std::shared_ptr<arrow::Table> left;
  };
  // The change of a table that this covers, which is whole; computed once.
  Result<const Change*> ChangeOf(RowCache& tables, const std::string& table);

  Workspace& workspace_;
  const transform::CheckedTransform* transform_;
  const SourceRecords* records_ = nullptr;
  bool full_ = false;
  bool indexes_history_ = false;
  bool stands_ = false;
  bool current_unchanged_ = false;
  bool history_unchanged_ = false;
  transform::UpsertPlan plan_;
  std::vector<RejectedRecord> rejected_;
  std::vector<RejectedRecord> taken_back_;
  RecordCounts states_;
  RecordCounts totals_;
  std::map<std::string, Change> changes_;  // by table
  iceberg::AppendedRows appended_;
  iceberg::AppendedRows appended_history_;
  std::vector<iceberg::AppendedRange> appended_many_;  // empty for a partitioned table
  iceberg::TablePtr staged_current_;
  iceberg::TablePtr staged_history_;
};

// Rows that the tables of a run cannot keep.
std::vector<RejectedRecord> AllRejected(const std::vector<std::unique_ptr<TableWork>>& work);
// Of these, rows that come from no single record (an aggregate's) have no bytes to keep: returns
// one line for each table and column.
std::vector<std::string> RowsWithoutRecord(const std::vector<std::unique_ptr<TableWork>>& work);
}  // namespace weirhouse::work

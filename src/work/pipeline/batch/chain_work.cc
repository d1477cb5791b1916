#include "work/pipeline/batch/chain_work.h"

#include <arrow/api.h>

#include <algorithm>
#include <set>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/key_encoding.h"
#include "rules/transform/run/run.h"
#include "work/pipeline/batch/keyless.h"
#include "work/pipeline/batch/poison_rows.h"
#include "work/pipeline/batch/settled_keys.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/piecewise_sql.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;
using Keys = iceberg::KeySet;

// Threads: one.
class ChainRun {
 public:
  ChainRun(PipelineState& state, const transform::CheckedTransform& transform, TableWork& upstream,
           ProcessTime run_time)
      : state_(state),
        transform_(transform),
        definition_(transform.definition),
        upstream_(upstream),
        run_time_(run_time),
        key_(definition_.key_columns()) {}

  Result<std::unique_ptr<TableWork>> Run() {
    const std::string& driver = *transform_.driver;
    WEIRHOUSE_TRY(const RowsPtr joined, upstream_.JoinedRows(state_.tables, driver));
    WEIRHOUSE_TRY(fresh_, Select(joined, &poison_));
    WEIRHOUSE_TRY_STATUS(FindSettled());
    WEIRHOUSE_TRY(transform::UpsertPlan plan, Decide());
    if (!plan.older.empty()) {
      // Rows came whose records are older than those that the table holds for the same content.
      settled_.insert(plan.older.begin(), plan.older.end());
      WEIRHOUSE_TRY(plan, Decide());
    }
    plan.settled_records.insert(plan.settled_records.end(), left_.begin(), left_.end());
    plan.taken_back = std::move(taken_back_);
    auto work = TableWork::OfPlan(state_.workspace, transform_, std::move(plan), IndexesHistory());
    work->Reject(poison_);
    work->TakeBack(poison_gone_);
    return work;
  }

 private:
  // Runs the SELECT over these rows of the driver, without those that it fails on, which are added
  // to `poison`. With `poison` null they are dropped: they were reported when they joined.
  Result<RowsPtr> Select(const RowsPtr& rows, std::vector<RejectedRecord>* poison = nullptr) {
    WEIRHOUSE_TRY_STATUS(
        RegisterRows(state_.workspace, *state_.session, transform_, *transform_.driver, rows));
    WEIRHOUSE_TRY(transform::GoodRows good,
                  RunInPieces(state_.workspace, *state_.session, transform_, rows, run_time_));
    if (poison != nullptr) *poison = RejectedBySql(good.poison, definition_.name());
    return std::move(good.rows);
  }

  // The driver's column that becomes `column` unchanged; empty if none does.
  std::string PassedInto(const std::string& column) const {
    const auto passed = transform_.passed.find(column);
    return passed == transform_.passed.end() ? std::string() : passed->second;
  }

  // Whether each key of the table comes from at most one row of the driver: the driver's key is
  // part of it.
  bool HoldsDriverKey() const {
    const auto& upstream = upstream_.transform().definition;
    if (*transform_.driver != upstream.name()) return false;  // a history has several per key
    const std::vector<std::string> columns = upstream.key_columns();
    return std::all_of(columns.begin(), columns.end(), [&](const std::string& column) {
      return std::any_of(key_.begin(), key_.end(),
                         [&](const std::string& mine) { return PassedInto(mine) == column; });
    });
  }
  // Whether the table's key is the driver's: then the keys of rows that left need no reading of
  // those rows.
  bool IsDriverKey() const {
    const std::vector<std::string> columns = upstream_.transform().definition.key_columns();
    return HoldsDriverKey() &&
           std::equal(key_.begin(), key_.end(), columns.begin(), columns.end(),
                      [&](const auto& mine, const auto& its) { return PassedInto(mine) == its; });
  }

  // Finds the keys that a row of the driver left. With `order arrival` those that rows joined as
  // well: a chain brings records in any order.
  Status FindSettled() {
    const bool joins_settle = definition_.order_by_arrival || HoldsDriverKey();
    if (upstream_.LosesRows(*transform_.driver) && IsDriverKey()) {
      WEIRHOUSE_TRY(const std::vector<std::string> keys, upstream_.ChangedKeys(state_.tables));
      settled_.insert(keys.begin(), keys.end());
      // Of the rows that left only those matter that the SQL fails on.
      WEIRHOUSE_TRY(const bool kept_out, KeepsOut(state_.workspace, definition_.name()));
      if (kept_out) {
        WEIRHOUSE_TRY(const RowsPtr left, upstream_.LeftRows(state_.tables, *transform_.driver));
        WEIRHOUSE_TRY_STATUS(Select(left, &poison_gone_).status());
      }
    } else if (upstream_.LosesRows(*transform_.driver)) {
      WEIRHOUSE_TRY(const RowsPtr left, upstream_.LeftRows(state_.tables, *transform_.driver));
      WEIRHOUSE_TRY(const RowsPtr gone, Select(left, &poison_gone_));
      WEIRHOUSE_TRY_STATUS(AddKeys(*gone, key_, settled_));
      WEIRHOUSE_TRY(taken_back_, transform::RowsWithoutKey(*gone, key_));
      NoteRecords(*gone);
      if (joins_settle) WEIRHOUSE_TRY_STATUS(AddKeys(*fresh_, key_, settled_));
    } else if (definition_.order_by_arrival) {
      WEIRHOUSE_TRY_STATUS(AddKeys(*fresh_, key_, settled_));
    }
    return Status();
  }

  void NoteRecords(const arrow::Table& rows) {
    for (const auto& chunk : rows.GetColumnByName(std::string(iceberg::kRecordColumn))->chunks()) {
      const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
      for (std::int64_t i = 0; i < values.length(); ++i) {
        if (values.IsValid(i)) left_.emplace_back(values.Value(i));
      }
    }
  }

  // All rows of the settled keys, and only the new rows of the others.
  Result<RowsPtr> Candidates() {
    if (settled_.empty() || HoldsDriverKey()) return fresh_;
    if (all_ == nullptr) {
      WEIRHOUSE_TRY(const RowsPtr rows,
                    upstream_.StagedRows(state_.tables, *transform_.driver, {}));
      WEIRHOUSE_TRY(all_, Select(rows));
    }
    WEIRHOUSE_TRY(const RowsPtr whole, RowsByKey(all_, key_, settled_, true));
    WEIRHOUSE_TRY(const RowsPtr others, RowsByKey(fresh_, key_, settled_, false));
    return Concatenate({whole, others});
  }

  Result<transform::UpsertPlan> Decide() {
    WEIRHOUSE_TRY(const RowsPtr rows, Candidates());
    Workspace& workspace = state_.workspace;
    WEIRHOUSE_TRY(iceberg::KeyIndex * index,
                  workspace.IndexOf(definition_.name(), key_, definition_.order_columns()));
    transform::VersionIndex* versions = nullptr;
    transform::SettledKeys settled{settled_, {}};
    // Without a history only current rows count: a version that lost may come back.
    if (definition_.history == transform::History::kKeep) {
      WEIRHOUSE_TRY(versions, workspace.VersionsOf(transform_));
      WEIRHOUSE_TRY(settled.history, IndexesHistory()
                                         ? IndexedVersions()
                                         : VersionsOf(workspace, definition_, settled_));
    }
    return transform::PlanChange(transform_, *rows, *index, versions, settled);
  }

  // Whether the history has one version for each key, so that an index finds it.
  bool IndexesHistory() const {
    return definition_.history == transform::History::kKeep && HoldsDriverKey();
  }
  Result<std::vector<transform::HistoryRow>> IndexedVersions() {
    std::vector<transform::HistoryRow> versions;
    WEIRHOUSE_TRY(
        iceberg::KeyIndex * index,
        state_.workspace.IndexOf(definition_.history_table(), key_, definition_.order_columns()));
    const std::vector<std::string> keys(settled_.begin(), settled_.end());
    WEIRHOUSE_TRY(const auto entries, index->Find(keys));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!entries[i]) continue;
      const RecordId record(std::max<std::int64_t>(entries[i]->record.value(), 0));
      versions.push_back(
          {keys[i], entries[i]->order, entries[i]->content, record, entries[i]->position});
    }
    return versions;
  }

  PipelineState& state_;
  const transform::CheckedTransform& transform_;
  const transform::TransformDefinition& definition_;
  TableWork& upstream_;
  const ProcessTime run_time_;
  const std::vector<std::string> key_;
  RowsPtr fresh_;                            // answers for the driver's rows that joined
  std::vector<RejectedRecord> poison_;       // rows that joined and that the SQL fails on
  std::vector<RejectedRecord> poison_gone_;  // the same for rows that left
  RowsPtr all_;                              // answers for all of the driver's rows, once needed
  Keys settled_;
  std::vector<RecordId> left_;                      // records of the rows that left
  std::vector<transform::RejectedRow> taken_back_;  // rows without a key among them
};
}  // namespace

bool IsChained(const transform::CheckedTransform& transform) {
  return transform.definition.mode == transform::Mode::kIncremental && transform.driver &&
         transform::KindOfTable(*transform.driver) == transform::TableKind::kProcessed;
}

Result<std::unique_ptr<TableWork>> MakeChainWork(PipelineState& state,
                                                 const transform::CheckedTransform& transform,
                                                 TableWork& upstream, ProcessTime run_time) {
  return ChainRun(state, transform, upstream, run_time).Run();
}
}  // namespace weirhouse::work

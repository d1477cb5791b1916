// Upserts of rows too many for memory, by the same rules: what the rules need is sorted in a file,
// and each key is decided by itself.
#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "rules/transform/upsert/fact_runs.h"
#include "rules/transform/upsert/loser_table.h"
#include "rules/transform/upsert/upsert_steps.h"

namespace weirhouse::transform {
namespace {
Status MergeError(const arrow::Status& status) {
  return Status(status.IsOutOfMemory() ? Code::kUnavailable : Code::kInternal,
                fmt::format("could not plan an upsert: {}", status.message()));
}

// Threads: one.
class ManyRows {
 public:
  ManyRows(const CheckedTransform& checked, const arrow::Table& rows, iceberg::KeyIndex* current,
           VersionIndex* versions, const platform::Scratch& scratch)
      : checked_(checked),
        definition_(checked.definition),
        rows_(rows),
        current_(current),
        versions_(versions),
        scratch_(scratch),
        pieces_(platform::PiecesOf(rows, scratch)),
        losers_(scratch),
        is_current_(static_cast<std::size_t>(rows.num_rows()), false),
        is_history_(static_cast<std::size_t>(rows.num_rows()), false) {}

  Result<UpsertPlan> Run() {
    plan_.many = true;
    WEIRHOUSE_TRY(const std::unique_ptr<FactRuns> runs, Sorted());
    WEIRHOUSE_TRY_STATUS(
        runs->Merge(std::min(kRowsDecidedAtOnce, static_cast<std::size_t>(scratch_.piece_rows)),
                    [&](const RowFacts& facts, const std::vector<std::int64_t>& rows) {
                      return Decide(facts, rows);
                    }));
    WEIRHOUSE_TRY(plan_.current_rows, Those(is_current_));
    if (definition_.history == History::kKeep) {
      plan_.history_rows = plan_.current_rows;
      if (is_history_ != is_current_) {
        WEIRHOUSE_TRY(plan_.history_rows, Those(is_history_));
      }
    }
    if (current_ != nullptr) {
      plan_.facts = std::make_shared<ChosenFacts>(runs->runs(), std::move(is_current_));
      WEIRHOUSE_CHECK(static_cast<std::int64_t>(plan_.facts->count()) ==
                      plan_.current_rows->num_rows());
    }
    if (!checked_.row_wise) {
      plan_.states = StateCounts();
      return std::move(plan_);
    }
    WEIRHOUSE_TRY(plan_.loser_rows, losers_.Finish());
    plan_.states.quarantined = static_cast<std::int64_t>(plan_.rejected.size());
    WEIRHOUSE_CHECK(plan_.states.total() == rows_.num_rows());  // each record once
    std::sort(plan_.losers.begin(), plan_.losers.end());
    return std::move(plan_);
  }

 private:
  Result<std::unique_ptr<FactRuns>> Sorted() {
    const bool by_arrival = definition_.order_by_arrival;
    auto runs = std::make_unique<FactRuns>(scratch_.folder, by_arrival);
    for (const platform::RowRange& piece : pieces_) {
      const auto rows = rows_.Slice(piece.begin, piece.count);
      WEIRHOUSE_TRY(const RowFacts facts,
                    FactsOfRows(*rows, definition_.key_columns(), definition_.order_columns()));
      std::vector<RejectedRow> rejected = NullKeys(*rows, definition_.key_columns(), facts.records);
      WEIRHOUSE_TRY_STATUS(runs->Add(facts, SortedRows(facts, rejected, by_arrival), piece.begin));
      for (RejectedRow& row : rejected) {
        row.row += piece.begin;
        plan_.rejected.push_back(std::move(row));
      }
      platform::LetGoOfStoredRows();
    }
    return runs;
  }

  // `facts` are in order; `rows` are their indexes among all rows.
  Status Decide(const RowFacts& facts, const std::vector<std::int64_t>& rows) {
    const bool by_arrival = definition_.order_by_arrival;
    WEIRHOUSE_TRY(const KnownRows known, LookUp(facts, by_arrival, current_, versions_, {}));
    WEIRHOUSE_TRY(Decision decision, by_arrival ? DecideByArrival(facts, rows, known)
                                                : DecideByOrder(facts, rows, known));
    for (const std::int64_t row : decision.current)
      is_current_[static_cast<std::size_t>(row)] = true;
    for (const std::int64_t row : decision.history)
      is_history_[static_cast<std::size_t>(row)] = true;
    std::move(decision.older.begin(), decision.older.end(), std::back_inserter(plan_.older));
    std::move(decision.deletes.begin(), decision.deletes.end(), std::back_inserter(plan_.deletes));
    plan_.states += decision.states;
    return checked_.row_wise ? Keep(decision.losers) : Status();
  }

  Status Keep(std::vector<Loser>& losers) {
    std::erase_if(losers, [](const Loser& loser) { return loser.record.value() <= 0; });
    if (current_ == nullptr) {  // all of the table's losers are compared with the stored ones
      plan_.losers.insert(plan_.losers.end(), losers.begin(), losers.end());
      return Status();
    }
    if (losers.empty()) return Status();
    std::vector<StoredLoser> stored;
    stored.reserve(losers.size());
    for (const Loser& loser : losers) {
      stored.push_back(
          {loser.record, definition_.name(), loser.state, loser.winner, RunId(0), loser.version});
    }
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, LoserRows(stored));
    return losers_.Add(rows);
  }

  // The marked rows, in their order.
  Result<std::shared_ptr<arrow::Table>> Those(const std::vector<bool>& marked) {
    if (std::find(marked.begin(), marked.end(), false) == marked.end()) return rows_.Slice(0);
    platform::RowStore store(scratch_);
    WEIRHOUSE_TRY_STATUS(store.Add(rows_.Slice(0, 0)));
    for (const platform::RowRange& piece : pieces_) {
      arrow::BooleanBuilder keep;
      arrow::Status built = keep.Reserve(piece.count);
      for (std::int64_t i = 0; built.ok() && i < piece.count; ++i)
        keep.UnsafeAppend(marked[static_cast<std::size_t>(piece.begin + i)]);
      std::shared_ptr<arrow::Array> mask;
      if (built.ok()) built = keep.Finish(&mask);
      if (!built.ok()) return MergeError(built);
      auto kept = arrow::compute::Filter(rows_.Slice(piece.begin, piece.count), mask);
      if (!kept.ok()) return MergeError(kept.status());
      WEIRHOUSE_TRY_STATUS(store.Add(kept->table()));
      platform::LetGoOfStoredRows();
    }
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> all, store.Finish());
    return arrow::Table::Make(rows_.schema(), all->columns(), all->num_rows());
  }

  const CheckedTransform& checked_;
  const TransformDefinition& definition_;
  const arrow::Table& rows_;
  iceberg::KeyIndex* const current_;
  VersionIndex* const versions_;
  const platform::Scratch& scratch_;
  const std::vector<platform::RowRange> pieces_;
  platform::RowStore losers_;
  std::vector<bool> is_current_;
  std::vector<bool> is_history_;
  UpsertPlan plan_;
};
}  // namespace

Result<UpsertPlan> PlanMany(const CheckedTransform& checked, const arrow::Table& rows,
                            iceberg::KeyIndex* current, VersionIndex* versions,
                            const platform::Scratch& scratch) {
  return ManyRows(checked, rows, current, versions, scratch).Run();
}
}  // namespace weirhouse::transform

#include "work/pipeline/batch/late_work.h"

#include <arrow/api.h>

#include <set>
#include <utility>

#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/type/schema.h"
#include "work/pipeline/batch/settled_keys.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"
#include "work/workspace/tables/piecewise_sql.h"

namespace weirhouse::work {
namespace {
using RowsPtr = std::shared_ptr<arrow::Table>;

// Keys under which a late record may stand before one that was processed earlier.
Result<iceberg::KeySet> KeysMetAgain(Workspace& workspace,
                                     const transform::TransformDefinition& definition,
                                     const TableWork& work, const RowsPtr& late) {
  iceberg::KeySet keys(work.older_keys().begin(), work.older_keys().end());
  if (!definition.order_by_arrival) return keys;
  // Where a late record stands among others of its key, what follows it counts too.
  iceberg::KeySet all;
  WEIRHOUSE_TRY_STATUS(AddKeys(*late, definition.key_columns(), all));
  const std::vector<std::string> asked(all.begin(), all.end());
  WEIRHOUSE_TRY(
      iceberg::KeyIndex * index,
      workspace.IndexOf(definition.name(), definition.key_columns(), definition.order_columns()));
  WEIRHOUSE_TRY(const auto found, index->Find(asked));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (found[i]) keys.insert(asked[i]);
  }
  return keys;
}

Result<RowsPtr> WithoutRecordsOf(RowsPtr rows, const SourceRecords& records) {
  for (const catalog::ObjectRecord& object : records.objects) {
    const std::int64_t first = object.first_record_id.value();
    WEIRHOUSE_TRY(rows, RowsOutside(rows, std::string(iceberg::kRecordColumn), first,
                                    first + object.record_count));
  }
  return rows;
}
}  // namespace

Result<std::unique_ptr<TableWork>> SettleLate(PipelineState& state,
                                              const transform::CheckedTransform& transform,
                                              std::unique_ptr<TableWork> work, const RowsPtr& late,
                                              const SourceRecords& records, ProcessTime run_time,
                                              const std::function<Result<RowsPtr>()>& all_records) {
  Workspace& workspace = state.workspace;
  const transform::TransformDefinition& definition = transform.definition;
  const std::vector<std::string> key = definition.key_columns();
  WEIRHOUSE_TRY(const auto keys, KeysMetAgain(workspace, definition, *work, late));
  if (keys.empty()) return work;

  WEIRHOUSE_TRY(const RowsPtr driven, all_records());
  WEIRHOUSE_TRY_STATUS(
      RegisterRows(workspace, *state.session, transform, *transform.driver, driven));
  // Rows of earlier objects on which the SQL fails are in quarantine already.
  WEIRHOUSE_TRY(const transform::GoodRows good,
                RunInPieces(workspace, *state.session, transform, driven, run_time));
  WEIRHOUSE_TRY(const RowsPtr whole, RowsByKey(good.rows, key, keys, true, ScratchOf(workspace)));
  WEIRHOUSE_TRY(const RowsPtr others, RowsByKey(late, key, keys, false, ScratchOf(workspace)));
  WEIRHOUSE_TRY(const RowsPtr before, WithoutRecordsOf(whole, records));

  WEIRHOUSE_TRY(iceberg::KeyIndex * index,
                workspace.IndexOf(definition.name(), key, definition.order_columns()));
  WEIRHOUSE_TRY(transform::VersionIndex * versions, workspace.VersionsOf(transform));
  transform::SettledKeys settled{keys, {}};
  if (definition.history == transform::History::kKeep) {
    WEIRHOUSE_TRY(settled.history, VersionsOf(workspace, definition, keys));
  }
  WEIRHOUSE_TRY(const RowsPtr rows, Concatenate({whole, others}));
  WEIRHOUSE_TRY(transform::UpsertPlan plan,
                transform::PlanChange(transform, *rows, *index, versions, settled));
  // Of the keys that were decided anew that counts all records: those of before were counted.
  WEIRHOUSE_TRY(const transform::UpsertPlan counted, transform::PlanFull(transform, *before));
  plan.states -= counted.states;
  return TableWork::OfLate(workspace, transform, std::move(plan), late, records);
}
}  // namespace weirhouse::work

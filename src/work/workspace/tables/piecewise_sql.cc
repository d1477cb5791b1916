#include "work/workspace/tables/piecewise_sql.h"

#include <arrow/api.h>

#include <iterator>
#include <utility>

#include "rules/transform/run/run.h"
#include "rules/transform/upsert/upsert.h"
#include "work/workspace/scratch.h"

namespace weirhouse::work {
namespace {
bool InPieces(const transform::CheckedTransform& transform, const arrow::Table& driven,
              const platform::Scratch& scratch) {
  return transform.row_wise && platform::AreMany(driven, scratch);
}
}  // namespace

Status RegisterRows(Workspace& workspace, platform::SqlSession& session,
                    const transform::CheckedTransform& transform, const std::string& name,
                    const std::shared_ptr<arrow::Table>& rows) {
  const bool later = transform.driver == name && InPieces(transform, *rows, ScratchOf(workspace));
  return transform::RegisterInput(session, transform, name, later ? rows->Slice(0, 0) : rows);
}

Result<transform::GoodRows> RunInPieces(Workspace& workspace, platform::SqlSession& session,
                                        const transform::CheckedTransform& transform,
                                        const std::shared_ptr<arrow::Table>& driven,
                                        ProcessTime run_time) {
  const platform::Scratch scratch = ScratchOf(workspace);
  const std::string& driver = *transform.driver;
  if (!InPieces(transform, *driven, scratch))
    return transform::RunAround(session, transform, driver, driven, run_time);
  transform::GoodRows all;
  platform::RowStore store(scratch);
  for (const platform::RowRange& piece : platform::PiecesOf(*driven, scratch)) {
    const auto rows = driven->Slice(piece.begin, piece.count);
    WEIRHOUSE_TRY_STATUS(transform::RegisterInput(session, transform, driver, rows));
    WEIRHOUSE_TRY(transform::GoodRows good, transform::RunAround(session, transform, driver, rows,
                                                                 run_time, all.poison.size()));
    // Which of them gave no row is counted later; here it is checked that no other record did.
    WEIRHOUSE_TRY_STATUS(transform::FilteredRecords(*rows, *good.rows).status());
    WEIRHOUSE_TRY_STATUS(store.Add(good.rows));
    std::move(good.poison.begin(), good.poison.end(), std::back_inserter(all.poison));
    platform::LetGoOfStoredRows();
  }
  WEIRHOUSE_TRY_STATUS(transform::RegisterInput(session, transform, driver, driven->Slice(0, 0)));
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, store.Finish());
  WEIRHOUSE_CHECK(rows != nullptr);
  all.rows = arrow::Table::Make(transform.output, rows->columns(), rows->num_rows());
  return all;
}
}  // namespace weirhouse::work

#include "work/pipeline/batch/losers.h"

#include <arrow/api.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "ground/iceberg/type/schema.h"
#include "rules/transform/upsert/loser_index.h"
#include "work/pipeline/batch/table_work.h"
#include "work/records/record_query.h"
#include "work/workspace/publication.h"
#include "work/workspace/scratch.h"
#include "work/workspace/tables/arrow_rows.h"

namespace weirhouse::work {
namespace {
using transform::StoredLoser;

platform::ParquetOptions LoserOptions() {
  platform::ParquetOptions options;
  options.delta_columns = {"record", "winner", "run"};
  return options;
}

std::vector<StoredLoser> LosersOf(const TableWork& work, RunId run) {
  std::vector<StoredLoser> losers;
  losers.reserve(work.losers().size());
  for (const transform::Loser& loser : work.losers()) {
    losers.push_back({loser.record, work.transform().definition.name(), loser.state, loser.winner,
                      run, loser.version});
  }
  return losers;
}

std::vector<RecordId> RecordsOf(const arrow::Table& rows) {
  std::vector<RecordId> records;
  const auto column = rows.GetColumnByName(std::string(iceberg::kRecordColumn));
  if (column == nullptr) return records;
  for (const auto& chunk : column->chunks()) {
    const auto& values = static_cast<const arrow::Int64Array&>(*chunk);
    for (std::int64_t i = 0; i < values.length(); ++i) {
      if (values.IsValid(i)) records.emplace_back(values.Value(i));
    }
  }
  std::sort(records.begin(), records.end());
  return records;
}

// Appends losers a piece at a time, with their run.
Status AppendLosers(Workspace& workspace, iceberg::StagedWrite& write, const arrow::Table& rows,
                    RunId run) {
  for (const platform::RowRange& piece : platform::PiecesOf(rows, ScratchOf(workspace))) {
    WEIRHOUSE_TRY(std::vector<StoredLoser> losers,
                  transform::ReadLosers(*rows.Slice(piece.begin, piece.count)));
    for (StoredLoser& loser : losers) loser.run = run;
    WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> with_run, transform::LoserRows(losers));
    WEIRHOUSE_TRY_STATUS(write.Append(*with_run, LoserOptions()).status());
    platform::LetGoOfStoredRows();
  }
  return Status();
}

// `many`: losers in rows, without their run.
Result<iceberg::TablePtr> Stage(Workspace& workspace, Publication& publication,
                                const std::vector<StoredLoser>& losers, const std::string& ref,
                                bool replace,
                                const std::vector<std::shared_ptr<arrow::Table>>& many = {}) {
  WEIRHOUSE_TRY(const std::shared_ptr<arrow::Table> rows, transform::LoserRows(losers));
  WEIRHOUSE_TRY(
      const iceberg::TablePtr base,
      TableOrNew(workspace, std::string(transform::kLosersTable), *rows->schema(), {}, {}));
  iceberg::StageOptions options = publication.StageAs(ref);
  options.snapshots_kept = iceberg::kLedgerSnapshotsKept;
  iceberg::StagedWrite write(workspace.store(), base, workspace.random(), std::move(options));
  WEIRHOUSE_TRY(const iceberg::Schema schema, iceberg::Schema::FromArrow(*rows->schema()));
  WEIRHOUSE_TRY_STATUS(write.SetSchema(schema));
  if (replace) WEIRHOUSE_TRY_STATUS(write.RemoveAllFiles());
  if (rows->num_rows() > 0) WEIRHOUSE_TRY_STATUS(write.Append(*rows, LoserOptions()).status());
  for (const auto& some : many)
    WEIRHOUSE_TRY_STATUS(AppendLosers(workspace, write, *some, publication.run().id));
  WEIRHOUSE_TRY(const iceberg::StagedTable staged, write.Finish());
  publication.Add(staged);
  return staged.table;
}

// The differences between the stored losers and what `work` decided about its settled records.
Result<std::vector<StoredLoser>> SettledChanges(Workspace& workspace, const TableWork& work,
                                                RunId run) {
  const std::string& name = work.transform().definition.name();
  std::vector<RecordId> settled = work.settled_records();
  std::sort(settled.begin(), settled.end());
  settled.erase(std::unique(settled.begin(), settled.end()), settled.end());
  WEIRHOUSE_TRY(const auto losers, workspace.FindTable(std::string(transform::kLosersTable)));
  transform::LoserIndex index(workspace.kv(), name);
  WEIRHOUSE_TRY_STATUS(index.Refresh(workspace.store(), losers.value_or(nullptr)));
  WEIRHOUSE_TRY(const std::vector<StoredLoser> told, index.Find(settled));
  // A record that lost before and is current now is among the rows that join.
  return transform::LoserChanges(told, name, work.losers(), RecordsOf(*work.added_rows()), run);
}

// What counts of an entry; its run does not.
auto Said(const StoredLoser& loser) {
  return std::tie(loser.table, loser.record, loser.state, loser.winner, loser.version);
}
}  // namespace

Result<iceberg::TablePtr> StageLosers(Workspace& workspace, Publication& publication,
                                      const std::vector<std::unique_ptr<TableWork>>& work,
                                      const std::string& ref) {
  const RunId run = publication.run().id;
  std::vector<StoredLoser> losers;
  std::vector<std::shared_ptr<arrow::Table>> many;
  for (const auto& one : work) {
    if (!one->Covers(one->transform().definition.name())) continue;  // its table keeps its rows
    if (one->loser_rows() != nullptr) many.push_back(one->loser_rows());
    if (!one->is_full() && !one->settled_records().empty() && one->transform().row_wise) {
      WEIRHOUSE_TRY(const std::vector<StoredLoser> mine, SettledChanges(workspace, *one, run));
      losers.insert(losers.end(), mine.begin(), mine.end());
      continue;
    }
    std::vector<StoredLoser> mine;
    if (one->is_full() && one->transform().row_wise) {
      const std::string& name = one->transform().definition.name();
      WEIRHOUSE_TRY(const std::vector<StoredLoser> before, CurrentLosersOf(workspace, name));
      mine =
          transform::LoserChanges(before, name, one->losers(), RecordsOf(*one->added_rows()), run);
    } else {
      mine = LosersOf(*one, run);
    }
    losers.insert(losers.end(), mine.begin(), mine.end());
  }
  if (losers.empty() && many.empty()) return iceberg::TablePtr();
  return Stage(workspace, publication, losers, ref, /*replace=*/false, many);
}

Status ReplaceLosers(Workspace& workspace, Publication& publication,
                     const std::vector<std::unique_ptr<TableWork>>& work) {
  std::vector<StoredLoser> losers;
  WEIRHOUSE_TRY(const std::vector<StoredLoser> before, CurrentLosers(workspace));
  for (const auto& one : work) {
    if (one->stands()) {  // its losers stay as well
      std::copy_if(before.begin(), before.end(), std::back_inserter(losers), [&](const auto& told) {
        return told.table == one->transform().definition.name();
      });
      continue;
    }
    const std::vector<StoredLoser> mine = LosersOf(*one, publication.run().id);
    losers.insert(losers.end(), mine.begin(), mine.end());
  }
  std::vector<StoredLoser> now = transform::LatestLosers(losers);
  const auto same = [](const StoredLoser& a, const StoredLoser& b) { return Said(a) == Said(b); };
  if (std::equal(now.begin(), now.end(), before.begin(), before.end(), same)) return Status();
  return Stage(workspace, publication, losers, "main", /*replace=*/true).status();
}
}  // namespace weirhouse::work

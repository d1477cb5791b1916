// Rows in a trace: the feature rows behind an answer, and the processed rows and raw records behind
// those.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ground/base/status.h"
#include "ground/catalog/catalog.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/plan.h"
#include "rules/transform/upsert/loser_table.h"
#include "work/workspace/tables/expiry.h"
#include "work/workspace/workspace.h"

namespace arrow {
class ChunkedArray;
class Table;
}  // namespace arrow

namespace weirhouse::work {

// The rows of a view's feature table as of a commit.
struct ViewRows {
  std::shared_ptr<arrow::Table> table;
  // False: the snapshot is gone, and rows were not only added since; then these are today's rows.
  bool exact = true;
  std::optional<Expiry> expired;  // how that snapshot went, if it is gone
};
// Reads only files whose event times may reach `event_from`, if that is given. Returns no rows if
// the view, or its table, had none as of `seq`.
Result<ViewRows> ReadViewRows(Workspace& workspace, const feature::ViewPlan& plan, CommitSeq seq,
                              std::optional<std::int64_t> event_from);
// The `_record` of each row of `wanted` (indexes into `rows`); absent if a row has none.
Result<std::vector<std::optional<RecordId>>> RecordsOf(const arrow::Table& table,
                                                       const feature::FeatureRows& rows,
                                                       const std::vector<std::size_t>& wanted);

// ---- Processed rows

struct FoundRow {
  CommitSeq seq;         // the commit that brought it
  nlohmann::json cells;  // declared columns by name
  std::optional<RecordId> record;
};
// Rows of `table` as of `seq` (absent: now) with these `_record`s; if several rows have one record,
// the last by commit. Reads only files whose bounds may hold them.
Result<std::map<std::int64_t, FoundRow>> FindRowsByRecord(Workspace& workspace,
                                                          const std::string& table,
                                                          const std::vector<RecordId>& records,
                                                          std::optional<CommitSeq> seq);
// The records of `records` that have a row in `table` now. Reads one column of the files that may
// hold them.
Result<std::set<std::int64_t>> RecordsPresent(Workspace& workspace, const std::string& table,
                                              const std::vector<RecordId>& records);
// Rows of `table` with these values of the key columns (as text), oldest commit first.
Result<std::vector<FoundRow>> FindRowsByKey(Workspace& workspace, const std::string& table,
                                            const std::vector<std::string>& key_columns,
                                            const std::vector<std::string>& values);

// Current entries of system.losers about `record`, as loser or as winner.
Result<std::vector<transform::StoredLoser>> LosersAround(Workspace& workspace, RecordId record);
}  // namespace weirhouse::work

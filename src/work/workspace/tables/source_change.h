// What changed in a table since those downstream looked last: rows that joined and rows that left.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/iceberg/table.h"
#include "work/workspace/workspace.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::work {

struct SourceChange {
  std::shared_ptr<arrow::Table> rows;  // that joined; null: nothing changed
  std::shared_ptr<arrow::Table> left;  // that left or were replaced; null: none can have
  bool whole = false;                  // `rows` are all rows there are now
  std::string why_whole;               // for the run's record
};

// What a snapshot of a processed table says in its summary where rows left that no row of the same
// key replaced, or where the table was made anew. Those downstream cannot tell it from what joined.
inline constexpr char kChangeSummary[] = "weirhouse.change";
inline constexpr char kRetracted[] = "retracted";
inline constexpr char kMadeAnew[] = "made anew";

struct RowChange {
  std::shared_ptr<arrow::Table> joined;
  std::shared_ptr<arrow::Table> left;
};
// Two states of the same columns: rows that only one of them has, hidden columns counted.
Result<RowChange> ChangeBetween(const std::shared_ptr<arrow::Table>& before,
                                const std::shared_ptr<arrow::Table>& after);

enum class EqualityDeletes : std::uint8_t {
  kNameNoKeys,  // what they deleted is not looked for
  kRead,        // every file that they may touch is read
};
// Rows of `table` as of `now` against those as of `before`, with `columns`, by the files that the
// two do not share and by those whose deletes changed: rows rewritten as they were are in neither.
// `whole` with its reason and no rows where that cannot be told: `before` is not kept any more, or
// equality deletes came, which name no rows.
// Cost: reads the files that changed, both as they were and as they are.
Result<SourceChange> CompareRows(platform::ObjectStore& store, const iceberg::TablePtr& table,
                                 SnapshotId before, SnapshotId now,
                                 const std::vector<std::string>& columns,
                                 EqualityDeletes deletes = EqualityDeletes::kNameNoKeys);

// Rows that joined and left the processed table `source` between two of its snapshots, each with
// all its columns; absent where that cannot be told because `before` is not kept any more. Cost: as
// CompareRows.
Result<std::optional<RowChange>> RowsBetween(Workspace& workspace, const std::string& source,
                                             const std::optional<catalog::SnapshotRecord>& before,
                                             const std::optional<catalog::SnapshotRecord>& now);

// What the commit `seq` changed in `source` for a consumer that stood at the commit `after`.
// `replaced`: the commit put the whole content of what it published anew.
Result<SourceChange> ReadChange(Workspace& workspace, const std::string& source, CommitSeq after,
                                CommitSeq seq, bool replaced);

// `change` of the external table `source` as it can be brought to `follower`, a feature table with
// `row_key` as its key: as it is where each key stands for one row, else as a whole, as of `seq`.
// Of other sources: as it is.
Result<SourceChange> FollowKeys(Workspace& workspace, const std::string& source,
                                const std::string& follower, SourceChange change, CommitSeq seq);
// A follower that was made anew says of its source whether each key stood for one row.
inline constexpr char kUniqueKeysProperty[] = "weirhouse.unique-keys";
Result<bool> HasUniqueKeys(const arrow::Table& rows, const std::vector<std::string>& key);

// `row_key` values (encoded keys of the source) as the key index of a feature table knows them.
Result<std::vector<std::string>> EncodeRowKeys(const std::vector<std::string>& row_keys);

// {"how": "append" | "retractions" | "rebuild", "rows": n, "keys": n, "why": …}
nlohmann::json Describe(const SourceChange& change);
}  // namespace weirhouse::work

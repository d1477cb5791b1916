// What changed in a table since a consumer last read it: rows that joined and rows that left.
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
  std::shared_ptr<arrow::Table> rows;  // rows that joined; null: nothing changed
  std::shared_ptr<arrow::Table> left;  // rows that left or were replaced; null: none can have
  bool whole = false;                  // `rows` are all current rows
  std::string why_whole;               // for the run's record
};

// The summary property of a processed table's snapshot if rows left that no row of the same key
// replaced, or if the table was rebuilt. Consumers cannot tell that from the rows that joined.
inline constexpr char kChangeSummary[] = "weirhouse.change";
inline constexpr char kRetracted[] = "retracted";
inline constexpr char kMadeAnew[] = "made anew";

struct RowChange {
  std::shared_ptr<arrow::Table> joined;
  std::shared_ptr<arrow::Table> left;
};
// The difference between two states with the same columns, hidden columns included.
Result<RowChange> ChangeBetween(const std::shared_ptr<arrow::Table>& before,
                                const std::shared_ptr<arrow::Table>& after);

enum class EqualityDeletes : std::uint8_t {
  kNameNoKeys,  // the rows that they deleted are not looked for
  kRead,        // every file that they may apply to is read
};
// Compares the rows of `table` as of `now` with those as of `before`, in `columns`, by reading the
// files that the two do not share and those whose deletes changed. Rows that were rewritten
// unchanged are in neither result. `whole` with a reason and no rows if the change cannot be told:
// `before` is no longer kept, or equality deletes came, which name no rows. Cost: reads the files
// that changed, in both states.
Result<SourceChange> CompareRows(platform::ObjectStore& store, const iceberg::TablePtr& table,
                                 SnapshotId before, SnapshotId now,
                                 const std::vector<std::string>& columns,
                                 EqualityDeletes deletes = EqualityDeletes::kNameNoKeys);

// Rows that joined and left the processed table `source` between two of its snapshots, with all
// columns; absent if `before` is no longer kept. Cost: as CompareRows.
Result<std::optional<RowChange>> RowsBetween(Workspace& workspace, const std::string& source,
                                             const std::optional<catalog::SnapshotRecord>& before,
                                             const std::optional<catalog::SnapshotRecord>& now);

// The change of the commit `seq` to `source`, for a consumer at the commit `after`. `replaced`: the
// commit replaced the whole content of what it published.
Result<SourceChange> ReadChange(Workspace& workspace, const std::string& source, CommitSeq after,
                                CommitSeq seq, bool replaced);

// `change` of the external table `source` in a form that `follower`, a feature table with `row_key`
// as its key, can take: unchanged if each key stands for one row, else the whole table as of `seq`.
// For other sources it is returned unchanged.
Result<SourceChange> FollowKeys(Workspace& workspace, const std::string& source,
                                const std::string& follower, SourceChange change, CommitSeq seq);
// Recorded with a rebuilt follower: whether each key of its source stood for one row.
inline constexpr char kUniqueKeysProperty[] = "weirhouse.unique-keys";
Result<bool> HasUniqueKeys(const arrow::Table& rows, const std::vector<std::string>& key);

// `row_key` values (encoded keys of the source) in the form of the feature table's key index.
Result<std::vector<std::string>> EncodeRowKeys(const std::vector<std::string>& row_keys);

// {"how": "append" | "retractions" | "rebuild", "rows": n, "keys": n, "why": …}
nlohmann::json Describe(const SourceChange& change);
}  // namespace weirhouse::work

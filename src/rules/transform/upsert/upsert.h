// Which rows of a batch become current, which versions join the history, and what became of every
// record (architecture §6, reliability §3 "Record states").
//
// Per key the row with the greatest (declared order, content digest) wins, whichever arrived first.
// With `order arrival` the later record (by `_record`) wins. Decisions only: nothing is written.
//
// States do not depend on the order of arrival either: they are a function of the multiset of a
// key's records. Of the records with one content, the first is a version and the others are
// duplicates. Of the versions with one declared order, the one with the greatest digest stands and
// the others are conflicts. Of those that stand, the one with the greatest order is processed and
// the others are superseded. So n records of a key with c contents and o orders are n - c
// duplicates, c - o conflicts, o - 1 superseded and 1 processed, however they came.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/digest.h"
#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/catalog/kind.h"
#include "ground/iceberg/index/key_index.h"
#include "ground/iceberg/table.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/transform/check/check.h"
#include "rules/transform/upsert/version_index.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

using catalog::RecordState;

// Deltas: a winner that loses to a later one is taken from processed.
struct StateCounts {
  std::int64_t processed = 0;
  std::int64_t duplicate = 0;
  std::int64_t conflict = 0;
  std::int64_t superseded = 0;
  std::int64_t filtered = 0;
  std::int64_t quarantined = 0;

  std::int64_t total() const {
    return processed + duplicate + conflict + superseded + filtered + quarantined;
  }
  StateCounts& operator+=(const StateCounts& other);
  StateCounts& operator-=(const StateCounts& other);
  friend bool operator==(const StateCounts&, const StateCounts&) = default;
};

// What a losing version is known by: see VersionGroup.
struct LostVersion {
  Digest group;
  Digest content;
  friend auto operator<=>(const LostVersion&, const LostVersion&) = default;
};

// A record that is not current, and the record it lost to: an entry of system.losers.
struct Loser {
  RecordId record;
  RecordState state = RecordState::kDuplicate;
  RecordId winner;
  bool moved = false;  // it came with an earlier batch and had another state until now
  std::optional<LostVersion> version{};  // absent for a duplicate, and with `order arrival`
  friend auto operator<=>(const Loser&, const Loser&) = default;
};

// A row that cannot be kept: the engine quarantines its record. NULL in a key column (WH2112).
struct RejectedRow {
  RecordId record;
  std::int64_t row = 0;  // of the rows given
  std::string column;    // of the key, which is null
};

struct UpsertPlan {
  // Its rows lie in a file, and neither `entries` nor `versions` are told: the indexes are to
  // follow the files that are written (KeyIndex::Refresh, VersionIndex::Refresh).
  bool many = false;
  std::shared_ptr<arrow::Table> current_rows;  // to append to the table, in input order
  std::vector<iceberg::RowPosition> deletes;   // rows of the table that they replace, or that left
  std::vector<std::string> gone;               // keys that have no current row any more
  // The index entry of each of current_rows, `position` still open: see IndexEntries.
  std::vector<std::pair<std::string, iceberg::KeyEntry>> entries;
  std::shared_ptr<arrow::Table> history_rows;  // to append to the history; nullptr without history
  std::vector<iceberg::RowPosition> history_deletes;  // versions that left with their driver's rows
  std::vector<std::string> history_gone;              // their keys
  // The entry of each of history_rows, for an index of a history that has one version per key: of
  // PlanChange alone.
  std::vector<std::pair<std::string, iceberg::KeyEntry>> history_entries;
  VersionChanges versions;  // for VersionIndex::Apply
  // Keys of rows that repeat what is known and have an older record: a chain has them, and an
  // object that is taken back from quarantine. Whoever asked settles these keys (PlanChange).
  std::vector<std::string> older;
  // Records of the rows whose keys were settled anew: `losers` say all that is to say of them.
  std::vector<RecordId> settled_records;
  StateCounts states;         // all zero if the query is not row-wise
  std::vector<Loser> losers;  // by record
  // Instead of `losers`, of rows that are many and are not all there are: in the columns of
  // LoserSchema, in any order, the run still open; may be null.
  std::shared_ptr<arrow::Table> loser_rows;
  std::vector<RejectedRow> rejected;
  // Rows that were rejected when they came, of rows of the driver that left: only a chain has them.
  std::vector<RejectedRow> taken_back;
};

// Rows of `rows` with a null in a key column, each once, ascending.
Result<std::vector<RejectedRow>> RowsWithoutKey(const arrow::Table& rows,
                                                const std::vector<std::string>& key_columns);

// Plans the upsert of `rows` (RunTransform's) against the current rows. `versions` tells repeats
// from new versions; only `order arrival` without history does without (null).
// Both indexes must stand at the main snapshots of their tables (Refresh).
// Cost: one look-up per key, a second one only where a key comes again with another order. 900 rows
// against 340,000: 2.2 ms. Of rows that are many by `scratch`, a piece at a time is in memory, and
// all rows of one key; besides, what lost or is replaced.
Result<UpsertPlan> PlanUpsert(const CheckedTransform& checked, const arrow::Table& rows,
                              iceberg::KeyIndex& current, VersionIndex* versions,
                              const platform::Scratch& scratch = {});

// A version as the history holds it.
struct HistoryRow {
  std::string key;
  std::string order;
  Digest content;
  RecordId record;
  iceberg::RowPosition position;
};
// Keys whose rows are decided anew, because rows of the driver left or may have an older record.
struct SettledKeys {
  std::set<std::string> keys;       // from iceberg::EncodeKeys; none has a null
  std::vector<HistoryRow> history;  // all versions of these keys; empty without history
};
// As PlanUpsert, for a table whose driver may lose rows or bring older records late. `rows` = all rows there are of the keys in
// `settled`, and the new rows of the others. What of a settled key stands and is not among `rows`
// goes; what is the same stays where it is.
Result<UpsertPlan> PlanChange(const CheckedTransform& checked, const arrow::Table& rows,
                              iceberg::KeyIndex& current, VersionIndex* versions,
                              const SettledKeys& settled);

// The same rules over all rows at once, for mode full and `run --full`: `current_rows` and
// `history_rows` are the whole tables. Memory: keys and digests of all rows, or as PlanUpsert.
Result<UpsertPlan> PlanFull(const CheckedTransform& checked, const arrow::Table& rows,
                            const platform::Scratch& scratch = {});

// The index entries of the current rows with their places, once the rows are written.
std::vector<std::pair<std::string, iceberg::KeyEntry>> IndexEntries(
    const UpsertPlan& plan, const iceberg::AppendedRows& appended);

// Driver records that gave no row (WHERE or an inner join dropped them), ascending. Both tables
// have `_record`.
Result<std::vector<RecordId>> FilteredRecords(const arrow::Table& driver_rows,
                                              const arrow::Table& output_rows);

// What the rules look at, one entry per row.
struct RowFacts {
  std::vector<std::string> keys;
  std::vector<std::string> orders;    // all empty if no order columns are declared
  std::vector<Digest> contents;       // of the declared columns
  std::vector<std::int64_t> records;  // -1 where `_record` is null or absent
};
Result<RowFacts> FactsOfRows(const arrow::Table& rows, const std::vector<std::string>& key_columns,
                             const std::vector<std::string>& order_columns);
}  // namespace weirhouse::transform

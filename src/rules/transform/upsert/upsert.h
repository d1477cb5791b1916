// Decides which rows of a batch become current, which versions join the history, and the state of
// every record (ARCHITECTURE.md, section 3).
//
// For each key the row with the greatest (declared order, content digest) wins, whichever arrived
// first. With `order arrival` the later record (by `_record`) wins. Only decides; writes nothing.
//
// States do not depend on the order of arrival either: they are a function of the multiset of a
// key's records. Of the records with one content, the first is a version and the others are
// duplicates. Of the versions with one declared order, the one with the greatest digest wins and
// the others are conflicts. Of those winners, the one with the greatest order is processed and the
// others are superseded. So n records of a key with c contents and o orders are n - c duplicates, c
// - o conflicts, o - 1 superseded and 1 processed, in whatever order they came.
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
#include "ground/iceberg/type/key_encoding.h"
#include "ground/platform/columnar/row_store.h"
#include "rules/transform/check/check.h"
#include "rules/transform/upsert/version_index.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::transform {

using catalog::RecordState;

// Changes of the counts: a former winner that loses is subtracted from processed.
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

// What identifies a version that lost: see VersionGroup.
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
  bool moved = false;  // it came with an earlier batch, with another state until now
  std::optional<LostVersion> version{};  // absent for a duplicate, and with `order arrival`
  friend auto operator<=>(const Loser&, const Loser&) = default;
};

// A row that cannot be kept because a key column is NULL (WH2112): the engine quarantines its
// record.
struct RejectedRow {
  RecordId record;
  std::int64_t row = 0;  // of the rows given
  std::string column;    // the key column that is null
};

// What the rules need of each row.
struct RowFacts {
  iceberg::KeyList keys;
  iceberg::KeyList orders;            // all empty if no order columns are declared
  std::vector<Digest> contents;       // of the declared columns
  std::vector<std::int64_t> records;  // -1 where `_record` is null or absent
};

class ChosenFacts;  // fact_runs.h

struct UpsertPlan {
  // The rows are in a file, and `current_facts` and `versions` are not filled in: `facts` has what
  // the key index needs of each of current_rows, and the version index must read the files that are
  // written (VersionIndex::Refresh).
  bool many = false;
  std::shared_ptr<ChosenFacts> facts;          // null if all rows of the table are planned
  std::shared_ptr<arrow::Table> current_rows;  // to append to the table, in input order
  std::vector<iceberg::RowPosition> deletes;   // rows of the table that are replaced or left
  std::vector<std::string> gone;               // keys without a current row from now on
  RowFacts current_facts;                      // of each of current_rows, for the key index
  std::shared_ptr<arrow::Table> history_rows;  // to append to the history; nullptr without history
  std::vector<iceberg::RowPosition> history_deletes;  // versions that left with their driver's rows
  std::vector<std::string> history_gone;              // their keys
  // Of each of history_rows, for an index of a history with one version for each key; only
  // PlanChange fills it in.
  RowFacts history_facts;
  VersionChanges versions;  // for VersionIndex::Apply
  // Keys of rows that repeat a version and have an older record: a chain has them, and an object
  // that is taken back from quarantine. The caller settles these keys (PlanChange).
  std::vector<std::string> older;
  // Records of the rows whose keys were settled again: `losers` is complete for them.
  std::vector<RecordId> settled_records;
  StateCounts states;         // all zero if the query is not row-wise
  std::vector<Loser> losers;  // by record
  // Used instead of `losers` if there are many, and they are not all of the table's: in the columns
  // of LoserSchema, in any order, without the run; may be null.
  std::shared_ptr<arrow::Table> loser_rows;
  std::vector<RejectedRow> rejected;
  // Rows that were rejected when they came and whose rows of the driver left; only a chain has
  // them.
  std::vector<RejectedRow> taken_back;
};

// Rows of `rows` with a null in a key column, each once, ascending.
Result<std::vector<RejectedRow>> RowsWithoutKey(const arrow::Table& rows,
                                                const std::vector<std::string>& key_columns);

// Plans the upsert of `rows` (from RunTransform) against the current rows. `versions` tells repeats
// from new versions; it may be null only for `order arrival` without history. Both indexes must be
// at the main snapshots of their tables (Refresh). Cost: one look-up for each key, a second one
// only if a key comes again with another order; 900 rows against 340,000: 2.2 ms. If there are many
// rows according to `scratch`, memory holds one piece, all rows of one key, and what lost or is
// replaced.
Result<UpsertPlan> PlanUpsert(const CheckedTransform& checked, const arrow::Table& rows,
                              iceberg::KeyIndex& current, VersionIndex* versions,
                              const platform::Scratch& scratch = {});

// A version in the history.
struct HistoryRow {
  std::string key;
  std::string order;
  Digest content;
  RecordId record;
  iceberg::RowPosition position;
};
// Keys that are decided again because rows of the driver left or may have an older record.
struct SettledKeys {
  iceberg::KeySet keys;             // from iceberg::EncodeKeys; none has a null
  std::vector<HistoryRow> history;  // all versions of these keys; empty without history
};
// As PlanUpsert, for a table whose driver may lose rows or bring older records late. `rows` = all
// rows of the keys in `settled`, and the new rows of other keys. Current rows of a settled key that
// are not among `rows` are removed; equal rows stay where they are.
Result<UpsertPlan> PlanChange(const CheckedTransform& checked, const arrow::Table& rows,
                              iceberg::KeyIndex& current, VersionIndex* versions,
                              const SettledKeys& settled);

// The same rules over all rows at once, for mode full and `run --full`: `current_rows` and
// `history_rows` are whole tables. Memory: keys and digests of all rows, or as PlanUpsert.
Result<UpsertPlan> PlanFull(const CheckedTransform& checked, const arrow::Table& rows,
                            const platform::Scratch& scratch = {});

// Enters rows that were written as `appended`, in the order of `facts`, into an index at `staged`,
// and removes the keys `gone`.
Status EnterRows(iceberg::KeyIndex& index, const iceberg::TablePtr& staged, const RowFacts& facts,
                 const iceberg::AppendedRows& appended, std::span<const std::string> gone);

// Driver records without a row (WHERE or an inner join dropped them), ascending. Both tables have
// `_record`.
Result<std::vector<RecordId>> FilteredRecords(const arrow::Table& driver_rows,
                                              const arrow::Table& output_rows);

Result<RowFacts> FactsOfRows(const arrow::Table& rows, const std::vector<std::string>& key_columns,
                             const std::vector<std::string>& order_columns);
}  // namespace weirhouse::transform

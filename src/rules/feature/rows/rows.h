// Turns rows of a source table into rows of a feature table.
//
// Columns of feature.<view>_v<n>, in order:
//   <entity columns>          as declared
//   event_time   timestamptz  NULL in views without one, and in deletes without one
//   known_time   timestamptz  from when the row counts
//   row_key      binary       iceberg::EncodeKeys of the source's key: versions share it
//   row_digest   binary       32 bytes over the source's declared columns (of a delete: its key)
//   op           int          0 put, 1 delete (a source row whose hidden `_op` is 1)
//   v1_…, v2_…   any          one per distinct row expression, evaluated by DuckDB
//   _record      long         the raw record behind the source row
//   _commit_seq  long         NULL = the commit of the file; written out when runs are merged
// Rows are sorted by (entity, event_time, known_time, row_key, row_digest), NULLs first.
//
// Which rows replace which: a source that keeps history (FeatureView::source_keeps_history) only
// gains rows; its feature table is append-only, and versions of one key are collapsed when read.
// Any other source is an upsert: when a source row is replaced or deleted, its feature row must be
// removed. Its feature table then has row_key as its key: look up the row_key values of new rows,
// and of keys that left the source, in an iceberg::KeyIndex on {"row_key"}, delete the rows found,
// and append (see ReplacedRowKeys).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ground/base/id.h"
#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/contract/contract.h"
#include "rules/feature/kernel/plan.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace weirhouse::feature {

inline constexpr int kRunsBeforeMerge = 16;

// Property of a feature table: the snapshot of its source that its rows come from. Each commit that
// writes the table sets it, so that a view is noticed which the feature consumer's offset has
// passed.
inline constexpr char kSourceSnapshotProperty[] = "weirhouse.source-snapshot";

// The Arrow schema of a view's feature table; give it to iceberg::Schema::FromArrow.
std::shared_ptr<arrow::Schema> FeatureTableSchema(const ViewPlan& plan);
// Its sort columns, for the table's declared order.
std::vector<std::string> FeatureSortColumns(const ViewPlan& plan);
// Columns best written as deltas.
std::vector<std::string> FeatureDeltaColumns();

// Evaluates row expressions over `source` and returns sorted feature rows (without `_commit_seq`,
// which is the file's). `source` has the declared columns and, if the source has them, `_record`,
// `_ingested_at`, `_op`; `key_columns` are the source table's key. Equal rows give equal bytes.
// Errors: WH4006, WH4015 (a column is missing, or a row has no event or known time).
Result<std::shared_ptr<arrow::Table>> BuildFeatureRows(const ViewPlan& plan,
                                                       const std::shared_ptr<arrow::Table>& source,
                                                       const std::vector<std::string>& key_columns,
                                                       platform::SqlSession& session);

// A source row that no feature row can be made of.
struct LeftOutRow {
  std::int64_t record = -1;  // -1: it comes from no single record
  contract::ViolationKind kind = contract::ViolationKind::kFeatureSqlFails;  // or kMissingTime
  std::string place;       // "features/f.yaml:3:5", or the column that is null
  std::string expression;  // the expression that fails, as written
  std::string found;       // the engine's message
  std::string row_key;     // its key, encoded by iceberg::EncodeKeys
};
// The same for the rows that feature rows can be made of; adds the others to `left_out`. Whether a
// row is one of them depends only on the row and the view. Cost: as BuildFeatureRows if that
// succeeds. Otherwise two more runs, a query for each part of a failing expression and up to 100
// queries over one row for each such part; about 2 log2(rows between them) for each row that fails
// in a way which only a run shows (a function that may not be tried).
Result<std::shared_ptr<arrow::Table>> BuildGoodFeatureRows(
    const ViewPlan& plan, const std::shared_ptr<arrow::Table>& source,
    const std::vector<std::string>& key_columns, platform::SqlSession& session,
    std::vector<LeftOutRow>& left_out);

// The row_key values of `feature_rows`: the rows that they replace if the source is an upsert.
Result<std::vector<std::string>> ReplacedRowKeys(const arrow::Table& feature_rows);

// One sorted run of a feature table: the rows that one commit added.
struct FeatureRun {
  std::shared_ptr<arrow::Table> rows;
  CommitSeq commit_seq;
};
// Merges runs into one, sorted, each row with its `_commit_seq`. Merge when a table has
// kRunsBeforeMerge runs of one size class, so that a row is rewritten log16(n) times.
Result<std::shared_ptr<arrow::Table>> MergeRuns(const ViewPlan& plan,
                                                const std::vector<FeatureRun>& runs);
}  // namespace weirhouse::feature

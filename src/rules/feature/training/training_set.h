// Training sets: each spine row with every feature as it was known at that row's time.
//
// One output row for each spine row, including duplicates and NULL keys. Rows are in canonical
// order (by time, then by all spine columns in their order), so that equal spines give equal bytes
// in whatever order they came; `keep_input_order` leaves them in the given order. The split cuts
// the canonical order by exact percentages: the first floor(n × share) rows train, and so on. Rows
// of one time stay together, in the part of the first of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ground/base/random.h"
#include "ground/base/status.h"
#include "ground/platform/sql/sql.h"
#include "rules/feature/definition/definition.h"
#include "rules/feature/kernel/feature_pieces.h"
#include "rules/feature/kernel/plan.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// The name of the column that distinguishes train, valid and test.
inline constexpr const char* kSplitColumn = "split";

// Returns the rows of a view's feature table (any number of runs concatenated, in any order).
using FeatureProvider =
    std::function<Result<std::shared_ptr<arrow::Table>>(const FeatureView& view)>;

// Returns the same rows in pieces.
using PiecesProvider =
    std::function<Result<std::shared_ptr<const FeaturePieces>>(const FeatureView& view)>;

struct TrainingSetOptions {
  int threads = 2;  // the result does not depend on it
  bool keep_input_order = false;
  bool with_status = false;  // appends "<feature>.status" for each feature
  // Where set, views of which only latest, last and seconds_since_last are selected are read in
  // pieces by it, and the FeatureProvider is not asked for them.
  PiecesProvider pieces{};
};

struct TrainingSetResult {
  // Spine columns, then "<view>.<column>" per feature in the definition's order, then the split.
  std::shared_ptr<arrow::Table> rows;
  std::vector<std::string> feature_columns;
};

// Checks that a spine with `columns` can be joined with `selected`: no name occurs twice, also not
// as a feature or the split. Names that differ only in case are equal. Errors: WH4008, at the
// spine.
Status CheckSpineNames(const TrainingSetDefinition& definition,
                       const std::vector<SelectedView>& selected,
                       const std::vector<std::string>& columns);

// The same for a spine with the columns and types of `spine`, and that it has what the set needs:
// its time, known time and label, and the entities and request fields of the views. Errors: WH4008,
// at the spine.
Status CheckSpine(const TrainingSetDefinition& definition,
                  const std::vector<SelectedView>& selected,
                  const std::shared_ptr<arrow::Schema>& spine, platform::SqlSession& session);

// Joins `spine` (the definition's SQL, already evaluated) with the features that the definition
// selects from `views`. Request views are computed through `session`, which may be null if there
// are none. Cost and memory of a view of which only latest, last and seconds_since_last are selected:
// see latest_columns.h; of any other about 1 µs for each row, and one view's rows. Errors: WH4008 (the spine lacks a column, has one of the wrong type,
// or a row without time), WH4009, WH4012, and those of the provider.
Result<TrainingSetResult> BuildTrainingSet(const TrainingSetDefinition& definition,
                                           const std::vector<FeatureView>& views,
                                           std::shared_ptr<arrow::Table> spine,
                                           const FeatureProvider& provider,
                                           platform::SqlSession* session,
                                           const TrainingSetOptions& options = {});

// Joins any table of labels with the selected views, for point-in-time look-ups: as
// BuildTrainingSet without a split and in input order.
Result<TrainingSetResult> PointInTime(const TrainingSetDefinition& definition,
                                      const std::vector<FeatureView>& views,
                                      std::shared_ptr<arrow::Table> spine,
                                      const FeatureProvider& provider,
                                      platform::SqlSession* session);

struct NaiveReport {
  std::int64_t rows = 0;
  std::int64_t values = 0;
  std::int64_t differing = 0;
  std::vector<std::string> first;  // up to 10 differences, for people
};
// Computes `sample` rows of a built training set again with the naive interpreter
// (rules/feature/oracle/naive.h) and counts the values whose bits differ. Request views are
// skipped: DuckDB is their only definition.
Result<NaiveReport> NaiveCheck(const TrainingSetDefinition& definition,
                               const std::vector<FeatureView>& views,
                               const TrainingSetResult& built, const FeatureProvider& provider,
                               std::int64_t sample, Random& random);
}  // namespace weirhouse::feature

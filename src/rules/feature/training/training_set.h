// Training sets: each spine row with every feature as it was known at that row's time.
//
// One row out per spine row, duplicates and NULL keys included. Rows come out in canonical order —
// by time, then by all spine columns in their order — so that equal spines give equal bytes in
// whatever order they came; `keep_input_order` leaves them as they are. The split cuts the
// canonical order by the exact percentages: the first floor(n × share) rows train, and so on. Rows
// of one time are never cut apart: all go with the first of them.
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
#include "rules/feature/kernel/plan.h"

namespace arrow {
class Table;
}  // namespace arrow

namespace weirhouse::feature {

// The name of the column that tells train, valid and test apart.
inline constexpr const char* kSplitColumn = "split";

// Yields the rows of a view's feature table (any number of runs put together, in any order).
using FeatureProvider =
    std::function<Result<std::shared_ptr<arrow::Table>>(const FeatureView& view)>;

struct TrainingSetOptions {
  int threads = 2;  // the bytes do not depend on it
  bool keep_input_order = false;
  bool with_status = false;  // adds "<feature>.status" per feature, at the end
};

struct TrainingSetResult {
  // Spine columns, then "<view>.<column>" per feature in the definition's order, then the split.
  std::shared_ptr<arrow::Table> rows;
  std::vector<std::string> feature_columns;
};

// Whether a spine with `columns` can be joined with `selected`: no column is named twice, or as a
// feature or the split. Names that differ in upper and lower case alone are equal.
// Errors: WH4008, at the spine.
Status CheckSpineNames(const TrainingSetDefinition& definition,
                       const std::vector<SelectedView>& selected,
                       const std::vector<std::string>& columns);

// The same of a spine whose columns and types are those of `spine`, and whether it has what the set
// asks for: its time, known time and label, and the entities and request fields of the views.
// Errors: WH4008, at the spine.
Status CheckSpine(const TrainingSetDefinition& definition,
                  const std::vector<SelectedView>& selected,
                  const std::shared_ptr<arrow::Schema>& spine, platform::SqlSession& session);

// Joins `spine` (the definition's SQL, already evaluated) with the features that the definition
// selects from `views`. Views of the request are computed through `session`, which may be null if
// there are none. Cost: about 1 µs a row and view; memory: the result, one view's rows and about
// 40 bytes a spine row. Errors: WH4008 (the spine lacks a column, has one of the wrong type, or a
// row without time), WH4009, WH4012, and what the provider says.
Result<TrainingSetResult> BuildTrainingSet(const TrainingSetDefinition& definition,
                                           const std::vector<FeatureView>& views,
                                           std::shared_ptr<arrow::Table> spine,
                                           const FeatureProvider& provider,
                                           platform::SqlSession* session,
                                           const TrainingSetOptions& options = {});

// Joins any frame of labels with the selected views, for point-in-time look-ups: as
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
// Re-derives `sample` rows of a built training set by the naive interpreter
// (rules/feature/oracle/naive.h) and counts the values whose bits differ. Views of the request are
// not re-derived: DuckDB is their only definition.
Result<NaiveReport> NaiveCheck(const TrainingSetDefinition& definition,
                               const std::vector<FeatureView>& views,
                               const TrainingSetResult& built, const FeatureProvider& provider,
                               std::int64_t sample, Random& random);
}  // namespace weirhouse::feature

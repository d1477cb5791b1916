// The rules of an answer about one entity (kernel.h: chosen, status) once the rows that count are
// known. They do not depend on how rows were traversed: every way to compute features ends here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/plan.h"

namespace weirhouse::feature {

// Refers to the plan and to the rows. Threads: one.
class EntityRules {
 public:
  // One past the index of a row; the entity's first row means none.
  using RowEnd = std::size_t;

  EntityRules(const ViewPlan& plan, const EntityRowsView& rows)
      : plan_(&plan), rows_(rows.rows), begin_(rows.begin), end_(rows.end) {}

  // The status of a value for which no row at or before event time `high` stands at `known`.
  FeatureStatus ExplainAbsence(std::int64_t known, std::int64_t high);
  // The answer of an output without a window, whose greatest row is before `chosen`. `label.known`
  // is that of KnownAt.
  void AnswerUnwindowed(const PlannedOutput& output, RowEnd chosen, Label label, Cell* cell);
  // The answer of `last` and seconds_since_last over a window: `newest` as above over all of the
  // past, `any`: it lies in the window.
  void AnswerNewest(const PlannedOutput& output, RowEnd newest, bool any, Label label, Cell* cell);
  // The status of a window without values.
  FeatureStatus AbsentValue(RowEnd newest, Label label);

 private:
  bool DeleteHidOne(std::int64_t known);
  FeatureStatus FindAbsence(std::int64_t known, std::int64_t high);
  void TakeValue(const PlannedOutput& output, std::size_t row, std::int64_t at, Cell* cell) const;

  const ViewPlan* plan_;
  const FeatureRows* rows_;
  std::size_t begin_;
  std::size_t end_;
  std::optional<std::vector<std::size_t>> deletes_;  // delete rows, looked up when first needed
  // The last absence explained: the outputs of a label ask the same.
  std::optional<FeatureStatus> absence_;
  std::int64_t absence_known_ = 0;
  std::int64_t absence_high_ = 0;
};
}  // namespace weirhouse::feature

// The rows behind an answer of the kernel, by the kernel's own rule (visibility.h), for traces.
// Tested against the kernel itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/kernel.h"
#include "rules/feature/kernel/plan.h"

namespace weirhouse::feature {

// Outputs of a view that come from the same rows: a window, or the one row that was chosen.
struct ContributingRows {
  std::optional<std::size_t> window;  // index into ViewPlan::windows_us; absent: not windowed
  bool chosen = false;                // one row was chosen: the newest that counts
  std::int64_t from = 0;              // event times that count, both ends included
  std::int64_t to = 0;
  std::vector<std::size_t> outputs;  // indexes into ViewPlan::outputs
  std::vector<std::size_t> rows;     // indexes into FeatureRows, newest first
};
// Groups `outputs` (indexes into ViewPlan::outputs) of one entity at `label`: short windows first,
// outputs without a window last. Cost: reads the entity's rows back to the start of the longest
// window.
std::vector<ContributingRows> FindContributingRows(const ViewPlan& plan, const EntityRowsView& rows,
                                                   Label label,
                                                   const std::vector<std::size_t>& outputs);
}  // namespace weirhouse::feature

// The kernel: the only code that computes a feature, offline and online.
//
// Semantics (worked examples: kernel_test.cc):
//   known     rows with known time <= k, whatever their event time
//   collapse  per table key the version with the greatest (known time, content digest) stays; if
//             that is a delete, the key is hidden
//   range     event time <= t for `latest`; [t - w, t) for windows, (t - w, t] if the view says so;
//             aggregates without a window (last, seconds_since_last) end where windows end
//   chosen    the greatest (event time, known time, table key, digest)
//   status    of `latest` and its kin: not_found, not_yet_known, expired (older than ttl), null,
//             present. A count is always present. Other aggregates of an empty window, or of NULLs
//             alone, are NULL: `null` if the entity has an older row, else as above.
// Aggregates ignore NULL as SQL does; `last` and `latest` do not look back past one. min and max
// order NaN above +infinity and give zero as +0.0. Decimals are summed as they are written and
// rounded once, to a number; so are those that min, max, last and latest choose.
//
// Evaluate and EvaluateMany share every step except where they begin to read, and their sums are
// exact, so their results agree bit for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/plan.h"
#include "rules/feature/value/value.h"

namespace weirhouse::feature {

// The point of a question: t, and k = what was known (kLatest: everything).
struct Label {
  std::int64_t at = 0;
  std::int64_t known = 0;
};

// One answer. Valid while the rows live.
struct Cell {
  FeatureStatus status = FeatureStatus::kNotFound;
  ValueType type = ValueType::kInt64;
  std::uint64_t bits = 0;  // as in ValueColumn; meaningful only if present
  std::string_view text;
  bool has_event_time = false;
  std::int64_t event_time = 0;  // of the chosen row, or of the newest row in the window

  Value ToValue() const;  // NULL unless present
};

// Computes every output of `plan` for one entity at one label. `cells` has plan.outputs.size()
// elements. Cost: rows in the longest window. Error WH4012: an integer sum does not fit 64 bits.
Status Evaluate(const ViewPlan& plan, const EntityRowsView& rows, Label label,
                std::span<Cell> cells);

// Computes many labels of one entity, which must ascend in `at`. Calls `take` once for each label,
// in order; the cells are valid during the call. Cost: amortised O(log n) for each row and window,
// if `known` never decreases; otherwise that of Evaluate for each label.
Status EvaluateMany(const ViewPlan& plan, const EntityRowsView& rows, std::span<const Label> labels,
                    const std::function<void(std::size_t, std::span<const Cell>)>& take);
}  // namespace weirhouse::feature

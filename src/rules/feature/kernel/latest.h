// The rows that `latest` and its kin choose for many labels, from a feature table in pieces.
//
// What it chooses is what Evaluate chooses (kernel.h): among the rows of the label's entity that are
// known, stand, and do not lie after the label, the greatest. It reads entities and times of the
// pieces that can matter, and holds one piece for each thread; what the chosen rows hold is read
// later, of those rows' pieces alone.
#pragma once

#include <cstdint>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/kernel/feature_pieces.h"
#include "rules/feature/kernel/hidden_versions.h"
#include "rules/feature/kernel/label_order.h"
#include "rules/feature/kernel/plan.h"

namespace weirhouse::feature {

// Whether the row behind every one of `outputs` (indexes into OutputColumnsOf(view)) is a chosen one,
// not a sum over many: latest, last and seconds_since_last, with a window or without.
bool ChoosesRows(const FeatureView& view, const std::vector<std::size_t>& outputs);

// Where the rows that an output may choose lie for a label at `at`.
struct ChoiceRange {
  bool at_included = true;  // the row may lie at `at` itself
  std::int64_t High(std::int64_t at) const;
};
ChoiceRange RangeOf(const ViewPlan& plan, const PlannedOutput& output);
// The event time before which a chosen row counts for nothing: it is expired, or before the window.
std::int64_t LowOf(const ViewPlan& plan, const PlannedOutput& output, std::int64_t at);

inline constexpr std::uint32_t kNoPiece = std::numeric_limits<std::uint32_t>::max();

// By label, in the order of LabelOrder.
struct ChosenRows {
  std::vector<std::uint32_t> piece;  // kNoPiece: none
  std::vector<std::uint32_t> row;
  std::vector<std::int64_t> event_time;
  std::vector<std::int64_t> known_time;
};

// Chooses for each label. `low_at` is the least event time that matters to anyone: rows before it
// may be left out (kTimeless: none is). Cost: about 20 ns a row; memory: 24 bytes a label. Errors:
// those of the pieces, WH4015.
Result<ChosenRows> ChooseRows(const ViewPlan& plan, const FeaturePieces& pieces,
                              const std::vector<std::vector<HiddenVersion>>& hidden,
                              const LabelOrder& labels, ChoiceRange range, std::int64_t low_at,
                              int threads);
}  // namespace weirhouse::feature

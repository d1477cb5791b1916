// The rows that `latest` and its kin choose for many labels, from a feature table in pieces.
//
// What it chooses is what Evaluate chooses (kernel.h): among the rows of the label's entity that are
// known, stand, and do not lie after the label, the greatest. It reads entities and times of the
// pieces that can matter, and holds one piece for each thread; what the chosen rows hold is read
// later, of those rows' pieces alone.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "ground/base/status.h"
#include "rules/feature/join/feature_pieces.h"
#include "rules/feature/join/hidden_versions.h"
#include "rules/feature/join/label_order.h"
#include "rules/feature/kernel/plan.h"

namespace weirhouse::feature {

// Whether the row behind every one of `outputs` (indexes into OutputColumnsOf(view)) is a chosen one,
// not a sum over many: latest, last and seconds_since_last, with a window or without.
bool ChoosesRows(const FeatureView& view, const std::vector<std::size_t>& outputs);

// Where the rows that outputs may choose lie for a label at `at`.
struct ChoiceRange {
  bool at_included = true;  // the row may lie at `at` itself
  // A row further back is expired, or lies before the window, and counts for nothing; absent: none
  // is. It may be chosen all the same.
  std::optional<std::int64_t> look_back_us;

  std::int64_t High(std::int64_t at) const;
  std::int64_t Low(std::int64_t at) const;
};
ChoiceRange RangeOf(const ViewPlan& plan, const PlannedOutput& output);
// The event time before which a chosen row counts for nothing.
std::int64_t LowOf(const ViewPlan& plan, const PlannedOutput& output, std::int64_t at);

inline constexpr std::uint32_t kNoPiece = std::numeric_limits<std::uint32_t>::max();

struct ChosenRow {
  std::int64_t event_time = std::numeric_limits<std::int64_t>::min();
  std::int64_t known_time = std::numeric_limits<std::int64_t>::min();
  std::uint32_t piece = kNoPiece;  // kNoPiece: none
  std::uint32_t row = 0;
};

// Chooses for each label, in the order of LabelOrder; where the row to choose lies further back than `range` looks, that row or
// none. Cost: about 20 ns a row; memory: 24 bytes a label. Errors: those of the pieces, WH4015.
Result<std::vector<ChosenRow>> ChooseRows(const ViewPlan& plan, const FeaturePieces& pieces,
                                          const std::vector<std::vector<HiddenVersion>>& hidden,
                                          const LabelOrder& labels, ChoiceRange range, int threads);
}  // namespace weirhouse::feature

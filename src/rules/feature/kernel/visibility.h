// Which rows a question can see: the part of the kernel's semantics (kernel.h: known, collapse,
// range) that does not depend on how rows are traversed. Used by the sweep and by the look-up of
// contributing rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "rules/feature/kernel/feature_rows.h"
#include "rules/feature/kernel/plan.h"

namespace weirhouse::feature {

// a - b for b > 0; kTimeless if that is below the least time.
inline std::int64_t MinusTime(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  return __builtin_sub_overflow(a, b, &difference) ? kTimeless : difference;
}

// The k of a question that is given `known`.
inline std::int64_t KnownAt(const FeatureView& view, std::int64_t known) {
  return view.as_of_latest ? kLatest : std::min(known, kLatest);
}

// The first and the last event time in a window that ends at `at`, both included.
inline std::int64_t WindowLow(const FeatureView& view, std::int64_t at, std::int64_t window_us) {
  return MinusTime(at, window_us) + (view.closed_end ? 1 : 0);
}
inline std::int64_t WindowHigh(const FeatureView& view, std::int64_t at) {
  return view.closed_end ? at : MinusTime(at, 1);
}

// Known, not hidden, not a delete: the collapse, as an interval on the known axis.
inline bool StandsAt(const FeatureRows& rows, std::size_t row, std::int64_t known) {
  return rows.known_time[row] <= known && known < rows.hidden_at[row] && rows.deleted[row] == 0;
}
}  // namespace weirhouse::feature

// Which published runs a check is judged against.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "ground/base/time.h"
#include "rules/gate/definition/definition.h"
#include "rules/gate/history/profile.h"

namespace weirhouse::gate {

struct WindowRuns {
  enum class State : std::uint8_t {
    kReady,
    kWarming,  // the window has not held as many as needed since the warm-up began
    kMissing,  // it once did, and does not now
  };
  State state = State::kWarming;
  int needed = 1;
  std::vector<const PublishedBatch*> runs;  // in the window, oldest first
};

// Runs of `history` in the window before `batch_end`, among those that `counts` (a run without the
// profile of a column is no history for it). A span includes its oldest end and leaves out
// `batch_end` itself; `same_weekday_4w` are the runs whose batch covers the day 7, 14, 21, 28 days
// before (the nearest in time of day, if several do).
// Whether a window has been full is asked of its own slot (the same weekday or hour) and from the
// last run on that restarts the warm-up.
WindowRuns RunsInWindow(const Window& window, std::span<const PublishedBatch> history,
                        EventTime batch_end, int needed,
                        const std::function<bool(const PublishedBatch&)>& counts);

// Whether both ends ask for the same runs of the past, of the same weekday or hour; always, for a
// span.
bool IsSameSlot(const Window& window, EventTime a, EventTime b);
}  // namespace weirhouse::gate

#include "gate/history.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace weirhouse::gate {
namespace {
constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kDayUs = 24 * kHourUs;

using Runs = std::vector<const PublishedBatch*>;

// The number of the day or hour that a batch covers: a batch that ends at midnight is of the day
// before.
std::int64_t SlotOf(std::int64_t end_us, std::int64_t slot_us) {
  const std::int64_t last = end_us - 1;
  return last >= 0 ? last / slot_us : (last + 1) / slot_us - 1;
}

struct Cadence {
  std::int64_t slot_us;    // what a batch must cover to be the same
  std::int64_t period_us;  // from one to the next
};
Cadence CadenceOf(const Window& window) {
  if (window.kind == Window::Kind::kSameWeekday) return {kDayUs, 7 * kDayUs};
  return {kHourUs, kDayUs};
}

// `sorted` by end. The run of the same slot that ends nearest to `wanted_us`.
const PublishedBatch* Nearest(const Runs& sorted, std::int64_t wanted_us, std::int64_t slot_us) {
  const std::int64_t slot = SlotOf(wanted_us, slot_us);
  const auto first = std::partition_point(sorted.begin(), sorted.end(), [&](const auto* run) {
    return SlotOf(Micros(run->batch_end), slot_us) < slot;
  });
  const PublishedBatch* nearest = nullptr;
  for (auto at = first; at != sorted.end(); ++at) {
    if (SlotOf(Micros((*at)->batch_end), slot_us) != slot) break;
    if (nearest == nullptr || std::llabs(Micros((*at)->batch_end) - wanted_us) <
                                  std::llabs(Micros(nearest->batch_end) - wanted_us)) {
      nearest = *at;
    }
  }
  return nearest;
}

// The window as it stands at `end_us`.
Runs Select(const Window& window, const Runs& sorted, std::int64_t end_us) {
  Runs runs;
  if (window.kind == Window::Kind::kSpan) {
    for (const PublishedBatch* run : sorted) {
      const std::int64_t end = Micros(run->batch_end);
      if (end >= end_us - window.span_us && end < end_us) runs.push_back(run);
    }
    return runs;
  }
  const Cadence cadence = CadenceOf(window);
  for (int i = window.count; i >= 1; --i) {
    const PublishedBatch* run = Nearest(sorted, end_us - i * cadence.period_us, cadence.slot_us);
    if (run != nullptr) runs.push_back(run);
  }
  return runs;
}

// Whether the window held `needed` runs at some time up to `end_us`.
bool WasFull(const Window& window, const Runs& sorted, std::int64_t end_us, std::size_t needed) {
  if (window.kind == Window::Kind::kSpan) {
    for (std::size_t i = 0; i + needed <= sorted.size(); ++i) {
      const std::int64_t newest = Micros(sorted[i + needed - 1]->batch_end);
      if (newest - Micros(sorted[i]->batch_end) < window.span_us) return true;
    }
    return false;
  }
  const Cadence cadence = CadenceOf(window);
  for (const PublishedBatch* run : sorted) {
    for (int i = 1; i <= window.count; ++i) {
      const std::int64_t then = Micros(run->batch_end) + i * cadence.period_us;
      if (then <= end_us && Select(window, sorted, then).size() >= needed) return true;
    }
  }
  return false;
}
}  // namespace

WindowRuns RunsInWindow(const Window& window, std::span<const PublishedBatch> history,
                        EventTime batch_end, int needed,
                        const std::function<bool(const PublishedBatch&)>& counts) {
  Runs sorted;
  for (const PublishedBatch& run : history) {
    if (run.batch_end < batch_end && counts(run)) sorted.push_back(&run);
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
    return std::tie(a->batch_end, a->batch) < std::tie(b->batch_end, b->batch);
  });
  WindowRuns found;
  found.runs = Select(window, sorted, Micros(batch_end));
  const auto enough = static_cast<std::size_t>(std::max(needed, 1));
  if (found.runs.size() >= enough) {
    found.state = WindowRuns::State::kReady;
  } else if (WasFull(window, sorted, Micros(batch_end), enough)) {
    found.state = WindowRuns::State::kMissing;
  }
  return found;
}
}  // namespace weirhouse::gate

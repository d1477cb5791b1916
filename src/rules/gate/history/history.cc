#include "rules/gate/history/history.h"

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

// Whether the window of this slot held `needed` runs at some time up to `end_us` and not before
// `restart_us`.
bool WasFull(const Window& window, const Runs& sorted, std::int64_t end_us, std::size_t needed,
             std::int64_t restart_us) {
  if (window.kind == Window::Kind::kSpan) {
    // A window that held enough had a newest run, and the oldest of the `needed` up to it.
    for (std::size_t i = sorted.size(); i >= needed; --i) {
      const std::int64_t newest = Micros(sorted[i - 1]->batch_end);
      if (newest < restart_us) return false;
      if (newest - Micros(sorted[i - needed]->batch_end) < window.span_us) return true;
    }
    return false;
  }
  if (sorted.empty()) return false;
  const std::int64_t from_us = std::max(Micros(sorted.front()->batch_end), restart_us);
  const Cadence cadence = CadenceOf(window);
  for (std::int64_t then = end_us - cadence.period_us; then > from_us; then -= cadence.period_us) {
    if (Select(window, sorted, then).size() >= needed) return true;
  }
  return false;
}

Runs SortedByEnd(Runs runs) {
  // Stable: what was published first stays first among batches that end together.
  std::stable_sort(runs.begin(), runs.end(), [](const auto* a, const auto* b) {
    return std::tie(a->batch_end, a->batch) < std::tie(b->batch_end, b->batch);
  });
  return runs;
}
}  // namespace

bool IsSameSlot(const Window& window, EventTime a, EventTime b) {
  if (window.kind == Window::Kind::kSpan) return true;
  const Cadence cadence = CadenceOf(window);
  const std::int64_t slots =
      SlotOf(Micros(a), cadence.slot_us) - SlotOf(Micros(b), cadence.slot_us);
  return slots % (cadence.period_us / cadence.slot_us) == 0;
}

WindowRuns RunsInWindow(const Window& window, std::span<const PublishedBatch> history,
                        EventTime batch_end, int needed,
                        const std::function<bool(const PublishedBatch&)>& counts) {
  const std::int64_t end_us = Micros(batch_end);
  const std::int64_t oldest_us =
      end_us < INT64_MIN + window.span_us ? INT64_MIN : end_us - window.span_us;
  Runs near;
  for (const PublishedBatch& run : history) {
    const bool inside = Micros(run.batch_end) >= oldest_us && run.batch_end < batch_end;
    if (inside && counts(run)) near.push_back(&run);
  }
  WindowRuns found;
  found.runs = Select(window, SortedByEnd(std::move(near)), end_us);
  found.needed = std::max(needed, 1);
  const auto enough = static_cast<std::size_t>(found.needed);
  if (found.runs.size() >= enough) {
    found.state = WindowRuns::State::kReady;
    return found;
  }
  Runs all;
  std::int64_t restart_us = INT64_MIN;
  for (const PublishedBatch& run : history) {
    if (run.batch_end >= batch_end) continue;
    if (run.restarts_warmup) restart_us = std::max(restart_us, Micros(run.batch_end));
    if (counts(run)) all.push_back(&run);
  }
  const Runs sorted = SortedByEnd(std::move(all));
  if (WasFull(window, sorted, end_us, enough, restart_us)) {
    found.state = WindowRuns::State::kMissing;
  }
  return found;
}
}  // namespace weirhouse::gate

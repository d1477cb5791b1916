#include "rules/feature/kernel/contributing_rows.h"

#include <algorithm>
#include <utility>

#include "rules/feature/kernel/visibility.h"

namespace weirhouse::feature {
namespace {
// The rows that count for `group`, newest first.
void FillRows(const EntityRowsView& view, std::int64_t known, ContributingRows& group) {
  const FeatureRows& rows = *view.rows;
  for (std::size_t row = view.end; row-- > view.begin;) {
    if (rows.event_time[row] > group.to) continue;
    if (rows.event_time[row] < group.from) break;
    if (!StandsAt(rows, row, known)) continue;
    group.rows.push_back(row);
    if (group.chosen) break;
  }
}

std::size_t WindowlessLast(const ContributingRows& group) {
  return group.window ? *group.window : static_cast<std::size_t>(-1);
}
}  // namespace

std::vector<ContributingRows> FindContributingRows(const ViewPlan& plan, const EntityRowsView& rows,
                                                   Label label,
                                                   const std::vector<std::size_t>& outputs) {
  std::vector<ContributingRows> groups;
  for (const std::size_t index : outputs) {
    const PlannedOutput& output = plan.outputs[index];
    ContributingRows group;
    group.window = output.window;
    group.chosen = !output.window || output.aggregate == Aggregate::kLast;
    group.to = output.aggregate == Aggregate::kLatest ? label.at : WindowHigh(plan.view, label.at);
    group.from =
        output.window ? WindowLow(plan.view, label.at, plan.windows_us[*output.window]) : kTimeless;
    const auto same =
        std::find_if(groups.begin(), groups.end(), [&](const ContributingRows& other) {
          return other.window == group.window && other.chosen == group.chosen &&
                 other.to == group.to;
        });
    if (same != groups.end()) {
      same->outputs.push_back(index);
      continue;
    }
    group.outputs.push_back(index);
    groups.push_back(std::move(group));
  }
  const std::int64_t known = KnownAt(plan.view, label.known);
  for (ContributingRows& group : groups) FillRows(rows, known, group);
  std::stable_sort(
      groups.begin(), groups.end(), [](const ContributingRows& a, const ContributingRows& b) {
        return std::pair(WindowlessLast(a), a.chosen) < std::pair(WindowlessLast(b), b.chosen);
      });
  return groups;
}
}  // namespace weirhouse::feature

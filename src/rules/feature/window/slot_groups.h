// The slots of a plan by what their windows have in common: a shorter window's rows are also in a
// longer one, since all of them end at t.
#pragma once

#include <cstddef>
#include <vector>

#include "rules/feature/kernel/plan.h"

namespace weirhouse::feature {

struct SlotGroup {
  Slot::Kind kind = Slot::Kind::kRows;
  std::size_t expression = 0;
  std::size_t longest = 0;  // index into ViewPlan::windows_us
};

struct SlotGroups {
  std::vector<SlotGroup> groups;
  std::vector<std::size_t> of_slot;  // by ViewPlan::slots
};

// Cost: linear in the slots.
inline SlotGroups GroupSlots(const ViewPlan& plan) {
  constexpr std::size_t kKinds = static_cast<std::size_t>(Slot::Kind::kOrdered) + 1;
  SlotGroups result;
  result.of_slot.reserve(plan.slots.size());
  std::vector<std::size_t> known(kKinds * (plan.expressions.size() + 1), plan.slots.size());
  for (const Slot& slot : plan.slots) {
    std::size_t& group = known[slot.expression * kKinds + static_cast<std::size_t>(slot.kind)];
    if (group == plan.slots.size()) {
      group = result.groups.size();
      result.groups.push_back({slot.kind, slot.expression, slot.window});
    }
    SlotGroup& same = result.groups[group];
    if (slot.window > same.longest) same.longest = slot.window;
    result.of_slot.push_back(group);
  }
  return result;
}
}  // namespace weirhouse::feature

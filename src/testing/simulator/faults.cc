#include "testing/simulator/faults.h"

namespace weirhouse::simulator {

std::string_view FaultName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kNone:
      return "no fault";
    case FaultKind::kFailOnce:
      return "fails once";
    case FaultKind::kFailsOn:
      return "fails from then on";
    case FaultKind::kKill:
      return "kill";
    case FaultKind::kPowerLoss:
      return "power loss";
  }
  return "?";
}

Fate Faults::Call() {
  ++calls_;
  if (kind_ == FaultKind::kNone) return Fate::kGoes;
  if (fired_) return refuses_all() ? Fate::kRefused : Fate::kGoes;
  if (--left_ > 0) return Fate::kGoes;
  fired_ = true;
  if (dead() && on_death_) on_death_();
  return random_.Below(2) == 0 ? Fate::kRefused : Fate::kDoneRefused;
}
}  // namespace weirhouse::simulator

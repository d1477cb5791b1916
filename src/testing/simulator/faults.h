// Faults of a simulated life: the N-th call to the disk or the database fails, once or from then
// on, or the process dies there.
//
// All calls of a life to either share one counter, so that a number identifies one moment of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "ground/base/random.h"

namespace weirhouse::simulator {

enum class FaultKind : std::uint8_t {
  kNone,
  kFailOnce,   // the call is refused, the next one is not
  kFailsOn,    // and every call after it: a disk that is full, or gone
  kKill,       // the process ends there; what was written stays, as after `kill -9`
  kPowerLoss,  // the machine ends there; what was not yet fsynced may be lost
};
std::string_view FaultName(FaultKind kind);

// The outcome of one call.
enum class Fate : std::uint8_t {
  kGoes,
  kRefused,     // nothing was done, and an error is returned
  kDoneRefused  // it was done, wholly or in part, and an error is returned
};

// Threads: one.
class Faults {
 public:
  // `random` decides whether a failing call takes effect all the same.
  explicit Faults(Random& random) : random_(random) {}
  void Arm(FaultKind kind, int nth_call) {
    kind_ = kind;
    left_ = nth_call;
    fired_ = false;
  }
  void Disarm() {
    kind_ = FaultKind::kNone;
    fired_ = false;
  }
  Fate Call();

  // Whether the fault has occurred since Arm.
  bool fired() const { return fired_; }
  bool dead() const {
    return fired_ && (kind_ == FaultKind::kKill || kind_ == FaultKind::kPowerLoss);
  }
  bool refuses_all() const { return fired_ && kind_ != FaultKind::kFailOnce; }
  FaultKind kind() const { return kind_; }
  std::int64_t calls() const { return calls_; }  // of the life
  // `act` is called when the process dies, before the call takes place.
  void OnDeath(std::function<void()> act) { on_death_ = std::move(act); }
  Random& random() { return random_; }

 private:
  Random& random_;
  FaultKind kind_ = FaultKind::kNone;
  int left_ = 0;
  bool fired_ = false;
  std::int64_t calls_ = 0;
  std::function<void()> on_death_;
};
}  // namespace weirhouse::simulator

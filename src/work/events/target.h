// Where events are delivered to: one interface for commands today, webhooks and queues later, and
// one suite for all (target_conformance.h). What is owed to whom, and how often it was tried, stands
// in the catalog; a target knows of one try alone.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ground/base/status.h"

namespace weirhouse::work {

// ---- How a try ended
struct Delivered {};
// It may come to pass later, or it is not known whether it did: the same event is sent again, with
// the same id.
struct RetryAt {
  std::string why;
  // Not before this has gone by, where the other side asked for it. By a clock that does not jump;
  // ten minutes (kLongestWait) at most are heeded.
  std::chrono::microseconds not_before{0};
};
// No later try can be different: this event is given up for this target.
struct Dead {
  std::string why;
};
using DeliveryOutcome = std::variant<Delivered, RetryAt, Dead>;

// One try under way. Threads: one, which is the one that began it. Destroyed before its end, the
// try is broken off and counts as not made; it may outlive its target.
class DeliveryTry {
 public:
  virtual ~DeliveryTry() = default;
  // For poll: when one of them is readable there is something for Pump, or the end is there.
  virtual std::vector<int> Descriptors() const = 0;
  // Takes in what the other side says, without waiting.
  virtual void Pump() = 0;
  // Whether the end is there; does not wait.
  virtual bool Ended() = 0;
  // After the end, once: how it went.
  virtual DeliveryOutcome Finish() = 0;
  // Its time is over, once, in place of Finish: ends it. Delivered only where that is certain.
  virtual DeliveryOutcome BreakOff() = 0;
};

// Threads: one.
class Target {
 public:
  virtual ~Target() = default;
  // Begins to deliver `event`, one CloudEvent in structured mode; never waits for the other side.
  // An error counts as a try that failed, and is made again.
  virtual Result<std::unique_ptr<DeliveryTry>> Begin(std::string_view event) = 0;
  // How long a try may take before it is broken off.
  virtual std::chrono::milliseconds TimeLimit() const = 0;
  // Where a person sees more of a try that failed: "its output is in …". May be empty.
  virtual std::string WhereToLook() const = 0;
};
}  // namespace weirhouse::work

// Where events are delivered to: one interface for commands today, webhooks and queues later, and
// one test suite for all (target_conformance.h). The catalog holds what is owed to whom and how
// often it was tried; a target knows only about one try.
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
// It may succeed later, or it is unknown whether it did: the same event is sent again, with the
// same id.
struct RetryAt {
  std::string why;
  // The earliest time for the next try, if the other side asked for one: a duration on a clock that
  // does not jump. More than ten minutes (kLongestWait) are cut to that.
  std::chrono::microseconds not_before{0};
};
// No later try can succeed: the event is given up for this target.
struct Dead {
  std::string why;
};
using DeliveryOutcome = std::variant<Delivered, RetryAt, Dead>;

// One try under way. Threads: only the one that began it. Destroying it before its end breaks the
// try off, which then does not count; it may outlive its target.
class DeliveryTry {
 public:
  virtual ~DeliveryTry() = default;
  // Descriptors for poll: one of them is readable when Pump has work or the try has ended.
  virtual std::vector<int> Descriptors() const = 0;
  // Reads what the other side sends, without waiting.
  virtual void Pump() = 0;
  // Whether the try has ended; does not wait.
  virtual bool Ended() = 0;
  // The outcome; called once, after the end.
  virtual DeliveryOutcome Finish() = 0;
  // Called once instead of Finish, when the time limit is over: ends the try. Returns Delivered
  // only if that is certain.
  virtual DeliveryOutcome BreakOff() = 0;
};

// Threads: one.
class Target {
 public:
  virtual ~Target() = default;
  // Begins to deliver `event`, one CloudEvent in structured mode; never waits for the other side.
  // An error counts as a failed try.
  virtual Result<std::unique_ptr<DeliveryTry>> Begin(std::string_view event) = 0;
  // How long a try may take before it is broken off.
  virtual std::chrono::milliseconds TimeLimit() const = 0;
  // Where a user finds more about a failed try: "its output is in …". May be empty.
  virtual std::string WhereToLook() const = 0;
};
}  // namespace weirhouse::work

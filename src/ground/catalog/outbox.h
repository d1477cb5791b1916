// The part of the catalog that knows which events are owed to whom. Events are written by Commit;
// dispatch is at-least-once, see work/events/courier.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/status.h"
#include "ground/base/time.h"
#include "ground/catalog/record.h"

namespace weirhouse::catalog {

// Threads: any. Errors: kUnavailable, kCorruption, and those that a function names.
class Outbox {
 public:
  virtual ~Outbox() = default;
  // Events of which it is not yet booked who gets them, oldest first.
  virtual Result<std::vector<OutboxEvent>> PendingEvents(std::int64_t limit) = 0;
  // Books who gets the pending events up to `last`, in one transaction; those that nobody gets are
  // done with. What is booked already stays as it is.
  virtual Status RouteEvents(std::int64_t last, const std::vector<Delivery>& owed) = 0;
  virtual Result<std::optional<OutboxEvent>> FindEvent(std::int64_t id) = 0;
  // The oldest pending delivery to `target` that may be tried now: its time has come, or is so far
  // away (`longest_wait`) that a clock must have gone back meanwhile.
  virtual Result<std::optional<Delivery>> DueDelivery(const std::string& target, ProcessTime now,
                                                      std::chrono::microseconds longest_wait) = 0;
  // When the next one is to be tried; absent: none is pending.
  virtual Result<std::optional<ProcessTime>> NextTry(const std::string& target) = 0;
  // How a try went, or that nothing will be tried any more. An event is done with once none of its
  // deliveries is pending. kNotFound (WH7086): it is not booked.
  virtual Status NoteDelivery(const Delivery& delivery) = 0;
  // The targets that something pending is for.
  virtual Result<std::vector<std::string>> WaitingTargets() = 0;
  struct TargetCount {
    std::string target;
    std::string state;
    std::int64_t deliveries = 0;
  };
  // How many deliveries are pending and given up. Cost: O(those).
  virtual Result<std::vector<TargetCount>> OpenDeliveries() = 0;
  // Those in `state` (any, if empty), oldest first, or newest first.
  virtual Result<std::vector<Delivery>> Deliveries(std::string_view state, bool newest_first,
                                                   std::int64_t limit) = 0;
  // How many events are in each state (pending, sent, dead).
  virtual Result<std::vector<std::pair<std::string, std::int64_t>>> EventCounts() = 0;
};
}  // namespace weirhouse::catalog
